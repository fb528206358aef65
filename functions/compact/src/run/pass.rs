//! One pass over a shard: claim, publish, and again, until every wanted input has its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use brigade::budget::{Deadline, Held};
use brigade::event::BucketName;
use brigade::ledger::Seen;
use brigade::storage::Location;
use brigade::verdict::{Outcome, Reason, Verdict};
use tokio::time::{Instant, timeout, timeout_at};

use super::batch::Published;
use super::{After, Engine, Shift, late};
use crate::product::Products;
use crate::protocol::claim::{self, Claimant, Claimed, Limits, Standing};
use crate::protocol::shard::{Batch, Shard};
use crate::protocol::way::Way;
use crate::room;

/// A lease outlives its holder: the longest attempt of a request (60 s), and clocks that differ.
const SLACK: Duration = Duration::from_secs(75);
/// A message is hidden no longer than this for another's lease, so that a batch that ends early is seen soon.
const LONGEST_WAIT: i64 = 300;

/// Rows of small log objects take more than their text; what a batch needs in any case covers that.
const LEAST_ROWS: u64 = 4 << 20;

/// The figure of inputs that are set aside: the template's alarm looks at it.
pub(super) const SET_ASIDE: &str = "set_aside";

/// The end of each input, by name.
pub(crate) type Ends = BTreeMap<String, Outcome>;

/// What a pass needs to know.
pub(crate) struct Pass<'a> {
    pub(crate) engine: &'a Engine,
    /// The shard's ledger document.
    pub(crate) document: Location,
    pub(crate) bucket: &'a BucketName,
    pub(crate) stem: &'a str,
    pub(crate) limits: Limits,
    /// Bytes of text that one byte of an input makes.
    pub(crate) swell: u64,
    /// Of a fresh batch.
    pub(crate) way: Way,
    pub(crate) products: &'a Products,
    pub(crate) after: After,
    pub(crate) shift: Shift,
}

