//! Sweeping: what has no source goes, without an event. The second net, below events and late looks.
//!
//! Derived objects and sources are listed side by side in constant memory (`search`), which only tells candidates: a
//! listing is an old observation. Each candidate goes through the same loop as an event's key, plan and removal alike, so that
//! what a plan lists is what is removed.

mod checkpoint;
mod order;
mod scheduled;
mod search;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::config::Place;
use brigade::storage::{Location, Result as Stored};
use brigade::verdict::Verdict;
use futures::future::join_all;

use self::search::{Range, Search, Sighting};
use crate::{Cleanup, How, OnDelete};

/// The code of what a sweep was not allowed to remove.
pub(crate) const BRAKE: &str = "over-max-deletes";
/// The time that one source may take where nobody waits for an answer.
const PER_SOURCE: Duration = Duration::from_secs(60);
/// Derived objects between two words of progress: as many as a page of a listing.
const BETWEEN: u64 = 1000;
/// Stretches of the listing that are looked for candidates before those found are cleaned.
const STRETCHES: usize = 64;

/// What a sweep is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Derived objects below this place alone; `None`: all of them.
    pub place: Option<&'a Place>,
    /// Removes what it finds; else it only tells.
    pub apply: bool,
    /// With more derived objects than these to remove, none is removed.
    pub max_deletes: u64,
    /// Begins behind this derived key.
    pub start_after: Option<&'a str>,
}

/// Whoever wants to know how a sweep goes on.
pub trait Watch: Send {
    /// A word of progress: derived objects looked at, and how many of them have no source. Twice in a sweep that removes, which
    /// counts before.
    fn looked(&mut self, stage: Stage, looked: u64, orphaned: u64);
    /// A source that is gone, in the order of the listing.
    fn orphan(&mut self, orphan: &Orphan);
}

/// Nobody watches.
struct Unwatched;

impl Watch for Unwatched {
    fn looked(&mut self, _: Stage, _: u64, _: u64) {}
    fn orphan(&mut self, _: &Orphan) {}
}

/// The two stages of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Counting what would go.
    Count,
    /// Planning or removing it.
    Clean,
}

/// A source that is gone, and what became of its derived objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The source that is not there.
    pub source: Location,
    /// The derived objects that were removed (or withdrawn), or would be.
    pub objects: Vec<Location>,
    /// How it ended; under a plan `Skip`.
    pub verdict: Verdict,
}

/// What a sweep came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Derived objects that were listed.
    pub looked: u64,
    /// Sources that are gone.
    pub sources: u64,
    /// Derived objects that were removed (or withdrawn), or would be.
    pub objects: u64,
    /// Sources whose derived objects could not all be removed.
    pub failed: u64,
    /// The brake: so many derived objects without a source were counted, more than may be removed.
    pub over: Option<u64>,
}

/// Where a sweep stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Position {
    range: usize,
    /// Behind this derived key.
    after: Option<String>,
}

/// What counting came to.
struct Count {
    looked: u64,
    orphaned: u64,
    /// Where it ended; `None`: at the end of everything.
    end: Option<Position>,
}

impl Cleanup {
    /// Sweeps. `Err`: a listing failed; what was removed until then was told to `watch`.
    ///
    /// A sweep may be broken off at any moment, and run again: what is gone is gone, and nothing is half done that the next one
    /// doesn't find.
    pub async fn sweep(&self, order: Order<'_>, watch: &mut dyn Watch) -> Stored<Summary> {
        let ranges = self.ranges(order.place);
        let start = start_of(&ranges, order.start_after);
        let mut summary = Summary::default();
        if order.apply {
            let count = self.count(&ranges, &start, &|| false, watch).await?;
            if self.brakes(count.orphaned, order.max_deletes) {
                // The listing also shows what would never be removed, such as objects without their source's mark.
                let plan = Clean { plan_only: true, max_deletes: order.max_deletes, until: None, deadline: None };
                let mut planned = Summary::default();
                self.clean_all(&ranges, &start, plan, &mut planned, &mut Unwatched).await?;
                if self.brakes(planned.objects, order.max_deletes) {
                    return Ok(Summary { looked: count.looked, over: Some(planned.objects), ..summary });
                }
            }
        }
        let clean = Clean { plan_only: !order.apply, max_deletes: order.max_deletes, until: None, deadline: None };
        self.clean_all(&ranges, &start, clean, &mut summary, watch).await?;
        if !order.apply && self.brakes(summary.objects, order.max_deletes) {
            summary.over = Some(summary.objects);
        }
        Ok(summary)
    }

