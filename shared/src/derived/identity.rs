//! The marks on a derived object: whose it is, what it was made from, and under which configuration.
//!
//! They live in user metadata, which is no part of the etag and is never compared byte for byte.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::hex;
use crate::storage::{Location, Metadata, ObjectMeta};

/// Names the source object: a digest of its bucket and key, since a key need not be ASCII.
pub const SOURCE: &str = "brigade-source";
/// Names the source's content: its etag, and a full-object checksum where it has one.
pub const VERSION: &str = "brigade-version";
/// Names the configuration: generation and digest.
pub const CONFIG: &str = "brigade-config";

/// Tells that an object is [`WITHDRAWN`]: as metadata, which a HEAD shows, and as a tag, which a lifecycle rule acts on.
pub const STATE: &str = "brigade-state";
/// Its source is gone, and it is kept for a while. Nobody takes such an object for current.
pub const WITHDRAWN: &str = "withdrawn";

/// The object is withdrawn.
pub fn is_withdrawn(meta: &ObjectMeta) -> bool {
    meta.metadata.get(STATE).is_some_and(|state| state == WITHDRAWN)
}

/// The value of `brigade-source` for the derived objects of `source`: 32 hex digits.
pub fn owner_mark(source: &Location) -> String {
    // A bucket name has no NUL, so the two parts can't be confused.
    let digest =
        Sha256::new().chain_update(source.bucket.as_str()).chain_update([0]).chain_update(source.key.as_str()).finalize();
    hex(digest.iter().take(16))
}

/// What a source's content is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceVersion {
    etag: String,
    checksum: Option<String>,
}

impl SourceVersion {
    /// As a HEAD or GET told it.
    pub fn of(meta: &ObjectMeta) -> Self {
        Self { etag: meta.etag.clone(), checksum: meta.checksum.clone() }
    }

    /// The same content: by full-object checksum where both have one (a re-encryption or a copy onto itself changes the
    /// etag and not the bytes), by etag otherwise.
    pub fn is_same_content(&self, other: &Self) -> bool {
        match (&self.checksum, &other.checksum) {
            (Some(a), Some(b)) if a.split(':').next() == b.split(':').next() => a == b,
            _ => self.etag == other.etag,
        }
    }

    fn parse(text: &str) -> Self {
        match text.split_once(' ') {
            Some((etag, checksum)) => Self { etag: etag.to_owned(), checksum: Some(checksum.to_owned()) },
            None => Self { etag: text.to_owned(), checksum: None },
        }
    }
}

impl fmt::Display for SourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.checksum {
            Some(checksum) => write!(f, "{} {checksum}", self.etag),
            None => f.write_str(&self.etag),
        }
    }
}

/// The part of the configuration that `f` depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigId {
    /// Grows with each change of the configuration; a worker that meets a higher one yields.
    pub generation: u32,
    /// A digest of every setting that changes derived bytes.
    pub digest: String,
}

impl ConfigId {
    /// A generation, and a digest of `settings`: any text that names every setting that changes derived bytes.
    pub fn new(generation: u32, settings: &str) -> Self {
        let digest = Sha256::digest(settings);
        Self { generation, digest: hex(digest.iter().take(8)) }
    }

    fn parse(text: &str) -> Option<Self> {
        let (generation, digest) = text.split_once('-')?;
        Some(Self { generation: generation.parse().ok()?, digest: digest.to_owned() })
    }
}

impl fmt::Display for ConfigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.generation, self.digest)
    }
}

/// The three marks together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// See [`owner_mark`].
    pub source: String,
    /// What it was made from.
    pub version: SourceVersion,
    /// Under which configuration.
    pub config: ConfigId,
}

impl Marks {
    /// Metadata for a PUT.
    pub fn to_metadata(&self) -> Metadata {
        [(SOURCE, self.source.clone()), (VERSION, self.version.to_string()), (CONFIG, self.config.to_string())]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The marks that an object carries, where it carries all three.
    pub fn of(meta: &ObjectMeta) -> Option<Self> {
        Some(Self {
            source: meta.metadata.get(SOURCE)?.clone(),
            version: SourceVersion::parse(meta.metadata.get(VERSION)?),
            config: ConfigId::parse(meta.metadata.get(CONFIG)?)?,
        })
    }

    /// An object with these marks need not be made again.
    pub fn are_current(&self, wanted: &Self) -> bool {
        self.source == wanted.source && self.config == wanted.config && self.version.is_same_content(&wanted.version)
    }
}
