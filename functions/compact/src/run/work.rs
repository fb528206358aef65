//! The processor's part of a batch: outputs are made of the inputs that have arrived, on another thread.
//!
//! A thread is held only while there is something to do, never while a request is waited for. One whose batch is given up
//! ends by itself: it sends no request.

use std::mem;

use brigade::budget::Held;
use brigade::storage::Location;
use bytes::Bytes;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::product::{Made, Making, Unmade};

/// Inputs that have arrived and wait for the processor.
const AHEAD: usize = 8;

/// An input, and the memory that it holds until its work is done.
type Arrived = (Location, Bytes, Held);

/// The outputs of one batch, being made.
pub(super) struct Work {
    /// `None` while a thread has it.
    making: Option<Box<dyn Making>>,
    thread: Option<JoinHandle<Result<Box<dyn Making>, Unmade>>>,
    waiting: Vec<Arrived>,
}

impl Work {
    /// Begins without any.
    pub(super) fn new(making: Box<dyn Making>) -> Self {
        Self { making: Some(making), thread: None, waiting: Vec::new() }
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
        self.making = Some(result(done)?);
        self.go_on();
        Ok(())
    }

    /// The outputs of all that was added.
    pub(super) async fn finish(mut self) -> Result<Made, Unmade> {
        while self.is_busy() {
            self.step().await?;
        }
        // It is gone only where a step has failed before.
        let making = self.making.ok_or(Unmade::Before)?;
        result(spawn_blocking(move || making.finish()).await)
    }

    fn go_on(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        if let Some(making) = self.making.take() {
            let inputs = mem::take(&mut self.waiting);
            self.thread = Some(spawn_blocking(move || add_all(making, inputs)));
        }
    }
}

fn add_all(mut making: Box<dyn Making>, inputs: Vec<Arrived>) -> Result<Box<dyn Making>, Unmade> {
    for (at, body, _held) in inputs {
        making.add(&at, &body)?;
    }
    Ok(making)
}

fn result<T>(done: Result<Result<T, Unmade>, JoinError>) -> Result<T, Unmade> {
    done?
}
