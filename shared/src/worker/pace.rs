//! Admission by estimated time: a record that would not end in time is not started.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long records have taken: a moving average that follows slow ones at once and forgets them slowly.
#[derive(Debug)]
pub struct Pace {
    micros: AtomicU64,
}

impl Pace {
    /// Before the first record there is only this guess.
    const FIRST_GUESS: Duration = Duration::from_millis(500);

    /// A pace that has seen nothing yet.
    pub fn new() -> Self {
        Self { micros: AtomicU64::new(micros(Self::FIRST_GUESS)) }
    }

    /// What the next record may take: twice what the last ones took.
    pub fn estimate(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed).saturating_mul(2))
    }

    /// Learns from a record that has ended. Races between records may lose an update, which does no harm.
    pub fn learn(&self, took: Duration) {
        let (old, new) = (self.micros.load(Ordering::Relaxed), micros(took));
        let next = if new > old { new } else { old - (old - new) / 8 };
        self.micros.store(next, Ordering::Relaxed);
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_record_counts_at_once_and_is_forgotten_slowly() {
        let pace = Pace::new();
        pace.learn(Duration::from_secs(8));
        assert_eq!(pace.estimate(), Duration::from_secs(16));
        pace.learn(Duration::ZERO);
        assert_eq!(pace.estimate(), Duration::from_secs(14));
        (0..100).for_each(|_| pace.learn(Duration::from_millis(10)));
        assert!(pace.estimate() < Duration::from_millis(25));
    }
}
