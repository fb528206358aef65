//! Ranges and conditions of reads.

use brigade::storage::{Condition, ErrorKind, Get, Range, ReadCondition};

use super::world::{World, refused};

fn part(range: Range) -> Get {
    Get { range: Some(range), ..Get::default() }
}

pub(super) async fn a_range_is_a_part_of_the_body(w: &World<'_>) {
    let at = w.at("reads/range");
    w.put(&at, "0123456789").await;
    // One line per case: range, body, first and last byte.
    let cases = [
        (Range::FromTo(0, 0), "0", (0, 0)),
        (Range::FromTo(2, 5), "2345", (2, 5)),
        (Range::FromTo(7, 1_000), "789", (7, 9)),
        (Range::From(8), "89", (8, 9)),
        (Range::Last(3), "789", (7, 9)),
        (Range::Last(1_000), "0123456789", (0, 9)),
    ];
    for (range, body, bytes) in cases {
        let got = w.store.get(&at, part(range)).await.unwrap();
        assert_eq!((got.range, got.meta.size), (Some(bytes), 10), "{range}: the size is the object's");
        assert_eq!(w.read_with(&at, part(range)).await.unwrap(), body, "{range}");
    }
}

pub(super) async fn a_range_outside_is_refused(w: &World<'_>) {
    let (at, empty) = (w.at("reads/416"), w.at("reads/416-empty"));
    w.put(&at, "0123456789").await;
    w.put(&empty, "").await;
    for (at, range) in
        [(&at, Range::From(10)), (&at, Range::FromTo(10, 20)), (&empty, Range::From(0)), (&empty, Range::Last(1))]
    {
        assert_eq!(refused(w.store.get(at, part(range)).await), ErrorKind::RangeNotSatisfiable, "{at} {range}");
    }
}

pub(super) async fn a_read_condition_holds_or_says_which(w: &World<'_>) {
    let at = w.at("reads/condition");
    let etag = w.put(&at, "1").await.etag;
    let other = "0".repeat(32);
    let read = |condition| w.read_with(&at, Get { condition, ..Get::default() });
    assert_eq!(read(ReadCondition::IfMatch(etag.clone())).await.unwrap(), "1");
    assert_eq!(refused(read(ReadCondition::IfMatch(other.clone())).await), ErrorKind::PreconditionFailed);
    assert_eq!(read(ReadCondition::IfNoneMatch(other)).await.unwrap(), "1");
    assert_eq!(refused(read(ReadCondition::IfNoneMatch(etag)).await), ErrorKind::NotModified);
}

pub(super) async fn every_answer_tells_the_servers_date(w: &World<'_>) {
    let at = w.at("reads/dated");
    let put = w.put(&at, "1").await;
    let head = w.head(&at).await;
    let got = w.store.get(&at, Get::default()).await.unwrap().meta;
    let absent = w.store.get(&w.at("reads/dated-absent"), Get::default()).await.map(drop).unwrap_err();
    let refused = w.put_if(&at, "2", Condition::IfAbsent).await.unwrap_err();
    let dates: Vec<_> = [put.date, head.date, got.date, absent.date, refused.date].into_iter().flatten().collect();
    assert_eq!(dates.len(), 5, "{put:?} {head:?} {got:?} {absent:?} {refused:?}");
    assert!(dates.is_sorted(), "{dates:?}");
    // The object's own time is of the same clock.
    assert!((dates[0] - head.last_modified).abs() <= time::Duration::minutes(1), "{dates:?} {head:?}");
}
