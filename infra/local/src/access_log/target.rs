//! Where a bucket's records go, and what the log objects there are called. Pure but for reading the status.

use brigade::event::{BucketName, KeyError, ObjectKey};
use brigade::storage::EmbeddedStore;
use s3s::dto::{BucketLoggingStatus, LoggingEnabled, PartitionDateSource};
use s3s::xml::{Deserialize, Deserializer};
use time::{Date, OffsetDateTime};

/// The name under which a bucket's logging status lies in the store.
pub(crate) const CONFIG_NAME: &str = "logging";

/// A bucket's logging, where it is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) bucket: BucketName,
    /// In front of each key; may be empty.
    pub(crate) prefix: String,
    pub(crate) format: KeyFormat,
}

/// How log objects are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyFormat {
    /// `[prefix]YYYY-MM-DD-hh-mm-ss-UNIQUE`.
    Simple,
    /// `[prefix]ACCOUNT/REGION/BUCKET/YYYY/MM/DD/YYYY-MM-DD-hh-mm-ss-UNIQUE` by the time of delivery.
    ByDelivery,
    /// The same by the records' day, one day in an object, the time of day 00-00-00.
    ByEvent,
}

/// The logging status that names a target, as S3 writes it.
pub(super) fn document(bucket: &BucketName, prefix: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<BucketLoggingStatus><LoggingEnabled><TargetBucket>{}</TargetBucket><TargetPrefix>{}</TargetPrefix></LoggingEnabled>\
         </BucketLoggingStatus>",
        escaped(bucket.as_str()),
        escaped(prefix)
    )
}

/// Whose records an object holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) bucket: &'a BucketName,
}

impl Target {
    /// Where `source`'s records go; `None` where its logging is off, or there is no such bucket.
    pub(crate) fn of(store: &EmbeddedStore, source: &BucketName) -> Option<Self> {
        let document = store.config(source, CONFIG_NAME).ok()??;
        let status = BucketLoggingStatus::deserialize(&mut Deserializer::new(document.as_bytes())).ok()?;
        status.logging_enabled.map(Self::from_status)
    }

    fn from_status(status: LoggingEnabled) -> Self {
        let partitioned = status.target_object_key_format.and_then(|format| format.partitioned_prefix);
        let format = match partitioned.map(|partitioned| partitioned.partition_date_source) {
            None => KeyFormat::Simple,
            Some(Some(source)) if source.as_str() == PartitionDateSource::EVENT_TIME => KeyFormat::ByEvent,
            Some(_) => KeyFormat::ByDelivery,
        };
        Self { bucket: BucketName::new(status.target_bucket), prefix: status.target_prefix, format }
    }

    /// The day that sorts records into objects, where the format asks for one.
    pub(super) fn day(&self, record: OffsetDateTime) -> Option<Date> {
        (self.format == KeyFormat::ByEvent).then(|| record.date())
    }

    /// A log object's key. `day` is what [`Target::day`] gave for its records, `unique` 16 hex digits.
    pub(super) fn key(
        &self,
        source: &Source<'_>,
        day: Option<Date>,
        delivered: OffsetDateTime,
        unique: u64,
    ) -> Result<ObjectKey, KeyError> {
        let (date, clock) = match day {
            Some(day) => (day, "00-00-00".to_owned()),
            None => {
                let clock = format!("{:02}-{:02}-{:02}", delivered.hour(), delivered.minute(), delivered.second());
                (delivered.date(), clock)
            }
        };
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let name = format!("{year:04}-{month:02}-{day:02}-{clock}-{unique:016X}");
        let prefix = &self.prefix;
        ObjectKey::new(match self.format {
            KeyFormat::Simple => format!("{prefix}{name}"),
            KeyFormat::ByDelivery | KeyFormat::ByEvent => {
                let Source { account, region, bucket } = source;
                format!("{prefix}{account}/{region}/{bucket}/{year:04}/{month:02}/{day:02}/{name}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    fn stored(document: &str) -> Option<Target> {
        let store = EmbeddedStore::new();
        let bucket = BucketName::new("photos");
        store.create_bucket(&bucket, "us-east-1").unwrap();
        store.set_config(&bucket, CONFIG_NAME, Some(document.to_owned())).unwrap();
        Target::of(&store, &bucket)
    }

    fn enabled(format: &str) -> String {
        format!(
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>photos/</TargetPrefix>\
             {format}</LoggingEnabled></BucketLoggingStatus>"
        )
    }

    #[test]
    fn the_key_says_what_the_format_asks_for() {
        let delivery = "<PartitionDateSource>DeliveryTime</PartitionDateSource>";
        let event = "<PartitionDateSource>EventTime</PartitionDateSource>";
        let partitioned = |inner: &str| {
            format!("<TargetObjectKeyFormat><PartitionedPrefix>{inner}</PartitionedPrefix></TargetObjectKeyFormat>")
        };
        let simple = "<TargetObjectKeyFormat><SimplePrefix></SimplePrefix></TargetObjectKeyFormat>";
        let source = Source { account: "000000000000", region: "us-east-1", bucket: &BucketName::new("photos") };
        let (record, delivered) = (datetime!(2026-11-21 23:59:59 UTC), datetime!(2026-11-22 08:05:09 UTC));
        for (format, expected) in [
            (String::new(), "photos/2026-11-22-08-05-09-00000000000000FF"),
            (simple.to_owned(), "photos/2026-11-22-08-05-09-00000000000000FF"),
            (partitioned(delivery), "photos/000000000000/us-east-1/photos/2026/11/22/2026-11-22-08-05-09-00000000000000FF"),
            (partitioned(event), "photos/000000000000/us-east-1/photos/2026/11/21/2026-11-21-00-00-00-00000000000000FF"),
        ] {
            let target = stored(&enabled(&format)).unwrap();
            let key = target.key(&source, target.day(record), delivered, 255).unwrap();
            assert_eq!(key.as_str(), expected, "{format}");
        }
    }

    #[test]
    fn a_status_is_read_as_it_was_written() {
        let target = stored(&document(&BucketName::new("logs"), "a&b<c/")).unwrap();
        assert_eq!((target.bucket.as_str(), target.prefix.as_str(), target.format), ("logs", "a&b<c/", KeyFormat::Simple));
    }

    #[test]
    fn records_of_two_days_part_only_where_the_days_count() {
        let late = datetime!(2026-11-21 23:59:59 UTC);
        let by = |format| Target { bucket: BucketName::new("logs"), prefix: String::new(), format };
        assert_eq!(by(KeyFormat::Simple).day(late), None);
        assert_eq!(by(KeyFormat::ByDelivery).day(late), None);
        assert_eq!(by(KeyFormat::ByEvent).day(late), Some(date!(2026 - 11 - 21)));
    }

    #[test]
    fn logging_that_is_off_has_no_target() {
        assert_eq!(stored("<BucketLoggingStatus></BucketLoggingStatus>"), None);
        assert_eq!(Target::of(&EmbeddedStore::new(), &BucketName::new("photos")), None);
    }
}
