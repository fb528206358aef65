//! All topics of the local cloud: the in-process interface.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

use super::error::SnsError;
use super::publishing::{DeliveryCounts, FunctionSink};
use super::subscription::{Protocol, Subscription};
use crate::policy::{Act, admitting, allows};
use crate::sqs::{Dedup, MAX_MESSAGE_BYTES, Queues, uuid};

/// The most topics, and the most subscriptions of one topic.
const MAX_TOPICS: usize = 10_000;
const MAX_SUBSCRIPTIONS: usize = 10_000;

/// The topics. Clones share them.
#[derive(Clone)]
pub struct Topics {
    inner: Arc<Inner>,
}

struct Inner {
    queues: Queues,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    pub(super) functions: Option<Arc<dyn FunctionSink>>,
    pub(super) counts: DeliveryCounts,
    pub(super) ids: Rng,
    pub(super) base: String,
}

#[derive(Debug, Default)]
pub(super) struct Topic {
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    /// Of a FIFO topic, with the ids of the first publications.
    pub(super) dedup: Dedup<String>,
}

/// A topic's limit on one message, and on those of one batch together, unless `MaximumMessageSize` says otherwise.
///
/// Source: SNS API reference, "PublishBatch".
const USUAL_MESSAGE_BYTES: usize = 256 * 1024;

impl Topic {
    /// Empty where none was set.
    fn policy(&self) -> &str {
        self.attributes.get("Policy").map(String::as_str).unwrap_or_default()
    }

    /// The most bytes of one message, and of a batch.
    pub(super) fn max_bytes(&self) -> usize {
        let set = self.attributes.get("MaximumMessageSize").and_then(|bytes| bytes.parse().ok());
        set.unwrap_or(USUAL_MESSAGE_BYTES).min(MAX_MESSAGE_BYTES)
    }

    /// What a deduplication id is remembered by: its scope is the topic, or each of its groups.
    pub(super) fn dedup_key(&self, group: Option<&str>, id: &str) -> String {
        match self.attributes.get("FifoThroughputScope").is_some_and(|scope| scope == "MessageGroup") {
            true => format!("{} {id}", group.unwrap_or_default()),
            false => id.to_owned(),
        }
    }

    /// A FIFO topic makes deduplication ids from the messages.
    pub(super) fn makes_ids(&self) -> bool {
        self.attributes.get("ContentBasedDeduplication").is_some_and(|value| value == "true")
    }
}

impl std::fmt::Debug for Topics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topics").field("topics", &self.list()).finish_non_exhaustive()
    }
}

impl Topics {
    /// No topics yet; they deliver to these queues.
    #[must_use]
    pub fn new(queues: Queues) -> Self {
        let ids = queues.settings().seed.map_or_else(Rng::new, |seed| Rng::with_seed(seed ^ 0x5353_4E53));
        let state = State {
            topics: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            functions: None,
            counts: DeliveryCounts::default(),
            ids,
            base: "http://127.0.0.1:4566".to_owned(),
        };
        Self { inner: Arc::new(Inner { queues, state: Mutex::new(state) }) }
    }

    /// Sets who takes messages for functions; without one, they count as failed.
    pub fn set_functions(&self, functions: Arc<dyn FunctionSink>) {
        self.lock().functions = Some(functions);
    }

