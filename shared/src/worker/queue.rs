//! The queue port: what a worker asks of SQS, and no more. Receiving is Lambda's part (the event source mapping).

use std::collections::BTreeMap;

use async_trait::async_trait;

#[cfg(feature = "aws")]
mod sqs;

#[cfg(feature = "aws")]
pub use sqs::SqsQueue;
#[cfg(feature = "sns")]
pub(super) use sqs::{Refused, entries, error_of, error_of_all, per_entry};

/// SQS's limit on a message: body and attributes (names, types and values) together, in bytes of UTF-8.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// SQS's limit on message attributes. Raw SNS delivery drops messages that have more.
pub const MAX_ATTRIBUTES: usize = 10;
/// SQS's limit on a message's delay, in seconds.
pub const MAX_DELAY_SECONDS: u16 = 900;
/// SQS's limit on a visibility timeout, in seconds: 12 hours from the receive.
pub const MAX_VISIBILITY_SECONDS: u32 = 43_200;
/// SQS's limit on the entries of one batch request.
pub const MAX_BATCH: usize = 10;

/// The type that every attribute is sent with; it counts towards the message's size.
pub(super) const ATTRIBUTE_TYPE: &str = "String";

/// A queue service that messages can be sent to.
#[async_trait]
pub trait Queue: Send + Sync {
    /// SendMessage. `Ok` means that the message is durable. `Err` with `retry` leaves open whether it was sent.
    async fn send(&self, queue_url: &str, message: Outgoing) -> Result<(), QueueError>;

    /// SendMessageBatch, of at most [`MAX_BATCH`] messages and [`MAX_MESSAGE_BYTES`] in all: a result for each, in order. One
    /// that can never be sent spoils no other, and what the service refuses of the batch as a whole may be sent again.
    ///
    /// Where the service has no such request, they are sent one after another.
    async fn send_batch(&self, queue_url: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            results.push(self.send(queue_url, message).await);
        }
        results
    }

    /// ChangeMessageVisibility: receipt handle and seconds from now (0 makes the message visible at once), with a result
    /// per entry in the order given. Any number of entries.
    ///
    /// A failure is no loss: the message comes back when the queue's own timeout has passed.
    async fn set_visibility(&self, queue_url: &str, entries: Vec<(String, u32)>) -> Vec<Result<(), QueueError>>;
}

/// A message on its way out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// What XML 1.0 can carry, and not empty.
    pub body: String,
    /// Message attributes, all of the type `String`; neither name nor value is empty.
    pub attributes: BTreeMap<String, String>,
    /// At most [`MAX_DELAY_SECONDS`]. A FIFO queue takes no delay per message: 0 there.
    pub delay_seconds: u16,
    /// Required in a FIFO queue; in a standard one it keeps one busy group from delaying the others (fair queues).
    pub group_id: Option<String>,
    /// FIFO queues only; the queue may make one from the body.
    pub deduplication_id: Option<String>,
}

impl Outgoing {
    /// What SQS counts against [`MAX_MESSAGE_BYTES`].
    pub fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + ATTRIBUTE_TYPE.len() + value.len());
        self.body.len() + attributes.sum::<usize>()
    }

    /// Whether SQS could take this message at all, so that what can never be sent isn't retried.
    ///
    /// Source: SQS API reference, "SendMessage", and its quotas for messages.
    pub fn check(&self, queue_url: &str) -> Result<(), QueueError> {
        let refuse = |code: &str, message: String| Err(QueueError::refused("SendMessage", queue_url, code, message));
        if self.body.is_empty() {
            return refuse("EmptyMessage", "the body is empty".to_owned());
        }
        if self.bytes() > MAX_MESSAGE_BYTES {
            let what = format!("body and attributes have {} bytes; SQS allows {MAX_MESSAGE_BYTES}", self.bytes());
            return refuse("MessageTooLong", what);
        }
        if self.attributes.len() > MAX_ATTRIBUTES {
            return refuse("TooManyAttributes", format!("{} attributes; SQS allows {MAX_ATTRIBUTES}", self.attributes.len()));
        }
        if self.delay_seconds > MAX_DELAY_SECONDS {
            return refuse("DelayTooLong", format!("a delay of {} s; SQS allows {MAX_DELAY_SECONDS}", self.delay_seconds));
        }
        if let Some((name, _)) = self.attributes.iter().find(|(name, value)| name.is_empty() || value.is_empty()) {
            return refuse("EmptyAttribute", format!("the attribute {name:?} has no name or no value"));
        }
        if let Some(bad) = self.body.chars().chain(self.attributes.values().flat_map(|v| v.chars())).find(|c| !is_carried(*c)) {
            return refuse("InvalidMessageContents", format!("the character {bad:?} cannot be in a message"));
        }
        Ok(())
    }
}

/// The characters that a message can carry. (A `char` is never a surrogate.)
pub(super) fn is_carried(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{FFFE}' && c != '\u{FFFF}')
}

