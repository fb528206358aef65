//! The path from a bucket to a queue, laid in one call: what `infra/template.yaml` lays in an account.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade::event::BucketName;
use brigade::storage::{EmbeddedStore, StoreError};
use serde_json::json;

use super::LocalCloud;
use super::adapters::bucket_arn;
use crate::notify::{Configuration, Destination, DestinationCheck, Draft, PutConfigurationError};
use crate::sns::SnsError;
use crate::sqs::SqsError;

/// A path: bucket → topic → queue, with the queue's dead-letter and parking queues. What exists already is used as it is,
/// so that a second path can start from the same bucket and topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Wire {
    /// Where the changes are.
    pub source: BucketName,
    /// Made beside it, where a function writes elsewhere.
    pub derived: Option<BucketName>,
    /// The topic's name.
    pub topic: String,
    /// The queue's name; its companions are `…-dlq` and `…-parked`.
    pub queue: String,
    /// Event names with the `s3:` prefix.
    pub events: Vec<String>,
    /// Families of events, such as `ObjectRemoved`, that the topic hands to the queue; all of them where none is named.
    pub families: Vec<String>,
    /// Filter on the key's beginning, form-encoded as S3 takes it.
    pub prefix: Option<String>,
    /// Filter on the key's end, form-encoded as S3 takes it.
    pub suffix: Option<String>,
    /// How the topic hands messages to the queue.
    pub envelope: Envelope,
    /// The queue's visibility timeout: six times the function's timeout or more.
    pub visibility: Duration,
    /// Receives before a message goes to the dead-letter queue; 5 or more.
    pub max_receive_count: u32,
}

/// What the queue gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// SNS's envelope around S3's document.
    Wrapped,
    /// S3's document itself (raw message delivery).
    Raw,
}

impl Wire {
    /// All creations and removals in `source`, unfiltered and wrapped; visibility 360 s, five receives.
    pub fn new(source: impl Into<String>, topic: impl Into<String>, queue: impl Into<String>) -> Self {
        Self {
            source: BucketName::new(source),
            derived: None,
            topic: topic.into(),
            queue: queue.into(),
            events: vec!["s3:ObjectCreated:*".to_owned(), "s3:ObjectRemoved:*".to_owned()],
            families: Vec::new(),
            prefix: None,
            suffix: None,
            envelope: Envelope::Wrapped,
            visibility: Duration::from_secs(360),
            max_receive_count: 5,
        }
    }
}

/// A path that was laid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wired {
    /// The topic.
    pub topic_arn: String,
    /// The queue.
    pub queue_arn: String,
    /// As clients reach the queue.
    pub queue_url: String,
    /// The queue for the exhausted.
    pub dlq_arn: String,
    /// The queue for what will never work.
    pub parked_arn: String,
    /// What a function gets as `BRIGADE_PARKED`.
    pub parked_url: String,
}

