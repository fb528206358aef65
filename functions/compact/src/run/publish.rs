//! What is collected is published, once for each window that has closed; what comes late, in supplementary parts.
//!
//! The same protocol, whose inputs are bundles: the state's bucket is listed, so that no event is needed. A window's ledger
//! document never forgets a bundle: a process that was thought dead could write it once more after it was deleted.

use std::collections::BTreeMap;

use brigade::ledger::Seen;
use brigade::storage::{List, Location, StoreError, paging};
use brigade::verdict::{Outcome, Verdict};
use futures::TryStreamExt;

use super::pass::SET_ASIDE;
use super::windows::is_closed;
use super::{After, Engine, Pass, Time};
use crate::places::Places;
use crate::product::Products;
use crate::protocol::claim::Limits;
use crate::protocol::shard::Shard;
use crate::protocol::way::Way;
use crate::room::TEXT_OF_BUNDLE;

/// Bundles that are looked at in one run; those of later windows wait for the next.
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
        let waiting = self.collected(places).await.map_err(|error| Verdict::of_error(&error))?;
        let mut set_aside = 0;
        for (window, mut bundles) in waiting {
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
            if let Some(shard) = &seen.value {
                let before = bundles.len();
                bundles.retain(|name, _| !shard.set_aside.contains_key(name));
                set_aside += (before - bundles.len()) as u64;
            }
            if bundles.is_empty() {
                continue;
            }
            let stem = places.collected_in(&window);
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

    /// The sizes of all bundles by name, by window.
    async fn collected(&self, places: &Places) -> Result<BTreeMap<String, BTreeMap<String, u64>>, StoreError> {
        let prefix = places.collected();
        let options = List { prefix: prefix.clone(), ..List::default() };
        let mut entries = std::pin::pin!(paging::list_all(self.store.as_ref(), places.state_bucket(), options));
        let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let mut count = 0;
        while let Some(entry) = entries.try_next().await? {
            let place = entry.key.as_str().strip_prefix(&prefix).and_then(|rest| rest.split_once('/'));
            if let Some((window, name)) = place {
                found.entry(window.to_owned()).or_default().insert(name.to_owned(), entry.size);
            }
            count += 1;
            if count == BUNDLES {
                break;
            }
        }
        Ok(found)
    }
}