/// A request to a queue that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {queue}: {message} ({code})")]
pub struct QueueError {
    /// The same request may succeed later. Otherwise it never will.
    pub retry: bool,
    /// The service may have carried it out all the same.
    pub may_have_landed: bool,
    /// The request's name in SQS's words, such as `SendMessage`.
    pub operation: &'static str,
    /// The queue's URL.
    pub queue: String,
    /// The error code, such as `QueueDoesNotExist`.
    pub code: String,
    /// The service's message or the cause; never the body of a message.
    pub message: String,
}

impl QueueError {
    /// What no later attempt can change.
    pub fn refused(operation: &'static str, queue: &str, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            retry: false,
            may_have_landed: false,
            operation,
            queue: queue.to_owned(),
            code: code.into(),
            message: message.into(),
        }
    }

    /// What may work later.
    pub fn later(operation: &'static str, queue: &str, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            retry: true,
            may_have_landed: true,
            operation,
            queue: queue.to_owned(),
            code: code.into(),
            message: message.into(),
        }
    }
}

/// The URL of the queue that an ARN names, or `None` where the text is no queue's ARN or its partition has no known domain.
///
/// `endpoint` is that of a local cloud; its queue URLs are `ENDPOINT/ACCOUNT/NAME`.
pub fn queue_url_of_arn(arn: &str, endpoint: Option<&str>) -> Option<String> {
    let fields: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "sqs", region, account, name] = fields.as_slice() else { return None };
    if region.is_empty() || account.is_empty() || name.is_empty() || name.contains('/') {
        return None;
    }
    if let Some(endpoint) = endpoint {
        return Some(format!("{}/{account}/{name}", endpoint.trim_end_matches('/')));
    }
    let domain = match *partition {
        "aws" | "aws-us-gov" => "amazonaws.com",
        "aws-cn" => "amazonaws.com.cn",
        _ => return None,
    };
    Some(format!("https://sqs.{region}.{domain}/{account}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_one_url() {
        let rows = [
            ("arn:aws:sqs:eu-west-1:123456789012:q", None, Some("https://sqs.eu-west-1.amazonaws.com/123456789012/q")),
            ("arn:aws-cn:sqs:cn-north-1:1:q.fifo", None, Some("https://sqs.cn-north-1.amazonaws.com.cn/1/q.fifo")),
            ("arn:aws-us-gov:sqs:us-gov-west-1:1:q", None, Some("https://sqs.us-gov-west-1.amazonaws.com/1/q")),
            (
                "arn:aws:sqs:us-east-1:000000000000:q",
                Some("http://127.0.0.1:4566/"),
                Some("http://127.0.0.1:4566/000000000000/q"),
            ),
            ("arn:aws-moon:sqs:sea-1:1:q", None, None),
            ("arn:aws:sns:us-east-1:1:t", None, None),
            ("arn:aws:sqs:us-east-1::q", None, None),
            ("arn:aws:sqs:us-east-1:1:a/b", None, None),
            ("arn:aws:sqs:us-east-1:1:q:more", None, None),
            ("https://sqs.us-east-1.amazonaws.com/1/q", None, None),
        ];
        for (arn, endpoint, url) in rows {
            assert_eq!(queue_url_of_arn(arn, endpoint).as_deref(), url, "{arn}");
        }
    }

    #[test]
    fn what_sqs_could_never_take_is_refused_before_it_is_sent() {
        let plain = Outgoing { body: "x".to_owned(), ..Outgoing::default() };
        let attributes = |n: usize, value: &str| (0..n).map(|i| (format!("a{i}"), value.to_owned())).collect();
        let rows: Vec<(&str, Outgoing, Option<&str>)> = vec![
            ("plain", plain.clone(), None),
            ("empty", Outgoing::default(), Some("EmptyMessage")),
            ("as large as allowed", Outgoing { body: "x".repeat(MAX_MESSAGE_BYTES), ..plain.clone() }, None),
            (
                "attributes count, with name and type",
                Outgoing { body: "x".repeat(MAX_MESSAGE_BYTES - 8), attributes: attributes(1, "v"), ..plain.clone() },
                Some("MessageTooLong"),
            ),
            ("ten attributes", Outgoing { attributes: attributes(10, "v"), ..plain.clone() }, None),
            ("eleven attributes", Outgoing { attributes: attributes(11, "v"), ..plain.clone() }, Some("TooManyAttributes")),
            ("an empty value", Outgoing { attributes: attributes(1, ""), ..plain.clone() }, Some("EmptyAttribute")),
            ("fifteen minutes", Outgoing { delay_seconds: 900, ..plain.clone() }, None),
            ("longer", Outgoing { delay_seconds: 901, ..plain.clone() }, Some("DelayTooLong")),
            ("a control character", Outgoing { body: "a\u{1}".to_owned(), ..plain.clone() }, Some("InvalidMessageContents")),
            ("line ends and astral characters", Outgoing { body: "\r\n\t\u{1F980}".to_owned(), ..plain }, None),
        ];
        for (situation, message, code) in rows {
            let refused = message.check("q").err();
            assert_eq!(refused.as_ref().map(|e| e.code.as_str()), code, "{situation}");
            assert!(refused.is_none_or(|e| !e.retry), "{situation}");
        }
    }
}
