//! The sweep of a schedule: as much as fits into one invocation, and the next one goes on there.

use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::KeyError;
use brigade::storage::{ErrorKind, Location, Result as Stored, StoreError};
use brigade::verdict::{Outcome, Verdict};

use super::checkpoint::Checkpoint;
use super::search::Range;
use super::{Clean, Position, Summary, Unwatched};
use crate::Cleanup;

/// The share of an invocation's time that counting may take, in percent; removing what was counted needs the rest.
const COUNTING: u32 = 40;
/// Kept free at the end to write where the sweep stands: what is not done when the invocation's work must end is dropped.
const CHECKPOINT: Duration = Duration::from_secs(5);

impl Cleanup {
    /// Sweeps everything, or as much of it as there is time for.
    pub(crate) async fn sweep_on_schedule(&self, deadline: Deadline) -> Outcome {
        let mut summary = Summary::default();
        let left = deadline.left();
        let deadline = Deadline::after(left.saturating_sub(CHECKPOINT.min(left / 4)) + Deadline::RESERVE);
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
        let (max_deletes, mut until) = (self.max_deletes, count.end);
        if self.brakes(count.orphaned, max_deletes) {
            // The listing also shows what would never be removed, such as objects without their source's mark.
            let half = Some(Deadline::after(deadline.left() / 2 + Deadline::RESERVE));
            let plan = Clean { plan_only: true, max_deletes, until: until.as_ref(), deadline: half };
            let mut planned = Summary::default();
            let end = self.clean_all(&ranges, &start, plan, &mut planned, &mut Unwatched).await?;
            if self.brakes(planned.objects, max_deletes) {
                summary.looked = count.looked;
                return Ok(Verdict::park(super::BRAKE, over(planned.objects, max_deletes)));
            }
            until = end;
        }
        let clean = Clean { plan_only: self.plan_only, max_deletes, until: until.as_ref(), deadline: Some(deadline) };
        let end = self.clean_all(&ranges, &start, clean, summary, &mut Unwatched).await?;
        let kept = self.keep_position(&ranges, at.as_ref(), end).await?;
        // More came to be removed than was counted, or could not be counted: what was done is told, and that it isn't all.
        let braked = summary.over.map(|_| {
            let detail = format!("the limit BRIGADE_MAX_DELETES={max_deletes} was reached: the next sweep goes on there");
            Verdict::park(super::BRAKE, detail)
        });
        Ok(braked.unwrap_or(kept))
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
            _ if self.plan_only => Ok(Verdict::Done),
            (Some(at), _) => {
                Checkpoint::write(self.store.as_ref(), at, &self.encryption, checkpoint.as_ref()).await.map(|()| Verdict::Done)
            }
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

fn over(objects: u64, max_deletes: u64) -> String {
    format!(
        "{objects} derived objects have no source, more than BRIGADE_MAX_DELETES={max_deletes}: nothing was removed. If that is \
         right, `brigade sweep --apply --max-deletes {objects}` removes them"
    )
}

fn part(range: &Range) -> String {
    format!("s3://{}/{}", range.template.bucket(), range.derived_prefix())
}
