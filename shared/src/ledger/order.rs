//! The order of a key's changes, as far as their events tell it.

use std::cmp::Ordering;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::Sequencer;

/// Longer sequencers than this are not kept: S3's have 16 or 18 digits, and a document's size must be bounded.
const MAX_SEQUENCER: usize = 32;

/// A change's place among those of its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// By S3's sequencer: creates and deletes have one.
    Sequencer(Sequencer),
    /// By the event's time, in milliseconds since 1970: what has no sequencer and no state to be settled by.
    Time(i64),
    /// The event tells nothing.
    Unknown,
}

impl Order {
    /// By this sequencer, if it is one of a length that is kept.
    pub fn of_sequencer(sequencer: Option<&Sequencer>) -> Self {
        let kept = sequencer.filter(|sequencer| sequencer.as_str().len() <= MAX_SEQUENCER);
        kept.cloned().map_or(Self::Unknown, Self::Sequencer)
    }

    /// The order of two changes of one key, or `None` where these values don't tell.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Sequencer(a), Self::Sequencer(b)) => a.compare(b),
            // Two different changes may fall into one millisecond.
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)).filter(|order| order.is_ne()),
            _ => None,
        }
    }
}

impl Serialize for Order {
    /// `s` and the sequencer, `t` and the milliseconds, or nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Sequencer(sequencer) => serializer.collect_str(&format_args!("s{}", sequencer.as_str())),
            Self::Time(ms) => serializer.collect_str(&format_args!("t{ms}")),
            Self::Unknown => serializer.serialize_str(""),
        }
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        let sequencer = text.strip_prefix('s').and_then(Sequencer::new).map(Self::Sequencer);
        let time = || text.strip_prefix('t').and_then(|ms| ms.parse().ok()).map(Self::Time);
        let unknown = || text.is_empty().then_some(Self::Unknown);
        sequencer.or_else(time).or_else(unknown).ok_or_else(|| D::Error::custom("not an order"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequencer(text: &str) -> Order {
        Order::of_sequencer(Sequencer::new(text).as_ref())
    }

    #[test]
    fn only_like_is_compared_with_like() {
        let long = "A".repeat(33);
        let rows = [
            (sequencer("0A"), sequencer("0B"), Some(Ordering::Less)),
            (sequencer("0a"), sequencer("0A"), Some(Ordering::Equal)),
            (sequencer("0A"), sequencer("B"), None),
            (sequencer("0A"), Order::Time(1), None),
            (Order::Time(1), Order::Time(2), Some(Ordering::Less)),
            (Order::Time(1), Order::Time(1), None),
            (Order::Unknown, Order::Unknown, None),
            (sequencer(&long), sequencer(&long), None),
        ];
        for (a, b, expected) in rows {
            assert_eq!(a.compare(&b), expected, "{a:?} {b:?}");
            assert_eq!(b.compare(&a), expected.map(Ordering::reverse), "{a:?} {b:?}");
        }
    }

    #[test]
    fn an_order_reads_back() {
        for order in [sequencer("0065B2CB162FC1AC3B"), Order::Time(-1), Order::Unknown] {
            let text = serde_json::to_string(&order).unwrap();
            assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order, "{text}");
        }
        assert!(serde_json::from_str::<Order>("\"x1\"").is_err());
    }
}
