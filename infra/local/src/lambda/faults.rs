//! Seeded faults of the function host.
//!
//! Fault model: a process may be killed at any moment of an invocation, and a finished function's answer may never arrive.
//! Both happen in Lambda. In both the batch counts as failed, so its messages come again although their work may be done.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Which faults are injected; the default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// The same seed draws the same faults in the same order.
    pub seed: u64,
    /// Probability, 0 to 1, that the process is killed (SIGKILL) at a random moment of an invocation.
    pub kill_during: f64,
    /// Probability, 0 to 1, that an answer is thrown away.
    pub reply_lost: f64,
}

/// How often each fault fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Processes killed in mid-invocation.
    pub killed: u64,
    /// Answers thrown away.
    pub replies_lost: u64,
}

/// Draws the faults and counts those that fired.
#[derive(Debug)]
pub(super) struct FaultDraw {
    faults: Faults,
    rng: Mutex<fastrand::Rng>,
    killed: AtomicU64,
    replies_lost: AtomicU64,
}

impl FaultDraw {
    pub(super) fn new(faults: Faults) -> Self {
        FaultDraw {
            faults,
            rng: Mutex::new(fastrand::Rng::with_seed(faults.seed)),
            killed: AtomicU64::new(0),
            replies_lost: AtomicU64::new(0),
        }
    }

    /// How long into an invocation its process is to be killed, if at all. `usual` is how long the function took last.
    pub(super) fn kill_after(&self, usual: Duration) -> Option<Duration> {
        let share = self.draw(self.faults.kill_during)?;
        Some(usual.max(Duration::from_millis(5)).mul_f64(share))
    }

    /// Whether this answer gets lost.
    pub(super) fn loses_reply(&self) -> bool {
        let lost = self.draw(self.faults.reply_lost).is_some();
        if lost {
            self.replies_lost.fetch_add(1, Ordering::Relaxed);
        }
        lost
    }

    /// A kill that was drawn came before the invocation's end.
    pub(super) fn killed(&self) {
        self.killed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> FaultCounts {
        FaultCounts { killed: self.killed.load(Ordering::Relaxed), replies_lost: self.replies_lost.load(Ordering::Relaxed) }
    }

    /// A number in 0..1 when the fault is drawn. A fault that is off draws nothing, so it leaves the other's sequence alone.
    fn draw(&self, probability: f64) -> Option<f64> {
        if probability <= 0.0 {
            return None;
        }
        let mut rng = self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (rng.f64() < probability).then(|| rng.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_that_are_off_never_fire_and_a_seed_repeats_itself() {
        let off = FaultDraw::new(Faults::default());
        assert!((0..1_000).all(|_| off.kill_after(Duration::from_secs(1)).is_none() && !off.loses_reply()));
        assert_eq!(off.counts(), FaultCounts::default());

        let faults = Faults { seed: 7, kill_during: 0.2, reply_lost: 0.0 };
        let drawn = || {
            let draw = FaultDraw::new(faults);
            (0..200).map(|_| draw.kill_after(Duration::from_secs(1))).collect::<Vec<_>>()
        };
        assert_eq!(drawn(), drawn());
        assert!(drawn().iter().flatten().count() > 0);
        assert!(drawn().iter().flatten().all(|after| *after <= Duration::from_secs(1)));
    }

    #[test]
    fn a_lost_reply_is_counted() {
        let draw = FaultDraw::new(Faults { seed: 1, kill_during: 0.0, reply_lost: 1.0 });
        assert!(draw.loses_reply());
        assert_eq!(draw.counts(), FaultCounts { killed: 0, replies_lost: 1 });
    }
}
