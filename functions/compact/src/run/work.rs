//! The processor's part of a batch: outputs are made of the inputs that have arrived, on another thread.
//!
//! A thread is held only while there is something to do, never while a request is waited for. One whose batch is given up
//! ends by itself: it sends no request, and until then what it holds is accounted for.

use std::mem;
use std::sync::Arc;

use brigade::budget::Held;
use brigade::storage::Location;
use bytes::Bytes;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::product::{Made, Making, Unmade, Unreadable};

/// Inputs that have arrived and wait for the processor.
const AHEAD: usize = 8;

/// An input, and the memory that it holds until its work is done.
type Arrived = (Location, Bytes, Held);

/// What is made so far, and the memory that it holds wherever it is.
struct Draft {
    making: Box<dyn Making>,
    /// From the first one on nothing is made any more: the other inputs are looked at alone, so that one round finds all of
    /// these.
    unreadable: Vec<Unreadable>,
    _room: Arc<Held>,
}

/// The outputs of one batch, being made.
pub(super) struct Work {
    /// `None` while a thread has it.
    draft: Option<Draft>,
    thread: Option<JoinHandle<Result<Draft, Unmade>>>,
    waiting: Vec<Arrived>,
}

impl Work {
    /// Begins without any. `room` is the batch's memory.
    pub(super) fn new(making: Box<dyn Making>, room: Arc<Held>) -> Self {
        let draft = Draft { making, unreadable: Vec::new(), _room: room };
        Self { draft: Some(draft), thread: None, waiting: Vec::new() }
    }

    /// An input has arrived.
    pub(super) fn add(&mut self, at: Location, body: Bytes, held: Held) {
        self.waiting.push((at, body, held));
        self.go_on();
    }

    /// A thread is at work: [`Work::step`] has something to wait for.
    pub(super) fn is_busy(&self) -> bool {
        self.thread.is_some()
    }

    /// So much waits that nothing more should be fetched; then it is busy, too.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= AHEAD
    }

    /// Waits until the thread is done, and lets one take what has arrived meanwhile. It may be dropped and called again.
    pub(super) async fn step(&mut self) -> Result<(), Unmade> {
        let Some(thread) = &mut self.thread else { return Ok(()) };
        let done = thread.await;
        self.thread = None;
        self.draft = Some(result(done)?);
        self.go_on();
        Ok(())
    }

    /// The outputs of all that was added.
    pub(super) async fn finish(mut self) -> Result<Made, Unmade> {
        while self.is_busy() {
            self.step().await?;
        }
        // It is gone only where a step has failed before.
        let draft = self.draft.ok_or(Unmade::Before)?;
        result(spawn_blocking(move || draft.finish()).await)
    }

    fn go_on(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        if let Some(draft) = self.draft.take() {
            let inputs = mem::take(&mut self.waiting);
            self.thread = Some(spawn_blocking(move || draft.add_all(inputs)));
        }
    }
}

impl Draft {
    fn add_all(mut self, inputs: Vec<Arrived>) -> Result<Self, Unmade> {
        for (at, body, _held) in inputs {
            let usable = self.unreadable.is_empty();
            let added = if usable { self.making.add(&at, &body) } else { self.making.check(&at, &body) };
            match added {
                Err(Unmade::Unreadable(inputs)) => self.unreadable.extend(inputs),
                added => added?,
            }
        }
        Ok(self)
    }

    fn finish(self) -> Result<Made, Unmade> {
        if self.unreadable.is_empty() { self.making.finish() } else { Err(Unmade::Unreadable(self.unreadable)) }
    }
}

fn result<T>(done: Result<Result<T, Unmade>, JoinError>) -> Result<T, Unmade> {
    done?
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use brigade::budget::Memory;
    use brigade::event::{BucketName, ObjectKey};

    use super::*;

    /// Says that it is at work, and goes on when it is told to.
    struct Slow(Sender<()>, Receiver<()>);

    impl Making for Slow {
        fn add(&mut self, _: &Location, _: &[u8]) -> Result<(), Unmade> {
            self.0.send(()).unwrap();
            self.1.recv().unwrap();
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<Made, Unmade> {
            Ok(Made::default())
        }
    }

    #[tokio::test]
    async fn what_is_given_up_holds_its_memory_until_its_thread_has_ended() {
        let ((tell, told), (go_on, wait)) = (channel(), channel());
        let (inputs, batches) = (Memory::new(1024), Memory::new(1024));
        let mut work = Work::new(Box::new(Slow(tell, wait)), Arc::new(batches.hold(1024).await));
        let at = Location::new(BucketName::new("logs"), ObjectKey::new("a").unwrap());
        work.add(at, Bytes::new(), inputs.hold(1024).await);
        told.recv().unwrap();
        drop(work);
        for memory in [&inputs, &batches] {
            assert!(futures::poll!(Box::pin(memory.hold(1024))).is_pending());
        }
        go_on.send(()).unwrap();
        inputs.hold(1024).await;
        batches.hold(1024).await;
    }
}
