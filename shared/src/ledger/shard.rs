//! Which shard a key lies in: the first bits of its id, as far as shards have split.

use std::fmt;

use super::Id;

/// The most shards there can be, as a power of two.
pub const MAX_DEPTH: u8 = 8;

/// A shard: the keys whose ids begin with these bits. Without any it holds all keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(Vec<bool>);

impl Shard {
    /// The one that holds all keys.
    pub fn whole() -> Self {
        Self::default()
    }

    /// It is one of two halves, each of which is one of two, so many times.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// The half with the keys whose next bit is `bit`.
    pub fn half(&self, bit: bool) -> Self {
        Self(self.0.iter().copied().chain([bit]).collect())
    }

    /// The half that holds the key.
    pub fn half_of(&self, key: Id) -> Self {
        self.half(key.bit(self.depth()))
    }

    /// The shard holds the key.
    pub fn holds(&self, key: Id) -> bool {
        self.0.iter().enumerate().all(|(place, bit)| key.bit(place) == *bit)
    }

    /// Reads the name that it is written by.
    pub fn parse(name: &str) -> Option<Self> {
        if name == WHOLE {
            return Some(Self::whole());
        }
        let bit = |c| match c {
            '0' => Some(false),
            '1' => Some(true),
            _ => None,
        };
        let bits: Option<Vec<bool>> = name.chars().map(bit).collect();
        bits.filter(|bits| (1..=usize::from(MAX_DEPTH)).contains(&bits.len())).map(Self)
    }
}

const WHOLE: &str = "all";

impl fmt::Display for Shard {
    /// `all`, or its bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(WHOLE);
        }
        self.0.iter().try_for_each(|bit| f.write_str(if *bit { "1" } else { "0" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Digest;

    #[test]
    fn a_key_lies_in_one_half_of_each_shard_that_holds_it() {
        for name in 0..100 {
            let key = Digest::of(&[&name.to_string()]).id();
            let mut shard = Shard::whole();
            for _ in 0..MAX_DEPTH {
                let halves = [shard.half(false), shard.half(true)];
                assert_eq!(halves.iter().filter(|half| half.holds(key)).count(), 1);
                shard = shard.half_of(key);
                assert!(shard.holds(key));
            }
        }
    }

    #[test]
    fn a_shard_reads_back_by_its_name() {
        let deep = Shard::whole().half(false).half(true);
        for (shard, name) in [(Shard::whole(), "all"), (deep, "01")] {
            assert_eq!(shard.to_string(), name);
            assert_eq!(Shard::parse(name), Some(shard));
        }
        for bad in ["", "2", "0a", "000000000"] {
            assert_eq!(Shard::parse(bad), None, "{bad}");
        }
    }
}
