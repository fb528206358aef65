//! The stages of a sweep: count, look whether what was counted may go, clean.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use brigade::budget::{Deadline, LONGEST_REQUEST};
use brigade::storage::{Location, Result as Stored};
use futures::future::join_all;

use super::search::{Range, Search, Sighting};
use super::{BRAKE, Orphan, Stage, Summary, Watch};
use crate::{Cleanup, How, OnDelete};

/// The time that one source may take where nobody waits for an answer.
const PER_SOURCE: Duration = Duration::from_secs(60);
/// Derived objects between two words of progress: as many as a page of a listing.
const BETWEEN: u64 = 1000;
/// Stretches of the listing that are looked for candidates before those found are cleaned.
const STRETCHES: usize = 64;
/// Sources that are looked at once more at the end; what is beyond is told as failed.
const MAX_UNCERTAIN: usize = 100;

/// Where a sweep stands. In the order of the sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) range: usize,
    /// Behind this derived key; `None`: before everything of the range.
    pub(super) after: Option<String>,
}

/// How far a sweep may go.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) plan_only: bool,
    /// Counts before, and cleans nothing where more than `max_deletes` would go.
    pub(super) brake: bool,
    pub(super) max_deletes: u64,
    /// When counting ends; `None`: with the last derived object.
    pub(super) counting: Option<Deadline>,
    /// When everything ends.
    pub(super) whole: Option<Deadline>,
}

/// How a sweep ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// At the end of everything.
    Whole,
    /// There, by a limit.
    Stopped(Position),
    /// Before anything was cleaned.
    Braked(Brake),
}

/// Why nothing may be cleaned.
#[derive(Debug)]
pub(super) struct Brake {
    /// Derived objects without a source, more than may go.
    pub(super) objects: u64,
    /// Each of them was looked at; else they are what the listings show, and not all of it could be looked at.
    pub(super) certain: bool,
}

/// What counting came to.
struct Count {
    looked: u64,
    orphaned: u64,
    /// Where it ended; `None`: at the end of everything.
    end: Option<Position>,
}

/// How candidates are worked through.
#[derive(Clone, Copy)]
struct Pass<'a> {
    stage: Stage,
    plan_only: bool,
    max_deletes: u64,
    /// What of them is left.
    budget: Option<&'a AtomicU64>,
    /// Ends there.
    until: Option<&'a Position>,
    deadline: Option<Deadline>,
}

/// How far a pass came.
#[derive(Default)]
struct Passed {
    /// Derived objects without a source up to there, by the listings.
    orphaned: u64,
    /// `None`: to the end of everything.
    end: Option<Position>,
    /// Of whom a request may still land, with their ranges.
    uncertain: Vec<(usize, Orphan)>,
}

/// A stretch of the derived listing: a candidate at its end, or nothing.
struct Found {
    source: Option<Location>,
    looked: u64,
    orphaned: u64,
    last: Option<String>,
}

impl Position {
    /// Behind a derived key of any range; `None`: the beginning.
    pub(super) fn behind(ranges: &[Range], key: Option<&str>) -> Self {
        let Some(key) = key else { return Self::default() };
        let own = ranges.iter().position(|range| key.starts_with(&range.derived_prefix()));
        let next = || ranges.iter().position(|range| range.derived_prefix().as_str() > key).unwrap_or(ranges.len());
        match own {
            Some(range) => Self { range, after: Some(key.to_owned()) },
            None => Self { range: next(), after: None },
        }
    }

    /// The key in this range.
    fn within(&self, range: usize) -> Option<&str> {
        self.after.as_deref().filter(|_| self.range == range)
    }
}

impl Cleanup {
    /// Runs the stages. `Err`: a listing failed; `summary` and `watch` have what was done until then.
    pub(super) async fn run(
        &self,
        ranges: &[Range],
        start: &Position,
        limits: Limits,
        summary: &mut Summary,
        watch: &mut dyn Watch,
    ) -> Stored<Ended> {
        let Limits { plan_only, max_deletes, whole: deadline, .. } = limits;
        let mut until = None;
        if limits.brake && self.on_delete == OnDelete::Delete {
            let count = self.count(ranges, start, limits.counting, watch).await?;
            if count.orphaned > max_deletes {
                let brake = self.check(ranges, start, &count, limits, summary, watch).await?;
                if let Some(brake) = brake {
                    summary.looked = count.looked;
                    return Ok(Ended::Braked(brake));
                }
            }
            until = count.end;
        }
        let budget = AtomicU64::new(max_deletes);
        let budget = Some(&budget).filter(|_| !plan_only);
        let pass = Pass { stage: Stage::Clean, plan_only, max_deletes, budget, until: until.as_ref(), deadline };
        let mut passed = Passed::default();
        let ended = self.pass(ranges, start, pass, &mut passed, summary, watch).await;
        // Also where a listing failed: nothing else finds them again.
        self.look_once_more(ranges, passed.uncertain, pass, summary, watch).await;
        ended.map(|()| passed.end.map_or(Ended::Whole, Ended::Stopped))
    }

