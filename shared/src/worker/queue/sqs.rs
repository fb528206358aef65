//! The queue port over the AWS SDK.

use async_trait::async_trait;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue, SendMessageBatchRequestEntry,
};
use futures::StreamExt;

use super::{ATTRIBUTE_TYPE, MAX_BATCH, MAX_VISIBILITY_SECONDS, Outgoing, Queue, QueueError};
use crate::aws::failure;

/// How many batch requests one call of `set_visibility` has in flight.
const PARALLEL_BATCHES: usize = 4;

/// SQS. All queues are in the client's region, as those of a function's event source mapping are.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: aws_sdk_sqs::Client,
}

impl SqsQueue {
    /// SQS through this client.
    pub fn new(client: aws_sdk_sqs::Client) -> Self {
        Self { client }
    }

    async fn set_batch(&self, queue_url: &str, batch: &[(String, u32)]) -> Vec<Result<(), QueueError>> {
        let mut request = self.client.change_message_visibility_batch().queue_url(queue_url);
        for (index, (receipt_handle, seconds)) in batch.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt_handle)
                .visibility_timeout((*seconds).min(MAX_VISIBILITY_SECONDS).cast_signed());
            match entry.build() {
                Ok(entry) => request = request.entries(entry),
                Err(error) => return all(batch.len(), &QueueError::refused(CHANGE, queue_url, "BadEntry", error.to_string())),
            }
        }
        match request.send().await {
            Ok(answer) => {
                let succeeded: Vec<&str> = answer.successful().iter().map(|entry| entry.id()).collect();
                per_entry(CHANGE, queue_url, batch.len(), &succeeded, &refusals(answer.failed()))
            }
            Err(error) => all(batch.len(), &error_of(CHANGE, queue_url, &error)),
        }
    }
}

const SEND: &str = "SendMessage";
const SEND_BATCH: &str = "SendMessageBatch";
const CHANGE: &str = "ChangeMessageVisibilityBatch";

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, queue_url: &str, message: Outgoing) -> Result<(), QueueError> {
        message.check(queue_url)?;
        let mut request = self.client.send_message().queue_url(queue_url);
        for (name, value) in message.attributes {
            request = request.message_attributes(name, attribute(SEND, queue_url, value)?);
        }
        // A FIFO queue refuses any delay per message, even 0.
        let delay = (message.delay_seconds > 0).then(|| i32::from(message.delay_seconds));
        let request = request
            .message_body(message.body)
            .set_delay_seconds(delay)
            .set_message_group_id(message.group_id)
            .set_message_deduplication_id(message.deduplication_id);
        request.send().await.map(drop).map_err(|error| error_of(SEND, queue_url, &error))
    }

    async fn send_batch(&self, queue_url: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let (entries, checks) = entries(messages, |index, message| batch_entry(index, queue_url, message));
        if entries.is_empty() {
            return checks;
        }
        let request = self.client.send_message_batch().queue_url(queue_url).set_entries(Some(entries));
        let results = match request.send().await {
            Ok(answer) => {
                let succeeded: Vec<&str> = answer.successful().iter().map(|entry| entry.id()).collect();
                per_entry(SEND_BATCH, queue_url, checks.len(), &succeeded, &refusals(answer.failed()))
            }
            Err(error) => all(checks.len(), &error_of_all(SEND_BATCH, queue_url, &error)),
        };
        checks.into_iter().zip(results).map(|(check, result)| check.and(result)).collect()
    }

    async fn set_visibility(&self, queue_url: &str, entries: Vec<(String, u32)>) -> Vec<Result<(), QueueError>> {
        let batches: Vec<_> = entries.chunks(MAX_BATCH).map(|batch| self.set_batch(queue_url, batch)).collect();
        // `buffered`, not `buffer_unordered`: the results are in the order of the entries.
        let results: Vec<_> = futures::stream::iter(batches).buffered(PARALLEL_BATCHES).collect().await;
        results.into_iter().flatten().collect()
    }
}

