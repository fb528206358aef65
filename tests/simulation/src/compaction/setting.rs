//! How compact is configured in a run, and how its log objects come.

use std::time::Duration;

/// Drawn from the seed, by a sequence of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// `BRIGADE_FLUSH`, and that of the configuration that takes its place.
    pub flush: [&'static str; 2],
    /// `BRIGADE_RAW`.
    pub raw: &'static str,
    /// `BRIGADE_PARTITION`, and that of the configuration that takes its place.
    pub partition: [&'static str; 2],
    /// All log objects are of one source and one delivery hour, and several requests of an invocation are under way at once.
    /// (Where several shards are, they are worked on in turn: two at once would each have a thread, whose pace no seed
    /// decides.)
    pub one_shard: bool,
}

impl Compaction {
    /// That of a seed.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x0c09_bac7);
        let mut one_of = |values: &[&'static str]| *random.choice(values).unwrap_or(&"");
        let (flush, partition) = (["arrival", "arrival", "hour", "day"], ["day", "day", "hour"]);
        Self {
            flush: [one_of(&flush), one_of(&flush)],
            raw: one_of(&["delete", "delete", "keep", "tag"]),
            partition: [one_of(&partition), one_of(&partition)],
            one_shard: random.u8(0..3) == 0,
        }
    }

    /// After this much time, every window in which something was delivered has closed.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(3600 * if self.flush.contains(&"day") { 26 } else { 2 })
    }

    /// `BRIGADE_CONCURRENCY`.
    pub(crate) fn concurrency(&self) -> &'static str {
        if self.one_shard { "3" } else { "1" }
    }
}
