//! The store's whole state behind its one lock, and the steps that every write shares.

use std::collections::{BTreeMap, VecDeque};

use time::OffsetDateTime;

use super::super::{Condition, Encryption, Put, Result};
use super::buckets::Versioning;
use super::change::{Change, Order};
use super::multipart::Upload;
use super::object::{NULL, Object, Version};
use super::refusal::*;
use super::supply::{Supply, is_version_id};
use crate::event::{BucketName, EventKind, ObjectKey};

pub(super) struct State {
    pub(super) buckets: BTreeMap<BucketName, Bucket>,
    pub(super) supply: Supply,
    pub(super) room: Room,
    /// Changes that have not been told yet.
    pub(super) untold: VecDeque<Change>,
}

pub(super) struct Bucket {
    pub(super) region: String,
    pub(super) created: OffsetDateTime,
    pub(super) versioning: Versioning,
    pub(super) config: BTreeMap<String, String>,
    /// Versions of each key, oldest first; never empty.
    pub(super) keys: BTreeMap<ObjectKey, Vec<Version>>,
    /// Unfinished multipart uploads, by key and upload id.
    pub(super) uploads: BTreeMap<(ObjectKey, String), Upload>,
}

/// The bound on what the store holds, in bytes.
pub(super) struct Room {
    pub(super) used: u64,
    pub(super) total: u64,
}

impl Room {
    /// Takes `bytes` after `freed` were given back, or refuses and changes nothing.
    pub(super) fn exchange(&mut self, ask: Ask<'_>, freed: u64, bytes: u64) -> Result<()> {
        let used = self.used.saturating_sub(freed).saturating_add(bytes);
        if used > self.total && bytes > freed {
            let (now, total) = (self.used, self.total);
            let message = format!("The embedded store holds {now} of {total} bytes; {bytes} more do not fit");
            return Err(ask.refused_with("EmbeddedStoreFull", message));
        }
        self.used = used;
        Ok(())
    }

    pub(super) fn free(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }
}

impl State {
    pub(super) fn bucket(&self, ask: Ask<'_>, name: &BucketName) -> Result<&Bucket> {
        self.buckets.get(name).ok_or_else(|| ask.refused(NO_SUCH_BUCKET))
    }

    pub(super) fn bucket_mut(&mut self, ask: Ask<'_>, name: &BucketName) -> Result<&mut Bucket> {
        self.buckets.get_mut(name).ok_or_else(|| ask.refused(NO_SUCH_BUCKET))
    }

    /// Makes `object` the current version of its key. `began` is an upload's beginning: S3 shows it as Last-Modified.
    pub(super) fn store(&mut self, ask: Ask<'_>, to: Target<'_>, mut object: Object, kind: EventKind) -> Result<Put> {
        let bucket = self.buckets.get_mut(to.bucket).ok_or_else(|| ask.refused(NO_SUCH_BUCKET))?;
        check_write(ask, to.condition, bucket.current(to.key))?;
        if object.is_kms() {
            let parts = object.parts.len();
            object.etag = self.supply.opaque_etag() + &if parts > 0 { format!("-{parts}") } else { String::new() };
        }
        let (etag, size) = (object.etag.clone(), object.content.size());
        let (now, order) = self.supply.moment();
        let id = bucket.next_id(&mut self.supply, order);
        let version = Version { id, order, last_modified: to.began.unwrap_or(now), object: Some(object) };
        let version_id = bucket.push(ask, &mut self.room, to.key, version)?;
        let told = Told { etag: Some(etag.clone()), size: Some(size), version_id: version_id.clone() };
        self.tell(kind, to.bucket, to.key, told, (now, order));
        Ok(Put { etag, version_id, date: None })
    }

    /// Queues a change for the listeners.
    pub(super) fn tell(
        &mut self,
        kind: EventKind,
        bucket: &BucketName,
        key: &ObjectKey,
        told: Told,
        at: (OffsetDateTime, Order),
    ) {
        let (time, order) = at;
        let Told { version_id, etag, size } = told;
        // An order is always hexadecimal, so there is always a sequencer.
        if let Some(sequencer) = order.sequencer() {
            let (bucket, key) = (bucket.clone(), key.clone());
            self.untold.push_back(Change { kind, bucket, key, version_id, etag, size, sequencer, time });
        }
    }
}

/// Where an object goes, and on what condition.
pub(super) struct Target<'a> {
    pub(super) bucket: &'a BucketName,
    pub(super) key: &'a ObjectKey,
    pub(super) condition: &'a Condition,
    pub(super) began: Option<OffsetDateTime>,
}

/// What a change says of the object.
#[derive(Default)]
pub(super) struct Told {
    pub(super) version_id: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) size: Option<u64>,
}

impl Bucket {
    /// The current version; `None` where the key has none at all. It may be a delete marker.
    pub(super) fn current(&self, key: &ObjectKey) -> Option<&Version> {
        self.keys.get(key).and_then(|versions| versions.last())
    }

