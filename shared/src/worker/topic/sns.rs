//! The topic port over the AWS SDK.

use async_trait::async_trait;
use aws_sdk_sns::types::MessageAttributeValue;

use super::{Topic, check_announcement};
use crate::worker::queue::{ATTRIBUTE_TYPE, Outgoing, QueueError, error_of};

const PUBLISH: &str = "Publish";

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
            let value = MessageAttributeValue::builder().data_type(ATTRIBUTE_TYPE).string_value(value).build();
            let value = value.map_err(|e| QueueError::refused(PUBLISH, topic_arn, "BadAttribute", e.to_string()))?;
            request = request.message_attributes(name, value);
        }
        request.send().await.map(drop).map_err(|error| {
            let error = error_of(PUBLISH, topic_arn, &error);
            // SNS's word for a topic that does not exist: it may still be made.
            let retry = error.retry || error.code == "NotFound";
            QueueError { retry, ..error }
        })
    }
}
