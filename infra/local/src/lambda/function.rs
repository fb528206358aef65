//! One function as its callers, its mapping and its sandboxes see it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

use super::HostError;
use super::invocation::Invocation;
use super::spec::FunctionSpec;

/// Invocations that may wait for a free process; further ones are throttled.
const WAITING: usize = 256;

/// Whether a function can work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionState {
    /// No process has asked for work yet.
    Starting,
    /// A process has asked for work.
    Ready,
    /// The last process of a sandbox died again and again before it asked for work. `kill` makes the host try again.
    Failed(String),
}

/// What callers and sandboxes share.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) spec: FunctionSpec,
    pub(super) arn: String,
    pub(super) state: watch::Sender<FunctionState>,
    pub(super) paused: watch::Sender<bool>,
    /// Counts the demands to kill all processes.
    pub(super) kills: watch::Sender<u64>,
    waiting: mpsc::Sender<Invocation>,
    /// Shared by the function's sandboxes; each holds it while it waits for work.
    work: Mutex<mpsc::Receiver<Invocation>>,
    /// How long the last finished invocation took, in microseconds.
    usual: AtomicU64,
}

impl Function {
    pub(super) fn new(spec: FunctionSpec, arn: String) -> Self {
        let (waiting, work) = mpsc::channel(WAITING);
        Function {
            spec,
            arn,
            state: watch::Sender::new(FunctionState::Starting),
            paused: watch::Sender::new(false),
            kills: watch::Sender::new(0),
            waiting,
            work: Mutex::new(work),
            usual: AtomicU64::new(0),
        }
    }

    /// Lets an invocation wait for a free process.
    pub(super) fn enqueue(&self, invocation: Invocation) -> Result<(), HostError> {
        self.waiting.try_send(invocation).map_err(|_| HostError::Throttled(self.spec.name.clone()))
    }

    /// The next invocation for a free process. Safe to drop while waiting.
    pub(super) async fn take(&self) -> Invocation {
        loop {
            match self.work.lock().await.recv().await {
                Some(invocation) => return invocation,
                // Not reachable: the function holds a sender itself. Waiting is right in any case.
                None => std::future::pending().await,
            }
        }
    }

    /// How long an invocation took last.
    pub(super) fn usual(&self) -> Duration {
        Duration::from_micros(self.usual.load(Ordering::Relaxed))
    }

    pub(super) fn took(&self, duration: Duration) {
        self.usual.store(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Returns once the mapping may hand it messages: a process has asked for work, and it is not paused. So a function that
    /// never starts uses up none of its messages' receives.
    pub(super) async fn open_for_messages(&self) {
        let (mut paused, mut state) = (self.paused.subscribe(), self.state.subscribe());
        loop {
            // The senders live as long as the function, so neither wait ends with an error.
            let _ = paused.wait_for(|paused| !paused).await;
            let _ = state.wait_for(|state| *state == FunctionState::Ready).await;
            if self.is_open() {
                return;
            }
        }
    }

    /// Returns once the mapping may hand it no more messages.
    pub(super) async fn closed_for_messages(&self) {
        let (mut paused, mut state) = (self.paused.subscribe(), self.state.subscribe());
        while self.is_open() {
            tokio::select! {
                _ = paused.changed() => {}
                _ = state.changed() => {}
            }
        }
    }

    fn is_open(&self) -> bool {
        !*self.paused.borrow() && *self.state.borrow() == FunctionState::Ready
    }
}
