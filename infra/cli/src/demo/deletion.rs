//! One of the photos is deleted again, and what was made of it goes: the part of `brigade-cleanup`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brigade::derived::Template;
use brigade::storage::paging::list_all;
use brigade::storage::{Delete, EmbeddedStore, List, Location, Store, StoreError};
use brigade_local::LocalCloud;
use futures::TryStreamExt;

use super::outcome::{self, Outcome};
use super::photo::Photo;
use super::{LAST_LINES, REST};
use crate::failure::Failure;
use crate::functions::CLEANUP;

/// What a deletion did.
pub(super) struct Deletion {
    /// The photo's name.
    pub(super) photo: String,
    /// Its derived objects, the sidecar included, which are gone.
    pub(super) gone: usize,
    /// From the deletion to the function's verdict.
    pub(super) took: Duration,
    pub(super) wrong: Vec<String>,
}

/// Deletes the first photo that has thumbnails, and waits for the function. `None`: none has.
pub(super) async fn delete(
    cloud: &LocalCloud,
    template: &Template,
    photos: &[Photo],
    outcomes: &[Outcome],
) -> Result<Option<Deletion>, Failure> {
    let Some((photo, _)) = photos.iter().zip(outcomes).find(|(_, outcome)| !outcome.outputs.is_empty()) else {
        return Ok(None);
    };
    let storage = |error: StoreError| Failure::Environment(error.to_string());
    let store = cloud.store();
    let before = derived(&store, template).await.map_err(storage)?;
    let mut events = cloud.host().events();
    let mut verdicts = BTreeMap::new();
    let deleted = Instant::now();
    store.delete(&photo.at, Delete::default()).await.map_err(storage)?;
    let follow = outcome::follow(&mut events, 1, &mut verdicts);
    let followed = async {
        let in_time = tokio::time::timeout(REST + LAST_LINES, follow).await;
        (in_time, deleted.elapsed())
    };
    let queues = [CLEANUP.package];
    let (rest, (_, took)) = tokio::join!(cloud.idle(&queues, REST), followed);
    let after = derived(&store, template).await.map_err(storage)?;
    let is_its = |at: &&Location| template.source_of(at).is_some_and(|(source, _)| source == photo.at);
    let kept: Vec<&Location> = before.iter().filter(|at| !is_its(at)).collect();
    let mut wrong: Vec<String> = rest.err().map(|busy| busy.to_string()).into_iter().collect();
    if after.iter().collect::<Vec<_>>() != kept {
        wrong.push(format!("{} is deleted, and what was derived is not what was there without it", photo.name));
    }
    match verdicts.get(photo.at.key.as_str()).map(|verdict| verdict.verdict.as_str()) {
        Some("done") => {}
        other => wrong.push(format!("{} is deleted, and the verdict is {}, not done", photo.name, other.unwrap_or("none"))),
    }
    Ok(Some(Deletion { photo: photo.name.clone(), gone: before.len() - kept.len(), took, wrong }))
}

/// Everything in the derived bucket.
async fn derived(store: &EmbeddedStore, template: &Template) -> Result<Vec<Location>, StoreError> {
    let entries = list_all(store, template.bucket(), List::default());
    entries.map_ok(|entry| Location::new(template.bucket().clone(), entry.key)).try_collect().await
}
