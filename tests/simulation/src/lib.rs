//! A simulated world around the real function libraries: what one seed does, it does again.
//!
//! A run has an actor that changes sources, the events of those changes in an at-least-once queue, a few concurrent
//! invocations of the real worker through the real batch loop, and faults of every kind that S3, SQS and Lambda have.
//! All of it runs on one thread in simulated time. A scheduler draws from the seed who makes the next step: every request
//! of every invocation waits until it is let go, or until its invocation is killed there.
//!
//! A run has episodes. Each ends when the actor has paused, the faults have ceased, and nothing is left to do; then
//! [`invariants`] are checked. Many short episodes see more than a long one, because a later change of
//! a source repairs what an earlier one left wrong. Some invariants hold at every moment and are checked at every change.
//!
//! Run it in a current-thread runtime whose time is paused.
#![expect(clippy::expect_used, reason = "a simulation that can't be set up is a test that fails")]

mod compaction;
mod contents;
mod function;
mod functions;
mod gate;
pub mod invariants;
mod invocation;
mod layer;
mod part;
mod photos;
mod places;
mod queue;
mod report;
mod sabotage;
mod scenario;
mod scheduler;
mod search;
mod stream;
mod timeline;
mod topic;
mod witness;
mod world;

pub use compaction::Compaction;
pub use report::Report;
pub use sabotage::{Announcing, Compacting, Forwarding, Keeping, Sabotage};
pub use scenario::{Company, Scenario};
pub use search::{Found, first_caught, search, simulate};
pub use stream::Stream;