    /// Sets the endpoint that envelopes point to, such as `http://127.0.0.1:4566`.
    pub fn set_base(&self, base: &str) {
        self.lock().base = base.trim_end_matches('/').to_owned();
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.inner.queues
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn account(&self) -> &str {
        &self.inner.queues.settings().account
    }

    /// Creates a topic in the default region and returns its ARN; an existing one is left as it is.
    ///
    /// # Errors
    /// [`SnsError::InvalidParameter`] for a bad name or attribute, or too many topics.
    pub fn create(&self, name: &str) -> Result<String, SnsError> {
        self.create_in(&self.inner.queues.settings().region, name, &BTreeMap::new())
    }

    /// As [`Topics::create`], in the creator's region and with attributes.
    ///
    /// # Errors
    /// As [`Topics::create`].
    pub fn create_in(&self, region: &str, name: &str, attributes: &BTreeMap<String, String>) -> Result<String, SnsError> {
        let stem = name.strip_suffix(".fifo").unwrap_or(name);
        let fine = (1..=256).contains(&name.len())
            && !stem.is_empty()
            && stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !fine {
            return Err(SnsError::InvalidParameter("Topic Name".to_owned()));
        }
        let wants_fifo = attributes.get("FifoTopic").is_some_and(|value| value == "true");
        if wants_fifo != name.ends_with(".fifo") {
            return Err(SnsError::InvalidParameter(
                "Topic Name: a FIFO topic's name ends with .fifo, and no other's does".to_owned(),
            ));
        }
        let arn = format!("arn:aws:sns:{region}:{}:{name}", self.account());
        let mut state = self.lock();
        if state.topics.len() >= MAX_TOPICS && !state.topics.contains_key(&arn) {
            return Err(SnsError::InvalidParameter(format!("this cloud holds {MAX_TOPICS} topics at most")));
        }
        state.topics.entry(arn.clone()).or_insert_with(|| Topic { attributes: attributes.clone(), ..Topic::default() });
        Ok(arn)
    }

    /// Deletes a topic with its subscriptions; deleting one that is not there succeeds.
    pub fn delete(&self, topic_arn: &str) {
        let mut state = self.lock();
        state.topics.remove(topic_arn);
        state.subscriptions.retain(|_, subscription| subscription.topic_arn != topic_arn);
    }

    /// The ARNs of all topics, in order.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.lock().topics.keys().cloned().collect()
    }

    /// The most bytes that a topic takes with one request.
    ///
    /// # Errors
    /// [`SnsError::NotFound`].
    pub(super) fn max_bytes(&self, topic_arn: &str) -> Result<usize, SnsError> {
        self.lock().topics.get(topic_arn).map(Topic::max_bytes).ok_or_else(no_topic)
    }

