//! What a store answers: objects, versions, uploads and their listings.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream::BoxStream;
use time::OffsetDateTime;

use super::{Metadata, Result};
use crate::event::ObjectKey;

/// Object tags: at most 10 pairs.
pub type Tags = BTreeMap<String, String>;

/// An object's bytes as they arrive. A failure in mid-stream ends it with the error.
pub type Body = BoxStream<'static, Result<Bytes>>;

/// What HEAD tells.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectMeta {
    /// Without quotes. Not an identity: the same bytes again have the same etag, and under SSE-KMS it is no digest.
    pub etag: String,
    /// In bytes, of the whole object.
    pub size: u64,
    /// To the second.
    pub last_modified: OffsetDateTime,
    /// `None` in an unversioned bucket; `Some("null")` for the null version.
    pub version_id: Option<String>,
    /// `STANDARD` where S3 sends none.
    pub storage_class: String,
    /// The `Content-Type` given at the upload.
    pub content_type: Option<String>,
    /// The `Cache-Control` given at the upload.
    pub cache_control: Option<String>,
    /// User metadata: `x-amz-meta-…`, names in lower case without the prefix.
    pub metadata: Metadata,
    /// A checksum of the full object, as `ALGORITHM:base64`, where S3 has one.
    pub checksum: Option<String>,
    /// The number of tags, where S3 tells.
    pub tag_count: Option<u32>,
    /// The object's encryption as S3 reports it: `AES256`, `aws:kms`, …
    pub encryption: Option<String>,
    /// The server's clock when it answered (`Date`), to the second: no property of the object.
    pub date: Option<OffsetDateTime>,
}

/// An object and its bytes.
pub struct GetObject {
    /// As HEAD would tell it, from the same response.
    pub meta: ObjectMeta,
    /// First and last byte (both inclusive) of what `body` holds, where a range was asked for.
    pub range: Option<(u64, u64)>,
    /// The bytes.
    pub body: Body,
}

/// A durable write.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// Of what was written, without quotes.
    pub etag: String,
    /// `None` in an unversioned bucket.
    pub version_id: Option<String>,
    /// The server's clock when it answered (`Date`), to the second. Told by PutObject; other writes may leave it out.
    pub date: Option<OffsetDateTime>,
}

/// A durable removal. Removing what is not there succeeds, as in S3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deleted {
    /// The removal made a delete marker, or (with a version id) removed one.
    pub delete_marker: bool,
    /// The version that was removed, or the marker that was made.
    pub version_id: Option<String>,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectEntry {
    /// The key, decoded.
    pub key: ObjectKey,
    /// Without quotes.
    pub etag: String,
    /// In bytes.
    pub size: u64,
    /// To the second.
    pub last_modified: OffsetDateTime,
    /// Such as `STANDARD`.
    pub storage_class: String,
}

/// One page of a listing, in ascending UTF-8 byte order of the keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// At most 1,000 together with `common_prefixes`.
    pub objects: Vec<ObjectEntry>,
    /// What a delimiter rolled up.
    pub common_prefixes: Vec<String>,
    /// Ask for the next page with this; `None` on the last one.
    pub continuation: Option<String>,
}

/// One version or delete marker.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionEntry {
    /// The key, decoded.
    pub key: ObjectKey,
    /// `null` for the null version.
    pub version_id: String,
    /// This is what a request without a version id sees.
    pub is_latest: bool,
    /// `None` for a delete marker.
    pub object: Option<ObjectEntry>,
    /// When this version, or marker, was made.
    pub last_modified: OffsetDateTime,
}

/// One page of versions: by key, and newest first within a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VersionListing {
    /// Versions and delete markers in one order, at most 1,000.
    pub versions: Vec<VersionEntry>,
    /// What a delimiter rolled up.
    pub common_prefixes: Vec<String>,
    /// Key marker and version id marker of the next page; `None` on the last one.
    pub next: Option<(String, String)>,
}

/// A multipart upload that was begun and neither completed nor aborted.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadEntry {
    /// The key, decoded.
    pub key: ObjectKey,
    /// As `create_upload` gave it.
    pub upload_id: String,
    /// When it was begun.
    pub initiated: OffsetDateTime,
}

/// One part of a multipart upload.
#[derive(Clone, Debug, PartialEq)]
pub struct PartEntry {
    /// 1 to 10,000.
    pub number: u16,
    /// Without quotes.
    pub etag: String,
    /// In bytes. Ignored when an upload is completed.
    pub size: u64,
}
