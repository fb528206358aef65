//! The sweep of a schedule: as much as fits into one invocation, and the next one goes on there.

use std::collections::BTreeSet;
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::storage::Result as Stored;
use brigade::verdict::{Outcome, Verdict};

use super::checkpoint::{Checkpoint, Kept};
use super::engine::{Brake, Ended, Limits, Position};
use super::search::Range;
use super::{BRAKE, Orphan, Stage, Summary, Watch};
use crate::Cleanup;

/// The share of an invocation's time that counting may take, in percent; removing what was counted needs the rest.
const COUNTING: u32 = 40;
/// Kept free at the end to write where the sweep stands: what is not done when the invocation's work must end is dropped.
const CHECKPOINT: Duration = Duration::from_secs(5);
/// The code of a sweep that does not come to its end.
const UNFINISHED: &str = "sweep-unfinished";

/// Keeps why the first one failed.
#[derive(Default)]
struct FirstFailure(Option<String>);

impl Watch for FirstFailure {
    fn looked(&mut self, _: Stage, _: u64, _: u64) {}

    fn orphan(&mut self, orphan: &Orphan) {
        if let (true, Some(reason)) = (orphan.is_failed(), orphan.verdict.reason()) {
            self.0.get_or_insert_with(|| format!("{}: {reason}", orphan.source));
        }
    }
}

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
        let kept = match &self.state {
            Some(state) => Some(Kept::read(self.store.as_ref(), state, &self.templates, &self.input).await?),
            None => None,
        };
        let start = kept.as_ref().and_then(Kept::checkpoint).and_then(|checkpoint| position(&ranges, checkpoint));
        let start = start.unwrap_or_default();
        let limits = Limits {
            plan_only: self.plan_only,
            brake: true,
            max_deletes: self.max_deletes,
            counting: Some(Deadline::after(deadline.left() * COUNTING / 100 + Deadline::RESERVE)),
            whole: Some(deadline),
        };
        let mut failure = FirstFailure::default();
        let end = match self.run(&ranges, &start, limits, summary, &mut failure).await? {
            Ended::Braked(brake) => return Ok(Verdict::park(BRAKE, self.braked(&brake, failure))),
            Ended::Whole => None,
            Ended::Stopped(end) => Some(end),
        };
        let no_progress = summary.objects == 0 && end.as_ref() == Some(&start);
        let unfinished = self.keep_position(&ranges, kept, end).await?;
        let max_deletes = self.max_deletes;
        Ok(if summary.over.is_some() {
            // More came to be removed than was counted, or could not be counted: what was done is told, and that it isn't all.
            let detail = format!("the limit BRIGADE_MAX_DELETES={max_deletes} was reached: the next sweep goes on there");
            Verdict::park(BRAKE, detail)
        } else if summary.failed > 0 {
            let first = failure.0.unwrap_or_default();
            Verdict::park("sweep-failed", format!("the derived objects of {} sources are left; {first}", summary.failed))
        } else if no_progress {
            Verdict::park(UNFINISHED, "there was no time to get on: give the function a longer timeout")
        } else {
            unfinished.unwrap_or(Verdict::Done)
        })
    }

    /// `Some`: the next sweep will not go on there.
    async fn keep_position(&self, ranges: &[Range], kept: Option<Kept>, end: Option<Position>) -> Stored<Option<Verdict>> {
        if self.plan_only {
            return Ok(None);
        }
        let unfinished = |why: String| Verdict::park(UNFINISHED, format!("the next sweep will begin at the beginning: {why}"));
        let Some(kept) = kept else {
            return Ok(end.map(|_| unfinished("there was no time for all of it; set BRIGADE_STATE".to_owned())));
        };
        let checkpoint = end.and_then(|end| Some(Checkpoint::new(part(ranges.get(end.range)?), end.after)));
        let replaced = kept.replace(self.store.as_ref(), &self.encryption, checkpoint.as_ref()).await?;
        Ok(replaced.err().map(|at| unfinished(format!("{at} is somebody else's, and is left alone"))))
    }

    /// Why nothing was removed, and what to do if all of it is to go.
    fn braked(&self, brake: &Brake, failure: FirstFailure) -> String {
        let max_deletes = self.max_deletes;
        let why = match (brake.certain, failure.0) {
            (true, _) => format!("more than BRIGADE_MAX_DELETES={max_deletes} derived objects have no source"),
            (false, first) => format!(
                "{} derived objects seem to have no source, more than BRIGADE_MAX_DELETES={max_deletes}, and not all could be \
                 looked at{}",
                brake.objects,
                first.map(|first| format!(" ({first})")).unwrap_or_default()
            ),
        };
        let buckets: BTreeSet<String> =
            self.templates.iter().map(|t| format!("`brigade sweep s3://{}/`", t.bucket())).collect();
        let commands = buckets.into_iter().collect::<Vec<_>>().join(", ");
        format!(
            "{why}: nothing was removed. {commands} lists them all; if they are to go, run it again with --apply and the number \
             that it tells as --max-deletes"
        )
    }
}

/// Where the sweep before has ended, if there still is such a place.
fn position(ranges: &[Range], checkpoint: &Checkpoint) -> Option<Position> {
    let range = ranges.iter().position(|range| part(range) == checkpoint.part)?;
    Some(Position { range, after: checkpoint.after.clone() })
}

fn part(range: &Range) -> String {
    format!("s3://{}/{}", range.template.bucket(), range.derived_prefix())
}
