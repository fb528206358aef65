//! The functions, as they are deployed in the world.

mod thumbnail;

pub(super) use thumbnail::ThumbnailDeployed;
