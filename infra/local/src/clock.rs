//! The one door to time in the local cloud.
//!
//! Cloud time starts at the machine's wall clock and then follows tokio's monotonic clock, multiplied by a factor. So a
//! test can let a 900 s delay pass in 90 ms (`Clock::scaled(10_000.0)`), or in no time at all under tokio's paused clock.
//! Following the monotonic clock means that a correction of the machine's wall clock never reorders messages.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

/// Reads cloud time and sleeps in it. Copies share the same time line.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: OffsetDateTime,
    started: Instant,
    factor: f64,
}

/// The shortest real sleep: below it a rounding error could turn a wait into a busy loop.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// The longest cloud time that one sleep waits for; longer waits are cut here, and their callers look again.
const LONGEST_SLEEP: Duration = Duration::from_secs(14 * 24 * 3600);

impl Clock {
    /// Time as it passes.
    #[must_use]
    pub fn real() -> Self {
        Self::scaled(1.0)
    }

    /// Cloud time that passes `factor` times as fast as real time. A factor that is no positive finite number counts as 1.
    #[must_use]
    pub fn scaled(factor: f64) -> Self {
        Self::starting_at(OffsetDateTime::now_utc(), factor)
    }

    /// As [`Clock::scaled`], but the first instant is given: for tests whose timestamps must not depend on the day.
    #[must_use]
    pub fn starting_at(epoch: OffsetDateTime, factor: f64) -> Self {
        let factor = if factor.is_finite() && factor > 0.0 { factor } else { 1.0 };
        Self { epoch, started: Instant::now(), factor }
    }

    /// The current cloud time, in UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        let elapsed = self.started.elapsed();
        let scaled = Duration::try_from_secs_f64(elapsed.as_secs_f64() * self.factor).unwrap_or(Duration::MAX);
        // Year 9999 is the end of this calendar; a factor so large simply stops there.
        time::Duration::try_from(scaled).ok().and_then(|d| self.epoch.checked_add(d)).unwrap_or(self.epoch)
    }

    /// Sleeps for this much cloud time (at most 14 days at once).
    pub async fn sleep(&self, cloud: Duration) {
        tokio::time::sleep(self.real_duration(cloud)).await;
    }

    /// Sleeps until cloud time has reached `at`; returns at once if it has.
    pub async fn sleep_until(&self, at: OffsetDateTime) {
        loop {
            let left = at - self.now();
            match Duration::try_from(left) {
                Ok(left) if !left.is_zero() => self.sleep(left).await,
                _ => return,
            }
        }
    }

    /// How much real time this much cloud time takes: for real timers around cloud work (a child's kill timer).
    #[must_use]
    pub fn real_duration(&self, cloud: Duration) -> Duration {
        let seconds = cloud.min(LONGEST_SLEEP).as_secs_f64() / self.factor;
        Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_SLEEP).max(SHORTEST_SLEEP)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn cloud_time_passes_factor_times_as_fast() {
        let clock = Clock::scaled(900.0);
        let (cloud, real) = (clock.now(), Instant::now());
        clock.sleep(Duration::from_secs(900)).await;
        assert!(clock.now() - cloud >= time::Duration::seconds(900));
        assert!(real.elapsed() <= Duration::from_secs(2), "took {:?} of real time", real.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_until_the_past_returns_at_once_and_the_future_is_reached() {
        let clock = Clock::scaled(7.3);
        let before = Instant::now();
        clock.sleep_until(clock.now() - time::Duration::hours(1)).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        let at = clock.now() + Duration::from_secs(12 * 3600);
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
    }

    #[test]
    fn a_senseless_factor_counts_as_one() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Clock::scaled(factor).real_duration(Duration::from_secs(3)), Duration::from_secs(3));
        }
    }
}
