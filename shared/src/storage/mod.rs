//! The storage core: a narrow [`Store`] in S3's own words, and the stores behind it.
//!
//! One contract suite (`tests/src/contract`) runs on every store, so that the embedded one can stand in for S3 in tests.

mod bounded;
pub mod embedded;
mod error;
pub mod faulty;
mod nonces;
mod object;
pub mod own_writes;
pub mod paging;
mod request;
#[cfg(feature = "aws")]
mod s3;
mod store;
#[cfg(test)]
pub(crate) mod trap;
pub mod upload;

pub use embedded::EmbeddedStore;
pub use error::{ErrorKind, Result, StoreError, kind_of};
pub use faulty::FaultyStore;
pub use nonces::Nonces;
pub use object::{
    Body, Deleted, GetObject, Listing, ObjectEntry, ObjectMeta, PartEntry, Put, Tags, UploadEntry, VersionEntry, VersionListing,
};
pub use own_writes::OwnWrites;
pub use request::{
    Checksum, Condition, Copy, CopySource, Delete, Encryption, Get, Head, List, ListUploads, ListVersions, Location, Metadata,
    PutOptions, Range, ReadCondition,
};
#[cfg(feature = "aws")]
pub use s3::S3Store;
pub use store::Store;
