//! The functions, as they are deployed in the world.

mod cleanup;
mod thumbnail;

pub(super) use cleanup::CleanupDeployed;
pub(super) use thumbnail::ThumbnailDeployed;
