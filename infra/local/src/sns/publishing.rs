//! Publishing: from a topic to its subscriptions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::envelope::{Publication, for_function, for_queue};
use super::error::SnsError;
use super::subscription::{Protocol, Subscription};
use super::topics::{Topics, no_topic};
use crate::sqs::{MessageAttribute, Outgoing, content_id, size, uuid};

/// Takes what a topic sends to a function.
pub trait FunctionSink: Send + Sync {
    /// Invokes the function with this ARN, later, with the event that a topic hands over. False: it is not taken. Must not
    /// block.
    fn deliver(&self, function_arn: &str, event: &Value) -> bool;
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
    /// Could not be delivered: no such queue, a policy that keeps the topic out, too many attributes for raw delivery, or too
    /// large in its envelope.
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
    /// FIFO topics alone. Required there, unless the topic has `ContentBasedDeduplication`.
    pub dedup_id: Option<String>,
}

impl Topics {
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

    /// Publishes a message. What a FIFO topic got within five minutes is accepted, and not delivered again. Duplicates, delays
    /// and disorder on its way are those of the queues' own [`Faults`](crate::sqs::Faults).
    ///
    /// # Errors
    /// [`SnsError::NotFound`] without the topic; [`SnsError::InvalidParameter`] for a bad message. A subscription that
    /// can't be delivered to is no error of the publisher's: it is counted.
    pub fn publish_with(&self, topic_arn: &str, message: &str, publish: Publish) -> Result<String, SnsError> {
        let invalid = |what: &str| Err(SnsError::InvalidParameter(what.to_owned()));
        if message.is_empty() {
            return invalid("Empty message");
        }
        if publish.subject.as_ref().is_some_and(|s| s.is_empty() || s.chars().count() > 100 || s.contains(['\n', '\r'])) {
            return invalid("Subject");
        }
        let fifo = topic_arn.ends_with(".fifo");
        if fifo && publish.group_id.is_none() {
            return invalid("The MessageGroupId parameter is required for FIFO topics");
        }
        let published = self.queues().clock().now();
        let (publication, targets, functions, base) = {
            let mut state = self.lock();
            let message_id = uuid(&mut state.ids);
            let topic = state.topics.get_mut(topic_arn).ok_or_else(no_topic)?;
            if size(message, &publish.attributes) > topic.max_bytes() {
                return invalid("Message too long");
            }
            match &publish.dedup_id {
                None if fifo && !topic.makes_ids() => {
                    return invalid(
                        "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
                    );
                }
                Some(_) if !fifo => return invalid("MessageDeduplicationId is not valid for this topic type"),
                _ => {}
            }
            let dedup_id = publish.dedup_id.or_else(|| fifo.then(|| content_id(message)));
            if let Some(id) = &dedup_id {
                let key = topic.dedup_key(publish.group_id.as_deref(), id);
                if let Some(first) = topic.dedup.find(&key, published) {
                    // Accepted, and not delivered, to whatever is subscribed.
                    return Ok(first);
                }
                topic.dedup.remember(key, message_id.clone(), published);
            }
            let publication = Publication {
                message_id,
                topic_arn: topic_arn.to_owned(),
                message: message.to_owned(),
                subject: publish.subject,
                attributes: publish.attributes,
                trace_header: publish.trace_header,
                group_id: publish.group_id,
                dedup_id,
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
                .is_some_and(|(body, outgoing)| self.send(publication, &target.endpoint, body, outgoing)),
            (Protocol::Lambda, Some(functions)) => {
                functions.deliver(&target.endpoint, &for_function(publication, &target.arn, base))
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
            Some(self.send(publication, &arn, body, outgoing))
        });
        match dead {
            Some(true) => counts.dead_lettered += 1,
            _ => counts.failed += 1,
        }
    }

    /// Sends to a queue, if its policy lets this topic.
    fn send(&self, publication: &Publication, queue_arn: &str, body: String, outgoing: Outgoing) -> bool {
        let topic = publication.topic_arn.as_str();
        match self.queues().admits(queue_arn, "sns.amazonaws.com", topic) {
            Ok(true) => self.queues().send_to_arn(queue_arn, body, outgoing).is_ok(),
            Ok(false) => {
                eprintln!("sns: the policy of {queue_arn} does not let {topic} send");
                false
            }
            Err(_) => false,
        }
    }
}