    /// The id of the next version in this bucket.
    pub(super) fn next_id(&self, supply: &mut Supply, order: Order) -> String {
        match self.versioning {
            Versioning::Enabled => supply.version_id(order),
            Versioning::Unversioned | Versioning::Suspended => NULL.to_owned(),
        }
    }

    /// What a reply says of version `id`: nothing in a bucket that never was versioned.
    pub(super) fn shown_id(&self, id: &str) -> Option<String> {
        (self.versioning != Versioning::Unversioned).then(|| id.to_owned())
    }

    /// Appends a version; the null version takes the place of the one before it.
    pub(super) fn push(&mut self, ask: Ask<'_>, room: &mut Room, key: &ObjectKey, version: Version) -> Result<Option<String>> {
        let shown = self.shown_id(&version.id);
        let versions = self.keys.entry(key.clone()).or_default();
        let replaced = if version.id == NULL { versions.iter().position(|v| v.id == NULL) } else { None };
        let freed = replaced.and_then(|i| versions.get(i)).map_or(0, |v| v.cost(key));
        if let Err(full) = room.exchange(ask, freed, version.cost(key)) {
            if versions.is_empty() {
                self.keys.remove(key);
            }
            return Err(full);
        }
        if let Some(i) = replaced {
            versions.remove(i);
        }
        versions.push(version);
        Ok(shown)
    }

    /// Removes one version for good.
    pub(super) fn remove(&mut self, room: &mut Room, key: &ObjectKey, id: &str) -> Option<Version> {
        let versions = self.keys.get_mut(key)?;
        let at = versions.iter().position(|version| version.id == id)?;
        let removed = versions.remove(at);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        room.free(removed.cost(key));
        Some(removed)
    }

    /// The version that a request names, or the current one, and its object.
    ///
    /// A delete marker is `NoSuchKey` where it is current and nothing was named, else `MethodNotAllowed`.
    pub(super) fn find(&self, ask: Ask<'_>, key: &ObjectKey, version_id: Option<&str>) -> Result<(&Version, &Object)> {
        let version = match version_id {
            None => self.current(key).ok_or_else(|| ask.refused(NO_SUCH_KEY))?,
            Some(id) => {
                check_version_id(ask, id)?;
                let mut versions = self.keys.get(key).into_iter().flatten();
                versions.find(|version| version.id == id).ok_or_else(|| ask.refused(NO_SUCH_VERSION))?
            }
        };
        let reason = if version_id.is_some() { IS_DELETE_MARKER } else { NO_SUCH_KEY };
        version.object.as_ref().map(|object| (version, object)).ok_or_else(|| ask.refused(reason))
    }

    /// As [`Bucket::find`], to change the object in place.
    pub(super) fn find_mut(
        &mut self,
        ask: Ask<'_>,
        key: &ObjectKey,
        version_id: Option<&str>,
    ) -> Result<(String, &mut Object)> {
        let id = self.find(ask, key, version_id)?.0.id.clone();
        let version = self.keys.get_mut(key).and_then(|versions| versions.iter_mut().find(|version| version.id == id));
        let object = version.and_then(|version| version.object.as_mut()).ok_or_else(|| ask.refused(NO_SUCH_KEY))?;
        Ok((id, object))
    }
}

/// S3 refuses an id that it can't have given.
pub(super) fn check_version_id(ask: Ask<'_>, id: &str) -> Result<()> {
    if id == NULL || is_version_id(id) { Ok(()) } else { Err(ask.refused(BAD_VERSION_ID)) }
}

/// Etags are compared without their quotes; `*` is any object.
pub(super) fn matches(wanted: &str, etag: &str) -> bool {
    let wanted = wanted.trim_matches('"');
    wanted == "*" || wanted == etag
}

/// Whether a write may happen over `current`.
///
/// Source: S3 user guide, "How to prevent object overwrites with conditional writes": If-Match on what is gone, or on a
/// delete marker, is 404 and not 412.
fn check_write(ask: Ask<'_>, condition: &Condition, current: Option<&Version>) -> Result<()> {
    let current = current.and_then(|version| version.object.as_ref());
    match (condition, current) {
        (Condition::None, _) | (Condition::IfAbsent, None) => Ok(()),
        (Condition::IfAbsent, Some(_)) => Err(ask.refused(PRECONDITION_FAILED)),
        (Condition::IfMatch(_), None) => Err(ask.refused(NO_SUCH_KEY)),
        (Condition::IfMatch(wanted), Some(object)) if matches(wanted, &object.etag) => Ok(()),
        (Condition::IfMatch(_), Some(_)) => Err(ask.refused(PRECONDITION_FAILED)),
    }
}

/// The etag is the MD5 of the bytes: not encrypted with KMS and not made of parts.
pub(super) fn has_digest_etag(object: &Object) -> bool {
    !matches!(object.encryption, Encryption::Kms(_)) && !object.etag.contains('-')
}