    /// Too much for one sweep. A listing doesn't show what is withdrawn already, so with `tag` nothing can be counted before:
    /// there the sweep ends at the limit, and what it did can be undone.
    fn brakes(&self, objects: u64, max_deletes: u64) -> bool {
        self.on_delete == OnDelete::Delete && objects > max_deletes
    }

    /// Whether any of the function's derived objects can be below this place.
    pub fn has_derived_below(&self, place: &Place) -> bool {
        !self.ranges(Some(place)).is_empty()
    }

    /// The parts of the derived objects that lie below `place`: no object is in two of them.
    fn ranges(&self, place: Option<&Place>) -> Vec<Range> {
        // What begins with one prefix of the input also begins with any beginning of it.
        let covered = |n: usize| {
            let this = self.input.get(n);
            let others = self.input.iter().enumerate().filter(|(other, _)| *other != n);
            let mut covering = others.filter(|(other, span)| {
                this.is_some_and(|this| {
                    let same = this.prefix() == span.prefix();
                    this.bucket() == span.bucket() && this.prefix().starts_with(span.prefix()) && (!same || *other < n)
                })
            });
            covering.next().is_some()
        };
        let spans = self.input.iter().enumerate().filter(|(n, _)| !covered(*n)).map(|(_, span)| span);
        let ranges = spans.flat_map(|span| {
            self.templates.iter().map(|template| Range {
                template: template.clone(),
                sources: span.bucket().clone(),
                prefix: span.prefix().to_owned(),
            })
        });
        let mut ranges: Vec<Range> = ranges.filter_map(|range| range.below(place)).collect();
        ranges.sort_by_key(|range| (range.template.bucket().clone(), range.derived_prefix()));
        ranges
    }

    /// Counts the derived objects without a source, by the listings alone, until the end or until `stop`.
    async fn count(
        &self,
        ranges: &[Range],
        start: &Position,
        stop: &(dyn Fn() -> bool + Sync),
        watch: &mut dyn Watch,
    ) -> Stored<Count> {
        let mut count = Count { looked: 0, orphaned: 0, end: None };
        for (n, range) in ranges.iter().enumerate().skip(start.range) {
            let after = start.after.as_deref().filter(|_| n == start.range);
            let mut search = Search::begin(self.store.as_ref(), range, &self.input, after).await?;
            while let Some(sighting) = search.next().await? {
                count.looked += 1;
                count.orphaned += u64::from(sighting != Sighting::Kept);
                if count.looked.is_multiple_of(BETWEEN) {
                    watch.looked(Stage::Count, count.looked, count.orphaned);
                    if stop() {
                        count.end = Some(Position { range: n, after: search.last });
                        return Ok(count);
                    }
                }
            }
        }
        watch.looked(Stage::Count, count.looked, count.orphaned);
        Ok(count)
    }

    /// Cleans candidate after candidate, several at once, told in order. Answers where it stopped before its end.
    async fn clean_all(
        &self,
        ranges: &[Range],
        start: &Position,
        clean: Clean<'_>,
        summary: &mut Summary,
        watch: &mut dyn Watch,
    ) -> Stored<Option<Position>> {
        let budget = AtomicU64::new(clean.max_deletes);
        let mut position = start.clone();
        for (n, range) in ranges.iter().enumerate().skip(start.range) {
            let after = start.after.as_deref().filter(|_| n == start.range);
            let until = clean.until.filter(|until| until.range == n).and_then(|until| until.after.as_deref());
            let mut search = Search::begin(self.store.as_ref(), range, &self.input, after).await?;
            let mut ended = false;
            while !ended {
                let mut batch = Vec::new();
                while !ended && batch.len() < STRETCHES && candidates_of(&batch) < self.concurrency {
                    let found = next_candidate(&mut search, until).await?;
                    ended = found.is_none();
                    batch.extend(found);
                }
                // Made before the next await: a closure that is kept across one would have to hold for every lifetime.
                let work: Vec<_> = batch.into_iter().map(|found| self.clean_found(found, range, clean, &budget)).collect();
                let mut stopped = false;
                // All of them are told, since they have happened; it goes on behind the last one before the first that stopped.
                for (found, orphan) in join_all(work).await {
                    stopped |= orphan.is_some_and(|orphan| summary.note(&orphan, clean, watch));
                    if !stopped {
                        summary.looked += found.looked;
                        position = Position { range: n, after: found.last };
                    }
                }
                watch.looked(Stage::Clean, summary.looked, summary.objects);
                if stopped {
                    return Ok(Some(position));
                }
            }
            if clean.until.is_some_and(|until| until.range == n) {
                return Ok(clean.until.cloned());
            }
        }
        Ok(None)
    }

