//! What delivery may do to messages in a test: what S3 does rarely, done often and by a seed.

use std::time::Duration;

/// Seeded faults of delivery. S3 delivers at least once, usually in order and within seconds: duplicates, delays and
/// changes of order are all within its contract. Nothing is ever lost by a fault.
#[derive(Clone, Debug, PartialEq)]
pub struct NotifyFaults {
    /// The same seed and the same changes give the same decisions.
    pub seed: u64,
    /// The share of messages, 0.0 to 1.0, that are delivered twice.
    pub duplicate: f64,
    /// Each delivery waits for up to this long.
    pub delay_max: Duration,
    /// Messages with a shorter delay may overtake others; without it the order of changes is kept.
    pub reorder: bool,
}

/// The decisions, drawn one after the other.
pub(super) struct Dice {
    faults: Option<NotifyFaults>,
    rng: fastrand::Rng,
}

impl Dice {
    pub(super) fn new(faults: Option<NotifyFaults>) -> Self {
        let seed = faults.as_ref().map_or(0, |f| f.seed);
        Self { faults, rng: fastrand::Rng::with_seed(seed) }
    }

    /// When to deliver, counted from the change: once, or twice.
    pub(super) fn deliveries(&mut self) -> Vec<Duration> {
        let Some(faults) = self.faults.clone() else { return vec![Duration::ZERO] };
        let times = if self.rng.f64() < faults.duplicate { 2 } else { 1 };
        (0..times).map(|_| faults.delay_max.mul_f64(self.rng.f64())).collect()
    }

    pub(super) fn reorders(&self) -> bool {
        self.faults.as_ref().is_some_and(|f| f.reorder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_decisions_and_every_fault_fires() {
        let faults = NotifyFaults { seed: 7, duplicate: 0.3, delay_max: Duration::from_millis(50), reorder: true };
        let draw = || {
            let mut dice = Dice::new(Some(faults.clone()));
            (0..200).map(|_| dice.deliveries()).collect::<Vec<_>>()
        };
        let drawn = draw();
        assert_eq!(drawn, draw());
        assert!(drawn.iter().any(|d| d.len() == 2) && drawn.iter().any(|d| d.len() == 1));
        assert!(drawn.iter().flatten().any(|d| *d > Duration::ZERO));
        assert_eq!(Dice::new(None).deliveries(), [Duration::ZERO]);
    }
}
