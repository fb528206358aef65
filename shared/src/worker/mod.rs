//! The worker shell: what a function implements, and everything around it that every function needs.
//!
//! A record ends in exactly one [`Verdict`]; the batch loop bounds what runs at once, fences a
//! panic to the record that caused it, ends in time, and answers each caller in the form that it requires.

mod batch;
mod finish;
mod lines;
mod pace;
mod park;
pub mod queue;
mod reply;
mod settle;
#[cfg(feature = "lambda")]
mod shell;
mod tally;
pub mod topic;

use async_trait::async_trait;

use crate::budget::Deadline;
use crate::config::{Common, Span};
use crate::event::{EventKind, ObjectEvent};
use crate::verdict::{Outcome, Reason, Verdict};

pub use batch::{BatchResult, run_messages};
pub use lines::{Lines, StandardOutput};
pub use pace::Pace;
pub use park::{PARKED_VERSION, parked};
pub use queue::Queue;
pub use reply::{run_direct, run_job, run_schedule};
#[cfg(feature = "lambda")]
pub use shell::{fail_start, serve, serve_payloads};
pub use topic::Topic;

/// What a function does with one record. It takes from the event only which key to look at.
#[async_trait]
pub trait Worker: Send + Sync {
    /// The function's short name, such as `thumbnail`.
    fn name(&self) -> &'static str;

    /// What of the event stream it takes; anything else is skipped as `not-mine`.
    fn input(&self) -> &[Span];

    /// Why it has nothing to do with events of this kind; `None`: it takes them. What it refuses is skipped with that reason,
    /// and stands for no other record.
    fn refuses(&self, _kind: &EventKind) -> Option<Reason> {
        None
    }

    /// Handles one record, and ends before `deadline.work_ends()` where it can: after that it is dropped in mid-flight.
    ///
    /// Several records of a batch that name the same object are handled once, with the newest of those that it takes.
    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome;

    /// The function as one that handles a batch together; then [`Worker::handle`] is a batch of one, and the batch loop
    /// never calls it. `None`: each object by itself.
    fn together(&self) -> Option<&dyn Together> {
        None
    }

    /// Does what is due without an event: EventBridge's scheduler has invoked the function.
    async fn on_schedule(&self, _deadline: Deadline) -> Outcome {
        Verdict::skip("no-schedule", "this function does nothing on a schedule").into()
    }
}

/// A function for which one request serves many records, such as a conditional write that claims them all.
#[async_trait]
pub trait Together: Send + Sync {
    /// Handles the records of a batch that the function takes, in the order of their arrival and with whatever repeats
    /// among them: an outcome for each, in that order. What it does not answer is given back as unstarted.
    ///
    /// It ends before `deadline.work_ends()` where it can: after that it is dropped in mid-flight, and all are given back.
    /// No late look is queued for its records, since whoever claims what it does needs none.
    async fn handle_all(&self, events: &[&ObjectEvent], deadline: Deadline) -> Vec<Outcome>;
}

/// What every batch of a process shares.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The function.
    pub worker: &'a dyn Worker,
    /// Its configuration.
    pub common: &'a Common,
    /// For parking, looking again and visibility.
    pub queue: &'a dyn Queue,
    /// Where queues are, when not at AWS.
    pub endpoint: Option<&'a str>,
    /// How long records have taken so far.
    pub pace: &'a Pace,
    /// Where log and metric lines go.
    pub lines: &'a dyn Lines,
}