    async fn clean_found(&self, found: Found, range: &Range, clean: Clean<'_>, budget: &AtomicU64) -> (Found, Option<Orphan>) {
        let orphan = match &found.source {
            Some(source) => Some(self.clean_one(source, range, clean, budget).await),
            None => None,
        };
        (found, orphan)
    }

    async fn clean_one(&self, source: &Location, range: &Range, clean: Clean<'_>, budget: &AtomicU64) -> Orphan {
        let how = How {
            deadline: clean.deadline.unwrap_or_else(|| Deadline::after(PER_SOURCE)),
            plan_only: clean.plan_only,
            announced: &AtomicBool::new(false),
            budget: Some(budget).filter(|_| !clean.plan_only),
        };
        let (outcome, objects) = self.clean(source, &range.template, how).await;
        Orphan { source: source.clone(), objects, verdict: outcome.verdict }
    }
}

/// How the second stage works.
#[derive(Clone, Copy)]
struct Clean<'a> {
    plan_only: bool,
    max_deletes: u64,
    until: Option<&'a Position>,
    deadline: Option<Deadline>,
}

/// A stretch of the derived listing: a candidate at its end, or nothing.
struct Found {
    source: Option<Location>,
    looked: u64,
    last: Option<String>,
}

fn candidates_of(batch: &[Found]) -> usize {
    batch.iter().filter(|found| found.source.is_some()).count()
}

/// Goes on to the next candidate, or for a page's length, or up to the key `until`.
async fn next_candidate(search: &mut Search<'_>, until: Option<&str>) -> Stored<Option<Found>> {
    let before = search.looked;
    let found = |source, search: &Search<'_>| Found { source, looked: search.looked - before, last: search.last.clone() };
    loop {
        if until.is_some_and(|until| search.last.as_deref().is_some_and(|last| last >= until)) {
            return Ok((search.looked > before).then(|| found(None, search)));
        }
        match search.next().await? {
            Some(Sighting::Orphan(source)) => return Ok(Some(found(Some(source), search))),
            None if search.looked == before => return Ok(None),
            None => return Ok(Some(found(None, search))),
            Some(_) if search.looked - before >= BETWEEN => return Ok(Some(found(None, search))),
            Some(_) => {}
        }
    }
}

impl Summary {
    /// Counts and tells one that was cleaned. Answers whether the sweep ends here.
    fn note(&mut self, orphan: &Orphan, clean: Clean<'_>, watch: &mut dyn Watch) -> bool {
        if orphan.verdict.reason().is_some_and(|reason| reason.code == BRAKE) {
            self.over = Some(clean.max_deletes.saturating_add(1));
            return true;
        }
        let failed = matches!(orphan.verdict, Verdict::Retry(..) | Verdict::Park(_));
        // A candidate whose source is there after all, or that an event was faster with, is none.
        if failed || !orphan.objects.is_empty() {
            self.sources += 1;
            self.objects += u64::try_from(orphan.objects.len()).unwrap_or(u64::MAX);
            self.failed += u64::from(failed);
            watch.orphan(orphan);
        }
        clean.deadline.is_some_and(|deadline| deadline.left().is_zero())
    }
}

/// The range that a derived key lies in, or the beginning.
fn start_of(ranges: &[Range], start_after: Option<&str>) -> Position {
    let Some(key) = start_after else { return Position::default() };
    let own = ranges.iter().position(|range| key.starts_with(&range.derived_prefix()));
    let next = || ranges.iter().position(|range| range.derived_prefix().as_str() > key).unwrap_or(ranges.len());
    match own {
        Some(range) => Position { range, after: Some(key.to_owned()) },
        None => Position { range: next(), after: None },
    }
}
