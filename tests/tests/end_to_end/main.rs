//! End to end: the real function binaries under the local cloud, driven by the AWS SDK.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

mod batches;
mod cleanup;
mod crashes;
mod faults;
mod photos;
mod refusals;
mod start;
mod storm;
mod world;
