//! What a store is asked: places, conditions and options, in S3's words.

use std::collections::BTreeMap;
use std::fmt;

use super::Tags;
use crate::event::{BucketName, ObjectKey};

/// User metadata (`x-amz-meta-…`): ASCII, 2 KB at most in all, names in lower case without the prefix.
pub type Metadata = BTreeMap<String, String>;

/// A bucket and a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// A name, or an access point's ARN or alias.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
}

impl Location {
    /// A place in a bucket.
    pub fn new(bucket: BucketName, key: ObjectKey) -> Self {
        Self { bucket, key }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// What must hold for a write or a removal to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: the last writer wins.
    #[default]
    None,
    /// `If-None-Match: *`: no current object. (A delete marker counts as none.)
    IfAbsent,
    /// `If-Match`: the current object has this etag. Gone is `NotFound`, another etag is `PreconditionFailed`.
    IfMatch(String),
}

/// What must hold for a read to answer with bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReadCondition {
    /// Nothing.
    #[default]
    None,
    /// Else `PreconditionFailed`.
    IfMatch(String),
    /// Else `NotModified`.
    IfNoneMatch(String),
}

/// A range of bytes as HTTP has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// `bytes=first-last`, both inclusive.
    FromTo(u64, u64),
    /// `bytes=first-`.
    From(u64),
    /// `bytes=-n`: the last n bytes.
    Last(u64),
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromTo(first, last) => write!(f, "bytes={first}-{last}"),
            Self::From(first) => write!(f, "bytes={first}-"),
            Self::Last(n) => write!(f, "bytes=-{n}"),
        }
    }
}

/// Options of a HEAD.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// A version other than the current one.
    pub version_id: Option<String>,
}

/// Options of a GET.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Get {
    /// A version other than the current one.
    pub version_id: Option<String>,
    /// A part of the object.
    pub range: Option<Range>,
    /// Bytes only if this holds.
    pub condition: ReadCondition,
}

/// Server-side encryption of what is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Whatever the bucket's default is: no header is sent.
    #[default]
    Bucket,
    /// SSE-S3.
    Aes256,
    /// SSE-KMS with this key's ARN, and a bucket key.
    Kms(String),
}

/// A checksum for the store to verify what arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// CRC64NVME, S3's own default, computed on the way.
    #[default]
    Crc64Nvme,
    /// SHA-256, computed on the way.
    Sha256,
}

/// Options of a PUT, of a copy's destination and of a multipart upload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PutOptions {
    /// What must hold. For a multipart upload it is checked when the upload is completed.
    pub condition: Condition,
    /// The `Content-Type` to answer a GET with.
    pub content_type: Option<String>,
    /// The `Cache-Control` to answer a GET with.
    pub cache_control: Option<String>,
    /// User metadata.
    pub metadata: Metadata,
    /// Tags.
    pub tags: Tags,
    /// Such as `STANDARD_IA`; `None` is `STANDARD`.
    pub storage_class: Option<String>,
    /// Server-side encryption.
    pub encryption: Encryption,
    /// How the transfer is verified.
    pub checksum: Checksum,
}

/// A copy's source.
#[derive(Clone, Debug, PartialEq)]
pub struct CopySource {
    /// Where it is.
    pub at: Location,
    /// A version other than the current one.
    pub version_id: Option<String>,
    /// `x-amz-copy-source-if-match`.
    pub if_match: Option<String>,
}

/// Options of a copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// What is copied.
    pub source: CopySource,
    /// `None` keeps the source's metadata and tags (directive COPY) in the class `STANDARD`; `Some` replaces them all,
    /// and its condition must hold at the destination.
    pub replace: Option<PutOptions>,
}

/// Options of a DELETE.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delete {
    /// Removes this version for good; `None` removes the current object, in a versioned bucket by a delete marker.
    pub version_id: Option<String>,
    /// `If-Match` on the current object.
    pub if_match: Option<String>,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// Keys that begin with this.
    pub prefix: String,
    /// Roll up what has this after the prefix.
    pub delimiter: Option<String>,
    /// Keys after this one; not together with `continuation`.
    pub start_after: Option<String>,
    /// From the page before.
    pub continuation: Option<String>,
    /// 1 to 1,000; `None` is 1,000.
    pub max_keys: Option<u16>,
}

/// One page of a listing of versions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListVersions {
    /// Keys that begin with this.
    pub prefix: String,
    /// Roll up what has this after the prefix.
    pub delimiter: Option<String>,
    /// From the page before: key marker and version id marker.
    pub from: Option<(String, String)>,
    /// 1 to 1,000; `None` is 1,000.
    pub max_keys: Option<u16>,
}

/// One page of unfinished multipart uploads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListUploads {
    /// Keys that begin with this.
    pub prefix: String,
    /// From the page before: key marker and upload id marker.
    pub from: Option<(String, String)>,
    /// 1 to 1,000; `None` is 1,000.
    pub max_uploads: Option<u16>,
}
