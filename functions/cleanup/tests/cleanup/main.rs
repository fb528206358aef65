//! The cleanup function on the embedded store, beside a worker that makes derived objects through the same loop.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

mod events;
mod races;
mod versions;
mod withdrawal;
mod world;
