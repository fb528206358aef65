//! The conditions of reads and writes, from their headers.

use brigade::storage::{Condition, ObjectMeta};
use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};
use time::OffsetDateTime;

/// The conditions of a GET, a HEAD or a copy's source.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// What a read's conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    PreconditionFailed,
    NotModified,
}

impl ReadConditions {
    /// In the order of RFC 9110, section 13.2.2: an etag's condition outdoes the date's of its kind.
    pub(super) fn judge(&self, meta: &ObjectMeta) -> Verdict {
        let modified_after = |t: &Timestamp| seconds(meta.last_modified) > seconds(t.clone().into());
        let fails = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => !matches(condition, meta),
            (None, Some(since)) => modified_after(since),
            (None, None) => false,
        };
        if fails {
            return Verdict::PreconditionFailed;
        }
        let unmodified = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches(condition, meta),
            (None, Some(since)) => !modified_after(since),
            (None, None) => false,
        };
        if unmodified { Verdict::NotModified } else { Verdict::Holds }
    }

    /// For a GET or HEAD: 412, or 304.
    pub(super) fn check(&self, meta: &ObjectMeta) -> S3Result<()> {
        match self.judge(meta) {
            Verdict::Holds => Ok(()),
            Verdict::PreconditionFailed => Err(s3_error!(PreconditionFailed, "{FAILED}")),
            Verdict::NotModified => Err(s3_error!(NotModified, "Not Modified")),
        }
    }

    /// For a copy's source every failure is a 412.
    pub(super) fn check_source(&self, meta: &ObjectMeta) -> S3Result<()> {
        match self.judge(meta) {
            Verdict::Holds => Ok(()),
            _ => Err(s3_error!(PreconditionFailed, "{FAILED}")),
        }
    }
}

const FAILED: &str = "At least one of the pre-conditions you specified did not hold";

/// HTTP's dates are of whole seconds.
fn seconds(time: OffsetDateTime) -> i64 {
    time.unix_timestamp()
}

fn matches(condition: &ETagCondition, meta: &ObjectMeta) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == meta.etag,
    }
}

/// The condition of a PUT, a completed upload or a copy's destination. S3 takes `*` alone for If-None-Match.
pub(super) fn of_write(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::None),
        (None, Some(ETagCondition::Any)) => Ok(Condition::IfAbsent),
        (Some(condition), None) => Ok(Condition::IfMatch(etag_or_star(condition))),
        _ => Err(s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented")),
    }
}

/// An etag without quotes, or `*`.
pub(super) fn etag_or_star(condition: ETagCondition) -> String {
    condition.into_etag().map_or_else(|| "*".to_owned(), ETag::into_value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    #[test]
    fn a_reads_conditions_are_judged_in_their_order() {
        use Verdict::*;
        let at = OffsetDateTime::UNIX_EPOCH + Duration::seconds(1_000);
        let meta = ObjectMeta { etag: "e".to_owned(), last_modified: at + Duration::milliseconds(700), ..meta() };
        let tag = |text: &str| text.parse::<ETagCondition>().ok();
        let time = |seconds: i64| Some(Timestamp::from(OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)));
        // If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since
        let cases = [
            (None, None, None, None, Holds),
            (tag("\"e\""), None, None, None, Holds),
            (tag("\"f\""), None, None, None, PreconditionFailed),
            (tag("*"), None, None, None, Holds),
            (None, tag("\"e\""), None, None, NotModified),
            (None, tag("\"f\""), None, None, Holds),
            (None, None, time(999), None, Holds),
            (None, None, time(1_000), None, NotModified),
            (None, None, None, time(999), PreconditionFailed),
            (None, None, None, time(1_000), Holds),
            (tag("\"e\""), None, None, time(999), Holds),
            (None, tag("\"f\""), time(1_000), None, Holds),
            (tag("\"f\""), tag("\"e\""), None, None, PreconditionFailed),
        ];
        for (if_match, if_none_match, if_modified_since, if_unmodified_since, expected) in cases {
            let conditions = ReadConditions { if_match, if_none_match, if_modified_since, if_unmodified_since };
            assert_eq!(conditions.judge(&meta), expected, "{conditions:?}");
        }
    }

    fn meta() -> ObjectMeta {
        ObjectMeta {
            etag: String::new(),
            size: 0,
            last_modified: OffsetDateTime::UNIX_EPOCH,
            version_id: None,
            storage_class: "STANDARD".to_owned(),
            content_type: None,
            cache_control: None,
            metadata: Default::default(),
            checksum: None,
            tag_count: None,
            date: None,
            encryption: None,
        }
    }
}