    /// Too much for one sweep. A listing doesn't show what is withdrawn already, so with `tag` nothing can be counted before:
    /// there the sweep ends at the limit, and what it did can be undone.
    pub(super) fn brakes(&self, objects: u64, max_deletes: u64) -> bool {
        self.on_delete == OnDelete::Delete && objects > max_deletes
    }

    /// Counts the derived objects without a source, by the listings alone.
    async fn count(
        &self,
        ranges: &[Range],
        start: &Position,
        deadline: Option<Deadline>,
        watch: &mut dyn Watch,
    ) -> Stored<Count> {
        let mut count = Count { looked: 0, orphaned: 0, end: None };
        for (n, range) in ranges.iter().enumerate().skip(start.range) {
            let mut search = Search::begin(self.store.as_ref(), range, &self.input, start.within(n)).await?;
            while let Some(sighting) = search.next().await? {
                count.looked += 1;
                count.orphaned += u64::from(sighting != Sighting::Kept);
                if count.looked.is_multiple_of(BETWEEN) {
                    watch.looked(Stage::Count, count.looked, count.orphaned);
                    if is_over(deadline) {
                        count.end = Some(Position { range: n, after: search.last });
                        return Ok(count);
                    }
                }
            }
        }
        watch.looked(Stage::Count, count.looked, count.orphaned);
        Ok(count)
    }

    /// More was counted than may go, but a listing also shows what would never be removed, such as objects without their
    /// source's mark. `None`: what was counted may go, for even if all that could not be looked at went, it would not be too
    /// much. In half of the time.
    async fn check(
        &self,
        ranges: &[Range],
        start: &Position,
        count: &Count,
        limits: Limits,
        summary: &mut Summary,
        watch: &mut dyn Watch,
    ) -> Stored<Option<Brake>> {
        let most = limits.max_deletes;
        let pass = Pass {
            stage: Stage::Check,
            plan_only: true,
            max_deletes: most,
            budget: None,
            until: count.end.as_ref(),
            deadline: limits.whole.map(|whole| Deadline::after(whole.left() / 2 + Deadline::RESERVE)),
        };
        let (mut passed, mut seen) = (Passed::default(), Summary::default());
        self.pass(ranges, start, pass, &mut passed, &mut seen, &mut Checking(watch)).await?;
        let unseen = if passed.end == count.end { 0 } else { count.orphaned.saturating_sub(passed.orphaned) };
        if seen.objects > most {
            return Ok(Some(Brake { objects: seen.objects, certain: true }));
        }
        // Of one that failed nobody knows how much it is.
        if seen.failed > 0 || seen.objects.saturating_add(unseen) > most {
            (summary.sources, summary.failed) = (seen.failed, seen.failed);
            return Ok(Some(Brake { objects: count.orphaned, certain: false }));
        }
        Ok(None)
    }

    /// Works through candidate after candidate, several at once, told in order.
    async fn pass(
        &self,
        ranges: &[Range],
        start: &Position,
        pass: Pass<'_>,
        passed: &mut Passed,
        summary: &mut Summary,
        watch: &mut dyn Watch,
    ) -> Stored<()> {
        let mut position = start.clone();
        for (n, range) in ranges.iter().enumerate().skip(start.range) {
            let until = pass.until.filter(|until| until.range <= n);
            if until.is_some_and(|until| until.range < n || until.after.is_none()) {
                break;
            }
            let until = until.and_then(|until| until.after.as_deref());
            let mut search = Search::begin(self.store.as_ref(), range, &self.input, start.within(n)).await?;
            let mut ended = false;
            while !ended {
                let mut batch = Vec::new();
                while !ended && batch.len() < STRETCHES && candidates_of(&batch) < self.concurrency {
                    let found = next_candidate(&mut search, until).await?;
                    ended = found.is_none();
                    batch.extend(found);
                }
                // Made before the next await: a closure that is kept across one would have to hold for every lifetime.
                let work: Vec<_> = batch.into_iter().map(|found| self.clean_found(found, range, pass)).collect();
                let worked = join_all(work).await;
                // Where the time is over, what was in work is so again the next time.
                let late = is_over(pass.deadline);
                let mut stopped = late;
                // All of them are told, since they have happened; it goes on behind the last one before the first that stopped.
                for (found, worked) in worked {
                    match worked {
                        Some((orphan, true)) if passed.uncertain.len() < MAX_UNCERTAIN => passed.uncertain.push((n, orphan)),
                        Some((orphan, _)) => stopped |= summary.note(&orphan, pass, late, watch),
                        None => {}
                    }
                    if !stopped {
                        summary.looked += found.looked;
                        passed.orphaned += found.orphaned;
                        position = Position { range: n, after: found.last };
                    }
                }
                watch.looked(pass.stage, summary.looked, summary.objects);
                if stopped {
                    passed.end = Some(position);
                    return Ok(());
                }
            }
        }
        passed.end = pass.until.cloned();
        Ok(())
    }

