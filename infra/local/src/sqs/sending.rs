//! Sending: checks, FIFO deduplication, faults, and moving messages back from a dead-letter queue.

use std::time::Duration;

use time::OffsetDateTime;

use super::dedup::content_id;
use super::digest::{md5_of_attributes, md5_of_body};
use super::engine::{Queues, State, uuid};
use super::error::{SqsError, invalid_parameter};
use super::faults::{Copy, FaultSource};
use super::message::{MessageAttribute, Outgoing, Sent, check};
use super::order::Position;
use super::stored::Message;

/// The longest delay of a message.
const MAX_DELAY: Duration = Duration::from_secs(900);

impl Queues {
    /// Sends to the queue with this ARN, as S3 and SNS do.
    ///
    /// # Errors
    /// As [`Queues::send`].
    pub fn send_to_arn(&self, arn: &str, body: impl Into<String>, outgoing: Outgoing) -> Result<Sent, SqsError> {
        self.send(arn, body, outgoing)
    }

    /// Sends one message to the queue with this name, URL or ARN.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`]; [`SqsError::OverLimit`] when the queue is full; refusals of the message.
    pub fn send(&self, queue: &str, body: impl Into<String>, outgoing: Outgoing) -> Result<Sent, SqsError> {
        let body = body.into();
        let now = self.clock().now();
        let mut state = self.lock();
        let queue = state.find_mut(queue)?;
        queue.settle(now);
        let size = check(&body, &outgoing, queue.attributes.maximum_message_size())?;
        let (name, fifo) = (queue.name.clone(), queue.attributes.is_fifo());
        let delay = delay_of(&outgoing, fifo)?.unwrap_or_else(|| queue.attributes.delay());
        if queue.len() >= self.settings().max_messages || queue.bytes + size > self.settings().max_bytes {
            let (messages, bytes) = (queue.len(), queue.bytes);
            return Err(SqsError::OverLimit(format!("queue {name} is full: it holds {messages} messages, {bytes} bytes")));
        }
        if fifo {
            return state.send_fifo(&name, body, outgoing, size, delay, now);
        }
        if outgoing.dedup_id.is_some() {
            let reason = "The request include parameter that is not valid for this queue type";
            return Err(invalid_parameter("MessageDeduplicationId", outgoing.dedup_id.unwrap_or_default(), reason));
        }
        let sent = receipt(uuid(&mut state.ids), &body, &outgoing);
        let message = Message::new(sent.message_id.clone(), body, outgoing, size, now);
        let sole = Copy { own_id: true, late_by: Duration::ZERO, places: 0 };
        let copies = state.faults.as_mut().map_or_else(|| vec![sole], FaultSource::copies);
        for (index, copy) in copies.into_iter().enumerate() {
            let mut message = message.clone();
            if index > 0 && copy.own_id {
                message.message_id = uuid(&mut state.ids);
            }
            let position = state.next_position(copy.places);
            state.find_mut(&name)?.put(position, message, delay + copy.late_by, now);
        }
        Ok(sent)
    }

    /// Moves the visible messages of a dead-letter queue to another queue, or back to the ones that they came from. They
    /// are new messages there: new id, new age, no receives. Returns how many were moved.
    ///
    /// # Errors
    /// [`SqsError::ResourceNotFound`] when a queue is not there, or the source is nobody's dead-letter queue.
    pub fn move_messages(&self, source: &str, destination: Option<&str>) -> Result<usize, SqsError> {
        let not_found = |what: &str| {
            SqsError::ResourceNotFound(format!("The resource that you specified for the {what} parameter doesn't exist."))
        };
        let sources = self.dead_letter_sources(source).map_err(|_| not_found("SourceArn"))?;
        if sources.is_empty() {
            return Err(SqsError::InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.".to_owned()));
        }
        let now = self.clock().now();
        let mut state = self.lock();
        if let Some(destination) = destination {
            state.find(destination).map_err(|_| not_found("DestinationArn"))?;
        }
        let limit = self.settings().max_messages;
        let queue = state.find_mut(source)?;
        queue.settle(now);
        let drained = queue.drain(limit);
        let mut moved = 0;
        for old in drained {
            let target = destination.map(str::to_owned).or_else(|| old.dead_letter_source.clone()).unwrap_or_default();
            // A message whose queue is gone or full stays where it is.
            let fits = state.find(&target).is_ok_and(|queue| queue.len() < limit);
            let position = state.next_position(0);
            if !fits {
                state.find_mut(source)?.put(position, old, Duration::ZERO, now);
                continue;
            }
            let mut message = Message::new(uuid(&mut state.ids), old.body, old.outgoing, old.size, now);
            message.sequence_number = old.sequence_number.map(|_| sequence_number(position));
            state.find_mut(&target)?.put(position, message, Duration::ZERO, now);
            moved += 1;
        }
        Ok(moved)
    }
}

impl State {
    fn send_fifo(
        &mut self,
        name: &str,
        body: String,
        mut outgoing: Outgoing,
        size: usize,
        delay: Duration,
        now: OffsetDateTime,
    ) -> Result<Sent, SqsError> {
        let group = outgoing.group_id.clone().ok_or(SqsError::MissingParameter("MessageGroupId"))?;
        let queue = self.find_mut(name)?;
        let id = match &outgoing.dedup_id {
            Some(id) => id.clone(),
            None if queue.attributes.content_based_deduplication() => content_id(&body),
            None => {
                return Err(SqsError::InvalidParameterValue(
                    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly".to_owned(),
                ));
            }
        };
        // No id and no group has a space in it.
        let key = if queue.attributes.deduplicates_per_group() { format!("{group} {id}") } else { id.clone() };
        if let Some(first) = queue.dedup.find(&key, now) {
            return Ok(first);
        }
        outgoing.dedup_id = Some(id);
        let position = self.next_position(0);
        let mut sent = receipt(uuid(&mut self.ids), &body, &outgoing);
        sent.sequence_number = Some(sequence_number(position));
        let mut message = Message::new(sent.message_id.clone(), body, outgoing, size, now);
        message.sequence_number.clone_from(&sent.sequence_number);
        let queue = self.find_mut(name)?;
        queue.dedup.remember(key, sent.clone(), now);
        queue.put(position, message, delay, now);
        Ok(sent)
    }
}

fn receipt(message_id: String, body: &str, outgoing: &Outgoing) -> Sent {
    let system = outgoing.trace_header.as_ref().map(|trace| ("AWSTraceHeader".to_owned(), MessageAttribute::string(trace)));
    Sent {
        message_id,
        md5: md5_of_body(body),
        md5_of_attributes: md5_of_attributes(&outgoing.attributes),
        md5_of_system_attributes: md5_of_attributes(&system.into_iter().collect()),
        sequence_number: None,
    }
}

/// FIFO messages are numbered by their position.
fn sequence_number(position: Position) -> String {
    format!("{position:020}")
}

/// The delay that the message asks for itself.
fn delay_of(outgoing: &Outgoing, fifo: bool) -> Result<Option<Duration>, SqsError> {
    let reason = match outgoing.delay {
        Some(delay) if fifo && delay.is_zero() => return Ok(None),
        Some(_) if fifo => "The request include parameter that is not valid for this queue type",
        Some(delay) if delay > MAX_DELAY => "DelaySeconds must be >= 0 and <= 900",
        other => return Ok(other),
    };
    Err(invalid_parameter("DelaySeconds", outgoing.delay.unwrap_or_default().as_secs(), reason))
}
