//! Sweeping.

/// The code of what a sweep was not allowed to remove.
pub(crate) const BRAKE: &str = "over-max-deletes";
