//! The worker shell.

pub mod queue;
