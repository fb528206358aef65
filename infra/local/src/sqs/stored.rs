//! A message at rest in a queue.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::message::Outgoing;

/// Where a message is in its life; delayed and in flight end at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Visible,
    Delayed(OffsetDateTime),
    InFlight(OffsetDateTime),
}

/// A message at rest.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) message_id: String,
    pub(super) body: String,
    pub(super) outgoing: Outgoing,
    pub(super) sequence_number: Option<String>,
    pub(super) size: usize,
    pub(super) sent: OffsetDateTime,
    /// ARN of the queue that it was moved from when its receives were exhausted.
    pub(super) dead_letter_source: Option<String>,
    pub(super) first_received: Option<OffsetDateTime>,
    pub(super) last_received: OffsetDateTime,
    /// All receives, also those of the queue it came from.
    pub(super) receives: u32,
    /// The receives in this queue: what the redrive policy counts, and what names a receipt.
    pub(super) receives_here: u32,
    pub(super) state: State,
}

impl Message {
    pub(super) fn new(message_id: String, body: String, outgoing: Outgoing, size: usize, sent: OffsetDateTime) -> Self {
        Self {
            message_id,
            body,
            outgoing,
            sequence_number: None,
            size,
            sent,
            dead_letter_source: None,
            first_received: None,
            last_received: sent,
            receives: 0,
            receives_here: 0,
            state: State::Visible,
        }
    }

    pub(super) fn group(&self) -> &str {
        self.outgoing.group_id.as_deref().unwrap_or_default()
    }

    pub(super) fn system_attributes(&self) -> BTreeMap<String, String> {
        let optional = [
            ("AWSTraceHeader", self.outgoing.trace_header.clone()),
            ("MessageGroupId", self.outgoing.group_id.clone()),
            ("MessageDeduplicationId", self.outgoing.dedup_id.clone()),
            ("SequenceNumber", self.sequence_number.clone()),
            ("DeadLetterQueueSourceArn", self.dead_letter_source.clone()),
        ];
        let always = [
            ("ApproximateReceiveCount", self.receives.to_string()),
            ("ApproximateFirstReceiveTimestamp", millis(self.first_received.unwrap_or(self.last_received))),
            ("SentTimestamp", millis(self.sent)),
            ("SenderId", "AIDAIENQZJOLO23YVJ4VO".to_owned()),
        ];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        always.into_iter().chain(optional).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The message as it enters a dead-letter queue: the same id, body, attributes and count of receives.
    pub(super) fn into_dead_letter(mut self, source_arn: &str, fifo: bool, now: OffsetDateTime) -> Self {
        self.dead_letter_source = Some(source_arn.to_owned());
        self.receives_here = 0;
        // A standard queue's retention goes on counting from the first send; a FIFO queue's starts anew.
        if fifo {
            self.sent = now;
        }
        self
    }
}

fn millis(at: OffsetDateTime) -> String {
    (at.unix_timestamp_nanos() / 1_000_000).to_string()
}
