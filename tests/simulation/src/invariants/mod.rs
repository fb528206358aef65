//! What must hold, as functions: the simulation and the end-to-end tests ask the same.
//!
//! A file for each kind of effect. Nothing here knows how a world is made: values in, what is not as it must be out.

mod derived;
mod forwarding;
mod progress;
mod queues;

pub use derived::{Objects, derived_is_f_of_source, read_all, rejected_sources_are_parked};
pub use forwarding::{
    Consumer, Forwarded, consumer_sees_only_newer, newest_is_forwarded, nobody_waits_for_itself, repeated_only_after_a_death,
    request_is_within_limits,
};
pub use progress::Progress;
pub use queues::{announcements_are_bounded, nothing_is_left};
