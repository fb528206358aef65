//! [`FaultyStore`]: any store with seeded faults.
//!
//! # Fault model
//!
//! What S3 promises is kept: a request that S3 answered with success is durable, and every read sees it. What the way to
//! S3 can do to a request is injected here, at most one fault per request:
//!
//! - **throttle**: S3 refuses before it does anything (`SlowDown`). Nothing has changed.
//! - **unavailable**: the request never arrives. Nothing has changed, but the caller can't know that.
//! - **reply lost**: a write lands, its reply does not. The caller sees the same as in the case before.
//! - **re-sent**: a write lands, its reply is lost, and the SDK sends it again by itself. The caller sees the second
//!   answer only: a 412 about its own write, a second version, a `NoSuchUpload` of an upload that it has just completed.
//! - **late**: a write is reported as failed and lands afterwards: after some further requests, or when
//!   [`FaultyStore::land_late`] is called, even when its sender has died. Conditions are judged when it lands.
//! - **cut**: a body ends with an error after its first piece.
//!
//! One fault is not drawn but [said](FaultyStore::refuse): S3 **refuses** whatever is asked of an object, as a policy or a
//! key does, until it is [allowed](FaultyStore::allow) again.
//!
//! Faults of the caller are the scheduler's: the pause hook is awaited before and after every request's effect, where a
//! simulation lets others run, or drops the future, which is a crash at that moment. A late write that is landing inside
//! of a future that is dropped may be lost for good.
//!
//! Not injected, because S3 doesn't do it: a stale read, a write half done, a listing without a finished write.
//!
//! The same seed and the same order of requests give the same faults. Bounds: 1,000 late writes wait (further ones are
//! not made late), the timeline keeps the last 2,000 lines.

mod inject;
mod port;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;

use super::{ErrorKind, Location, Result};

/// Late writes that wait at most.
const MAX_LATE: usize = 1_000;
/// Lines of the timeline.
const MAX_TIMELINE: usize = 2_000;

/// How likely each fault is, per request that it can happen to: 0.0 never, 1.0 always. Their sum is at most 1.0; what is
/// above it never happens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Refused before the effect.
    pub throttle: f64,
    /// Lost before the effect.
    pub unavailable: f64,
    /// Lost after the effect; writes only.
    pub reply_lost: f64,
    /// Lost after the effect, sent again by the SDK; writes only.
    pub resent: f64,
    /// Reported as failed, landing afterwards; writes only.
    pub late: f64,
    /// A late write lands by itself before one of this many further requests; 0 means only by `land_late`.
    pub late_within: u64,
    /// The body breaks off; GET only.
    pub cut: f64,
}

/// How often each fault really happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Requests in all.
    pub requests: u64,
    /// Refused before the effect.
    pub throttled: u64,
    /// Lost before the effect.
    pub unavailable: u64,
    /// Writes that landed and were reported as failed.
    pub reply_lost: u64,
    /// Writes that landed and were sent again.
    pub resent: u64,
    /// Writes that were put off.
    pub late: u64,
    /// Put-off writes that were sent in the end, whatever S3 answered.
    pub landed_late: u64,
    /// Bodies that broke off.
    pub cut: u64,
    /// Requests for an object that was to be refused.
    pub refused: u64,
}

/// Where a request stands when the pause hook is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has happened yet.
    BeforeEffect,
    /// The effect is durable, the caller does not know.
    AfterEffect,
}

/// A point at which a scheduler can let others run, or crash the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The request's number, from 1.
    pub request: u64,
    /// Such as `PutObject`.
    pub operation: &'static str,
    /// The bucket, or the bucket and key.
    pub place: String,
    /// Before or after the effect.
    pub moment: Moment,
}

/// Awaited at every [`Point`].
pub type Pause = Arc<dyn Fn(&Point) -> BoxFuture<'static, ()> + Send + Sync>;

/// A store whose requests fail as the fault model says. A handle: clones share faults, counts and timeline.
pub struct FaultyStore<S> {
    inner: Arc<S>,
    state: Arc<Mutex<State>>,
    pause: Option<Pause>,
}

impl<S> Clone for FaultyStore<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), state: Arc::clone(&self.state), pause: self.pause.clone() }
    }
}

struct State {
    faults: Faults,
    random: fastrand::Rng,
    counts: FaultCounts,
    timeline: VecDeque<String>,
    late: Vec<Late>,
    /// By the place as requests name it.
    refused: BTreeMap<String, ErrorKind>,
}

/// A write that was put off.
struct Late {
    request: u64,
    operation: &'static str,
    place: String,
    /// The number of the request before which it lands; `None` waits for `land_late`.
    due: Option<u64>,
    send: Box<dyn FnOnce() -> BoxFuture<'static, Result<()>> + Send>,
}

impl<S> FaultyStore<S> {
    /// `inner` with these faults, drawn from `seed`.
    pub fn new(inner: S, faults: Faults, seed: u64) -> Self {
        let state = State {
            faults,
            random: fastrand::Rng::with_seed(seed),
            counts: FaultCounts::default(),
            timeline: VecDeque::new(),
            late: Vec::new(),
            refused: BTreeMap::new(),
        };
        Self { inner: Arc::new(inner), state: Arc::new(Mutex::new(state)), pause: None }
    }

    /// Awaits `pause` at every point of every request of this handle and its later clones.
    pub fn with_pause(self, pause: Pause) -> Self {
        Self { pause: Some(pause), ..self }
    }

    /// The store behind, without faults.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Other faults from now on; `Faults::default()` is none, for the quiet end of a run. Late writes still wait.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// From now on every request for this object (not one that lists or removes several) is refused with an error of
    /// this kind, before it does anything.
    pub fn refuse(&self, at: &Location, kind: ErrorKind) {
        self.lock().refused.insert(at.to_string(), kind);
    }

    /// Requests for this object pass again.
    pub fn allow(&self, at: &Location) {
        self.lock().refused.remove(&at.to_string());
    }

    /// How often each fault happened so far.
    pub fn fired(&self) -> FaultCounts {
        self.lock().counts
    }

    /// How many late writes wait.
    pub fn waiting(&self) -> usize {
        self.lock().late.len()
    }

    /// The last requests, one line each: number, operation, place, what happened.
    pub fn timeline(&self) -> Vec<String> {
        self.lock().timeline.iter().cloned().collect()
    }

    /// Lands every late write, oldest first. Answers how many there were.
    pub async fn land_late(&self) -> usize {
        let waiting = std::mem::take(&mut self.lock().late);
        let number = waiting.len();
        self.land(waiting).await;
        number
    }

    async fn land(&self, waiting: Vec<Late>) {
        for late in waiting {
            let outcome = inject::outcome(&(late.send)().await);
            let mut state = self.lock();
            state.counts.landed_late += 1;
            state.note(format!("{} {} {}: landed late, {outcome}", late.request, late.operation, late.place));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, line: String) {
        if self.timeline.len() == MAX_TIMELINE {
            self.timeline.pop_front();
        }
        self.timeline.push_back(line);
    }
}
