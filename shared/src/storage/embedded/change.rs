//! What changed, told to those who subscribed: the raw material of event notifications.

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::event::{BucketName, EventKind, ObjectEvent, ObjectKey, Sequencer};

/// One durable change, in the order in which the store made them.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Such as `ObjectCreated:Put`.
    pub kind: EventKind,
    /// Where.
    pub bucket: BucketName,
    /// The key, decoded.
    pub key: ObjectKey,
    /// The version made, removed or tagged; `None` in an unversioned bucket.
    pub version_id: Option<String>,
    /// Of the object, without quotes; `None` on removals.
    pub etag: Option<String>,
    /// In bytes; `None` on removals.
    pub size: Option<u64>,
    /// Strictly increasing in the whole store, hence per key.
    pub sequencer: Sequencer,
    /// When the store made the change.
    pub time: OffsetDateTime,
}

impl Change {
    /// The event that S3 tells of it, without a region: the store is in none.
    pub fn event(&self) -> ObjectEvent {
        ObjectEvent {
            kind: self.kind.clone(),
            bucket: self.bucket.clone(),
            region: None,
            key: self.key.clone(),
            other_key: None,
            version_id: self.version_id.clone(),
            etag: self.etag.clone(),
            size: self.size,
            sequencer: Some(self.sequencer.clone()),
            time: Some(self.time),
        }
    }
}

/// Who is told of changes.
pub(super) type Listener = Arc<dyn Fn(&Change) + Send + Sync>;

/// Where the store reads the time.
pub(super) type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// A moment's place in the order of all changes, shown as S3 shows sequencers: 18 upper-case hex digits, two leading zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order(pub(super) u64);

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00{:016X}", self.0)
    }
}

impl Order {
    /// The first order not before `now` that comes after `self`: seconds in the upper half, as in S3's own values.
    pub(super) fn next(self, now: OffsetDateTime) -> Self {
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0) & 0xffff_ffff;
        Self((seconds << 32 | u64::from(now.nanosecond())).max(self.0.saturating_add(1)))
    }

    /// As events carry it.
    pub(super) fn sequencer(self) -> Option<Sequencer> {
        Sequencer::new(&self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_grow_even_when_the_clock_stands_or_goes_back() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let first = Order(0).next(at(1_700_000_000));
        let second = first.next(at(1_700_000_000));
        let third = second.next(at(1_600_000_000));
        let fourth = third.next(at(1_700_000_001));
        assert_eq!(first.to_string(), "006553F10000000000");
        assert!(first < second && second < third && third < fourth);
        assert_eq!(fourth.to_string(), "006553F10100000000");
    }
}
