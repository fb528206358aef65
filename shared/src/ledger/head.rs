//! A shard's head: its open claims and its recent marks, in one document of bounded size.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Id, Mark, Stored};

/// Marks in a head: at 142 bytes each at most, with the longest sequencer and number, they stay within a document's 256 KiB.
pub const MAX_MARKS: usize = 1_800;
/// Marks that stay when others are sealed, so that a seal is worth its request.
const KEPT_MARKS: usize = 900;
/// Two servers of S3 may date changes of one key, told by two events, so many milliseconds the wrong way round.
pub(super) const SKEW_MS: i64 = 2_000;

/// A head that reaches back no further than this has too many keys: deliveries and batches differ by as much in their order,
/// and what is older than the head must be looked for elsewhere.
const SHORT_MS: i64 = 60_000;

/// What a head had forgotten at some time. As long as it is the same, it has forgotten nothing more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How often it had sealed marks.
    pub seals: u64,
    /// How far that reached.
    pub horizon: Option<i64>,
}

/// A shard splits when its updates have lost this much to others' writes; see [`Head::feel`].
pub(super) const TOO_MUCH: u32 = 64;
/// A split keeps keys of a larger update no further apart: the update then needs both halves.
const SMALL_UPDATE: usize = 4;

/// Whether the shard is still one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is.
    #[default]
    Whole,
    /// Nothing in it changes any more; its halves are being made from it, by whoever sees this.
    Splitting,
    /// Its halves are there.
    Split,
}

/// The head of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Head {
    /// The last number that was given to a change.
    pub token: u64,
    /// The event time, in milliseconds since 1970, of the newest mark that was sealed. Later changes are all here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon: Option<i64>,
    /// How often marks were sealed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seals: u64,
    /// What its updates have lost to others' writes lately.
    pub pressure: u32,
    /// Whole, or in two.
    pub stage: Stage,
    /// By key.
    #[serde(serialize_with = "list", deserialize_with = "by_key")]
    pub marks: BTreeMap<Id, Mark>,
}

impl Stored for Head {
    const VERSION: u32 = 1;
}

impl Head {
    /// The head may have forgotten changes of this time.
    pub(super) fn is_beyond(&self, time: Option<i64>) -> bool {
        self.horizon.is_some_and(|horizon| time.is_none_or(|time| time <= horizon.saturating_add(SKEW_MS)))
    }

    /// What it has forgotten.
    pub(super) fn forgotten(&self) -> Forgotten {
        Forgotten { seals: self.seals, horizon: self.horizon }
    }

    /// Notes how an update of `keys` fared. The pressure fades by an eighth with each update, and grows by eight with each
    /// attempt that was lost where a split could help: it settles at 64 where every update is tried twice.
    pub(super) fn feel(&mut self, keys: usize, lost: u32) {
        self.pressure -= self.pressure.div_ceil(8);
        if keys <= SMALL_UPDATE {
            self.pressure = self.pressure.saturating_add(lost.saturating_mul(8));
        }
    }

    /// Takes out the marks that must be sealed so that the head keeps its bound: of those that nobody holds, the ones of
    /// the oldest changes.
    pub(super) fn evict(&mut self, now: i64) -> Vec<Mark> {
        if self.marks.len() <= MAX_MARKS {
            return Vec::new();
        }
        let mut free: Vec<(i64, Id)> =
            self.marks.values().filter(|mark| !mark.is_held(now)).map(|mark| (mark.time, mark.key)).collect();
        free.sort_unstable();
        free.truncate(self.marks.len() - KEPT_MARKS);
        self.horizon = self.horizon.max(free.last().map(|(time, _)| *time));
        self.seals = self.seals.saturating_add(u64::from(!free.is_empty()));
        free.iter().filter_map(|(_, key)| self.marks.remove(key)).collect()
    }

    /// It forgets too soon. `now` is in seconds since 1970.
    pub(super) fn is_short(&self, now: i64) -> bool {
        self.horizon.is_some_and(|horizon| now.saturating_mul(1_000).saturating_sub(horizon) < SHORT_MS)
    }

    /// One half of a head that is splitting: the keys whose bit at `place` is `bit`.
    pub(super) fn half(&self, place: usize, bit: bool) -> Self {
        let marks = self.marks.iter().filter(|(key, _)| key.bit(place) == bit).map(|(key, mark)| (*key, mark.clone()));
        Self { token: self.token, horizon: self.horizon, seals: self.seals, marks: marks.collect(), ..Self::default() }
    }
}

