//! The time that an invocation's passes have.

use std::time::Duration;

use brigade::budget::Deadline;
use brigade::verdict::Verdict;
use tokio::time::Instant;

/// No batch is begun with less: its inputs would wait for the lease in vain.
const LEAST: Duration = Deadline::RESERVE.saturating_mul(2);
/// Between the end of the passes and that of the invocation's work: to tell what came of thousands of inputs.
const TELLING: Duration = Duration::from_millis(250);

/// What an invocation has for its passes, from when it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    deadline: Deadline,
    whole: Duration,
}

impl Shift {
    /// From now until shortly before the work has to end: what is done by then is told, and not dropped with what is not.
    pub(crate) fn until(deadline: Deadline) -> Self {
        let deadline = deadline.earlier(TELLING);
        Self { deadline, whole: deadline.left() }
    }

    /// Three quarters of it: the rest is for what comes after.
    pub(crate) fn most(&self) -> Self {
        let deadline = self.deadline.earlier(self.whole / 4);
        Self { deadline, whole: deadline.left() }
    }

    /// When it ends.
    pub(crate) fn ends(&self) -> Instant {
        self.deadline.work_ends()
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.left()
    }

    /// Whether a batch that takes so long can still be begun. In the first half one can, however long it takes: else a single
    /// slow one would keep this process from ever beginning, and learning, again.
    pub(crate) fn is_enough_for(&self, estimate: Duration) -> bool {
        estimate.min(self.whole / 2).max(LEAST) <= self.left()
    }
}

/// Of what was dropped when its time was over.
pub(crate) fn late() -> Verdict {
    Verdict::retry("deadline", "not done in this invocation's time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_begun_where_it_fits_or_in_the_first_half() {
        let seconds = Duration::from_secs;
        for (passed, estimate, expected) in [
            (0, 1, true),
            (0, 1_000, true),
            (29, 1_000, true),
            (31, 1_000, false),
            (31, 28, true),
            (58, 0, false),
            (55, 0, true),
            (60, 0, false),
        ] {
            let shift = Shift::until(Deadline::after(seconds(60) + TELLING + Deadline::RESERVE));
            tokio::time::advance(seconds(passed)).await;
            assert_eq!(shift.is_enough_for(seconds(estimate)), expected, "{estimate} s when {passed} s have passed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn most_of_it_leaves_a_quarter() {
        let shift = Shift::until(Deadline::after(Duration::from_secs(60) + TELLING + Deadline::RESERVE));
        assert_eq!((shift.left(), shift.most().left()), (Duration::from_secs(60), Duration::from_secs(45)));
    }
}
