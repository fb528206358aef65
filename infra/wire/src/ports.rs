//! What the wiring needs of S3, SNS and SQS, in their own words.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::arn::Arn;
use crate::notification::Notification;
use crate::plan::{Queue, Topic};
use crate::policy::Policy;

/// What the caller can do about a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The service does not take it, and says why: change what is asked for.
    Refused,
    /// The caller's permissions, or the bucket is another account's.
    Denied,
    /// The bucket, topic or queue is not there.
    Missing,
    /// Somebody else is changing the same thing at this moment: again in a moment.
    Conflict,
    /// Throttled, no answer, a failure of the service: again later.
    Unavailable,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {}{message}", code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default())]
pub struct CloudError {
    /// What was attempted, and on what.
    pub doing: String,
    /// What can be done.
    pub kind: Kind,
    /// The service's code.
    pub code: Option<String>,
    /// The service's sentence.
    pub message: String,
}

impl CloudError {
    /// S3 has asked a destination, and it does not take the bucket's events: it is gone, or its policy says so.
    pub fn is_about_destinations(&self) -> bool {
        self.kind == Kind::Refused && self.message.contains("Unable to validate the following destination configurations")
    }
}

/// A bucket's notification configuration. Requests name the account that the bucket must belong to.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Reads the whole configuration.
    ///
    /// # Errors
    /// Also where the answer holds what this version does not know, and would lose by writing it back.
    async fn notification(&self, bucket: &str, account: &str) -> Result<Notification, CloudError>;

    /// Replaces the whole configuration.
    async fn put_notification(&self, bucket: &str, account: &str, whole: &Notification, check: Check)
    -> Result<(), CloudError>;
}

/// Whether S3 asks every destination of the configuration, other people's included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// S3's default.
    Destinations,
    /// `x-amz-skip-destination-validation`.
    Nothing,
}

/// Topics and queues.
#[async_trait]
pub trait Messaging: Send + Sync {
    /// The topic with its subscriptions, whose attributes are read one by one; `None` where there is none.
    async fn topic(&self, topic: &Arn) -> Result<Option<Topic>, CloudError>;
    /// A subscription's attributes; `None` where it has just ended: it may be listed for a while.
    async fn subscription(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>, CloudError>;
    /// Makes a topic that carries a tag. One that is there already is an error or stays as it is.
    async fn create_topic(&self, name: &str, tag: (&str, &str)) -> Result<(), CloudError>;
    /// Deletes a topic and its subscriptions.
    async fn delete_topic(&self, topic: &Arn) -> Result<(), CloudError>;
    /// Replaces the topic's policy.
    async fn set_topic_policy(&self, topic: &Arn, policy: &Policy) -> Result<(), CloudError>;
    /// Subscribes a queue.
    async fn subscribe(&self, topic: &Arn, queue: &Arn, attributes: &BTreeMap<String, String>) -> Result<String, CloudError>;
    /// Sets attributes of a subscription.
    async fn set_subscription(&self, arn: &str, attributes: &BTreeMap<String, String>) -> Result<(), CloudError>;
    /// Ends a subscription.
    async fn unsubscribe(&self, arn: &str) -> Result<(), CloudError>;
    /// The queue of this name; `None` where there is none.
    async fn queue(&self, name: &str) -> Result<Option<Queue>, CloudError>;
    /// Names of queues that begin so, 1,000 at most.
    async fn queues(&self, prefix: &str) -> Result<Vec<String>, CloudError>;
    /// Replaces the queue's policy; an empty one removes it.
    async fn set_queue_policy(&self, url: &str, policy: &Policy) -> Result<(), CloudError>;
    /// Makes a queue for a moment: it keeps messages for a minute.
    async fn create_queue(&self, name: &str) -> Result<(), CloudError>;
    /// Deletes a queue. One that is gone already is no error.
    async fn delete_queue(&self, url: &str) -> Result<(), CloudError>;
    /// Waits a few seconds for messages, takes them away and returns their bodies.
    async fn take(&self, url: &str) -> Result<Vec<String>, CloudError>;
}
