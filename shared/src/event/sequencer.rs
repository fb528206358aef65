//! S3's per-key order of changes.

use std::cmp::Ordering;

/// The `sequencer` of an event: comparable only with one of the same key and the same length.
///
/// Source: S3 user guide, "Event message structure". Its padding rule was changed once and EventBridge's values have
/// another length, so unequal lengths are unknown rather than guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequencer(String);

impl Sequencer {
    /// Folds the case; `None` where the text is not hexadecimal.
    pub fn new(text: &str) -> Option<Self> {
        let hex = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| Self(text.to_ascii_uppercase()))
    }

    /// The value in upper-case hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The order of two changes of one key, or `None` where it cannot be known from these values.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        (self.0.len() == other.0.len()).then(|| self.0.cmp(&other.0))
    }
}
