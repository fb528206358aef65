//! What must hold, as functions: the simulation and the end-to-end tests ask the same.
//!
//! A file for each kind of effect. Nothing here knows how a world is made: values in, what is not as it must be out.

mod derived;
mod queues;

pub use derived::{NoRegress, Objects, derived_is_f_of_source, read_all, rejected_sources_are_parked};
pub use queues::nothing_is_left;
