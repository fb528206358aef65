//! What a batch came to: one EMF line, which CloudWatch turns into metrics.
//!
//! Source: CloudWatch user guide, "Embedded metric format specification".

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::settle::{Settled, UNSTARTED, event_of};
use crate::event::Decoded;
use crate::verdict::Verdict;

/// The metrics' namespace.
const NAMESPACE: &str = "BucketBrigade";

/// Counts of records. Every record is received, and is exactly one of done, skipped, retried or parked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records in the batch.
    pub received: u64,
    /// The effect is durable.
    pub done: u64,
    /// Nothing to do.
    pub skipped: u64,
    /// Given back to the queue; those that were not started among them.
    pub retried: u64,
    /// Will never work.
    pub parked: u64,
    /// No time was left to start them.
    pub unstarted: u64,
    /// Refused by S3 (403): a policy to look at, or a missing key without ListBucket.
    pub access_denied: u64,
    /// Refused by KMS.
    pub kms_denied: u64,
    /// From the change to the end of its handling, of the oldest record, in milliseconds.
    pub lag_ms: u64,
}

impl Tally {
    /// Counts the records of a batch.
    pub(super) fn of<'a>(records: impl IntoIterator<Item = (&'a Decoded, &'a Settled)>, now: OffsetDateTime) -> Self {
        records.into_iter().fold(Self::default(), |tally, (record, settled)| tally.with(record, settled, now))
    }

    /// This and one more that ended so.
    pub(super) fn with_verdict(mut self, verdict: &Verdict) -> Self {
        self.received += 1;
        match verdict {
            Verdict::Done => self.done += 1,
            Verdict::Skip(_) => self.skipped += 1,
            Verdict::Retry(..) => self.retried += 1,
            Verdict::Park(_) => self.parked += 1,
        }
        match verdict.reason().map(|reason| reason.code.as_ref()) {
            Some(UNSTARTED) => self.unstarted += 1,
            Some("access-denied") => self.access_denied += 1,
            Some("kms-denied") => self.kms_denied += 1,
            _ => {}
        }
        self
    }

    fn with(self, record: &Decoded, settled: &Settled, now: OffsetDateTime) -> Self {
        let mut tally = self.with_verdict(&settled.outcome.verdict);
        if let (Some(time), true) = (event_of(record).and_then(|event| event.time), settled.handled) {
            tally.lag_ms = tally.lag_ms.max(u64::try_from((now - time).whole_milliseconds()).unwrap_or_default());
        }
        tally
    }

    /// The EMF line.
    pub(super) fn line(&self, function: &str, now: OffsetDateTime) -> Value {
        let figures = [
            ("received", self.received, "Count"),
            ("done", self.done, "Count"),
            ("skipped", self.skipped, "Count"),
            ("retried", self.retried, "Count"),
            ("parked", self.parked, "Count"),
            ("unstarted", self.unstarted, "Count"),
            ("access_denied", self.access_denied, "Count"),
            ("kms_denied", self.kms_denied, "Count"),
            ("lag", self.lag_ms, "Milliseconds"),
        ];
        let metrics: Vec<Value> = figures.iter().map(|(name, _, unit)| json!({"Name": name, "Unit": unit})).collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": metrics}],
            },
            "function": function,
        });
        if let Some(object) = line.as_object_mut() {
            object.extend(figures.iter().map(|(name, figure, _)| ((*name).to_owned(), json!(figure))));
        }
        line
    }
}
