//! All topics of the local cloud: the in-process interface.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

use super::envelope::{Publication, for_queue};
use super::error::SnsError;
use super::subscription::{Protocol, Subscription};
use crate::sqs::{MAX_MESSAGE_BYTES, MessageAttribute, Queues, content_id, size, uuid};

/// The most topics, and the most subscriptions of one topic.
const MAX_TOPICS: usize = 10_000;
const MAX_SUBSCRIPTIONS: usize = 10_000;

/// Takes what a topic sends to a function.
pub trait FunctionSink: Send + Sync {
    /// Hands a message to the function with this ARN. Must not block.
    fn deliver(&self, function_arn: &str, subscription_arn: &str, publication: &Publication);
}

/// What became of publications, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Handed to a queue or a function.
    pub delivered: u64,
    /// Kept back by a filter policy.
    pub filtered: u64,
    /// Went to the subscription's own dead-letter queue.
    pub dead_lettered: u64,
    /// Could not be delivered: no such queue, too many attributes for raw delivery, or too large in its envelope.
    pub failed: u64,
}

/// What to publish besides the message.
#[derive(Debug, Clone, Default)]
pub struct Publish {
    /// Attributes of the message.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// The subject line.
    pub subject: Option<String>,
    /// `AWSTraceHeader`, passed on to queues.
    pub trace_header: Option<String>,
    /// Required on FIFO topics.
    pub group_id: Option<String>,
    /// FIFO topics.
    pub dedup_id: Option<String>,
}

/// The topics. Clones share them.
#[derive(Clone)]
pub struct Topics {
    inner: Arc<Inner>,
}

struct Inner {
    queues: Queues,
    state: Mutex<State>,
}

struct State {
    topics: BTreeMap<String, Topic>,
    subscriptions: BTreeMap<String, Subscription>,
    functions: Option<Arc<dyn FunctionSink>>,
    counts: DeliveryCounts,
    ids: Rng,
    base: String,
}

#[derive(Debug, Default)]
struct Topic {
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn account(&self) -> &str {
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
        state.topics.entry(arn.clone()).or_insert_with(|| Topic { attributes: attributes.clone(), tags: BTreeMap::new() });
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

    /// Whether there is such a topic.
    #[must_use]
    pub fn exists(&self, topic_arn: &str) -> bool {
        self.lock().topics.contains_key(topic_arn)
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

    /// Sets one attribute of a topic; it is kept, not acted upon.
    ///
    /// # Errors
    /// [`SnsError::NotFound`].
    pub fn set_attribute(&self, topic_arn: &str, name: &str, value: &str) -> Result<(), SnsError> {
        let mut state = self.lock();
        let topic = state.topics.get_mut(topic_arn).ok_or_else(no_topic)?;
        topic.attributes.insert(name.to_owned(), value.to_owned());
        Ok(())
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

    /// Publishes a message, as S3 does; it is in the queues when this returns. Returns the message's id.
    ///
    /// # Errors
    /// As [`Topics::publish_with`].
    pub fn publish(
        &self,
        topic_arn: &str,
        message: &str,
        attributes: BTreeMap<String, MessageAttribute>,
        subject: Option<&str>,
    ) -> Result<String, SnsError> {
        self.publish_with(topic_arn, message, Publish { attributes, subject: subject.map(str::to_owned), ..Publish::default() })
    }

    /// Publishes a message. Duplicates, delays and disorder on its way are those of the queues' own
    /// [`Faults`](crate::sqs::Faults).
    ///
    /// # Errors
    /// [`SnsError::NotFound`] without the topic; [`SnsError::InvalidParameter`] for a bad message. A subscription that
    /// can't be delivered to is no error of the publisher's: it is counted.
    pub fn publish_with(&self, topic_arn: &str, message: &str, publish: Publish) -> Result<String, SnsError> {
        let invalid = |what: &str| Err(SnsError::InvalidParameter(what.to_owned()));
        if message.is_empty() {
            return invalid("Empty message");
        }
        if size(message, &publish.attributes) > MAX_MESSAGE_BYTES {
            return invalid("Message too long");
        }
        if publish.subject.as_ref().is_some_and(|s| s.is_empty() || s.chars().count() > 100 || s.contains(['\n', '\r'])) {
            return invalid("Subject");
        }
        let fifo = topic_arn.ends_with(".fifo");
        if fifo && publish.group_id.is_none() {
            return invalid("The MessageGroupId parameter is required for FIFO topics");
        }
        let published = self.inner.queues.clock().now();
        let (publication, targets, functions, base) = {
            let mut state = self.lock();
            if !state.topics.contains_key(topic_arn) {
                return Err(no_topic());
            }
            let publication = Publication {
                message_id: uuid(&mut state.ids),
                topic_arn: topic_arn.to_owned(),
                message: message.to_owned(),
                subject: publish.subject,
                attributes: publish.attributes,
                trace_header: publish.trace_header,
                group_id: publish.group_id,
                dedup_id: publish.dedup_id.or_else(|| fifo.then(|| content_id(message))),
                published,
            };
            let targets: Vec<Subscription> =
                state.subscriptions.values().filter(|s| s.topic_arn == topic_arn).cloned().collect();
            (publication, targets, state.functions.clone(), state.base.clone())
        };
        let mut counts = DeliveryCounts::default();
        for target in targets {
            self.deliver(&publication, &target, functions.as_deref(), &base, &mut counts);
        }
        let total = &mut self.lock().counts;
        total.delivered += counts.delivered;
        total.filtered += counts.filtered;
        total.dead_lettered += counts.dead_lettered;
        total.failed += counts.failed;
        Ok(publication.message_id)
    }

    fn deliver(
        &self,
        publication: &Publication,
        target: &Subscription,
        functions: Option<&dyn FunctionSink>,
        base: &str,
        counts: &mut DeliveryCounts,
    ) {
        if !target.accepts(&publication.message, &publication.attributes) {
            counts.filtered += 1;
            return;
        }
        let delivered = match (target.protocol, functions) {
            (Protocol::Sqs, _) => for_queue(publication, target, target.is_raw(), base)
                .is_some_and(|(body, outgoing)| self.inner.queues.send_to_arn(&target.endpoint, body, outgoing).is_ok()),
            (Protocol::Lambda, Some(functions)) => {
                functions.deliver(&target.endpoint, &target.arn, publication);
                true
            }
            (Protocol::Lambda, None) => false,
        };
        if delivered {
            counts.delivered += 1;
            return;
        }
        // The dead-letter queue gets the envelope even from a raw subscription whose message a queue can't take.
        let dead = target.dead_letter_arn().and_then(|arn| {
            let (body, outgoing) = for_queue(publication, target, false, base)?;
            self.inner.queues.send_to_arn(&arn, body, outgoing).ok()
        });
        match dead {
            Some(_) => counts.dead_lettered += 1,
            None => counts.failed += 1,
        }
    }
}

fn no_topic() -> SnsError {
    SnsError::NotFound("Topic does not exist".to_owned())
}

fn no_subscription() -> SnsError {
    SnsError::NotFound("Subscription does not exist".to_owned())
}
