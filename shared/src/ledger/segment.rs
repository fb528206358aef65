//! Sealed segments: marks that a head had no more room for, by the hour of their events, written once and never changed.
//!
//! `segments/{ledger}/{hour}/{from}-{to}-{shard}-{nonce}.json`, times in milliseconds of the events. A lifecycle rule on
//! `segments/` expires them as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;

use super::{Mark, Shard, Stored};

/// What a segment holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Segment {
    pub(super) marks: Vec<Mark>,
}

impl Stored for Segment {
    const VERSION: u32 = 1;
}

/// A segment's name within its hour; in order as its key is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) shard: Shard,
    pub(super) nonce: String,
}

impl Name {
    /// Of a segment with these marks.
    pub(super) fn of(marks: &[Mark], shard: &Shard, nonce: String) -> Self {
        let times = || marks.iter().map(|mark| mark.time);
        let (from, to) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
        Self { from, to, shard: shard.clone(), nonce }
    }

    pub(super) fn render(&self) -> String {
        format!("{:013}-{:013}-{}-{}.json", self.from, self.to, self.shard, self.nonce)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.strip_suffix(".json")?.splitn(4, '-');
        let (from, to) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { from, to, shard: Shard::parse(fields.next()?)?, nonce: fields.next()?.to_owned() })
    }

    /// The segment may hold a change that was made between these times.
    pub(super) fn is_within(&self, from: i64, to: i64) -> bool {
        self.from <= to && self.to >= from
    }
}

/// Segments lie in directories of this length.
pub(super) const HOUR_MS: i64 = 3_600_000;
/// The directories of a day have a common beginning.
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// The directory of the hour in which `time` (milliseconds since 1970) lies, such as `2026-11-28T02`. What is no time that
/// S3 could have sent lies in the first hour of 1970.
pub(super) fn hour(time: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(time.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(format_description!("[year]-[month]-[day]T[hour]")).unwrap_or_default()
}

/// What the hours of a day begin with, such as `2026-11-28T`.
pub(super) fn day(time: i64) -> String {
    let mut hour = hour(time);
    hour.truncate("2026-11-28T".len());
    hour
}

/// Marks by the hour of their events.
pub(super) fn by_hour(marks: Vec<Mark>) -> BTreeMap<String, Vec<Mark>> {
    let mut hours: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    marks.into_iter().for_each(|mark| hours.entry(hour(mark.time)).or_default().push(mark));
    hours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Digest, Order};

    #[test]
    fn a_name_tells_what_may_be_inside() {
        let key = Digest::of(&["k"]).id();
        let mark = |time| Mark { key, change: key, order: Order::Unknown, time, token: 1, open: None };
        let name = Name::of(&[mark(1_800_000_009_000), mark(1_800_000_005_000)], &Shard::whole(), "aa".to_owned());
        assert_eq!(name.render(), "1800000005000-1800000009000-all-aa.json");
        assert_eq!(Name::parse(&name.render()), Some(name.clone()));
        for (from, to, expected) in [
            (1_800_000_000_000, 1_800_000_004_999, false),
            (1_800_000_000_000, 1_800_000_005_000, true),
            (1_800_000_006_000, 1_800_000_007_000, true),
            (1_800_000_009_000, 1_800_000_010_000, true),
            (1_800_000_009_001, 1_800_000_010_000, false),
        ] {
            assert_eq!(name.is_within(from, to), expected, "{from} {to}");
        }
        for bad in ["", "1-2-all.json", "x-2-all-n.json", "1-2-all-n", "1-2-9-n.json"] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn hours_are_of_the_events() {
        let key = Digest::of(&["k"]).id();
        let mark = |time| Mark { key, change: key, order: Order::Unknown, time, token: 1, open: None };
        let hours = by_hour(vec![mark(1_795_831_199_999), mark(1_795_831_200_000), mark(0), mark(i64::MAX)]);
        assert_eq!(hours.keys().map(String::as_str).collect::<Vec<_>>(), ["1970-01-01T00", "2026-11-28T01", "2026-11-28T02"]);
        assert_eq!(hours["1970-01-01T00"].len(), 2);
    }

    #[test]
    fn a_segment_of_the_first_format_reads_back() {
        let text =
            r#"{"v":1,"nonce":"aa","marks":[["AAAAAAAAAAAAAAAA","BBBBBBBBBBBBBBBB","s0065B2CB162FC1AC3B",1800000001000,6]]}"#;
        let segment: Segment = serde_json::from_str(text).unwrap();
        assert_eq!((segment.marks.len(), segment.marks[0].token), (1, 6));
    }
}
