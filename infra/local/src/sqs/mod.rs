//! Simple Queue Service: the queues, and the protocols that clients speak to them.
//!
//! [`Queues`] is the engine and the in-process interface; `json` and `query` serve it in AWS's two protocols. Time comes from
//! [`Clock`](crate::clock::Clock) alone, so tests pass visibility timeouts without waiting for them.
//!
//! Different from SQS: names are unique across regions (a queue is in the region of whoever created it), counts are exact,
//! a deleted name can be used again at once, purges are immediate, and policies and encryption are kept but not enforced.

mod actions;
mod attributes;
mod batch;
mod dedup;
mod digest;
mod engine;
mod error;
mod faults;
pub(crate) mod json;
mod message;
mod order;
pub(crate) mod query;
mod queue;
mod receiving;
mod sending;
mod stored;
mod wire;

pub use attributes::{MAX_MESSAGE_BYTES, QueueAttributes, Redrive};
pub(crate) use dedup::{Dedup, content_id};
pub use digest::{md5_of_attributes, md5_of_body};
pub(crate) use engine::uuid;
pub use engine::{Queues, Settings};
pub use error::SqsError;
pub use faults::{FaultCounts, Faults, REORDER_WINDOW};
pub use message::{AttributeValue, MAX_MESSAGE_ATTRIBUTES, MessageAttribute, Outgoing, Received, Sent, size};
pub use queue::Depth;
pub use receiving::{MAX_BATCH, Receive};

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
