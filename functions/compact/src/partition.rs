//! Where in the table a record belongs: `bucket=…/dt=…/`, with account and region in front where the log's key names them.

use std::fmt::Write as _;

use brigade::config::choice;
use serde::{Deserialize, Serialize};

use crate::record::{Day, Record, Text, hour};
use crate::source::Origin;

/// How long a partition is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// `dt=2026-11-22/`
    #[default]
    Day,
    /// `dt=2026-11-22/hour=05/`
    Hour,
}

impl Interval {
    /// Parses `day` or `hour`.
    pub fn parse(text: &str) -> Result<Self, String> {
        choice(text, &[("day", Self::Day), ("hour", Self::Hour)])
    }

    fn number(self, seconds: i64) -> i64 {
        seconds.div_euclid(match self {
            Self::Day => 86_400,
            Self::Hour => 3600,
        })
    }
}

/// What the records of one partition have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    bucket: Option<Vec<u8>>,
    /// Days or hours since 1970.
    number: i64,
    origin: Option<(String, String)>,
}

impl Partition {
    pub(crate) fn of(record: &Record<'_>, origin: Option<Origin<'_>>, interval: Interval) -> Self {
        Self {
            bucket: record.text(Text::Bucket).filter(|text| value(text) != NULL).map(<[u8]>::to_vec),
            number: interval.number(record.time),
            origin: origin.map(|origin| (origin.account.to_owned(), origin.region.to_owned())),
        }
    }

    /// Whether the record belongs here.
    pub(crate) fn holds(&self, record: &Record<'_>, origin: Option<Origin<'_>>, interval: Interval) -> bool {
        self.number == interval.number(record.time)
            && match (self.bucket.as_deref(), record.text(Text::Bucket)) {
                // What has no folder of its own is in the folder of none.
                (None, Some(text)) => value(text) == NULL,
                (own, text) => own == text,
            }
            && self.origin.as_ref().map(|(account, region)| (account.as_str(), region.as_str()))
                == origin.map(|origin| (origin.account, origin.region))
    }

    /// The folder below the table, with a slash at its end.
    pub(crate) fn folder(&self, interval: Interval) -> String {
        let mut folder = String::new();
        if let Some((account, region)) = &self.origin {
            let _ = write!(folder, "account={}/region={}/", value(account.as_bytes()), value(region.as_bytes()));
        }
        let bucket = self.bucket.as_deref().map_or(NULL.to_owned(), value);
        let _ = match interval {
            Interval::Day => write!(folder, "bucket={bucket}/dt={}/", Day::of(self.number * 86_400)),
            Interval::Hour => {
                let seconds = self.number * 3600;
                write!(folder, "bucket={bucket}/dt={}/hour={:02}/", Day::of(seconds), hour(seconds))
            }
        };
        folder
    }
}

/// Hive's name of no value.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// A name in a file system has 255 bytes; no bucket's has more than 255, and new ones have 63.
const MAX_VALUE: usize = 240;

/// A value in a path, percent-encoded as Hive does it. A log line is not to be trusted with a path.
fn value(text: &[u8]) -> String {
    let mut out = String::new();
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    if out.is_empty() || out.len() > MAX_VALUE { NULL.to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::parse;

    fn folder(bucket: &str, origin: Option<Origin<'_>>, interval: Interval) -> String {
        let line = format!("o {bucket} [06/Feb/2019:23:59:59 +0000] - - - - - - - - - - - - - - -");
        let record = parse(line.as_bytes()).unwrap();
        let partition = Partition::of(&record, origin, interval);
        assert!(partition.holds(&record, origin, interval));
        partition.folder(interval)
    }

    #[test]
    fn folders_are_those_of_hive() {
        let origin = Origin { account: "123456789012", region: "eu-central-1", bucket: "b" };
        let cases = [
            ("my.bucket-1", None, Interval::Day, "bucket=my.bucket-1/dt=2019-02-06/"),
            ("b", None, Interval::Hour, "bucket=b/dt=2019-02-06/hour=23/"),
            ("b", Some(origin), Interval::Day, "account=123456789012/region=eu-central-1/bucket=b/dt=2019-02-06/"),
            ("-", None, Interval::Day, "bucket=__HIVE_DEFAULT_PARTITION__/dt=2019-02-06/"),
            ("../../etc", None, Interval::Day, "bucket=..%2F..%2Fetc/dt=2019-02-06/"),
            ("a=b%", None, Interval::Day, "bucket=a%3Db%25/dt=2019-02-06/"),
            (&"é".repeat(41), None, Interval::Day, "bucket=__HIVE_DEFAULT_PARTITION__/dt=2019-02-06/"),
        ];
        for (bucket, origin, interval, expected) in cases {
            assert_eq!(folder(bucket, origin, interval), expected);
        }
    }
}
