//! When a dead process is started again, and when the host gives up. Pure.

use std::time::Duration;

/// Deaths before the first `invocation/next`, one after the other, after which the configuration is taken to be wrong.
const INIT_ATTEMPTS: u32 = 3;
/// The wait after a first failed start; doubled for each further one.
const INIT_BACKOFF: Duration = Duration::from_millis(100);
/// The wait before a second restart without a finished invocation in between; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(50);
/// The longest wait.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// What to do about a dead process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Start another after this wait.
    Restart(Duration),
    /// It never gets as far as asking for work: stop trying and say why.
    GiveUp,
}

/// The deaths of one sandbox's processes in a row.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    at_init: u32,
    at_work: u32,
}

impl Deaths {
    /// The process asked for work: its configuration is good.
    pub(super) fn initialised(&mut self) {
        self.at_init = 0;
    }

    /// An invocation ended with an answer: the process is able to work.
    pub(super) fn worked(&mut self) {
        self.at_work = 0;
    }

    /// The process died before it asked for work.
    pub(super) fn died_at_init(&mut self) -> Next {
        self.at_init = self.at_init.saturating_add(1);
        if self.at_init >= INIT_ATTEMPTS {
            return Next::GiveUp;
        }
        Next::Restart(doubled(INIT_BACKOFF, self.at_init - 1))
    }

    /// The process died, or was killed, after it had asked for work. The first time costs nothing: Lambda, too, has a fresh
    /// environment at hand. An input that kills every process is slowed down, never given up: the queue's redrive ends it.
    pub(super) fn died_at_work(&mut self) -> Next {
        self.at_work = self.at_work.saturating_add(1);
        match self.at_work {
            1 => Next::Restart(Duration::ZERO),
            n => Next::Restart(doubled(BACKOFF, n - 2)),
        }
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1u32.checked_shl(times).unwrap_or(u32::MAX)).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_configuration_is_given_up_after_three_starts() {
        let mut deaths = Deaths::default();
        assert_eq!(deaths.died_at_init(), Next::Restart(Duration::from_millis(100)));
        assert_eq!(deaths.died_at_init(), Next::Restart(Duration::from_millis(200)));
        assert_eq!(deaths.died_at_init(), Next::GiveUp);
    }

    #[test]
    fn a_start_that_succeeds_forgets_the_failed_ones() {
        let mut deaths = Deaths::default();
        deaths.died_at_init();
        deaths.died_at_init();
        deaths.initialised();
        assert_eq!(deaths.died_at_init(), Next::Restart(Duration::from_millis(100)));
    }

    #[test]
    fn deaths_at_work_are_slowed_down_to_a_bound_and_forgotten_after_work() {
        let mut deaths = Deaths::default();
        let waits: Vec<u128> = (0..12)
            .map(|_| match deaths.died_at_work() {
                Next::Restart(wait) => wait.as_millis(),
                Next::GiveUp => panic!("never given up"),
            })
            .collect();
        assert_eq!(waits, [0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]);
        deaths.worked();
        assert_eq!(deaths.died_at_work(), Next::Restart(Duration::ZERO));
    }
}