fn attribute(operation: &'static str, queue_url: &str, value: String) -> Result<MessageAttributeValue, QueueError> {
    let value = MessageAttributeValue::builder().data_type(ATTRIBUTE_TYPE).string_value(value).build();
    value.map_err(|error| QueueError::refused(operation, queue_url, "BadAttribute", error.to_string()))
}

/// One message of a batch, named by its place in it.
fn batch_entry(index: usize, queue_url: &str, message: Outgoing) -> Result<SendMessageBatchRequestEntry, QueueError> {
    message.check(queue_url)?;
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(message.body)
        .set_delay_seconds((message.delay_seconds > 0).then(|| i32::from(message.delay_seconds)))
        .set_message_group_id(message.group_id)
        .set_message_deduplication_id(message.deduplication_id);
    for (name, value) in message.attributes {
        entry = entry.message_attributes(name, attribute(SEND_BATCH, queue_url, value)?);
    }
    entry.build().map_err(|error| QueueError::refused(SEND_BATCH, queue_url, "BadEntry", error.to_string()))
}

/// The entries of the messages that can be sent, and for each message whether it can. One that never can spoils no other.
pub(in crate::worker) fn entries<E>(
    messages: Vec<Outgoing>,
    entry: impl Fn(usize, Outgoing) -> Result<E, QueueError>,
) -> (Vec<E>, Vec<Result<(), QueueError>>) {
    let (mut entries, mut checks) = (Vec::new(), Vec::new());
    for (index, message) in messages.into_iter().enumerate() {
        checks.push(entry(index, message).map(|entry| entries.push(entry)));
    }
    (entries, checks)
}

/// An entry of a batch that was refused, in either service's words.
pub(in crate::worker) struct Refused<'a> {
    pub(in crate::worker) id: &'a str,
    pub(in crate::worker) code: &'a str,
    pub(in crate::worker) message: &'a str,
    pub(in crate::worker) sender_fault: bool,
}

fn refusals(failed: &[BatchResultErrorEntry]) -> Vec<Refused<'_>> {
    let refused = failed.iter().map(|entry| Refused {
        id: entry.id(),
        code: entry.code(),
        message: entry.message().unwrap_or_default(),
        sender_fault: entry.sender_fault(),
    });
    refused.collect()
}