/// Why a path was not laid; what was made before the failure stays.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A bucket could not be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A queue could not be made, or exists with other attributes.
    #[error(transparent)]
    Queue(#[from] SqsError),
    /// The topic or the subscription could not be made.
    #[error(transparent)]
    Topic(#[from] SnsError),
    /// The configuration was refused.
    #[error(transparent)]
    Configuration(#[from] PutConfigurationError),
}

impl LocalCloud {
    /// Lays the path. The bucket's configuration keeps its other rules.
    ///
    /// # Errors
    /// See [`WireError`].
    pub async fn connect(&self, wire: &Wire) -> Result<Wired, WireError> {
        for bucket in [Some(&wire.source), wire.derived.as_ref()].into_iter().flatten() {
            ensure_bucket(&self.store, bucket, &self.region)?;
        }
        let topic_arn = self.topics.create_in(&self.region, &wire.topic, &BTreeMap::new())?;
        let wired = self.make_queues(wire, topic_arn)?;
        self.admit_bucket(&Destination::Topic(wired.topic_arn.clone()), &wire.source)?;
        for queue in [&wired.queue_arn, &wired.dlq_arn] {
            self.admit_topic(queue, &wired.topic_arn)?;
        }
        self.subscribe(wire, &wired)?;
        self.announce(wire, &wired.topic_arn).await?;
        Ok(wired)
    }

    /// Has the policy of a queue or topic let S3 send a bucket's events, where it does not yet; a function's is not asked for.
    ///
    /// # Errors
    /// There is no such queue or topic.
    pub fn admit_bucket(&self, destination: &Destination, bucket: &BucketName) -> Result<(), WireError> {
        let bucket = bucket_arn(bucket);
        match destination {
            Destination::Queue(arn) => self.queues.admit(arn, "s3.amazonaws.com", &bucket)?,
            Destination::Topic(arn) => self.topics.admit(arn, &bucket)?,
            Destination::Function(_) => {}
        }
        Ok(())
    }

    /// Has the queue's policy let the topic send, where it does not yet.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn admit_topic(&self, queue_arn: &str, topic_arn: &str) -> Result<(), WireError> {
        Ok(self.queues.admit(queue_arn, "sns.amazonaws.com", topic_arn)?)
    }

    fn make_queues(&self, wire: &Wire, topic_arn: String) -> Result<Wired, WireError> {
        let (queue, dlq, parked) = (wire.queue.clone(), format!("{}-dlq", wire.queue), format!("{}-parked", wire.queue));
        // Fourteen days, SQS's longest: a person looks into these.
        let kept = BTreeMap::from([("MessageRetentionPeriod".to_owned(), "1209600".to_owned())]);
        let dlq_arn = self.queues.create_in(&self.region, &dlq, &kept)?;
        let parked_arn = self.queues.create_in(&self.region, &parked, &kept)?;
        let redrive = json!({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": wire.max_receive_count}).to_string();
        let attributes = BTreeMap::from([
            ("VisibilityTimeout".to_owned(), wire.visibility.as_secs().to_string()),
            ("RedrivePolicy".to_owned(), redrive),
        ]);
        let queue_arn = self.queues.create_in(&self.region, &queue, &attributes)?;
        let endpoint = self.endpoint();
        let (queue_url, parked_url) = (self.queues.url(&queue, &endpoint)?, self.queues.url(&parked, &endpoint)?);
        Ok(Wired { topic_arn, queue_arn, queue_url, dlq_arn, parked_arn, parked_url })
    }

    fn subscribe(&self, wire: &Wire, wired: &Wired) -> Result<(), WireError> {
        let redrive = json!({"deadLetterTargetArn": wired.dlq_arn}).to_string();
        let mut attributes = BTreeMap::from([("RedrivePolicy".to_owned(), redrive)]);
        if wire.envelope == Envelope::Raw {
            attributes.insert("RawMessageDelivery".to_owned(), "true".to_owned());
        }
        if !wire.families.is_empty() {
            let prefixes: Vec<_> = wire.families.iter().map(|family| json!({"prefix": format!("{family}:")})).collect();
            attributes.insert("FilterPolicyScope".to_owned(), "MessageBody".to_owned());
            attributes.insert("FilterPolicy".to_owned(), json!({"Records": {"eventName": prefixes}}).to_string());
        }
        self.topics.subscribe(&wired.topic_arn, "sqs", &wired.queue_arn, &attributes)?;
        Ok(())
    }

    /// Adds a rule for the topic, unless the topic has one already.
    async fn announce(&self, wire: &Wire, topic_arn: &str) -> Result<(), PutConfigurationError> {
        let before = self.notifier.configuration(&wire.source);
        let destination = Destination::Topic(topic_arn.to_owned());
        if before.rules().iter().any(|rule| rule.destination == destination) {
            return Ok(());
        }
        let filter = [("prefix", &wire.prefix), ("suffix", &wire.suffix)];
        let filter = filter.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        let mut drafts = before.drafts();
        drafts.push(Draft { id: Some(wire.topic.clone()), destination, events: wire.events.clone(), filter });
        let configuration = Configuration::new(drafts, before.event_bridge(), || wire.topic.clone())?;
        self.notifier.put_configuration(&wire.source, configuration, DestinationCheck::Ask).await
    }
}

fn ensure_bucket(store: &EmbeddedStore, bucket: &BucketName, region: &str) -> Result<(), StoreError> {
    match store.create_bucket(bucket, region) {
        Err(error) if error.code != "BucketAlreadyOwnedByYou" => Err(error),
        _ => Ok(()),
    }
}
