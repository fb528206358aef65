//! [`EmbeddedStore`]: S3's semantics in memory, for tests, simulations and the local cloud.
//!
//! Strongly consistent: one lock guards all state, and every request is one step under it. Nothing waits, so every future
//! is ready at its first poll. Nothing is random but by the seed, and the time comes from one clock, so that a simulation
//! replays. Errors carry S3's own codes and messages.
//!
//! What it bounds: the bytes held (versions, markers and parts, with an overhead each), 1,000 buckets, 64 configurations
//! of a bucket. At a bound a request is refused as `Invalid`, and the message has the figures.
//!
//! What it leaves out: access control, object lock, bucket default encryption, expiry of unfinished uploads.

mod buckets;
mod change;
mod content;
mod copy;
mod delete;
mod digest;
mod listing;
mod multipart;
mod object;
mod port;
mod read;
mod refusal;
mod rules;
mod state;
mod supply;
mod tags;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use time::OffsetDateTime;

pub use self::buckets::{BucketInfo, Versioning};
pub use self::change::Change;
use self::change::{Clock, Listener};
pub use self::copy::Directive;
use self::state::{Room, State};
use self::supply::Supply;
use super::Result;

/// What a store holds at most unless [`EmbeddedStore::with_capacity`] says otherwise: 4 GiB.
const DEFAULT_CAPACITY: u64 = 4 * 1024 * 1024 * 1024;

/// S3 in memory. A handle: clones share one store.
#[derive(Clone)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    listeners: Mutex<Vec<Listener>>,
    /// Held by the one caller that tells changes, so that they are told in order.
    telling: Mutex<()>,
}

impl Default for EmbeddedStore {
    fn default() -> Self {
        Self::new()
    }
}

impl EmbeddedStore {
    /// An empty store with the system's clock, seed 0 and room for 4 GiB.
    pub fn new() -> Self {
        let supply = Supply::new(Arc::new(OffsetDateTime::now_utc), 0);
        let room = Room { used: 0, total: DEFAULT_CAPACITY };
        let state = State { buckets: BTreeMap::new(), supply, room, untold: VecDeque::new() };
        let shared = Shared { state: Mutex::new(state), listeners: Mutex::default(), telling: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Takes the time from `clock` from now on; it is read under the store's lock and must not call the store.
    pub fn with_clock(self, clock: Clock) -> Self {
        self.lock().supply.clock = clock;
        self
    }

    /// Draws version ids, upload ids and KMS etags from `seed` from now on.
    pub fn with_seed(self, seed: u64) -> Self {
        self.lock().supply.reseed(seed);
        self
    }

    /// Holds at most `bytes`, each version, marker and part counted with its overhead.
    pub fn with_capacity(self, bytes: u64) -> Self {
        self.lock().room.total = bytes;
        self
    }

    /// What is held, in bytes, as it counts against the capacity.
    pub fn used(&self) -> u64 {
        self.lock().room.used
    }

    /// Calls `listener` for each durable change, in the order of changes, before the changing call returns.
    ///
    /// A listener may call the store; the changes that it makes are told after the present one. Where another thread is
    /// telling at that moment, it tells this thread's change too, and the call may return a little earlier.
    pub fn subscribe(&self, listener: Arc<dyn Fn(&Change) + Send + Sync>) {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// What the store's clock shows, to the second: the `Date` of an answer.
    pub fn date(&self) -> Option<OffsetDateTime> {
        Some(object::to_the_second((self.lock().supply.clock)()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a caller's clock leaves no half-made change behind: the clock is read before anything is changed.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write: a step under the lock, then its changes are told without it.
    fn write<T>(&self, step: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let result = step(&mut self.lock());
        self.tell();
        result
    }

    fn tell(&self) {
        loop {
            let telling = match self.shared.telling.try_lock() {
                Ok(telling) => telling,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // Whoever tells now looks again after it has let go, so no change stays behind.
                Err(TryLockError::WouldBlock) => return,
            };
            while let Some(change) = self.next_untold() {
                let listeners = self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
                listeners.iter().for_each(|listener| listener(&change));
            }
            drop(telling);
            if self.lock().untold.is_empty() {
                return;
            }
        }
    }

    fn next_untold(&self) -> Option<Change> {
        self.lock().untold.pop_front()
    }
}
