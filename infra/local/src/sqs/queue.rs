//! One queue as a state machine: every method is given the time, none waits.
//!
//! A message is visible, delayed or in flight. Whatever depends on time (delays, visibility timeouts, retention) is settled
//! lazily at the start of each call, so that the state is right whenever anybody looks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::attributes::QueueAttributes;
use super::dedup::Dedup;
use super::digest::md5_of_body;
use super::error::{SqsError, invalid_parameter};
use super::message::{Received, Sent};
use super::order::{Position, Ready};
use super::stored::{Message, State};

/// A message stays invisible for at most twelve hours after it was received.
pub(super) const MAX_VISIBILITY: Duration = Duration::from_secs(43_200);

/// How many messages of a queue are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Can be received now (`ApproximateNumberOfMessages`; here it is exact).
    pub visible: usize,
    /// Received, neither deleted nor timed out.
    pub in_flight: usize,
    /// Sent with a delay that has not passed.
    pub delayed: usize,
}

impl Depth {
    /// All messages of the queue.
    #[must_use]
    pub fn total(&self) -> usize {
        self.visible + self.in_flight + self.delayed
    }

    /// Whether the queue holds nothing at all, in no state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }
}

/// What one receive took out.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) received: Vec<Received>,
    /// Received often enough already: these go to the dead-letter queue.
    pub(super) exhausted: Vec<Message>,
}

#[derive(Debug)]
pub(super) struct Queue {
    /// Differs for a queue that was deleted and created again: its handles are not this one's.
    id: String,
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) created: OffsetDateTime,
    pub(super) modified: OffsetDateTime,
    pub(super) attributes: QueueAttributes,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) dedup: Dedup<Sent>,
    /// The sum of the messages' sizes, in bytes.
    pub(super) bytes: usize,
    messages: BTreeMap<Position, Message>,
    ready: Ready,
    /// When a delayed or in-flight message becomes visible.
    timers: BTreeSet<(OffsetDateTime, Position)>,
    by_age: BTreeSet<(OffsetDateTime, Position)>,
    in_flight: usize,
    changed: watch::Sender<u64>,
}

