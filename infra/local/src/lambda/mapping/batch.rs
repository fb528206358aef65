//! Gathering a batch: until it is full, its window ends, or its event would exceed Lambda's payload.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::function::Function;
use super::super::invocation::MAX_PAYLOAD;
use super::event::{FRAME, record};
use super::{MAX_PLAIN_BATCH, MappingSpec};
use crate::sqs::{Queues, Receive, Received, SqsError};

/// How long a poller waits for a first message before it looks around again; SQS's longest wait.
const LONG_POLL: Duration = Duration::from_secs(20);

/// A received message and its record of the event.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) message: Received,
    pub(super) record: String,
}

/// The messages of one invocation.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    /// Of the event; at most one too many.
    bytes: usize,
    /// Bytes that the event may have.
    limit: usize,
}

impl Batch {
    fn new(limit: usize) -> Self {
        Batch { items: Vec::new(), bytes: FRAME, limit }
    }

    /// Whether the event stays small enough with this message. A first message always fits: SQS's 1 MiB stay below Lambda's
    /// 6 MB even where every character is escaped.
    fn has_room_for(&self, item: &Item) -> bool {
        self.items.is_empty() || self.grown_by(item) <= self.limit
    }

    fn grown_by(&self, item: &Item) -> usize {
        self.bytes.saturating_add(item.record.len()).saturating_add(1)
    }

    /// Adds what fits; from the first message that doesn't, all are left over, so that their order stays.
    fn add_all(&mut self, items: impl IntoIterator<Item = Item>) -> VecDeque<Item> {
        let mut left = VecDeque::new();
        for item in items {
            if left.is_empty() && self.has_room_for(&item) {
                self.bytes = self.grown_by(&item);
                self.items.push(item);
            } else {
                left.push_back(item);
            }
        }
        left
    }
}

/// Where a poller's messages come from.
pub(super) struct Source<'a> {
    pub(super) queues: &'a Queues,
    pub(super) mapping: &'a MappingSpec,
    pub(super) function: &'a Function,
    /// Messages that did not fit into the batch before; they are in flight already.
    pub(super) left: VecDeque<Item>,
}

impl Source<'_> {
    /// The next batch; empty where no message came for a while, or the function takes none any more.
    ///
    /// # Errors
    /// Those of [`Queues::receive_with`]: the queue is gone, or too many of its messages are in flight.
    pub(super) async fn gather(&mut self) -> Result<Batch, SqsError> {
        let mut batch = Batch::new(MAX_PAYLOAD);
        self.left = batch.add_all(std::mem::take(&mut self.left));
        if batch.items.is_empty() {
            // A receive that is dropped while it waits takes nothing.
            let first = tokio::select! {
                biased;
                () = self.function.closed_for_messages() => Vec::new(),
                first = self.receive(&batch, LONG_POLL) => first?,
            };
            self.left = batch.add_all(first);
        }
        let clock = self.queues.clock();
        let end = clock.now() + self.mapping.window;
        while !batch.items.is_empty() && self.left.is_empty() && batch.items.len() < self.mapping.batch_size {
            let rest = Duration::try_from(end - clock.now()).unwrap_or_default();
            if rest.is_zero() {
                break;
            }
            // What is wrong with the queue shows again at the next batch; this one is worked on as it is.
            let Ok(more) = self.receive(&batch, rest.min(LONG_POLL)).await else { break };
            self.left = batch.add_all(more);
        }
        self.give_back_fifo();
        Ok(batch)
    }

    /// One receive, of ten at most as Lambda's pollers do: that bounds what is left over.
    async fn receive(&self, batch: &Batch, wait: Duration) -> Result<Vec<Item>, SqsError> {
        let attributes = self.queues.parsed_attributes(&self.mapping.queue)?;
        let visibility = self.mapping.visibility(&attributes, self.function.spec.timeout);
        let max = self.mapping.batch_size.saturating_sub(batch.items.len()).clamp(1, MAX_PLAIN_BATCH);
        let receive = Receive { max, wait: Some(wait), visibility: Some(visibility) };
        let arn = self.queues.arn(&self.mapping.queue)?;
        let received = self.queues.receive_with(&self.mapping.queue, receive).await?;
        Ok(received.into_iter().map(|message| Item { record: record(&message, &arn), message }).collect())
    }

    /// A FIFO queue's left-over messages go back: if an earlier one of their group fails, they must not overtake it.
    fn give_back_fifo(&mut self) {
        let is_fifo = self.queues.parsed_attributes(&self.mapping.queue).is_ok_and(|attributes| attributes.is_fifo());
        if self.left.is_empty() || !is_fifo {
            return;
        }
        for item in self.left.drain(..) {
            // Where that is refused the message is visible again already, or will be by itself.
            let _ = self.queues.change_visibility(&self.mapping.queue, &item.message.receipt_handle, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::event;
    use super::*;

    fn item(id: usize, bytes: usize) -> Item {
        let message = Received {
            message_id: id.to_string(),
            receipt_handle: String::new(),
            body: "x".repeat(bytes),
            md5: String::new(),
            attributes: [].into(),
            message_attributes: [].into(),
        };
        Item { record: record(&message, "arn:aws:sqs:r:a:q"), message }
    }

    #[test]
    fn a_batch_ends_before_its_event_is_too_large_and_keeps_the_order() {
        let items: Vec<Item> = (0..10).map(|id| item(id, if id == 5 { 3_000 } else { 1_000 })).collect();
        let mut batch = Batch::new(8_000);
        let left = batch.add_all(items);
        let ids = |items: &mut dyn Iterator<Item = &Item>| items.map(|i| i.message.message_id.clone()).collect::<String>();
        assert_eq!(ids(&mut batch.items.iter()), "01234");
        assert_eq!(ids(&mut left.iter()), "56789");
        let records: Vec<String> = batch.items.iter().map(|item| item.record.clone()).collect();
        assert_eq!(event(&records).len() + 1, batch.bytes);
    }

    #[test]
    fn a_message_alone_always_goes() {
        let mut batch = Batch::new(100);
        assert!(batch.add_all([item(0, 1_000)]).is_empty());
        assert_eq!(batch.add_all([item(1, 1)]).len(), 1);
    }
}
