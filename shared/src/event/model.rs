//! The one event that every envelope is decoded into.

use time::OffsetDateTime;

use super::{BucketName, EventKind, ObjectKey, Sequencer};

/// A hint that something happened to a key. Workers take from it only where to look; the state is read afresh.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectEvent {
    /// What happened.
    pub kind: EventKind,
    /// The bucket's name, or the access point's ARN or alias that the event named.
    pub bucket: BucketName,
    /// The bucket's region, where the envelope tells it.
    pub region: Option<String>,
    /// The decoded key.
    pub key: ObjectKey,
    /// The other reading of the key, where the transport's encoding is not documented (EventBridge) and both readings
    /// are possible keys. Whoever finds nothing under `key` looks here before it concludes that the object is gone.
    pub other_key: Option<ObjectKey>,
    /// Absent in an unversioned bucket.
    pub version_id: Option<String>,
    /// Without quotes. Absent on removals.
    pub etag: Option<String>,
    /// In bytes. Absent on removals.
    pub size: Option<u64>,
    /// Only on creates and deletes.
    pub sequencer: Option<Sequencer>,
    /// When S3 recorded the change.
    pub time: Option<OffsetDateTime>,
}

impl ObjectEvent {
    /// A hint that tells no more than it must.
    pub fn new(kind: EventKind, bucket: BucketName, key: ObjectKey) -> Self {
        Self {
            kind,
            bucket,
            region: None,
            key,
            other_key: None,
            version_id: None,
            etag: None,
            size: None,
            sequencer: None,
            time: None,
        }
    }
}

/// S3's message to a new notification configuration's destination; it carries no object.
#[derive(Clone, Debug, PartialEq)]
pub struct TestEvent {
    /// The bucket whose configuration was written.
    pub bucket: Option<BucketName>,
}
