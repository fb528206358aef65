//! From decoded records to outcomes: each object once, so many at a time, each behind its own fence.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::{Setup, Together};
use crate::budget::Deadline;
use crate::event::{BucketName, Decoded, ObjectEvent, ObjectKey, Record};
use crate::verdict::{Outcome, Reason, Verdict};

/// The code of records that there was no time to start.
pub(super) const UNSTARTED: &str = "unstarted";
/// The code of what was dropped at the deadline.
const LATE: &str = "deadline";
/// What a log line tells of a panic, in characters.
const PANIC_DETAIL: usize = 200;

/// What records are put together by: the object, and the other reading of its key where there is one.
type Object<'a> = (&'a BucketName, &'a ObjectKey, Option<&'a ObjectKey>);

fn object(event: &ObjectEvent) -> Object<'_> {
    (&event.bucket, &event.key, event.other_key.as_ref())
}

/// A record's end.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
    /// The worker saw it: it was neither skipped at the door nor left unstarted.
    pub(super) handled: bool,
}

/// Settles every record, in the order given.
pub(super) async fn settle(setup: Setup<'_>, records: &[&Decoded], deadline: Deadline) -> Vec<Settled> {
    match setup.worker.together() {
        Some(worker) => settle_together(setup, worker, records, deadline).await,
        None => settle_each(setup, records, deadline).await,
    }
}

/// All records that are taken go to the function at once.
async fn settle_together(setup: Setup<'_>, worker: &dyn Together, records: &[&Decoded], deadline: Deadline) -> Vec<Settled> {
    let events: Vec<&ObjectEvent> =
        records.iter().copied().filter_map(event_of).filter(|event| refusal(setup, event).is_none()).collect();
    let begun = Instant::now();
    let mut outcomes = match fenced(worker.handle_all(&events, deadline), deadline).await {
        Ok(outcomes) => outcomes,
        Err(verdict) => vec![verdict.into(); events.len()],
    }
    .into_iter();
    let took = begun.elapsed();
    let end_of = |record: &Decoded| match at_the_door(setup, record) {
        Some(verdict) => Settled { outcome: verdict.into(), took: Duration::ZERO, handled: false },
        None => outcomes.next().map_or_else(unstarted, |outcome| Settled { outcome, took, handled: true }),
    };
    records.iter().copied().map(end_of).collect()
}

/// Records that name one object are settled together, by its newest event of those that the function takes.
async fn settle_each(setup: Setup<'_>, records: &[&Decoded], deadline: Deadline) -> Vec<Settled> {
    let whole = deadline.left();
    // In the order of arrival, so that what is left unstarted is what came last, whatever its name.
    let mut objects: Vec<&ObjectEvent> = Vec::new();
    let mut places: BTreeMap<Object<'_>, usize> = BTreeMap::new();
    for event in records.iter().copied().filter_map(event_of).filter(|event| refusal(setup, event).is_none()) {
        let place = *places.entry(object(event)).or_insert(objects.len());
        match objects.get_mut(place) {
            Some(newest) if is_newer(event, newest) => *newest = event,
            Some(_) => {}
            None => objects.push(event),
        }
    }
    // The futures are made before the first await: a closure that is kept across one would have to hold for every lifetime.
    let work: Vec<_> = objects
        .into_iter()
        .map(|event| async move { (object(event), settle_one(setup, event, deadline, whole).await) })
        .collect();
    let ends: BTreeMap<Object<'_>, Settled> = stream::iter(work).buffer_unordered(setup.common.concurrency).collect().await;
    let end_of = |record: &Decoded| match at_the_door(setup, record) {
        Some(verdict) => Settled { outcome: verdict.into(), took: Duration::ZERO, handled: false },
        None => event_of(record).and_then(|e| ends.get(&object(e))).cloned().unwrap_or_else(unstarted),
    };
    records.iter().copied().map(end_of).collect()
}

/// Verdicts that need no look at any state.
fn at_the_door(setup: Setup<'_>, record: &Decoded) -> Option<Verdict> {
    match &record.record {
        Err(malformed) => Some(Verdict::park("malformed", malformed.to_string())),
        Ok(Record::Test(_)) => Some(Verdict::skip("test-event", "")),
        Ok(Record::Object(event)) => refusal(setup, event).map(Verdict::Skip),
    }
}

/// Why the function has nothing to do with an event: where its object is, or what has happened to it.
fn refusal(setup: Setup<'_>, event: &ObjectEvent) -> Option<Reason> {
    let not_mine = || Reason::new("not-mine", "outside of BRIGADE_INPUT");
    if is_mine(setup, event) { setup.worker.refuses(&event.kind) } else { Some(not_mine()) }
}

fn is_mine(setup: Setup<'_>, event: &ObjectEvent) -> bool {
    let other = |span: &crate::config::Span| event.other_key.as_ref().is_some_and(|key| span.contains(&event.bucket, key));
    setup.worker.input().iter().any(|span| span.contains(&event.bucket, &event.key) || other(span))
}

pub(super) fn event_of(record: &Decoded) -> Option<&ObjectEvent> {
    match &record.record {
        Ok(Record::Object(event)) => Some(event),
        _ => None,
    }
}

fn is_newer(event: &ObjectEvent, than: &ObjectEvent) -> bool {
    let by_sequencer = event.sequencer.as_ref().zip(than.sequencer.as_ref()).and_then(|(a, b)| a.compare(b));
    by_sequencer.unwrap_or_else(|| event.time.cmp(&than.time)).is_gt()
}

fn unstarted() -> Settled {
    let verdict = Verdict::retry(UNSTARTED, "no time left in this invocation");
    Settled { outcome: verdict.into(), took: Duration::ZERO, handled: false }
}

async fn settle_one(setup: Setup<'_>, event: &ObjectEvent, deadline: Deadline, whole: Duration) -> Settled {
    // However slow the last records were, in the first half of an invocation one is always started: else a single slow
    // one would keep this process from ever starting, and learning, again.
    let left = deadline.left();
    if left.is_zero() || setup.pace.estimate().min(whole / 2) > left {
        return unstarted();
    }
    let begun = Instant::now();
    let outcome = match fenced(setup.worker.handle(event, deadline), deadline).await {
        Ok(outcome) => outcome,
        // Dropping the future has abandoned its requests; one of them may still land.
        Err(verdict) => Outcome { look_again: is_late(&verdict), ..verdict.into() },
    };
    let took = begun.elapsed();
    setup.pace.learn(took);
    Settled { outcome, took, handled: true }
}

/// The fence: a panic ends this work alone, and so does the end of its time. Nothing of the worker's is used after a panic
/// but what other records share through it, which is behind locks that recover.
pub(super) async fn fenced<T>(work: impl Future<Output = T>, deadline: Deadline) -> Result<T, Verdict> {
    match timeout_at(deadline.work_ends(), AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(panic)) => Err(Verdict::retry("panic", panic_text(panic.as_ref()))),
        Err(_) => Err(Verdict::retry(LATE, "not done in this invocation's time")),
    }
}

fn is_late(verdict: &Verdict) -> bool {
    verdict.reason().is_some_and(|reason| reason.code == LATE)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").chars().take(PANIC_DETAIL).collect()
}
