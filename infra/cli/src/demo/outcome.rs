//! What came of the photos: collected from the derived bucket, the functions' log and the queues.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use brigade::derived::{SIDECAR, Sidecar, Template};
use brigade::event::{Record, decode_document};
use brigade::storage::paging::list_all;
use brigade::storage::{EmbeddedStore, Get, List, Location, Store, StoreError};
use brigade_local::LocalCloud;
use brigade_local::lambda::{HostEvent, HostEvents};
use brigade_local::sqs::{Receive, SqsError};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;

use super::photo::Photo;
use crate::live::Verdict;

/// What came of one photo.
#[derive(Default)]
pub(super) struct Outcome {
    /// The function's last word on it.
    pub(super) verdict: Option<Verdict>,
    pub(super) sidecar: Option<Sidecar>,
    /// The derived objects beside the sidecar, by their last segment.
    pub(super) outputs: BTreeMap<String, Bytes>,
    /// The reason on its message in the parking queue.
    pub(super) parked: Option<String>,
    /// From the upload to the sidecar.
    pub(super) took: Option<Duration>,
}

/// When sidecars were written, by their keys; the first time counts.
#[derive(Clone, Default)]
pub(super) struct Stopwatch(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Stopwatch {
    /// A stopwatch that looks at every change from now on.
    pub(super) fn on(store: &EmbeddedStore) -> Self {
        let watch = Self::default();
        let moments = watch.0.clone();
        store.subscribe(Arc::new(move |change| {
            if change.key.as_str().ends_with(SIDECAR) {
                let mut moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
                moments.entry(change.key.as_str().to_owned()).or_insert_with(Instant::now);
            }
        }));
        watch
    }

    fn at(&self, key: &str) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}

/// Follows the log until each of so many keys has a verdict that is not a retry. What goes wrong on the way is said on
/// standard error. `verdicts` holds what was seen even when this is dropped before its end.
pub(super) async fn follow(events: &mut HostEvents, keys: usize, verdicts: &mut BTreeMap<String, Verdict>) {
    let is_final = |verdict: &&Verdict| verdict.verdict != "retry";
    while verdicts.values().filter(is_final).count() < keys {
        match events.next().await {
            None => return,
            Some(HostEvent::Log { line, .. }) => {
                if let Some(verdict) = Verdict::of(&line)
                    && let Some(key) = verdict.key.clone()
                {
                    verdicts.insert(key, verdict);
                }
            }
            Some(event @ (HostEvent::Failed { .. } | HostEvent::Restarted { .. } | HostEvent::Broken { .. })) => {
                eprintln!("{}", crate::live::text(&event).unwrap_or_default());
            }
            Some(_) => {}
        }
    }
}

/// Looks up everything that came of one photo.
pub(super) async fn of_photo(
    store: &EmbeddedStore,
    template: &Template,
    photo: &Photo,
    stopwatch: &Stopwatch,
    uploaded: Instant,
) -> Result<Outcome, StoreError> {
    let directory = template.directory(&photo.at);
    let mut outcome = Outcome::default();
    let options = List { prefix: directory.clone(), ..List::default() };
    let found: Vec<_> = list_all(store, template.bucket(), options).try_collect().await?;
    for entry in found {
        // What has another slash belongs to a source whose key goes on after this one's.
        let segment = entry.key.as_str().get(directory.len()..).filter(|segment| !segment.contains('/'));
        let Some(segment) = segment.map(str::to_owned) else { continue };
        let written = stopwatch.at(entry.key.as_str());
        let at = Location::new(template.bucket().clone(), entry.key);
        let bytes = store.get(&at, Get::default()).await?.body.try_collect::<BytesMut>().await?.freeze();
        if segment == SIDECAR {
            outcome.sidecar = Sidecar::parse(&bytes);
            outcome.took = written.map(|written| written.saturating_duration_since(uploaded));
        } else {
            outcome.outputs.insert(segment, bytes);
        }
    }
    Ok(outcome)
}

/// The reasons in the parking queue, by key.
pub(super) async fn parked(cloud: &LocalCloud, queue: &str) -> Result<BTreeMap<String, String>, SqsError> {
    let queues = cloud.queues();
    let mut reasons = BTreeMap::new();
    let receive = Receive { max: 100, wait: Some(Duration::ZERO), visibility: None };
    loop {
        // What was received is invisible to the next receive, so that this ends.
        let messages = queues.receive_with(queue, receive).await?;
        if messages.is_empty() {
            return Ok(reasons);
        }
        for message in messages {
            let reason = message.message_attributes.get("brigade-reason").and_then(|attribute| attribute.text());
            for record in decode_document(&message.body) {
                if let Ok(Record::Object(event)) = record.record {
                    reasons.insert(event.key.as_str().to_owned(), reason.unwrap_or_default().to_owned());
                }
            }
        }
    }
}
