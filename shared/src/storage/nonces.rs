//! Nonces: by them a writer knows its own writes again.

use std::hash::{BuildHasher, Hasher};
use std::sync::{Mutex, PoisonError};

/// A source of nonces: 16 hexadecimal digits, another one for each call.
#[derive(Debug)]
pub struct Nonces(Mutex<fastrand::Rng>);

impl Nonces {
    /// Nonces from `random`, which must differ between processes: seeded only in tests.
    pub fn new(random: fastrand::Rng) -> Self {
        Self(Mutex::new(random))
    }

    /// Nonces that no other process has.
    pub fn seeded_by_system() -> Self {
        // The standard library seeds its hash maps from the system's randomness; fastrand's own seed is clock and thread.
        let seed = std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self::new(fastrand::Rng::with_seed(seed))
    }

    /// The next one.
    pub fn next(&self) -> String {
        format!("{:016x}", self.0.lock().unwrap_or_else(PoisonError::into_inner).u64(..))
    }
}