impl Pass<'_> {
    /// Publishes what is wanted and nobody has published. `seen` is the shard where it has just been read.
    ///
    /// It ends with its time: what has an end by then keeps it, and the rest comes back.
    pub(crate) async fn run(&self, wanted: &BTreeMap<String, u64>, seen: Option<Seen<Shard>>) -> Ends {
        let mut ends = Ends::new();
        if timeout_at(self.shift.ends(), self.go_on(wanted, seen, &mut ends)).await.is_err() {
            for name in wanted.keys() {
                ends.entry(name.clone()).or_insert_with(|| late().into());
            }
        }
        ends
    }

    async fn go_on(&self, wanted: &BTreeMap<String, u64>, mut seen: Option<Seen<Shard>>, ends: &mut Ends) {
        let owner = self.engine.documents.nonce();
        let mut tried = BTreeSet::new();
        loop {
            let left: BTreeMap<String, u64> = wanted
                .iter()
                .filter(|(name, _)| !ends.contains_key(*name))
                .map(|(name, bytes)| (name.clone(), *bytes))
                .collect();
            if left.is_empty() {
                return;
            }
            if !self.shift.is_enough_for(self.engine.pace.estimate()) {
                return all(ends, left.keys(), &unstarted());
            }
            // Before the claim: a batch that waits for memory should not have a lease that runs.
            let bytes = self.limits.bytes.min(left.values().copied().fold(0, u64::saturating_add));
            let weight = self.weight(bytes, seen.as_ref());
            let Some(mut room) = self.room(weight).await else { return all(ends, left.keys(), &unstarted()) };
            let claimed = self.claim(&owner, &left, &tried, seen.take()).await;
            match claimed {
                Err(verdict) => return all(ends, left.keys(), &verdict),
                Ok((Claimed::Rest(standings), at)) => {
                    drop(room);
                    return self.rest(ends, standings, &at).await;
                }
                Ok((Claimed::Work(batch), at)) => {
                    tried.insert(batch.id.clone());
                    let found = self.weight(self.bytes_of(&batch), Some(&at));
                    if found > weight {
                        // Another has begun it, or it is one large log object, or the document is large. Who holds nothing can
                        // wait for more.
                        drop(room);
                        let Some(more) = self.room(found).await else { return all(ends, left.keys(), &unstarted()) };
                        room = more;
                    }
                    seen = self.work(&batch, at, &left, ends, &room).await;
                    drop(room);
                }
            }
        }
    }

    /// What the batch's inputs hold together. Version 1 didn't tell.
    fn bytes_of(&self, batch: &Batch) -> u64 {
        if batch.bytes == 0 { self.limits.bytes } else { batch.bytes }
    }

    /// What a batch takes whose inputs have so many bytes, and the shard's document beside it, where it is known.
    fn weight(&self, bytes: u64, seen: Option<&Seen<Shard>>) -> u64 {
        let names = seen.and_then(|seen| seen.value.as_ref()).map_or(0, Shard::names);
        room::weight(self.text(bytes)).saturating_add(room::document(names))
    }

    /// That much memory, beside what other shards hold; `None`: no time is left to wait.
    async fn room(&self, weight: u64) -> Option<Arc<Held>> {
        timeout(self.shift.left(), self.engine.batches.hold(weight)).await.ok().map(Arc::new)
    }

    fn text(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(self.swell)
    }

    /// Bytes of the rows that a batch may keep until its end: where there are more than was expected, they get out of order.
    pub(super) fn rows(&self, batch: &Batch) -> usize {
        usize::try_from(self.text(self.bytes_of(batch)).max(LEAST_ROWS)).unwrap_or(usize::MAX)
    }

    async fn claim(
        &self,
        owner: &str,
        wanted: &BTreeMap<String, u64>,
        tried: &BTreeSet<String>,
        seen: Option<Seen<Shard>>,
    ) -> Result<(Claimed, Seen<Shard>), Verdict> {
        let lease = self.shift.left() + Deadline::RESERVE + SLACK;
        let claimant = Claimant { owner, lease, limits: self.limits, way: &self.way, tried };
        let step = |shard: Option<&Shard>, date| claim::claim(shard, (self.bucket, self.stem), wanted, &claimant, date);
        let updated = self.engine.documents.update(&self.document, seen, step).await.map_err(|error| error.verdict())?;
        match updated.answer {
            Some(claimed) => Ok((claimed, updated.seen)),
            None => Err(self.contended()),
        }
    }

    /// Publishes a batch and ends those of its inputs that are wanted.
    async fn work(
        &self,
        batch: &Batch,
        seen: Seen<Shard>,
        wanted: &BTreeMap<String, u64>,
        ends: &mut Ends,
        room: &Arc<Held>,
    ) -> Option<Seen<Shard>> {
        let begun = Instant::now();
        let published = self.publish(batch, seen, room).await;
        self.engine.pace.learn(begun.elapsed());
        let mine = |name: &&String| wanted.contains_key(*name);
        match published {
            Err(verdict) => {
                // They come back, and so does this batch: its lease is this process's own, and short of the queue's patience.
                ends.extend(batch.inputs.iter().filter(mine).map(|name| (name.clone(), verdict.clone().into())));
                None
            }
            Ok(published) => {
                let off = self.see_off(&published.read).await.err();
                for name in batch.inputs.iter().filter(mine) {
                    ends.insert(name.clone(), published.end(name, off.as_ref()).into());
                }
                if let Some(first) = batch.inputs.iter().find(mine).and_then(|name| ends.get_mut(name)) {
                    first.figures = published.figures();
                }
                self.warn(&published);
                Some(published.seen)
            }
        }
    }

    /// Nothing is left to be claimed: what is done is seen off once more, what others have comes back.
    async fn rest(&self, ends: &mut Ends, standings: BTreeMap<String, Standing>, seen: &Seen<Shard>) {
        let now = seen.date.unix_timestamp();
        let done: BTreeSet<String> =
            standings.iter().filter(|(_, standing)| **standing == Standing::Done).map(|(name, _)| name.clone()).collect();
        let off = if done.is_empty() { Ok(()) } else { self.see_off(&done).await };
        for (name, standing) in standings {
            let verdict = match (standing, &off) {
                (Standing::SetAside(reason), _) => Verdict::skip("set-aside", reason),
                (Standing::Done, Ok(())) => Verdict::skip("duplicate", "its lines are published"),
                (Standing::Done, Err(verdict)) => verdict.clone(),
                (Standing::Open { until }, _) => {
                    let wait = until.saturating_sub(now).clamp(1, LONGEST_WAIT);
                    let reason = Reason::new("claimed", format!("another has it for {wait} s at most"));
                    Verdict::Retry(reason, Some(Duration::from_secs(wait.unsigned_abs())))
                }
            };
            ends.insert(name, verdict.into());
        }
    }

    pub(super) fn contended(&self) -> Verdict {
        Verdict::retry("contended", format!("{} is written by too many", self.document))
    }

    /// A bucket that logs into itself makes a log object for each one that is read here, for ever.
    fn warn(&self, published: &Published) {
        published.made.into_itself.iter().for_each(|bucket| self.engine.warn_of_itself(bucket));
    }
}

impl Published {
    fn end(&self, name: &str, off: Option<&Verdict>) -> Verdict {
        self.others.get(name).or(off).cloned().unwrap_or(Verdict::Done)
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        let mut figures = vec![
            ("logs", self.read.len() as u64),
            ("lines", self.made.lines),
            ("rejects", self.made.rejects),
            ("parts", self.made.outputs.len() as u64),
            ("bytes", self.written),
        ];
        figures.extend((self.set_aside > 0).then_some((SET_ASIDE, self.set_aside)));
        figures
    }
}

fn unstarted() -> Verdict {
    Verdict::retry("unstarted", "no time left in this invocation")
}

fn all<'n>(ends: &mut Ends, names: impl Iterator<Item = &'n String>, verdict: &Verdict) {
    ends.extend(names.map(|name| (name.clone(), verdict.clone().into())));
}
