//! Receiving: long polls, limits, and the way to the dead-letter queue.

use std::time::Duration;

use time::OffsetDateTime;

use super::engine::Queues;
use super::error::{SqsError, invalid_parameter};
use super::message::Received;
use super::queue::{MAX_VISIBILITY, Taken};

/// The most that one receive of the event source mapping returns (the API's own limit is 10).
pub const MAX_BATCH: usize = 10_000;

/// The longest that a receive waits.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// One receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receive {
    /// How many messages at most, 1 to [`MAX_BATCH`].
    pub max: usize,
    /// How long to wait for the first message, at most 20 s; `None` is the queue's own.
    pub wait: Option<Duration>,
    /// How long they stay invisible; `None` is the queue's own.
    pub visibility: Option<Duration>,
}

impl Queues {
    /// Receives up to `max` messages, waiting up to `wait` of cloud time for the first. The queue's own visibility timeout
    /// applies.
    ///
    /// # Errors
    /// As [`Queues::receive_with`].
    pub async fn receive(&self, queue: &str, max: usize, wait: Duration) -> Result<Vec<Received>, SqsError> {
        self.receive_with(queue, Receive { max, wait: Some(wait), visibility: None }).await
    }

    /// Receives messages. Dropping the future while it waits takes nothing.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`], also when the queue is deleted meanwhile; [`SqsError::OverLimit`] when too many
    /// messages of a standard queue are in flight and no wait was asked for; values out of range.
    pub async fn receive_with(&self, queue: &str, receive: Receive) -> Result<Vec<Received>, SqsError> {
        if !(1..=MAX_BATCH).contains(&receive.max) {
            return Err(invalid_parameter("MaxNumberOfMessages", receive.max, "Must be between 1 and 10, if provided"));
        }
        let clock = self.clock();
        let started = clock.now();
        loop {
            let mut changed = self.subscribe(queue)?;
            let (taken, wait, next) = self.take(queue, receive)?;
            let deadline = started + wait;
            if !taken.is_empty() || clock.now() >= deadline {
                return Ok(taken);
            }
            let wake = next.map_or(deadline, |next| next.min(deadline));
            tokio::select! {
                _ = changed.changed() => {}
                () = clock.sleep_until(wake) => {}
            }
        }
    }

    fn take(&self, queue: &str, receive: Receive) -> Result<(Vec<Received>, Duration, Option<OffsetDateTime>), SqsError> {
        let now = self.clock().now();
        let mut state = self.lock();
        let limit = self.settings().max_messages;
        let redrive = state.find(queue)?.attributes.redrive().cloned();
        // Without its dead-letter queue, or with a full one, a queue goes on delivering: nothing is lost.
        let target = redrive.and_then(|r| {
            let target = state.find(&r.target_arn).ok().filter(|q| q.len() < limit)?;
            Some((target.name.clone(), r.max_receive_count))
        });
        let queue = state.find_mut(queue)?;
        queue.settle(now);
        let wait = receive.wait.unwrap_or_else(|| queue.attributes.receive_wait());
        if wait > MAX_WAIT {
            return Err(invalid_parameter("WaitTimeSeconds", wait.as_secs(), "Must be >= 0 and <= 20, if provided"));
        }
        let visibility = receive.visibility.unwrap_or_else(|| queue.attributes.visibility_timeout());
        if visibility > MAX_VISIBILITY {
            return Err(invalid_parameter(
                "VisibilityTimeout",
                visibility.as_secs(),
                "Must be between 0 and 43200, if provided",
            ));
        }
        if wait.is_zero() && !queue.attributes.is_fifo() && queue.depth().in_flight >= self.settings().max_in_flight {
            return Err(SqsError::OverLimit(format!("queue {} has {}", queue.name, queue.depth().in_flight)));
        }
        let source_arn = queue.arn.clone();
        let max = receive.max.min(self.settings().max_in_flight.saturating_sub(queue.depth().in_flight));
        let Taken { received, exhausted } = queue.take(max, visibility, target.as_ref().map(|t| t.1), now);
        let next = queue.next_change();
        if let Some((name, _)) = target {
            for message in exhausted {
                let position = state.next_position(0);
                let Some(queue) = state.queues.get_mut(&name) else { break };
                let fifo = queue.attributes.is_fifo();
                queue.put(position, message.into_dead_letter(&source_arn, fifo, now), Duration::ZERO, now);
            }
        }
        Ok((received, wait, next))
    }
}
