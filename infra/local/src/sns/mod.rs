//! Simple Notification Service: topics that fan out to queues, and the protocol that clients speak to them.
//!
//! [`Topics`] is the engine and the in-process interface. Delivery is immediate: when a publish returns, the message is in
//! the queues. What goes wrong on the way is the queues' own [`Faults`](crate::sqs::Faults).

mod condition;
mod envelope;
mod error;
mod filter;
pub(crate) mod protocol;
mod publishing;
mod subscription;
mod topics;

pub use envelope::Publication;
pub use error::SnsError;
pub use filter::{FilterPolicy, Scope};
pub use publishing::{DeliveryCounts, FunctionSink, Publish};
pub use subscription::{Protocol, Subscription};
pub use topics::Topics;

#[cfg(test)]
mod tests;
