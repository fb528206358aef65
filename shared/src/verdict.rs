//! How a record ends: exactly one of four ways.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::storage::{ErrorKind, StoreError};

/// How a record ended.
///
/// | verdict | SQS | S3 Batch Operations | direct invoke |
/// |---|---|---|---|
/// | `Done` | acknowledged | Succeeded | ok |
/// | `Skip` | acknowledged, counted | Succeeded with the reason | ok |
/// | `Retry` | in `batchItemFailures`, visibility set to the backoff | TemporaryFailure | error |
/// | `Park` | copied to the parking queue, then acknowledged | PermanentFailure | parked, ok |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The effect is durable.
    Done,
    /// Nothing to do, on purpose.
    Skip(Reason),
    /// May work later; `None` leaves the pause to the backoff.
    Retry(Reason, Option<Duration>),
    /// Will never work.
    Park(Reason),
}

/// Why: a word that dashboards can count, and the figures for whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A stable word, such as `not-mine` or `throttled`.
    pub code: Cow<'static, str>,
    /// What a person needs to act; never object contents.
    pub detail: String,
}

impl Reason {
    /// A reason with its figures.
    pub fn new(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => f.write_str(&self.code),
            detail => write!(f, "{}: {detail}", self.code),
        }
    }
}

impl Verdict {
    /// A `Skip`.
    pub fn skip(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Skip(Reason::new(code, detail))
    }

    /// A `Retry` after the usual backoff.
    pub fn retry(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Retry(Reason::new(code, detail), None)
    }

    /// A `Park`.
    pub fn park(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Park(Reason::new(code, detail))
    }

    /// The verdict's name as logs and metrics carry it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skip(_) => "skip",
            Self::Retry(..) => "retry",
            Self::Park(_) => "park",
        }
    }

    /// The reason, where there is one.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Done => None,
            Self::Skip(reason) | Self::Retry(reason, _) | Self::Park(reason) => Some(reason),
        }
    }

    /// The one table from a failed request to a verdict.
    ///
    /// 403 is a Retry because S3 says 403 for a missing key where ListBucket is not granted, and because a repaired
    /// policy must find the record still there.
    pub fn of_error(error: &StoreError) -> Self {
        let (code, fate): (_, fn(Reason) -> Self) = match error.kind {
            ErrorKind::Archived => ("archived", Self::Skip),
            ErrorKind::CustomerKey => ("customer-key", Self::Park),
            ErrorKind::Invalid | ErrorKind::RangeNotSatisfiable => ("invalid-request", Self::Park),
            ErrorKind::AccessDenied => ("access-denied", retry),
            ErrorKind::KmsDenied => ("kms-denied", retry),
            ErrorKind::NoSuchBucket => ("no-such-bucket", retry),
            ErrorKind::Throttled => ("throttled", retry),
            ErrorKind::Unavailable => ("unavailable", retry),
            ErrorKind::NotFound | ErrorKind::DeleteMarker | ErrorKind::NotModified => ("changed", retry),
            ErrorKind::PreconditionFailed | ErrorKind::Conflict => ("contended", retry),
        };
        fate(Reason::new(code, error.to_string()))
    }
}

/// A verdict, and what the batch loop must know beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How the record ended.
    pub verdict: Verdict,
    /// A write may still land after its sender gave it up: the key needs one more look, later.
    pub look_again: bool,
    /// Figures for the log line, such as `wrote` and `removed`.
    pub figures: Vec<(&'static str, u64)>,
}

impl Outcome {
    /// This and another one of the same record: the worse verdict, and the figures together.
    pub fn and(self, other: Self) -> Self {
        let mut figures = self.figures;
        for (name, number) in other.figures {
            match figures.iter_mut().find(|(known, _)| *known == name) {
                Some((_, figure)) => *figure += number,
                None => figures.push((name, number)),
            }
        }
        Self { verdict: worst([self.verdict, other.verdict]), look_again: self.look_again || other.look_again, figures }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, look_again: false, figures: Vec::new() }
    }
}

fn retry(reason: Reason) -> Verdict {
    Verdict::Retry(reason, None)
}

/// The pause before the next try, in whole seconds: doubling from 5 s up to 15 minutes, spread by up to a quarter so
/// that a burst of failures does not come back as one.
///
/// `receive_count` is 1 on the first receive; `spread` is any number, such as a hash of the message id.
pub fn backoff(receive_count: u32, spread: u64) -> Duration {
    let doublings = receive_count.saturating_sub(1).min(8);
    let base = (5_u64 << doublings).min(900);
    Duration::from_secs((base - (base / 4) * (spread % 100) / 100).max(1))
}

/// The verdict of a message from those of its records: one that must be retried brings back the whole message, and
/// nothing is parked before all the rest is settled.
pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let rank = |v: &Verdict| match v {
        Verdict::Skip(_) => 0,
        Verdict::Done => 1,
        Verdict::Park(_) => 2,
        Verdict::Retry(..) => 3,
    };
    verdicts
        .into_iter()
        .reduce(|a, b| if rank(&b) > rank(&a) { b } else { a })
        .unwrap_or_else(|| Verdict::skip("empty", "no records"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_fate() {
        use ErrorKind::*;
        for (kind, expected) in [
            (NotFound, "retry changed"),
            (NoSuchBucket, "retry no-such-bucket"),
            (PreconditionFailed, "retry contended"),
            (Conflict, "retry contended"),
            (NotModified, "retry changed"),
            (RangeNotSatisfiable, "park invalid-request"),
            (DeleteMarker, "retry changed"),
            (Archived, "skip archived"),
            (CustomerKey, "park customer-key"),
            (KmsDenied, "retry kms-denied"),
            (AccessDenied, "retry access-denied"),
            (Throttled, "retry throttled"),
            (Unavailable, "retry unavailable"),
            (Invalid, "park invalid-request"),
        ] {
            let verdict = Verdict::of_error(&StoreError::new(kind, "GetObject", "s3://b/k", "Code", "message"));
            assert_eq!(format!("{} {}", verdict.name(), verdict.reason().unwrap().code), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_message_is_as_its_worst_record() {
        let (done, skip, park, again) =
            (Verdict::Done, Verdict::skip("a", ""), Verdict::park("b", ""), Verdict::retry("c", ""));
        for (verdicts, expected) in [
            (vec![done.clone(), skip.clone()], &done),
            (vec![skip.clone(), skip.clone()], &skip),
            (vec![park.clone(), done.clone()], &park),
            (vec![again.clone(), park.clone()], &again),
            (vec![park.clone(), again.clone()], &again),
        ] {
            assert_eq!(worst(verdicts.clone()), *expected, "{verdicts:?}");
        }
    }

    #[test]
    fn the_backoff_doubles_up_to_a_bound() {
        let seconds: Vec<u64> = (0..12).map(|n| backoff(n, 0).as_secs()).collect();
        assert_eq!(seconds, [5, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]);
        assert!((0..1000).all(|spread| (1..=900).contains(&backoff(20, spread).as_secs())));
    }
}
