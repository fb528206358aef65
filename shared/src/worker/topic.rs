//! The topic port: what a worker that announces asks of SNS, and no more.

use async_trait::async_trait;

use super::queue::{Outgoing, QueueError};

#[cfg(feature = "sns")]
mod sns;

#[cfg(feature = "sns")]
pub use sns::SnsTopic;

/// SNS's limit on a message, in bytes, as a topic has it that sets no `MaximumMessageSize`.
///
/// Source: SNS API reference, "Publish".
pub const MAX_ANNOUNCEMENT_BYTES: usize = 256 * 1024;

/// A topic service that messages can be published to.
#[async_trait]
pub trait Topic: Send + Sync {
    /// Publish. A FIFO topic needs group and deduplication id. `Ok` means that the message is durable. `Err` with `retry`
    /// leaves open whether it was published.
    async fn publish(&self, topic_arn: &str, message: Outgoing) -> Result<(), QueueError>;

    /// PublishBatch, of at most ten messages and [`MAX_ANNOUNCEMENT_BYTES`] in all: a result for each, in order. One that can
    /// never be published spoils no other, and what the service refuses of the batch as a whole may be published again.
    ///
    /// Where the service has no such request, they are published one after another.
    async fn publish_batch(&self, topic_arn: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            results.push(self.publish(topic_arn, message).await);
        }
        results
    }
}

/// Whether SNS could take this message at all.
pub fn check_announcement(topic_arn: &str, message: &Outgoing) -> Result<(), QueueError> {
    message.check(topic_arn)?;
    if message.bytes() > MAX_ANNOUNCEMENT_BYTES {
        let what = format!("body and attributes have {} bytes; SNS allows {MAX_ANNOUNCEMENT_BYTES}", message.bytes());
        return Err(QueueError::refused("Publish", topic_arn, "MessageTooLong", what));
    }
    Ok(())
}

/// A standard topic's ARN, or what is wrong with the text. FIFO topics take no notifications of S3's, and none of ours.
pub fn parse_topic_arn(text: &str) -> Result<String, String> {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "sns", _, _, name] if name.ends_with(".fifo") => {
            Err(format!("{text:?} is a FIFO topic; name a standard one"))
        }
        ["arn", partition, "sns", region, account, name]
            if ![partition, region, account, name].iter().any(|field| field.is_empty()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("expected a topic's ARN, such as arn:aws:sns:eu-west-1:123456789012:photos, not {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_named_by_its_arn() {
        for (text, fits) in [
            ("arn:aws:sns:eu-west-1:123456789012:photos", true),
            ("arn:aws-cn:sns:cn-north-1:123456789012:photos", true),
            ("arn:aws:sns:eu-west-1:123456789012:photos.fifo", false),
            ("arn:aws:sqs:eu-west-1:123456789012:photos", false),
            ("arn:aws:sns:eu-west-1::photos", false),
            ("arn:aws:sns:eu-west-1:123456789012:photos:0c31", false),
            ("photos", false),
        ] {
            assert_eq!(parse_topic_arn(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn what_sns_could_never_take_is_refused_before_it_is_sent() {
        let body = |bytes| Outgoing { body: "x".repeat(bytes), ..Outgoing::default() };
        for (bytes, code) in [
            (1, None),
            (MAX_ANNOUNCEMENT_BYTES, None),
            (MAX_ANNOUNCEMENT_BYTES + 1, Some("MessageTooLong")),
            (0, Some("EmptyMessage")),
        ] {
            let refused = check_announcement("arn", &body(bytes)).err();
            assert_eq!(refused.map(|error| error.code).as_deref(), code, "{bytes} bytes");
        }
    }
}
