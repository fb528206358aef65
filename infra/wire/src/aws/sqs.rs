//! Queues, and the port over both services.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_sqs::types::QueueAttributeName;

use super::sns::unreadable;
use super::{Aws, error};
use crate::arn::Arn;
use crate::plan::{Queue, Topic};
use crate::policy::Policy;
use crate::ports::{CloudError, Kind, Messaging};
use crate::subscription::dead_letter_target;

/// How long one receive waits, in seconds.
const WAIT: i32 = 2;

#[async_trait]
impl Messaging for Aws {
    async fn topic(&self, topic: &Arn) -> Result<Option<Topic>, CloudError> {
        self.read_topic(topic).await
    }

    async fn subscription(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>, CloudError> {
        self.read_subscription(arn).await
    }

    async fn create_topic(&self, name: &str, tag: (&str, &str)) -> Result<(), CloudError> {
        self.make_topic(name, tag).await
    }

    async fn delete_topic(&self, topic: &Arn) -> Result<(), CloudError> {
        let sent = self.clients.sns().delete_topic().topic_arn(topic.to_string()).send().await;
        sent.map(drop).map_err(|e| error(format!("deleting topic {topic}"), &e))
    }

    async fn set_topic_policy(&self, topic: &Arn, policy: &Policy) -> Result<(), CloudError> {
        self.write_topic_policy(topic, policy).await
    }

    async fn subscribe(&self, topic: &Arn, queue: &Arn, attributes: &BTreeMap<String, String>) -> Result<String, CloudError> {
        self.make_subscription(topic, queue, attributes).await
    }

    async fn set_subscription(&self, arn: &str, attributes: &BTreeMap<String, String>) -> Result<(), CloudError> {
        self.write_subscription(arn, attributes).await
    }

    async fn unsubscribe(&self, arn: &str) -> Result<(), CloudError> {
        let sent = self.clients.sns().unsubscribe().subscription_arn(arn).send().await;
        sent.map(drop).map_err(|e| error(format!("ending subscription {arn}"), &e))
    }

    async fn queue(&self, name: &str) -> Result<Option<Queue>, CloudError> {
        let doing = || format!("queue {name}");
        let url = match self.clients.sqs().get_queue_url().queue_name(name).send().await {
            Ok(output) => output.queue_url.unwrap_or_default(),
            Err(failed) => {
                let failed = error(doing(), &failed);
                return if failed.kind == Kind::Missing { Ok(None) } else { Err(failed) };
            }
        };
        let names = [
            QueueAttributeName::QueueArn,
            QueueAttributeName::Policy,
            QueueAttributeName::KmsMasterKeyId,
            QueueAttributeName::RedrivePolicy,
        ];
        let request = self.clients.sqs().get_queue_attributes().queue_url(&url).set_attribute_names(Some(names.into()));
        let attributes = match request.send().await {
            Ok(output) => output.attributes.unwrap_or_default(),
            Err(failed) => {
                let failed = error(doing(), &failed);
                return if failed.kind == Kind::Missing { Ok(None) } else { Err(failed) };
            }
        };
        let text = |name| attributes.get(&name).filter(|value| !value.is_empty()).cloned();
        let arn = text(QueueAttributeName::QueueArn).as_deref().and_then(Arn::parse);
        let arn = arn.ok_or_else(|| unreadable(doing(), &"SQS tells no ARN of it"))?;
        let policy = Policy::parse(&text(QueueAttributeName::Policy).unwrap_or_default());
        let policy = policy.map_err(|problem| unreadable(format!("the policy of queue {name}"), &problem))?;
        let dead_letters = text(QueueAttributeName::RedrivePolicy).as_deref().and_then(dead_letter_target);
        Ok(Some(Queue { arn, url, policy, key: text(QueueAttributeName::KmsMasterKeyId), dead_letters }))
    }

    async fn queues(&self, prefix: &str) -> Result<Vec<String>, CloudError> {
        let request = self.clients.sqs().list_queues().queue_name_prefix(prefix).max_results(1000).send().await;
        let output = request.map_err(|e| error(format!("the queues {prefix}…"), &e))?;
        let name = |url: &String| url.rsplit('/').next().map(str::to_owned);
        Ok(output.queue_urls.unwrap_or_default().iter().filter_map(name).collect())
    }

    async fn set_queue_policy(&self, url: &str, policy: &Policy) -> Result<(), CloudError> {
        let request = self.clients.sqs().set_queue_attributes().queue_url(url);
        let sent = request.attributes(QueueAttributeName::Policy, policy.text()).send().await;
        sent.map(drop).map_err(|e| error(format!("the policy of queue {url}"), &e))
    }

    async fn create_queue(&self, name: &str) -> Result<(), CloudError> {
        let request = self.clients.sqs().create_queue().queue_name(name);
        let sent = request.attributes(QueueAttributeName::MessageRetentionPeriod, "60").send().await;
        sent.map(drop).map_err(|e| error(format!("making the queue {name} for the test event"), &e))
    }

    async fn delete_queue(&self, url: &str) -> Result<(), CloudError> {
        let sent = self.clients.sqs().delete_queue().queue_url(url).send().await;
        match sent.map_err(|e| error(format!("deleting queue {url}"), &e)) {
            Err(failed) if failed.kind != Kind::Missing => Err(failed),
            _ => Ok(()),
        }
    }

    async fn take(&self, url: &str) -> Result<Vec<String>, CloudError> {
        let doing = || format!("receiving from queue {url}");
        let request = self.clients.sqs().receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(WAIT);
        let messages = request.send().await.map_err(|e| error(doing(), &e))?.messages.unwrap_or_default();
        let mut bodies = Vec::with_capacity(messages.len());
        for message in messages {
            bodies.extend(message.body);
            if let Some(handle) = message.receipt_handle {
                let sent = self.clients.sqs().delete_message().queue_url(url).receipt_handle(handle).send().await;
                sent.map_err(|e| error(doing(), &e))?;
            }
        }
        Ok(bodies)
    }
}