/// The entries' results: SQS answers 200 even where every entry failed, and names the entries by the ids that we gave.
pub(in crate::worker) fn per_entry(
    operation: &'static str,
    queue_url: &str,
    entries: usize,
    succeeded: &[&str],
    failed: &[Refused<'_>],
) -> Vec<Result<(), QueueError>> {
    let result = |index: usize| {
        let id = index.to_string();
        if let Some(entry) = failed.iter().find(|entry| entry.id == id) {
            return Err(QueueError {
                retry: !entry.sender_fault || is_passing(entry.code),
                may_have_landed: !entry.sender_fault && !is_passing(entry.code),
                ..QueueError::refused(operation, queue_url, entry.code, entry.message)
            });
        }
        match succeeded.contains(&id.as_str()) {
            true => Ok(()),
            false => Err(QueueError::later(operation, queue_url, "NotAnswered", "the answer does not name this entry")),
        }
    };
    (0..entries).map(result).collect()
}

fn all(entries: usize, error: &QueueError) -> Vec<Result<(), QueueError>> {
    vec![Err(error.clone()); entries]
}

pub(in crate::worker) fn error_of<E>(operation: &'static str, queue_url: &str, error: &SdkError<E>) -> QueueError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = failure(error);
    let code = failure.code.unwrap_or_default();
    // A refused permission is a Retry: it is repaired outside, and nothing may be lost meanwhile.
    let retry = failure.unanswered || failure.status.is_none_or(|s| s >= 500 || s == 429 || s == 403) || is_passing(&code);
    // A refusal below 500 was judged before anything was done.
    let may_have_landed = failure.unanswered || failure.status.is_none_or(|status| status >= 500);
    QueueError { retry, may_have_landed, operation, queue: queue_url.to_owned(), code, message: failure.message }
}

/// Of a batch that is refused as a whole: not for what a message carries, since each was judged before it was sent and is
/// refused by itself, but for what would refuse every other one too (an address, a key, a policy, a queue of another kind).
/// That is repaired outside, and nothing may be lost or put aside meanwhile.
pub(in crate::worker) fn error_of_all<E>(operation: &'static str, queue_url: &str, error: &SdkError<E>) -> QueueError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    QueueError { retry: true, ..error_of(operation, queue_url, error) }
}

/// Codes that SQS and SNS blame on the sender although the same request may succeed later: throttles, permissions, keys that
/// KMS refuses (`KMS.DisabledException` or `KmsThrottled` to SQS, `KMSThrottling` to SNS), and a queue or topic that is still
/// being made.
fn is_passing(code: &str) -> bool {
    const PASSING: [&str; 9] = [
        "throttl",
        "requestthrottled",
        "requestlimitexceeded",
        "overlimit",
        "accessdenied",
        "queuedoesnotexist",
        "nonexistentqueue",
        "notfound",
        "kms",
    ];
    let code = code.to_ascii_lowercase();
    code.split(['.', '#']).any(|part| PASSING.iter().any(|known| part.starts_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::Scripted;
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};

    /// Whether each of two messages may be sent again, and whether it may have arrived.
    async fn sent(status: u16, query_error: &'static str) -> Vec<Option<(bool, bool)>> {
        let http = Scripted::new([Some((status, vec![("x-amzn-query-error", query_error)], "{}"))]);
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
            .http_client(http.client())
            .build();
        let queue = SqsQueue::new(aws_sdk_sqs::Client::from_conf(config));
        let message = Outgoing { body: "b".to_owned(), ..Outgoing::default() };
        let results = queue.send_batch("https://q", vec![message.clone(), message]).await;
        results.iter().map(|result| result.as_ref().err().map(|error| (error.retry, error.may_have_landed))).collect()
    }

    #[tokio::test]
    async fn a_batch_that_is_refused_as_a_whole_can_be_sent_again() {
        for (status, code) in [
            (404, "InvalidAddress;Sender"),
            (400, "AWS.SimpleQueueService.NonExistentQueue;Sender"),
            (400, "AWS.SimpleQueueService.UnsupportedOperation;Sender"),
            (400, "KMS.DisabledException;Sender"),
            (400, "RequestExpired;Sender"),
            (403, "InvalidSecurity;Sender"),
        ] {
            assert_eq!(sent(status, code).await, [Some((true, false)); 2], "{code}");
        }
        assert_eq!(sent(503, "ServiceUnavailable;Receiver").await, [Some((true, true)); 2]);
    }

    fn failed(id: &str, code: &str, sender_fault: bool) -> BatchResultErrorEntry {
        BatchResultErrorEntry::builder().id(id).code(code).sender_fault(sender_fault).build().unwrap()
    }

    #[test]
    fn failures_of_a_batch_go_to_the_entries_that_they_name() {
        let refused = [failed("2", "ReceiptHandleIsInvalid", true), failed("0", "InternalError", false)];
        let results = per_entry(CHANGE, "q", 4, &["1"], &refusals(&refused));
        let shape: Vec<_> = results.iter().map(|r| r.as_ref().err().map(|e| (e.code.as_str(), e.retry))).collect();
        let expected =
            [Some(("InternalError", true)), None, Some(("ReceiptHandleIsInvalid", false)), Some(("NotAnswered", true))];
        assert_eq!(shape, expected);
    }

    #[test]
    fn the_sender_is_blamed_for_what_may_still_pass() {
        let passing = [
            "AWS.SimpleQueueService.NonExistentQueue",
            "QueueDoesNotExist",
            "ThrottlingException",
            "Throttled",
            "RequestThrottled",
            "com.amazonaws.sqs#RequestThrottled",
            "NotFound",
            "KMS.DisabledException",
            "KMS.InvalidStateException",
            "KMS.OptInRequired",
            "KmsThrottled",
            "KMSThrottling",
            "KMSDisabled",
            "KMSAccessDenied",
        ];
        assert!(passing.iter().all(|code| is_passing(code)));
        let never = ["InvalidMessageContents", "ReceiptHandleIsInvalid", "InvalidParameterValue", ""];
        assert!(never.iter().all(|code| !is_passing(code)));
    }
}
