//! The ledger forgets inputs whose objects are gone, so that it stays as small as what lies in the bucket.

use std::collections::BTreeSet;

use brigade::event::BucketName;
use brigade::ledger::Seen;
use brigade::storage::{List, Location, StoreError, paging};
use brigade::verdict::{Outcome, Verdict};
use futures::TryStreamExt;

use super::{Engine, Time};
use crate::places::Places;
use crate::protocol::claim;
use crate::protocol::shard::Shard;

/// Documents that are looked at in one run. They are taken from a random place on, so that all have their turn.
const DOCUMENTS: u16 = 32;

impl Engine {
    /// Looks at some shards. Answers how many inputs were forgotten. A shard that can't be looked at, such as one of a bucket
    /// that is gone, holds no other up, and its failure is told at the end.
    pub(crate) async fn forget_some(&self, places: &Places, time: Time) -> Result<Outcome, Verdict> {
        let (bucket, prefix) = (places.state_bucket(), places.shards());
        let start_after = Some(format!("{prefix}{}", self.documents.nonce()));
        let from_there = List { prefix: prefix.clone(), start_after, max_keys: Some(DOCUMENTS), ..List::default() };
        let from_first = List { prefix, max_keys: Some(DOCUMENTS), ..List::default() };
        let mut found = self.store.list(bucket, from_there).await.map_err(|error| Verdict::of_error(&error))?.objects;
        if found.len() < usize::from(DOCUMENTS) {
            found.extend(self.store.list(bucket, from_first).await.map_err(|error| Verdict::of_error(&error))?.objects);
        }
        let keys: BTreeSet<_> = found.into_iter().map(|entry| entry.key).take(usize::from(DOCUMENTS)).collect();
        let (mut whole, mut forgotten) = (Outcome::from(Verdict::Done), 0);
        for key in keys {
            if time.left().is_zero() {
                break;
            }
            match self.forget_in(&Location::new(bucket.clone(), key)).await {
                Ok(some) => forgotten += some,
                Err(verdict) => whole = whole.and(verdict.into()),
            }
        }
        whole.figures.push(("forgotten", forgotten));
        Ok(whole)
    }

    async fn forget_in(&self, document: &Location) -> Result<u64, Verdict> {
        let seen: Seen<Shard> = self.documents.read(document).await.map_err(|error| error.verdict())?;
        let Some(shard) = seen.value.as_ref().filter(|shard| !shard.done.is_empty()) else { return Ok(0) };
        // What is done was done before this listing; what it does not show is gone for good: log objects are never rewritten.
        let there = self.names(shard).await.map_err(|error| Verdict::of_error(&error))?;
        let gone: BTreeSet<String> = shard.done.difference(&there).cloned().collect();
        let step = |shard: Option<&Shard>, _| claim::forget(shard, &gone);
        let forgotten = self.documents.update(document, Some(seen), step).await.map_err(|error| error.verdict())?;
        Ok(forgotten.answer.unwrap_or_default() as u64)
    }

    /// The names of the shard's inputs whose objects exist.
    async fn names(&self, shard: &Shard) -> Result<BTreeSet<String>, StoreError> {
        let options = List { prefix: shard.stem.clone(), ..List::default() };
        let bucket = BucketName::new(shard.bucket.as_str());
        let mut entries = std::pin::pin!(paging::list_all(self.store.as_ref(), &bucket, options));
        let mut names = BTreeSet::new();
        while let Some(entry) = entries.try_next().await? {
            names.extend(entry.key.as_str().strip_prefix(shard.stem.as_str()).map(str::to_owned));
        }
        Ok(names)
    }
}
