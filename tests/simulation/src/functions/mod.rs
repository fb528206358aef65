//! The functions, as they are deployed in the world.

mod cleanup;
mod compact;
mod dedupe;
mod thumbnail;

pub(super) use cleanup::CleanupDeployed;
pub(super) use compact::CompactDeployed;
pub(super) use dedupe::DedupeDeployed;
pub(super) use thumbnail::ThumbnailDeployed;