    async fn clean_found(&self, found: Found, range: &Range, pass: Pass<'_>) -> (Found, Option<(Orphan, bool)>) {
        let worked = match &found.source {
            Some(source) => Some(self.clean_one(source, range, pass).await),
            None => None,
        };
        (found, worked)
    }

    /// `true` beside it: a removal may land later than its answer tells.
    async fn clean_one(&self, source: &Location, range: &Range, pass: Pass<'_>) -> (Orphan, bool) {
        let how = How {
            deadline: pass.deadline.unwrap_or_else(|| Deadline::after(PER_SOURCE)),
            plan_only: pass.plan_only,
            announced: &AtomicBool::new(false),
            budget: pass.budget,
        };
        let (outcome, objects) = self.clean(source, &range.template, how).await;
        (Orphan { source: source.clone(), objects, verdict: outcome.verdict }, outcome.look_again)
    }

    /// A removal that was given up may take effect until nobody waits for it any longer, and may meet what was made of a source
    /// that has come back meanwhile: that source has something missing then, and no sweep looks for such ones. So each is
    /// looked at when nothing can land any more; where there is no time for it, it is told as failed.
    async fn look_once_more(
        &self,
        ranges: &[Range],
        uncertain: Vec<(usize, Orphan)>,
        pass: Pass<'_>,
        summary: &mut Summary,
        watch: &mut dyn Watch,
    ) {
        let waits = !uncertain.is_empty() && pass.deadline.is_none_or(|deadline| deadline.left() > LONGEST_REQUEST);
        if waits {
            tokio::time::sleep(LONGEST_REQUEST).await;
        }
        // What it had of the budget, it has.
        let pass = Pass { budget: None, ..pass };
        for (range, mut orphan) in uncertain {
            let range = ranges.get(range).filter(|_| waits && !is_over(pass.deadline));
            if let Some(range) = range {
                let (again, _) = self.clean_one(&orphan.source, range, pass).await;
                orphan.objects.extend(again.objects);
                orphan.verdict = again.verdict;
            }
            summary.note(&orphan, pass, false, watch);
        }
    }
}

/// While what was counted is looked at, nothing is removed yet, so only failures are told beside the progress.
struct Checking<'a>(&'a mut dyn Watch);

impl Watch for Checking<'_> {
    fn looked(&mut self, stage: Stage, looked: u64, orphaned: u64) {
        self.0.looked(stage, looked, orphaned);
    }

    fn orphan(&mut self, orphan: &Orphan) {
        if orphan.is_failed() {
            self.0.orphan(&Orphan { objects: Vec::new(), ..orphan.clone() });
        }
    }
}

fn is_over(deadline: Option<Deadline>) -> bool {
    deadline.is_some_and(|deadline| deadline.left().is_zero())
}

fn candidates_of(batch: &[Found]) -> usize {
    batch.iter().filter(|found| found.source.is_some()).count()
}

/// Goes on to the next candidate, or for a page's length, or up to the key `until`.
async fn next_candidate(search: &mut Search<'_>, until: Option<&str>) -> Stored<Option<Found>> {
    let (before, mut orphaned) = (search.looked, 0);
    let found = |source, search: &Search<'_>, orphaned| {
        Some(Found { source, looked: search.looked - before, orphaned, last: search.last.clone() })
    };
    loop {
        if until.is_some_and(|until| search.last.as_deref().is_some_and(|last| last >= until)) {
            return Ok(found(None, search, orphaned).filter(|found| found.looked > 0));
        }
        let sighting = search.next().await?;
        orphaned += u64::from(sighting.as_ref().is_some_and(|sighting| *sighting != Sighting::Kept));
        match sighting {
            Some(Sighting::Orphan(source)) => return Ok(found(Some(source), search, orphaned)),
            None => return Ok(found(None, search, orphaned).filter(|found| found.looked > 0)),
            Some(_) if search.looked - before >= BETWEEN => return Ok(found(None, search, orphaned)),
            Some(_) => {}
        }
    }
}

impl Summary {
    /// Counts and tells one that was worked on; `late`: what is left of it is the next sweep's. Answers whether the sweep ends
    /// here: where no more may be removed, or it is certain that too much would go.
    fn note(&mut self, orphan: &Orphan, pass: Pass<'_>, late: bool, watch: &mut dyn Watch) -> bool {
        if orphan.verdict.reason().is_some_and(|reason| reason.code == BRAKE) {
            self.over = Some(pass.max_deletes.saturating_add(1));
            return true;
        }
        let failed = orphan.is_failed() && !late;
        // A candidate whose source is there after all, or that an event was faster with, is none.
        if failed || !orphan.objects.is_empty() {
            self.sources += 1;
            self.objects += u64::try_from(orphan.objects.len()).unwrap_or(u64::MAX);
            self.failed += u64::from(failed);
            watch.orphan(orphan);
        }
        pass.stage == Stage::Check && self.objects > pass.max_deletes
    }
}
