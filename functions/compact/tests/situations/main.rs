//! The function in one situation at a time, each request held, let through or killed where the situation wants it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

mod damaged;
mod forgetting;
mod in_time;
mod itself;
mod stage;
mod taken_over;
mod windows;
