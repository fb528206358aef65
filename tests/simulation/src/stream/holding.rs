//! One invocation as a holder of claims: whether it may have left some without an end, and for whom it waits.

use std::sync::Arc;
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::BucketName;
use brigade::ledger::{Head, Id, Stage};
use brigade::storage::{EmbeddedStore, Get, List, Location, Store};
use bytes::Bytes;
use futures::TryStreamExt;
use tokio::time::Instant;

use super::target::Target;
use crate::invariants::nobody_waits_for_itself;
use crate::places::STATE;

/// With less than this left, a holder may have had no time to end what it claimed.
const NEEDED: Duration = Duration::from_secs(5);

/// From the claim to the end of all claims. Who is dropped in between has died.
pub(crate) struct Holding {
    target: Arc<Target>,
    name: String,
    needs_until: Instant,
    ended: bool,
}

impl Holding {
    pub(crate) fn begin(target: &Arc<Target>, name: &str, deadline: Deadline) -> Self {
        let needs_until = deadline.work_ends().checked_sub(NEEDED).unwrap_or_else(Instant::now);
        Self { target: Arc::clone(target), name: name.to_owned(), needs_until, ended: false }
    }

    pub(crate) fn end(mut self) {
        self.ended = Instant::now() < self.needs_until;
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if !self.ended {
            self.target.trouble(&self.name);
        }
    }
}

impl Target {
    /// Changes that an invocation gives back until a lease has run out.
    pub(crate) async fn judge_waits(&self, owner: &str, keys: impl Iterator<Item = Id>, store: &EmbeddedStore) {
        for key in keys {
            let holder = holder(store, key).await;
            self.violate(nobody_waits_for_itself(owner, &key.to_string(), holder.as_deref()));
        }
    }
}

/// Who holds this key.
async fn holder(store: &EmbeddedStore, key: Id) -> Option<String> {
    for (_, head) in heads(store).await.into_iter().filter(|(_, head)| head.stage == Stage::Whole) {
        if let Some(open) = head.marks.get(&key).and_then(|mark| mark.open.clone()) {
            return Some(open.owner);
        }
    }
    None
}

/// The heads of all shards, as they are.
pub(super) async fn heads(store: &EmbeddedStore) -> Vec<(Location, Head)> {
    let bucket = BucketName::new(STATE);
    let options = List { prefix: "brigade/dedupe/v1/heads/".to_owned(), ..List::default() };
    let listed = store.list(&bucket, options).await.map(|page| page.objects).unwrap_or_default();
    let mut heads = Vec::new();
    for entry in listed {
        let at = Location::new(bucket.clone(), entry.key);
        let got = store.get(&at, Get::default()).await.expect("a listed object is read");
        let bytes = got.body.try_collect::<Vec<Bytes>>().await.expect("an embedded store is read").concat();
        heads.push((at, serde_json::from_slice(&bytes).expect("a head is read")));
    }
    heads
}
