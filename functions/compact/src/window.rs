//! Windows of delivery: which one a log object belongs to, and when it is closed. Pure.

use brigade::event::BucketName;
use brigade::hex;
use sha2::{Digest, Sha256};
use time::{Date, Duration, OffsetDateTime, Time};

/// When what has arrived is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// At once, in small parts.
    Arrival,
    /// When the hour of delivery has closed.
    Hour,
    /// When the day of delivery has closed.
    Day,
}

/// After the end of its hour: S3 names a log object when it delivers it, the event takes seconds, a busy queue minutes.
const AFTER_HOUR: Duration = Duration::minutes(15);
/// After the end of its day.
const AFTER_DAY: Duration = Duration::hours(1);

/// The window of a source's logs of a delivery hour (`YYYY-MM-DD-hh`); `None`: no window is waited for. The source is a bucket
/// and what stands before the time in its logs' keys.
///
/// A window is a sixteenth of an hour's or a day's sources, by a digest, since it has a ledger document of its own, which has a
/// bound. A source's lines stay together, so that there are no more parts for that.
pub(crate) fn window(flush: Flush, hour: &str, source: (&BucketName, &str)) -> Option<String> {
    let span = match flush {
        Flush::Arrival => return None,
        Flush::Hour => hour,
        Flush::Day => hour.get(..10).unwrap_or(hour),
    };
    let digest = Sha256::new().chain_update(source.0.as_str()).chain_update([0]).chain_update(source.1).finalize();
    Some(format!("{span}.{}", hex(digest.iter().take(1)).get(..1).unwrap_or_default()))
}

/// The window is closed: what arrives from now on is late. A name that is no window is closed, so that nothing waits for ever.
/// (What was collected before windows were shared out has a name without a dot, and so has its document.)
pub(crate) fn is_closed(window: &str, now: OffsetDateTime) -> bool {
    let (span, _) = window.split_once('.').unwrap_or((window, ""));
    end(span).is_none_or(|end| now >= end)
}

fn end(window: &str) -> Option<OffsetDateTime> {
    let number = |from: usize, to: usize| window.get(from..to)?.parse::<u16>().ok();
    let month = u8::try_from(number(5, 7)?).ok()?.try_into().ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, u8::try_from(number(8, 10)?).ok()?).ok()?;
    let midnight = date.with_time(Time::MIDNIGHT).assume_utc();
    match window.len() {
        10 => midnight.checked_add(Duration::DAY + AFTER_DAY),
        13 => midnight.checked_add(Duration::hours(i64::from(number(11, 13)?) + 1) + AFTER_HOUR),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_window_closes_some_time_after_its_end() {
        for (flush, now, closed) in [
            (Flush::Hour, datetime!(2026-11-22 10:59:59 UTC), false),
            (Flush::Hour, datetime!(2026-11-22 11:14:59 UTC), false),
            (Flush::Hour, datetime!(2026-11-22 11:15:00 UTC), true),
            (Flush::Day, datetime!(2026-11-22 23:59:59 UTC), false),
            (Flush::Day, datetime!(2026-11-23 00:59:59 UTC), false),
            (Flush::Day, datetime!(2026-11-23 01:00:00 UTC), true),
        ] {
            let window = window(flush, "2026-11-22-10", (&BucketName::new("logs"), "photos/")).unwrap();
            assert_eq!(is_closed(&window, now), closed, "{flush:?} {window} {now}");
            let (span, _) = window.split_once('.').unwrap();
            assert_eq!(is_closed(span, now), closed, "{flush:?} {span} {now}, as it was called before");
        }
        assert_eq!(window(Flush::Arrival, "2026-11-22-10", (&BucketName::new("logs"), "")), None);
        assert!(is_closed("2026-12-31-23", datetime!(2027-01-01 00:15:00 UTC)), "over the end of a year");
    }

    #[test]
    fn sources_are_shared_out_evenly_and_for_ever() {
        let of = |bucket: &str, folder: &str| window(Flush::Day, "2026-11-22-10", (&BucketName::new(bucket), folder)).unwrap();
        assert_eq!(of("logs", "photos/"), "2026-11-22.6", "a source that moved would have more parts");
        let mut sources = std::collections::BTreeMap::new();
        (0..1_600).for_each(|n| *sources.entry(of("logs", &format!("{n}/"))).or_insert(0) += 1);
        assert_eq!(sources.len(), 16);
        assert!(sources.values().all(|count| (70..=130).contains(count)), "{sources:?}");
    }

    #[test]
    fn what_is_no_window_waits_for_nothing() {
        for window in ["", "2026-13-01", "2026-11-22-1", "not-a-window", "2026-11-22-xx", ".a", "2026-11.a"] {
            assert!(is_closed(window, OffsetDateTime::UNIX_EPOCH), "{window}");
        }
    }
}
