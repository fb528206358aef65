//! Event notifications: the delivery of each change to the topics, queues and functions that a bucket's configuration
//! names.
//!
//! The configuration and S3's rules for it are pure (`brigade::notification`); [`Notifier`] is the thin part that reads a
//! bucket's configuration when a change arrives and hands the document on.

mod destination;
mod dispatch;
mod faults;
mod message;

pub use destination::{DestinationProblem, Destinations};
pub use dispatch::{CONFIG_NAME, Counts, DestinationCheck, Notifier, NotifySettings, PENDING_MAX, PutConfigurationError};
pub use faults::NotifyFaults;

pub use brigade::notification::{
    Configuration, ConfigurationError, Destination, Draft, EventPattern, Filter, MAX_RULES, Rule, SUBSCRIBABLE,
};
