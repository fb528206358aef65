//! Event notifications: a bucket's configuration, the rules that S3 holds it to, and the delivery of each change to the
//! topics, queues and functions that asked for it.
//!
//! The configuration and its rules are pure ([`Configuration`]); [`Notifier`] is the thin part that reads a bucket's
//! configuration when a change arrives and hands the document on.

mod destination;
mod dispatch;
mod events;
mod faults;
mod message;
mod model;
mod validate;

pub use destination::{DestinationProblem, Destinations};
pub use dispatch::{CONFIG_NAME, Counts, DestinationCheck, Notifier, NotifySettings, PENDING_MAX, PutConfigurationError};
pub use events::{EventPattern, SUBSCRIBABLE};
pub use faults::NotifyFaults;
pub use model::{Configuration, Destination, Filter, Rule};
pub use validate::{ConfigurationError, Draft, MAX_RULES};