impl Mark {
    /// Somebody may be forwarding it at `now`, in seconds since 1970 on S3's clock.
    pub(super) fn is_held(&self, now: i64) -> bool {
        self.open.as_ref().is_some_and(|open| now <= open.until)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn list<S: Serializer>(marks: &BTreeMap<Id, Mark>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(marks.values())
}

fn by_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Id, Mark>, D::Error> {
    let marks = Vec::<Mark>::deserialize(deserializer)?;
    Ok(marks.into_iter().map(|mark| (mark.key, mark)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Sequencer;
    use crate::ledger::{Digest, MAX_DOCUMENT_BYTES, Open, Order};

    fn mark(name: usize, time: i64, until: Option<i64>) -> Mark {
        let key = Digest::of(&[&name.to_string()]).id();
        let order = Order::of_sequencer(Sequencer::new(&"F".repeat(32)).as_ref());
        let open = until.map(|until| Open { owner: "0123456789abcdef".to_owned(), until });
        Mark { key, change: key, order, time, token: u64::MAX, open }
    }

    fn head(marks: impl IntoIterator<Item = Mark>) -> Head {
        Head { marks: marks.into_iter().map(|mark| (mark.key, mark)).collect(), ..Head::default() }
    }

    #[test]
    fn a_full_head_of_open_claims_fits_into_its_document() {
        let full = head((0..MAX_MARKS).map(|name| mark(name, 1_800_000_000_000, Some(1_800_000_000))));
        let bytes = serde_json::to_vec(&full).unwrap().len() as u64;
        assert!(bytes + 200 < MAX_DOCUMENT_BYTES, "{bytes}");
        assert_eq!(serde_json::from_slice::<Head>(&serde_json::to_vec(&full).unwrap()).unwrap(), full);
    }

    #[test]
    fn a_head_of_the_first_format_reads_back() {
        let text = r#"{"v":1,"nonce":"00000000000000aa","token":7,"horizon":1800000000000,"pressure":3,"stage":"whole",
            "marks":[["AAAAAAAAAAAAAAAA","BBBBBBBBBBBBBBBB","s0065B2CB162FC1AC3B",1800000001000,6],
                     ["CCCCCCCCCCCCCCCC","DDDDDDDDDDDDDDDD","t1800000002000",1800000002000,7,"0123456789abcdef",1800000050]]}"#;
        let head: Head = serde_json::from_str(text).unwrap();
        assert_eq!((head.token, head.horizon, head.marks.len()), (7, Some(1_800_000_000_000), 2));
        assert_eq!(head.marks.values().filter(|mark| mark.open.is_some()).count(), 1);
    }

    #[test]
    fn the_oldest_that_nobody_holds_are_sealed() {
        let done = (0..MAX_MARKS).map(|name| mark(name, 1_000 + name as i64, None));
        let held = (0..100).map(|name| mark(MAX_MARKS + name, 1, Some(60)));
        let given_back = (0..1).map(|name| mark(MAX_MARKS + 100 + name, 2, Some(0)));
        let mut full = head(done.chain(held).chain(given_back));
        let sealed = full.evict(50);
        assert_eq!((sealed.len(), full.marks.len()), (1_001, KEPT_MARKS));
        assert_eq!((full.horizon, full.seals), (Some(1_000 + 999), 1));
        assert_eq!(full.marks.values().filter(|mark| mark.open.is_some()).count(), 100);
        assert!(full.evict(50).is_empty());
        assert_eq!(full.seals, 1);
    }

    #[test]
    fn beyond_the_horizon_lies_what_is_older_and_what_has_no_time() {
        let with = |horizon| Head { horizon, ..Head::default() };
        for (horizon, time, expected) in [
            (None, Some(0), false),
            (None, None, false),
            (Some(10_000), None, true),
            (Some(10_000), Some(9_000), true),
            (Some(10_000), Some(12_000), true),
            (Some(10_000), Some(12_001), false),
        ] {
            assert_eq!(with(horizon).is_beyond(time), expected, "{horizon:?} {time:?}");
        }
    }

    #[test]
    fn small_updates_that_lose_raise_the_pressure_and_large_ones_do_not() {
        let after = |keys, lost, updates| {
            let mut head = Head::default();
            (0..updates).for_each(|_| head.feel(keys, lost));
            head.pressure
        };
        assert_eq!(after(1, 0, 100), 0);
        assert_eq!(after(1000, 5, 100), 0);
        assert!(after(1, 1, 5) < TOO_MUCH && after(1, 2, 100) > TOO_MUCH);
        let mut head = Head { pressure: TOO_MUCH, ..Head::default() };
        (0..60).for_each(|_| head.feel(1, 0));
        assert_eq!(head.pressure, 0);
    }

    #[test]
    fn two_halves_are_the_whole() {
        let whole = head((0..100).map(|name| mark(name, 1, None)));
        let (low, high) = (whole.half(0, false), whole.half(0, true));
        assert!(!low.marks.is_empty() && !high.marks.is_empty());
        assert_eq!(low.marks.into_iter().chain(high.marks).collect::<BTreeMap<_, _>>(), whole.marks);
    }
}
