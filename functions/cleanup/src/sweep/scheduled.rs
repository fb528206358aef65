//! The sweep of a schedule: as much as fits into one invocation, and the next one goes on there.

use brigade::budget::Deadline;
use brigade::event::KeyError;
use brigade::storage::{ErrorKind, Location, Result as Stored, StoreError};
use brigade::verdict::{Outcome, Verdict};

use super::checkpoint::Checkpoint;
use super::search::Range;
use super::{Clean, Orphan, Position, Stage, Summary, Watch};
use crate::Cleanup;

/// The share of an invocation's time that counting may take, in percent; removing what was counted needs the rest.
const COUNTING: u32 = 40;

/// Nobody watches: the log line tells.
struct Unwatched;

impl Watch for Unwatched {
    fn looked(&mut self, _: Stage, _: u64, _: u64) {}
    fn orphan(&mut self, _: &Orphan) {}
}

impl Cleanup {
    /// Sweeps everything, or as much of it as there is time for.
    pub(crate) async fn sweep_on_schedule(&self, deadline: Deadline) -> Outcome {
        let mut summary = Summary::default();
        let verdict = self.sweep_part(deadline, &mut summary).await.unwrap_or_else(|error| Verdict::of_error(&error));
        let Summary { looked, sources, objects, failed, .. } = summary;
        let removed = if self.plan_only { "would_remove" } else { "removed" };
        let figures = vec![("looked", looked), ("orphans", sources), (removed, objects), ("failed", failed)];
        Outcome { figures, ..verdict.into() }
    }

    async fn sweep_part(&self, deadline: Deadline, summary: &mut Summary) -> Stored<Verdict> {
        let ranges = self.ranges(None);
        let at = self.state.as_ref().map(Checkpoint::place).transpose().map_err(|error| self.bad_state(&error))?;
        let start = self.start(&ranges, at.as_ref()).await?;
        let least = deadline.left() * (100 - COUNTING) / 100;
        let count = self.count(&ranges, &start, &|| deadline.left() < least, &mut Unwatched).await?;
        if self.brakes(count.orphaned, self.max_deletes) {
            summary.looked = count.looked;
            let detail = format!(
                "{} derived objects have no source, more than BRIGADE_MAX_DELETES={}: nothing was removed. If that is right, \
                 `brigade sweep --apply --max-deletes {}` removes them",
                count.orphaned, self.max_deletes, count.orphaned
            );
            return Ok(Verdict::park(super::BRAKE, detail));
        }
        let clean = Clean {
            plan_only: self.plan_only,
            max_deletes: self.max_deletes,
            until: count.end.as_ref(),
            deadline: Some(deadline),
        };
        let end = self.clean_all(&ranges, &start, clean, summary, &mut Unwatched).await?;
        self.keep_position(&ranges, at.as_ref(), end).await
    }

    /// Where the sweep before has ended, if there still is such a place.
    async fn start(&self, ranges: &[Range], at: Option<&Location>) -> Stored<Position> {
        let Some(at) = at else { return Ok(Position::default()) };
        let checkpoint = Checkpoint::read(self.store.as_ref(), at).await?;
        let position = checkpoint.and_then(|checkpoint| {
            let range = ranges.iter().position(|range| part(range) == checkpoint.part)?;
            Some(Position { range, after: Some(checkpoint.after) })
        });
        Ok(position.unwrap_or_default())
    }

    async fn keep_position(&self, ranges: &[Range], at: Option<&Location>, end: Option<Position>) -> Stored<Verdict> {
        let checkpoint = end.as_ref().and_then(|end| {
            let range = ranges.get(end.range)?;
            Some(Checkpoint::new(part(range), end.after.clone()?))
        });
        match (at, &end) {
            (Some(at), _) => Checkpoint::write(self.store.as_ref(), at, checkpoint.as_ref()).await.map(|()| Verdict::Done),
            (None, None) => Ok(Verdict::Done),
            (None, Some(_)) => {
                let detail =
                    "there was no time for all of it, and the next sweep will begin at the beginning: set BRIGADE_STATE";
                Ok(Verdict::park("sweep-unfinished", detail))
            }
        }
    }

    fn bad_state(&self, error: &KeyError) -> StoreError {
        StoreError::new(ErrorKind::Invalid, "PutObject", "BRIGADE_STATE", "KeyTooLongError", error.to_string())
    }
}

fn part(range: &Range) -> String {
    format!("s3://{}/{}", range.template.bucket(), range.derived_prefix())
}