impl Queue {
    pub(super) fn new(id: String, name: String, arn: String, attributes: QueueAttributes, now: OffsetDateTime) -> Self {
        Self {
            id,
            name,
            arn,
            created: now,
            modified: now,
            ready: Ready::new(attributes.is_fifo()),
            attributes,
            tags: BTreeMap::new(),
            dedup: Dedup::default(),
            bytes: 0,
            messages: BTreeMap::new(),
            timers: BTreeSet::new(),
            by_age: BTreeSet::new(),
            in_flight: 0,
            changed: watch::Sender::new(0),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn watchers(&self) -> usize {
        self.changed.receiver_count()
    }

    pub(super) fn depth(&self) -> Depth {
        let visible = self.ready.len();
        Depth { visible, in_flight: self.in_flight, delayed: self.messages.len() - visible - self.in_flight }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// When the state changes by itself: the next timeout, or the end of the oldest message's retention.
    pub(super) fn next_change(&self) -> Option<OffsetDateTime> {
        let expiry = self.by_age.first().map(|(sent, _)| *sent + self.attributes.retention());
        self.timers.first().map(|(at, _)| *at).into_iter().chain(expiry).min()
    }

    /// Brings the state up to the given time.
    pub(super) fn settle(&mut self, now: OffsetDateTime) {
        let mut changed = false;
        while let Some(&(at, position)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            self.show(position);
            changed = true;
        }
        while let Some(&(sent, position)) = self.by_age.first()
            && sent + self.attributes.retention() <= now
        {
            self.remove(position);
            changed = true;
        }
        if changed {
            self.announce();
        }
    }

    /// Adds a message; it becomes visible after the delay.
    pub(super) fn put(&mut self, position: Position, mut message: Message, delay: Duration, now: OffsetDateTime) {
        self.bytes += message.size;
        self.by_age.insert((message.sent, position));
        if delay.is_zero() {
            message.state = State::Visible;
            self.ready.push(position, message.group());
        } else {
            message.state = State::Delayed(now + delay);
            self.timers.insert((now + delay, position));
        }
        self.messages.insert(position, message);
        self.announce();
    }

    /// Takes up to `max` visible messages for `visibility`. With `redrive`, messages received that often already are
    /// handed over as exhausted instead.
    pub(super) fn take(&mut self, max: usize, visibility: Duration, redrive: Option<u32>, now: OffsetDateTime) -> Taken {
        let mut taken = Taken::default();
        let until = now + visibility.min(MAX_VISIBILITY);
        while taken.received.len() < max {
            let Some(position) = self.ready.take() else { break };
            self.in_flight += 1;
            let Some(message) = self.messages.get_mut(&position) else { continue };
            message.state = State::InFlight(until);
            self.timers.insert((until, position));
            if redrive.is_some_and(|most| message.receives_here >= most) {
                taken.exhausted.extend(self.remove(position));
                continue;
            }
            message.receives = message.receives.saturating_add(1);
            message.receives_here = message.receives_here.saturating_add(1);
            message.first_received.get_or_insert(now);
            message.last_received = now;
            taken.received.push(Received {
                message_id: message.message_id.clone(),
                receipt_handle: handle(&self.id, position, message.receives_here),
                body: message.body.clone(),
                md5: md5_of_body(&message.body),
                attributes: message.system_attributes(),
                message_attributes: message.outgoing.attributes.clone(),
            });
        }
        self.ready.close();
        if !taken.received.is_empty() || !taken.exhausted.is_empty() {
            self.announce();
        }
        taken
    }

    /// Deletes by handle. A stale handle on a standard queue succeeds and deletes nothing; a FIFO queue refuses it.
    /// Returns whether a message went.
    pub(super) fn delete(&mut self, receipt_handle: &str) -> Result<bool, SqsError> {
        let (position, receipt) = self.parse_handle(receipt_handle)?;
        let Some(message) = self.messages.get(&position) else { return Ok(false) };
        let current = message.receives_here == receipt;
        if self.attributes.is_fifo() && !(current && matches!(message.state, State::InFlight(_))) {
            return Err(invalid_parameter("ReceiptHandle", receipt_handle, "The receipt handle has expired"));
        }
        if !current {
            return Ok(false);
        }
        self.remove(position);
        self.announce();
        Ok(true)
    }

    /// Sets when an in-flight message becomes visible, counted from now; zero makes it visible at once.
    pub(super) fn change_visibility(
        &mut self,
        receipt_handle: &str,
        timeout: Duration,
        now: OffsetDateTime,
    ) -> Result<(), SqsError> {
        if timeout > MAX_VISIBILITY {
            return Err(invalid_parameter("VisibilityTimeout", timeout.as_secs(), "Must be between 0 and 43200, if provided"));
        }
        let (position, receipt) = self.parse_handle(receipt_handle)?;
        let known = self.messages.get_mut(&position).filter(|m| m.receives_here == receipt);
        let Some(message) = known else {
            let reason = "Message does not exist or is not available for visibility timeout change";
            return Err(invalid_parameter("ReceiptHandle", receipt_handle, reason));
        };
        let State::InFlight(before) = message.state else { return Err(SqsError::MessageNotInflight) };
        let until = now + timeout;
        if until > message.last_received + MAX_VISIBILITY {
            let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(invalid_parameter("VisibilityTimeout", timeout.as_secs(), reason));
        }
        message.state = State::InFlight(until);
        self.timers.remove(&(before, position));
        if timeout.is_zero() {
            self.show(position);
        } else {
            self.timers.insert((until, position));
        }
        self.announce();
        Ok(())
    }

    /// Deletes all messages, in whatever state.
    pub(super) fn purge(&mut self) {
        self.messages.clear();
        self.timers.clear();
        self.by_age.clear();
        self.ready = Ready::new(self.attributes.is_fifo());
        self.in_flight = 0;
        self.bytes = 0;
        self.announce();
    }

    /// Takes out every visible message, oldest first (for a message move task).
    pub(super) fn drain(&mut self, limit: usize) -> Vec<Message> {
        let visible = self.messages.iter().filter(|(_, m)| m.state == State::Visible).map(|(position, _)| *position);
        let visible: Vec<Position> = visible.take(limit).collect();
        let drained = visible.into_iter().filter_map(|position| self.remove(position)).collect();
        self.announce();
        drained
    }

    fn announce(&self) {
        self.changed.send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Makes a delayed or in-flight message visible; its timer is gone already.
    fn show(&mut self, position: Position) {
        let Some(message) = self.messages.get_mut(&position) else { return };
        let before = std::mem::replace(&mut message.state, State::Visible);
        match before {
            State::InFlight(_) => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.ready.give_back(position, message.group());
            }
            State::Delayed(_) | State::Visible => self.ready.push(position, message.group()),
        }
    }

    fn remove(&mut self, position: Position) -> Option<Message> {
        let message = self.messages.remove(&position)?;
        self.by_age.remove(&(message.sent, position));
        self.bytes = self.bytes.saturating_sub(message.size);
        match message.state {
            State::Visible => self.ready.remove(position, message.group()),
            State::Delayed(until) => {
                self.timers.remove(&(until, position));
            }
            State::InFlight(until) => {
                self.timers.remove(&(until, position));
                self.in_flight = self.in_flight.saturating_sub(1);
                self.ready.end_flight(message.group());
            }
        }
        Some(message)
    }

    fn parse_handle(&self, receipt_handle: &str) -> Result<(Position, u32), SqsError> {
        let parse = || {
            let bytes = STANDARD.decode(receipt_handle).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (id, rest) = text.split_once('/')?;
            let (position, receipt) = rest.split_once('/')?;
            (id == self.id).then_some((position.parse().ok()?, receipt.parse().ok()?))
        };
        parse().ok_or_else(|| SqsError::ReceiptHandleIsInvalid(receipt_handle.to_owned()))
    }
}

fn handle(queue_id: &str, position: Position, receipt: u32) -> String {
    STANDARD.encode(format!("{queue_id}/{position}/{receipt}"))
}