    /// All attributes of a topic, by SNS's names.
    ///
    /// # Errors
    /// [`SnsError::NotFound`].
    pub fn attributes(&self, topic_arn: &str) -> Result<BTreeMap<String, String>, SnsError> {
        let state = self.lock();
        let topic = state.topics.get(topic_arn).ok_or_else(no_topic)?;
        let confirmed = state.subscriptions.values().filter(|s| s.topic_arn == topic_arn).count();
        let account = self.account();
        let policy = serde_json::json!({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": []});
        let mut all: BTreeMap<String, String> = [
            ("TopicArn", topic_arn.to_owned()),
            ("Owner", account.to_owned()),
            ("DisplayName", String::new()),
            ("Policy", policy.to_string()),
            ("SubscriptionsConfirmed", confirmed.to_string()),
            ("SubscriptionsPending", "0".to_owned()),
            ("SubscriptionsDeleted", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        all.extend(topic.attributes.clone());
        Ok(all)
    }

    /// Sets one attribute of a topic. `Policy`, `MaximumMessageSize`, `ContentBasedDeduplication` and `FifoThroughputScope` are
    /// acted upon, others kept.
    ///
    /// # Errors
    /// [`SnsError::NotFound`].
    pub fn set_attribute(&self, topic_arn: &str, name: &str, value: &str) -> Result<(), SnsError> {
        let mut state = self.lock();
        let topic = state.topics.get_mut(topic_arn).ok_or_else(no_topic)?;
        topic.attributes.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Whether the topic's policy lets S3 publish for this bucket.
    ///
    /// # Errors
    /// [`SnsError::NotFound`].
    pub(crate) fn admits(&self, topic_arn: &str, bucket_arn: &str) -> Result<bool, SnsError> {
        let state = self.lock();
        let topic = state.topics.get(topic_arn).ok_or_else(no_topic)?;
        Ok(allows(topic.policy(), self.publishing(topic_arn, bucket_arn)))
    }

    /// Has the topic's policy let S3 publish for this bucket.
    ///
    /// # Errors
    /// [`SnsError::NotFound`].
    pub(crate) fn admit(&self, topic_arn: &str, bucket_arn: &str) -> Result<(), SnsError> {
        let mut state = self.lock();
        let topic = state.topics.get_mut(topic_arn).ok_or_else(no_topic)?;
        let policy = admitting(topic.policy(), self.publishing(topic_arn, bucket_arn));
        topic.attributes.insert("Policy".to_owned(), policy);
        Ok(())
    }

    fn publishing<'a>(&'a self, topic_arn: &'a str, bucket_arn: &'a str) -> Act<'a> {
        let (service, action) = ("s3.amazonaws.com", "sns:Publish");
        Act { service, action, resource: topic_arn, source_arn: bucket_arn, source_account: self.account() }
    }

    /// Runs on a topic's tags.
    ///
    /// # Errors
    /// [`SnsError::NotFound`].
    pub fn tags<T>(&self, topic_arn: &str, on: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> Result<T, SnsError> {
        Ok(on(&mut self.lock().topics.get_mut(topic_arn).ok_or_else(no_topic)?.tags))
    }

    /// Subscribes an endpoint (`sqs` or `lambda`, by ARN) and returns the subscription's ARN. The same endpoint again
    /// returns the same subscription, if its attributes are the same too.
    ///
    /// # Errors
    /// [`SnsError::NotFound`] without the topic; [`SnsError::InvalidParameter`] for protocol, endpoint or attributes.
    pub fn subscribe(
        &self,
        topic_arn: &str,
        protocol: &str,
        endpoint: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, SnsError> {
        let protocol = Protocol::parse(protocol)?;
        if !endpoint.starts_with(&format!("arn:aws:{}:", protocol.name())) {
            return Err(SnsError::InvalidParameter(format!("{} endpoint ARN", protocol.name().to_uppercase())));
        }
        if endpoint.ends_with(".fifo") && !topic_arn.ends_with(".fifo") {
            return Err(SnsError::InvalidParameter(
                "Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics".to_owned(),
            ));
        }
        let mut state = self.lock();
        if !state.topics.contains_key(topic_arn) {
            return Err(no_topic());
        }
        let arn = format!("{topic_arn}:{}", uuid(&mut state.ids));
        let mut new = Subscription::new(arn.clone(), topic_arn.to_owned(), protocol, endpoint.to_owned());
        new.set(attributes)?;
        let same_topic = || state.subscriptions.values().filter(|s| s.topic_arn == topic_arn);
        if let Some(existing) = same_topic().find(|s| s.endpoint == endpoint && s.protocol == protocol) {
            let mut renamed = new;
            renamed.arn.clone_from(&existing.arn);
            if renamed == *existing {
                return Ok(renamed.arn);
            }
            return Err(SnsError::InvalidParameter(
                "Attributes Reason: Subscription already exists with different attributes".to_owned(),
            ));
        }
        if same_topic().count() >= MAX_SUBSCRIPTIONS {
            return Err(SnsError::SubscriptionLimitExceeded(format!("a topic has {MAX_SUBSCRIPTIONS} subscriptions at most")));
        }
        state.subscriptions.insert(arn.clone(), new);
        Ok(arn)
    }

    /// Ends a subscription; ending one that is not there succeeds.
    pub fn unsubscribe(&self, subscription_arn: &str) {
        self.lock().subscriptions.remove(subscription_arn);
    }

    /// The subscriptions, of one topic or of all.
    ///
    /// # Errors
    /// [`SnsError::NotFound`] where a topic is named that is not there.
    pub fn subscriptions(&self, topic_arn: Option<&str>) -> Result<Vec<Subscription>, SnsError> {
        let state = self.lock();
        if topic_arn.is_some_and(|arn| !state.topics.contains_key(arn)) {
            return Err(no_topic());
        }
        Ok(state.subscriptions.values().filter(|s| topic_arn.is_none_or(|arn| s.topic_arn == arn)).cloned().collect())
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`SnsError::NotFound`].
    pub fn subscription(&self, subscription_arn: &str) -> Result<Subscription, SnsError> {
        self.lock().subscriptions.get(subscription_arn).cloned().ok_or_else(no_subscription)
    }

    /// Sets one attribute of a subscription; the empty string removes it.
    ///
    /// # Errors
    /// [`SnsError::NotFound`], [`SnsError::InvalidParameter`].
    pub fn set_subscription_attribute(&self, subscription_arn: &str, name: &str, value: &str) -> Result<(), SnsError> {
        let mut state = self.lock();
        let subscription = state.subscriptions.get_mut(subscription_arn).ok_or_else(no_subscription)?;
        subscription.set(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    /// What became of publications so far.
    #[must_use]
    pub fn counts(&self) -> DeliveryCounts {
        self.lock().counts
    }
}

pub(super) fn no_topic() -> SnsError {
    SnsError::NotFound("Topic does not exist".to_owned())
}

fn no_subscription() -> SnsError {
    SnsError::NotFound("Subscription does not exist".to_owned())
}
