//! What a bucket holds under a key: versions, each an object or a delete marker.

use time::OffsetDateTime;

use super::super::{Encryption, Metadata, ObjectEntry, ObjectMeta, PutOptions, Tags, VersionEntry};
use super::change::Order;
use super::content::Content;
use super::digest;
use super::rules::is_archive;
use crate::event::ObjectKey;

/// What S3 answers where an upload named no content type.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// What a version costs beside its bytes, so that empty objects and markers are bounded too.
const OVERHEAD_BYTES: u64 = 512;

/// The id of the version that an unversioned or suspended bucket writes.
pub(super) const NULL: &str = "null";

#[derive(Clone)]
pub(super) struct Object {
    pub(super) content: Content,
    pub(super) etag: String,
    pub(super) checksum: Option<String>,
    pub(super) storage_class: String,
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) tags: Tags,
    pub(super) encryption: Encryption,
    /// Sizes of the parts it was uploaded in; empty for a single PUT.
    pub(super) parts: Vec<u64>,
    /// Until when a restored copy of an archived object is there.
    pub(super) restored_until: Option<OffsetDateTime>,
}

impl Object {
    /// An object of `content` as a PUT with `options` makes it. Under KMS the etag is replaced when it is stored.
    pub(super) fn new(content: Content, etag: String, options: PutOptions) -> Self {
        let checksum = Some(digest::checksum(options.checksum, content.chunks()));
        Self {
            content,
            etag,
            checksum,
            storage_class: options.storage_class.unwrap_or_else(|| "STANDARD".to_owned()),
            content_type: Some(options.content_type.unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned())),
            cache_control: options.cache_control,
            metadata: lower_case(options.metadata),
            tags: options.tags,
            encryption: options.encryption,
            parts: Vec::new(),
            restored_until: None,
        }
    }

    /// Takes content type, cache control and user metadata from `options`.
    pub(super) fn describe(&mut self, options: PutOptions) {
        self.content_type = Some(options.content_type.unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned()));
        self.cache_control = options.cache_control;
        self.metadata = lower_case(options.metadata);
    }

    pub(super) fn is_kms(&self) -> bool {
        matches!(self.encryption, Encryption::Kms(_))
    }

    /// Its bytes can't be read: it is archived, and no restored copy is there.
    pub(super) fn is_out_of_reach(&self, now: OffsetDateTime) -> bool {
        is_archive(&self.storage_class) && self.restored_until.is_none_or(|until| until <= now)
    }
}

fn lower_case(metadata: Metadata) -> Metadata {
    metadata.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

/// A version; `object` is `None` for a delete marker.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) order: Order,
    pub(super) last_modified: OffsetDateTime,
    pub(super) object: Option<Object>,
}

impl Version {
    /// What it takes of the store's room, in bytes.
    pub(super) fn cost(&self, key: &ObjectKey) -> u64 {
        let size = self.object.as_ref().map_or(0, |object| object.content.size());
        size + key.as_str().len() as u64 + OVERHEAD_BYTES
    }

    /// As HEAD tells it; `version_id` is left out in an unversioned bucket.
    pub(super) fn meta(&self, object: &Object, version_id: Option<String>) -> ObjectMeta {
        ObjectMeta {
            etag: object.etag.clone(),
            size: object.content.size(),
            last_modified: to_the_second(self.last_modified),
            version_id,
            storage_class: object.storage_class.clone(),
            content_type: object.content_type.clone(),
            cache_control: object.cache_control.clone(),
            metadata: object.metadata.clone(),
            checksum: object.checksum.clone(),
            tag_count: (!object.tags.is_empty()).then_some(object.tags.len() as u32),
            encryption: Some(if object.is_kms() { "aws:kms" } else { "AES256" }.to_owned()),
            date: None,
        }
    }

    /// As a listing shows it; `None` for a delete marker.
    pub(super) fn entry(&self, key: &ObjectKey) -> Option<ObjectEntry> {
        self.object.as_ref().map(|object| ObjectEntry {
            key: key.clone(),
            etag: object.etag.clone(),
            size: object.content.size(),
            last_modified: to_the_second(self.last_modified),
            storage_class: object.storage_class.clone(),
        })
    }

    /// As a listing of versions shows it.
    pub(super) fn version_entry(&self, key: &ObjectKey, is_latest: bool) -> VersionEntry {
        VersionEntry {
            key: key.clone(),
            version_id: self.id.clone(),
            is_latest,
            object: self.entry(key),
            last_modified: to_the_second(self.last_modified),
        }
    }
}

pub(super) fn to_the_second(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_nanosecond(0).unwrap_or(time)
}
