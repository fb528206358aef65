//! What is collected is published, once for each window that has closed; what comes late, in supplementary parts.
//!
//! The same protocol, whose inputs are bundles: the state's bucket is listed, so that no event is needed. A window's ledger
//! document never forgets a bundle: a process that was thought dead could write it once more after it was deleted.

use std::collections::BTreeMap;
use std::pin::pin;

use brigade::ledger::Seen;
use brigade::storage::{List, Location, StoreError, paging};
use brigade::verdict::{Outcome, Verdict};
use futures::{StreamExt, TryStreamExt};

use super::pass::SET_ASIDE;
use super::windows::is_closed;
use super::{After, Engine, Pass, Time};
use crate::places::Places;
use crate::product::Products;
use crate::protocol::claim::Limits;
use crate::protocol::shard::Shard;
use crate::protocol::way::Way;
use crate::room::TEXT_OF_BUNDLE;

/// Bundles of a window that are looked at in one run. A window whose bundles wait for ever, since its document is full, keeps
/// no other's waiting.
const BUNDLES: usize = 50_000;

impl Engine {
    /// Publishes the bundles of every window that is closed.
    pub(crate) async fn publish_closed(
        &self,
        places: &Places,
        products: &Products,
        way: &Way,
        limits: Limits,
        time: Time,
    ) -> Result<Outcome, Verdict> {
        let mut whole = Outcome::from(Verdict::Done);
        let windows = self.windows(places).await.map_err(|error| Verdict::of_error(&error))?;
        let mut set_aside = 0;
        for window in windows {
            if time.left().is_zero() {
                whole = whole.and(Verdict::retry("unstarted", "no time left for all closed windows").into());
                break;
            }
            // A window whose document can't be read holds no later one up.
            let (document, seen) = match self.window(places, &window).await {
                Ok(read) => read,
                Err(verdict) => {
                    whole = whole.and(verdict.into());
                    continue;
                }
            };
            if !is_closed(&window, seen.date) {
                continue;
            }
            let stem = places.collected_in(&window);
            let mut bundles = match self.bundles(places, &stem).await {
                Ok(bundles) => bundles,
                Err(error) => {
                    whole = whole.and(Verdict::of_error(&error).into());
                    continue;
                }
            };
            if let Some(shard) = &seen.value {
                let before = bundles.len();
                bundles.retain(|name, _| !shard.set_aside.contains_key(name));
                set_aside += (before - bundles.len()) as u64;
            }
            if bundles.is_empty() {
                continue;
            }
            let pass = Pass {
                engine: self,
                document,
                bucket: places.state_bucket(),
                stem: &stem,
                limits,
                swell: TEXT_OF_BUNDLE,
                way: way.clone(),
                products,
                after: After::Delete,
                time,
            };
            whole = pass.run(&bundles, Some(seen)).await.into_values().fold(whole, Outcome::and);
        }
        // At each run, so that the figure stands as long as they lie there.
        Ok(whole.and(Outcome { figures: vec![(SET_ASIDE, set_aside)], ..Verdict::Done.into() }))
    }

    async fn window(&self, places: &Places, window: &str) -> Result<(Location, Seen<Shard>), Verdict> {
        let document = places.window(window).map_err(|error| Verdict::park("bad-key", error.to_string()))?;
        let seen = self.documents.read(&document).await.map_err(|error| error.verdict())?;
        Ok((document, seen))
    }

    /// The windows of which something is collected, the oldest ones first: 1,000 at most.
    async fn windows(&self, places: &Places) -> Result<Vec<String>, StoreError> {
        let prefix = places.collected();
        let options = List { prefix: prefix.clone(), delimiter: Some("/".to_owned()), ..List::default() };
        let listing = self.store.list(places.state_bucket(), options).await?;
        let window = |folder: &String| Some(folder.strip_prefix(&prefix)?.strip_suffix('/')?.to_owned());
        Ok(listing.common_prefixes.iter().filter_map(window).collect())
    }

    /// The sizes of a window's bundles, by name.
    async fn bundles(&self, places: &Places, stem: &str) -> Result<BTreeMap<String, u64>, StoreError> {
        let options = List { prefix: stem.to_owned(), ..List::default() };
        let entries = paging::list_all(self.store.as_ref(), places.state_bucket(), options).take(BUNDLES);
        let mut entries = pin!(entries);
        let mut found = BTreeMap::new();
        while let Some(entry) = entries.try_next().await? {
            found.extend(entry.key.as_str().strip_prefix(stem).map(|name| (name.to_owned(), entry.size)));
        }
        Ok(found)
    }
}
