//! S3's per-key order of changes.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// The `sequencer` of an event: comparable only with one of the same key and the same length.
///
/// Source: S3 user guide, "Event message structure". Its padding rule was changed once and EventBridge's values have
/// another length, so unequal lengths are unknown rather than guessed. Senders differ in case, which says nothing:
/// values that differ in it alone are equal.
#[derive(Clone, Debug)]
pub struct Sequencer(String);

impl Sequencer {
    /// `None` where the text is not hexadecimal.
    pub fn new(text: &str) -> Option<Self> {
        let hex = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| Self(text.to_owned()))
    }

    /// The value as it came, in either case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The order of two changes of one key, or `None` where it cannot be known from these values.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        (self.0.len() == other.0.len()).then(|| self.folded().cmp(other.folded()))
    }

    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|byte| byte.to_ascii_uppercase())
    }
}

impl PartialEq for Sequencer {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Sequencer {}

impl Hash for Sequencer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|byte| state.write_u8(byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_lengths_compare() {
        let cases = [
            ("0065B2CB162FC1AC3B", "0065B2CB162FC1AC3C", Some(Ordering::Less)),
            ("0065b2cb162fc1ac3b", "0065B2CB162FC1AC3B", Some(Ordering::Equal)),
            ("F", "0", Some(Ordering::Greater)),
            ("0065B2CB162FC1AC3B", "617f08299329d189", None),
            ("A", "0A", None),
        ];
        for (left, right, order) in cases {
            let (left, right) = (Sequencer::new(left).unwrap(), Sequencer::new(right).unwrap());
            assert_eq!(left.compare(&right), order);
            assert_eq!(right.compare(&left), order.map(Ordering::reverse));
            assert_eq!(left == right, order == Some(Ordering::Equal));
        }
    }

    #[test]
    fn the_case_is_kept_and_says_nothing() {
        let (lower, upper) = (Sequencer::new("617f08299329d189").unwrap(), Sequencer::new("617F08299329D189").unwrap());
        assert_eq!((lower.as_str(), &lower), ("617f08299329d189", &upper));
        assert_eq!(std::collections::HashSet::from([lower, upper]).len(), 1);
    }

    #[test]
    fn what_is_not_hexadecimal_is_no_sequencer() {
        for text in ["", "0x12", "12 ", "é", "15CFEDF8D5304D1G"] {
            assert_eq!(Sequencer::new(text), None, "{text}");
        }
    }
}
