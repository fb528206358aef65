//! The ledger forgets inputs whose objects are gone, so that it stays as small as what lies in the bucket.

use std::collections::BTreeSet;
use std::ops::Bound;

use brigade::event::BucketName;
use brigade::ledger::Seen;
use brigade::storage::{ErrorKind, List, Location, ObjectEntry, StoreError, paging};
use brigade::verdict::{Outcome, Verdict};
use futures::TryStreamExt;
use time::{Duration, OffsetDateTime};
use tokio::time::timeout_at;

use super::{Engine, Shift};
use crate::places::Places;
use crate::protocol::claim;
use crate::protocol::shard::Shard;

/// Documents that are looked at in one run. They are taken from a random place on, so that all have their turn.
const DOCUMENTS: u16 = 32;
/// Log objects that are listed in one run: 50 requests. Of a document that knows more, a random section has its turn.
const NAMES: usize = 50_000;
/// A document that was written since is being worked on: most of what it knows is there, and others want to write it.
const FRESH: Duration = Duration::minutes(2);

impl Engine {
    /// Looks at some shards, as long as there is time. Answers how many inputs were forgotten. A shard that can't be looked at
    /// holds no other up, and its failure is told at the end; what there was no time for has its turn in another run.
    pub(crate) async fn forget_some(&self, places: &Places, shift: Shift) -> Result<Outcome, Verdict> {
        let (mut whole, mut forgotten, mut names) = (Outcome::from(Verdict::Done), 0, NAMES);
        // By S3's own clock, which the first document tells.
        let mut now = None;
        for entry in self.some_documents(places).await.map_err(|error| Verdict::of_error(&error))? {
            if names == 0 || now.is_some_and(|now| is_fresh(&entry, now)) {
                continue;
            }
            let document = Location::new(places.state_bucket().clone(), entry.key.clone());
            match timeout_at(shift.ends(), self.forget_in(&document, &entry, &mut now, &mut names)).await {
                Ok(Ok(some)) => forgotten += some,
                Ok(Err(verdict)) => whole = whole.and(verdict.into()),
                Err(_) => break,
            }
        }
        whole.figures.push(("forgotten", forgotten));
        Ok(whole)
    }

    async fn some_documents(&self, places: &Places) -> Result<Vec<ObjectEntry>, StoreError> {
        let (bucket, prefix) = (places.state_bucket(), places.shards());
        let start_after = Some(format!("{prefix}{}", self.documents.nonce()));
        let from_there = List { prefix: prefix.clone(), start_after, max_keys: Some(DOCUMENTS), ..List::default() };
        let from_first = List { prefix, max_keys: Some(DOCUMENTS), ..List::default() };
        let mut found = self.store.list(bucket, from_there).await?.objects;
        if found.len() < usize::from(DOCUMENTS) {
            let known: BTreeSet<_> = found.iter().map(|entry| entry.key.clone()).collect();
            let first = self.store.list(bucket, from_first).await?.objects;
            found.extend(first.into_iter().filter(|entry| !known.contains(&entry.key)));
            found.truncate(usize::from(DOCUMENTS));
        }
        Ok(found)
    }

    async fn forget_in(
        &self,
        document: &Location,
        entry: &ObjectEntry,
        now: &mut Option<OffsetDateTime>,
        names: &mut usize,
    ) -> Result<u64, Verdict> {
        let seen: Seen<Shard> = self.documents.read(document).await.map_err(|error| error.verdict())?;
        *now = Some(seen.date);
        let known = seen.value.as_ref().filter(|shard| !shard.done.is_empty() && !is_fresh(entry, seen.date));
        let Some(shard) = known else { return Ok(0) };
        // What is done was done before this listing; what it does not show is gone for good: log objects are never rewritten.
        let gone = match self.gone(shard, names).await {
            // And so are all of a bucket that is gone: it had to be emptied before.
            Err(error) if error.kind == ErrorKind::NoSuchBucket => shard.done.clone(),
            gone => gone.map_err(|error| Verdict::of_error(&error))?,
        };
        let step = |shard: Option<&Shard>, _| claim::forget(shard, &gone);
        let forgotten = self.documents.update(document, Some(seen), step).await.map_err(|error| error.verdict())?;
        Ok(forgotten.answer.unwrap_or_default() as u64)
    }

    /// Inputs of the shard that are done and whose objects don't exist, as far as `names` more of them may be listed.
    async fn gone(&self, shard: &Shard, names: &mut usize) -> Result<BTreeSet<String>, StoreError> {
        let drawn = u64::from_str_radix(&self.documents.nonce(), 16).unwrap_or_default();
        let (after, mut gone) = section(&shard.done, drawn);
        let start_after = after.map(|name| format!("{}{name}", shard.stem));
        let options = List { prefix: shard.stem.clone(), start_after, ..List::default() };
        let bucket = BucketName::new(shard.bucket.as_str());
        let mut entries = std::pin::pin!(paging::list_all(self.store.as_ref(), &bucket, options));
        while let Some(entry) = entries.try_next().await? {
            let Some(name) = entry.key.as_str().strip_prefix(shard.stem.as_str()) else { continue };
            gone.remove(name);
            if gone.last().is_none_or(|last| last.as_str() < name) {
                break;
            }
            *names = names.saturating_sub(1);
            if *names == 0 {
                // Whether those behind it are there was not asked.
                gone.split_off(name);
                break;
            }
        }
        Ok(gone)
    }
}

fn is_fresh(entry: &ObjectEntry, now: OffsetDateTime) -> bool {
    now - entry.last_modified < FRESH
}

/// One section of what is done, and the name that it comes after: all of it, where that is not too much.
fn section(done: &BTreeSet<String>, drawn: u64) -> (Option<&String>, BTreeSet<String>) {
    let sections = done.len().div_ceil(NAMES).max(1);
    let before = NAMES * usize::try_from(drawn % sections as u64).unwrap_or_default();
    let after = before.checked_sub(1).and_then(|at| done.iter().nth(at));
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    (after, done.range::<String, _>((from, Bound::Unbounded)).take(NAMES).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_one_section() {
        for (count, sections) in [(0, 1), (1, 1), (NAMES, 1), (NAMES + 1, 2), (2 * NAMES + 3, 3)] {
            let done: BTreeSet<String> = (0..count).map(|n| format!("{n:06}")).collect();
            let mut names = Vec::new();
            for drawn in 0..sections {
                let (after, some) = section(&done, drawn);
                assert_eq!(after, names.last(), "{count}, section {drawn}");
                assert!(some.len() <= NAMES);
                names.extend(some);
            }
            assert_eq!(names, done.into_iter().collect::<Vec<_>>(), "{count}");
        }
    }
}
