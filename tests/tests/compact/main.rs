//! The real compaction binary under the local cloud: duplicates, three workers, SIGKILL; logs of the cloud's own traffic;
//! what a million log objects cost.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

mod costs;
mod kills;
mod path;
mod table;
