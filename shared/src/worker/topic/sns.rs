//! The topic port over the AWS SDK.

use async_trait::async_trait;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};

use super::{Topic, check_announcement};
use crate::worker::queue::{ATTRIBUTE_TYPE, Outgoing, QueueError, Refused, entries, error_of, error_of_all, per_entry};

const PUBLISH: &str = "Publish";
const PUBLISH_BATCH: &str = "PublishBatch";

/// SNS. All topics are in the client's region, as the buckets are that they tell of.
#[derive(Clone, Debug)]
pub struct SnsTopic {
    client: aws_sdk_sns::Client,
}

impl SnsTopic {
    /// SNS through this client.
    pub fn new(client: aws_sdk_sns::Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Topic for SnsTopic {
    async fn publish(&self, topic_arn: &str, message: Outgoing) -> Result<(), QueueError> {
        check_announcement(topic_arn, &message)?;
        let mut request = self.client.publish().topic_arn(topic_arn).message(message.body);
        for (name, value) in message.attributes {
            request = request.message_attributes(name, attribute(PUBLISH, topic_arn, value)?);
        }
        let request = request.set_message_group_id(message.group_id).set_message_deduplication_id(message.deduplication_id);
        request.send().await.map(drop).map_err(|error| error_of(PUBLISH, topic_arn, &error))
    }

    async fn publish_batch(&self, topic_arn: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let (entries, checks) = entries(messages, |index, message| batch_entry(index, topic_arn, message));
        if entries.is_empty() {
            return checks;
        }
        let request = self.client.publish_batch().topic_arn(topic_arn).set_publish_batch_request_entries(Some(entries));
        let results = match request.send().await {
            Ok(answer) => {
                let succeeded: Vec<&str> = answer.successful().iter().filter_map(|entry| entry.id()).collect();
                let failed: Vec<Refused<'_>> = answer
                    .failed()
                    .iter()
                    .map(|entry| Refused {
                        id: entry.id(),
                        code: entry.code(),
                        message: entry.message().unwrap_or_default(),
                        sender_fault: entry.sender_fault(),
                    })
                    .collect();
                per_entry(PUBLISH_BATCH, topic_arn, checks.len(), &succeeded, &failed)
            }
            Err(error) => vec![Err(error_of_all(PUBLISH_BATCH, topic_arn, &error)); checks.len()],
        };
        checks.into_iter().zip(results).map(|(check, result)| check.and(result)).collect()
    }
}

fn attribute(operation: &'static str, topic_arn: &str, value: String) -> Result<MessageAttributeValue, QueueError> {
    let value = MessageAttributeValue::builder().data_type(ATTRIBUTE_TYPE).string_value(value).build();
    value.map_err(|error| QueueError::refused(operation, topic_arn, "BadAttribute", error.to_string()))
}

/// One message of a batch, named by its place in it.
fn batch_entry(index: usize, topic_arn: &str, message: Outgoing) -> Result<PublishBatchRequestEntry, QueueError> {
    check_announcement(topic_arn, &message)?;
    let mut entry = PublishBatchRequestEntry::builder()
        .id(index.to_string())
        .message(message.body)
        .set_message_group_id(message.group_id)
        .set_message_deduplication_id(message.deduplication_id);
    for (name, value) in message.attributes {
        entry = entry.message_attributes(name, attribute(PUBLISH_BATCH, topic_arn, value)?);
    }
    entry.build().map_err(|error| QueueError::refused(PUBLISH_BATCH, topic_arn, "BadEntry", error.to_string()))
}
