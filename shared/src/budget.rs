//! What one invocation may spend: its time and its memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// When the invocation must have replied. Lambda freezes or kills whatever is late.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The longest that one attempt of a small request is waited for: so long after its sender has died it may still take effect.
pub const LONGEST_REQUEST: Duration = Duration::from_secs(15);

impl Deadline {
    /// Kept free at the end for parking, re-queuing, resetting visibility and the reply.
    pub const RESERVE: Duration = Duration::from_millis(1500);

    /// Kept free for the reply itself.
    const REPLY: Duration = Duration::from_millis(300);

    /// After this much time from now, reserve included.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// So much earlier, for a part of the work: so that there is time to tell what came of it.
    #[must_use]
    pub fn earlier(&self, by: Duration) -> Self {
        Self(self.0.checked_sub(by).unwrap_or(self.0))
    }

    /// When work on records must end: the reserve before the deadline.
    pub fn work_ends(&self) -> Instant {
        self.0.checked_sub(Self::RESERVE).unwrap_or(self.0)
    }

    /// When parking, re-queuing and resetting visibility must end, so that the reply still arrives.
    pub fn reply_by(&self) -> Instant {
        self.0.checked_sub(Self::REPLY).unwrap_or(self.0)
    }

    /// The time until Lambda ends the process, reserve included.
    pub fn until_the_end(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The time left for work on records.
    pub fn left(&self) -> Duration {
        self.work_ends().saturating_duration_since(Instant::now())
    }
}

/// A bound on the bytes that the records in flight hold together.
#[derive(Clone, Debug)]
pub struct Memory {
    kib: Arc<Semaphore>,
    total: u64,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub struct Held {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// A bound in bytes.
    pub fn new(bytes: u64) -> Self {
        // In whole KiB, so that what is held, rounded up, never asks for more permits than there are.
        let bytes = (bytes / 1024).max(1) * 1024;
        let kib = usize::try_from(bytes / 1024).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { kib: Arc::new(Semaphore::new(kib)), total: bytes }
    }

    /// The bound, in bytes. Who needs more than this must not start.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Waits until `bytes` fit beside what others hold. More than the bound waits for all of it, so that it runs alone.
    ///
    /// Hold once per record: a second hold while the first is kept could wait for ever.
    pub async fn hold(&self, bytes: u64) -> Held {
        let wanted = u32::try_from(bytes.min(self.total).div_ceil(1024)).unwrap_or(u32::MAX);
        // The semaphore is never closed, so an error cannot happen; without a permit the bound is only softer.
        Held { _permit: Arc::clone(&self.kib).acquire_many_owned(wanted).await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_ends_a_reserve_before_the_deadline() {
        let deadline = Deadline::after(Duration::from_secs(10));
        assert_eq!(deadline.left(), Duration::from_secs(10) - Deadline::RESERVE);
        assert_eq!(deadline.earlier(Duration::from_secs(3)).left(), Duration::from_secs(7) - Deadline::RESERVE);
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(deadline.left(), Duration::ZERO);
    }

    #[tokio::test]
    async fn what_does_not_fit_waits() {
        let memory = Memory::new(10 * 1024);
        let first = memory.hold(8 * 1024).await;
        let mut second = Box::pin(memory.hold(4 * 1024));
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        assert!(futures::poll!(&mut second).is_ready());
    }

    #[tokio::test]
    async fn more_than_the_bound_runs_alone() {
        let memory = Memory::new(10 * 1024 + 1);
        let _all = memory.hold(1 << 40).await;
        assert!(futures::poll!(Box::pin(memory.hold(1))).is_pending());
    }
}
