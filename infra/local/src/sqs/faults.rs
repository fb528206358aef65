//! The faults of a real queue, by chance from a seed.
//!
//! Fault model: a standard queue delivers at least once, in any order, sometimes late. S3 and SNS may send the same
//! notification twice (two messages, two ids); SQS itself may deliver one message twice (two copies, one id: deleting one
//! leaves the other). All three happen when a message is sent to a standard queue. FIFO queues promise none of this and get
//! none of it. Nothing is ever lost.

use std::time::Duration;

use fastrand::Rng;

/// Which faults happen, how often. All are off in `Faults::default()`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// The same seed and the same sends give the same faults.
    pub seed: u64,
    /// The chance, 0 to 1, that a sent message arrives twice; half of these share one message id.
    pub duplicate: f64,
    /// Each copy is delayed by up to this much cloud time, on top of the delay asked for.
    pub delay_max: Duration,
    /// Messages overtake each other, by up to [`REORDER_WINDOW`] places.
    pub reorder: bool,
}

/// How many places a message may be late by under `reorder`.
pub const REORDER_WINDOW: u64 = 64;

/// How often each fault happened: a test that asks for faults checks that it got them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Duplicates with a message id of their own.
    pub duplicated_new_id: u64,
    /// Duplicates that share the message id.
    pub duplicated_same_id: u64,
    /// Copies that were delayed.
    pub delayed: u64,
    /// Copies that were put behind later ones.
    pub reordered: u64,
}

/// How one copy of a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) own_id: bool,
    pub(super) late_by: Duration,
    pub(super) places: u64,
}

/// Draws the faults.
#[derive(Debug)]
pub(super) struct FaultSource {
    faults: Faults,
    rng: Rng,
    pub(super) counts: FaultCounts,
}

impl FaultSource {
    pub(super) fn new(faults: Faults) -> Self {
        Self { rng: Rng::with_seed(faults.seed), faults, counts: FaultCounts::default() }
    }

    /// The copies of one sent message: one, or two.
    pub(super) fn copies(&mut self) -> Vec<Copy> {
        let mut copies = vec![self.copy(true)];
        if self.faults.duplicate > 0.0 && self.rng.f64() < self.faults.duplicate {
            let own_id = self.rng.bool();
            if own_id {
                self.counts.duplicated_new_id += 1;
            } else {
                self.counts.duplicated_same_id += 1;
            }
            copies.push(self.copy(own_id));
        }
        copies
    }

    fn copy(&mut self, own_id: bool) -> Copy {
        let late_by = self.faults.delay_max.mul_f64(if self.faults.delay_max.is_zero() { 0.0 } else { self.rng.f64() });
        let places = if self.faults.reorder { self.rng.u64(0..REORDER_WINDOW) } else { 0 };
        self.counts.delayed += u64::from(!late_by.is_zero());
        self.counts.reordered += u64::from(places > 0);
        Copy { own_id, late_by, places }
    }
}
