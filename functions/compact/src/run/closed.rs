//! What is collected is published, once for each window that has closed; what comes late, in supplementary parts.
//!
//! The same protocol, whose inputs are bundles: the state's bucket is listed, so that no event is needed. A window's ledger
//! document never forgets a bundle: a process that was thought dead could write it once more after it was deleted.

use std::collections::BTreeMap;
use std::pin::pin;

use brigade::ledger::Seen;
use brigade::storage::{List, StoreError, paging};
use brigade::verdict::{Outcome, Verdict};
use futures::{StreamExt, TryStreamExt};
use tokio::time::timeout_at;

use super::pass::SET_ASIDE;
use super::{After, Engine, Pass, Shift, late};
use crate::places::Places;
use crate::product::Products;
use crate::protocol::claim::Limits;
use crate::protocol::shard::Shard;
use crate::protocol::way::Way;
use crate::room::TEXT_OF_BUNDLE;
use crate::window::is_closed;

/// Bundles of a window that are looked at in one run. A window whose bundles wait for ever, since its document is full, keeps
/// no other's waiting.
const BUNDLES: usize = 50_000;

/// Whatever is collected, in windows that may have closed.
pub(crate) struct Collected<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) places: &'a Places,
    /// Of a batch of bundles.
    pub(crate) limits: Limits,
    /// Of a fresh batch.
    pub(crate) way: &'a Way,
    pub(crate) products: &'a Products,
    pub(crate) shift: Shift,
}

impl Collected<'_> {
    /// Publishes the bundles of every window that is closed. A window that can't be looked at holds no later one up, and its
    /// failure is told at the end.
    pub(crate) async fn publish(&self) -> Result<Outcome, Verdict> {
        let windows = timeout_at(self.shift.ends(), self.windows()).await.map_err(|_| late())?;
        let mut whole = Outcome::from(Verdict::Done);
        // At each run, so that the figure stands as long as they lie there.
        let mut set_aside = 0;
        for window in windows.map_err(|error| Verdict::of_error(&error))? {
            if self.shift.left().is_zero() {
                whole = whole.and(Verdict::retry("unstarted", "no time left for all closed windows").into());
                break;
            }
            let published = timeout_at(self.shift.ends(), self.publish_window(&window, &mut set_aside)).await;
            whole = whole.and(published.unwrap_or_else(|_| Err(late())).unwrap_or_else(Outcome::from));
        }
        Ok(whole.and(Outcome { figures: vec![(SET_ASIDE, set_aside)], ..Verdict::Done.into() }))
    }

    /// Publishes what has not been published of a window, if it is closed, and counts what was set aside in it before.
    async fn publish_window(&self, window: &str, set_aside: &mut u64) -> Result<Outcome, Verdict> {
        let document = self.places.window(window).map_err(|error| Verdict::park("bad-key", error.to_string()))?;
        let seen: Seen<Shard> = self.engine.documents.read(&document).await.map_err(|error| error.verdict())?;
        if !is_closed(window, seen.date) {
            return Ok(Verdict::Done.into());
        }
        let stem = self.places.collected_in(window);
        let mut bundles = self.bundles(&stem).await.map_err(|error| Verdict::of_error(&error))?;
        if let Some(shard) = &seen.value {
            let before = bundles.len();
            bundles.retain(|name, _| !shard.set_aside.contains_key(name));
            *set_aside += (before - bundles.len()) as u64;
        }
        if bundles.is_empty() {
            return Ok(Verdict::Done.into());
        }
        let pass = Pass {
            engine: self.engine,
            document,
            bucket: self.places.state_bucket(),
            stem: &stem,
            limits: self.limits,
            swell: TEXT_OF_BUNDLE,
            way: self.way.clone(),
            products: self.products,
            after: After::Delete,
            shift: self.shift,
        };
        Ok(pass.run(&bundles, Some(seen)).await.into_values().fold(Verdict::Done.into(), Outcome::and))
    }

    /// The windows of which something is collected, the oldest ones first: 1,000 at most.
    async fn windows(&self) -> Result<Vec<String>, StoreError> {
        let prefix = self.places.collected();
        let options = List { prefix: prefix.clone(), delimiter: Some("/".to_owned()), ..List::default() };
        let listing = self.engine.store.list(self.places.state_bucket(), options).await?;
        let window = |folder: &String| Some(folder.strip_prefix(&prefix)?.strip_suffix('/')?.to_owned());
        Ok(listing.common_prefixes.iter().filter_map(window).collect())
    }

    /// The sizes of a window's bundles, by name.
    async fn bundles(&self, stem: &str) -> Result<BTreeMap<String, u64>, StoreError> {
        let options = List { prefix: stem.to_owned(), ..List::default() };
        let entries = paging::list_all(self.engine.store.as_ref(), self.places.state_bucket(), options).take(BUNDLES);
        let mut entries = pin!(entries);
        let mut found = BTreeMap::new();
        while let Some(entry) = entries.try_next().await? {
            found.extend(entry.key.as_str().strip_prefix(stem).map(|name| (name.to_owned(), entry.size)));
        }
        Ok(found)
    }
}
