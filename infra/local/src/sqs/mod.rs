//! Simple Queue Service: the queues, and the protocols that clients speak to them.
//!
//! [`Queues`] is the engine and the in-process interface; `protocol` serves it as AWS JSON 1.0. Time comes from
//! [`Clock`](crate::clock::Clock) alone, so tests pass visibility timeouts without waiting for them.

mod attributes;
mod dedup;
mod digest;
mod engine;
mod error;
mod faults;
mod message;
mod order;
mod queue;
mod sending;

pub use attributes::{MAX_MESSAGE_BYTES, QueueAttributes, Redrive};
pub(crate) use dedup::content_id;
pub use digest::{md5_of_attributes, md5_of_body};
pub(crate) use engine::uuid;
pub use engine::{MAX_BATCH, Queues, Receive, Settings};
pub use error::SqsError;
pub use faults::{FaultCounts, Faults, REORDER_WINDOW};
pub use message::{AttributeValue, MAX_MESSAGE_ATTRIBUTES, MessageAttribute, Outgoing, Received, Sent, size};
pub use queue::Depth;

#[cfg(test)]
mod tests;
