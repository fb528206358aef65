//! The worker shell.
