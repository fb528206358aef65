//! Sweeping: what has no source goes, without an event. The second net, below events and late looks.
//!
//! Derived objects and sources are listed side by side in constant memory (`search`), which only tells candidates: a
//! listing is an old observation. Each candidate goes through the same loop as an event's key, plan and removal alike, so that
//! what a plan lists is what is removed. `engine` runs the stages; a command and a schedule differ in their limits alone.

mod checkpoint;
mod engine;
mod order;
mod scheduled;
mod search;
#[cfg(test)]
mod tests;

use brigade::config::Place;
use brigade::storage::{Location, Result as Stored};
use brigade::verdict::Verdict;

use self::engine::{Ended, Limits, Position};
use self::search::Range;
use crate::Cleanup;

/// The code of what a sweep was not allowed to remove.
pub(crate) const BRAKE: &str = "over-max-deletes";

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
    /// A word of progress: derived objects looked at in this stage, and how many of them have no source.
    fn looked(&mut self, stage: Stage, looked: u64, orphaned: u64);
    /// A source that is gone, in the order of the listing.
    fn orphan(&mut self, orphan: &Orphan);
}

/// The stages of a sweep that removes; a plan has the last alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Counting what would go, by the listings.
    Count,
    /// More was counted than may go: looking at each, until it is certain that it is too much.
    Check,
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
    /// The brake: so many derived objects without a source were seen, or more; more than may be removed.
    pub over: Option<u64>,
}

impl Orphan {
    /// Something of it is left, or nobody knows.
    fn is_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Retry(..) | Verdict::Park(_))
    }
}

impl Cleanup {
    /// Sweeps. `Err`: a listing failed; what was removed until then was told to `watch`.
    ///
    /// A sweep may be broken off at any moment, and run again: what is gone is gone, and nothing is half done that the next one
    /// doesn't find.
    pub async fn sweep(&self, order: Order<'_>, watch: &mut dyn Watch) -> Stored<Summary> {
        let ranges = self.ranges(order.place);
        let limits =
            Limits { plan_only: !order.apply, brake: order.apply, max_deletes: order.max_deletes, counting: None, whole: None };
        let mut summary = Summary::default();
        let start = Position::behind(&ranges, order.start_after);
        match self.run(&ranges, &start, limits, &mut summary, watch).await? {
            Ended::Braked(brake) => summary.over = Some(brake.objects),
            _ if !order.apply && self.brakes(summary.objects, order.max_deletes) => summary.over = Some(summary.objects),
            Ended::Whole | Ended::Stopped(_) => {}
        }
        Ok(summary)
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
}
