//! Who sees every change of the store at the moment it is made: it announces the changes of sources, and checks what must
//! hold at every moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade::derived::{Template, VERSION, is_withdrawn};
use brigade::event::BucketName;
use brigade::storage::embedded::Change;
use brigade::storage::{EmbeddedStore, Head, Location};
use tokio::time::Instant;

use super::contents::of_size;
use super::scenario::Scenario;
use super::timeline::Timeline;
use super::topic::Topic;
use crate::invariants::Progress;

#[derive(Default)]
struct State {
    /// The actor is at work; nobody else may change a source.
    acting: bool,
    /// The class of the content that an etag of a source stood for.
    classes: BTreeMap<String, usize>,
    /// Every source that ever was.
    there: BTreeSet<Location>,
    /// When thumbnail was last told of a source.
    told: BTreeMap<Location, Instant>,
    progress: Progress,
    violation: Option<String>,
}

pub(super) struct Witness {
    store: EmbeddedStore,
    sources: BucketName,
    template: Template,
    /// Another configuration, or another version of a source, gives outputs other names; then the earlier ones go.
    names_come_and_go: bool,
    thumbnail_takes_removals: bool,
    topic: Arc<Topic>,
    timeline: Arc<Timeline>,
    state: Mutex<State>,
}

impl Witness {
    /// Begins to watch.
    pub(super) fn watch(
        scenario: &Scenario,
        store: &EmbeddedStore,
        sources: &BucketName,
        template: &Template,
        topic: &Arc<Topic>,
        timeline: &Arc<Timeline>,
    ) -> Arc<Self> {
        let witness = Arc::new(Self {
            store: store.clone(),
            sources: sources.clone(),
            template: template.clone(),
            names_come_and_go: template.is_versioned() || scenario.deploy_after.is_some(),
            thumbnail_takes_removals: scenario.thumbnail_takes_removals,
            topic: Arc::clone(topic),
            timeline: Arc::clone(timeline),
            state: Mutex::default(),
        });
        // The store must not hold who holds the store, or neither would ever end.
        let watching = Arc::downgrade(&witness);
        store.subscribe(Arc::new(move |change| {
            if let Some(watching) = watching.upgrade() {
                watching.see(change);
            }
        }));
        witness
    }

    pub(super) fn acting(&self, acting: bool) {
        self.lock().acting = acting;
    }

    /// The first thing that must never happen and did.
    pub(super) fn violation(&self) -> Option<String> {
        self.lock().violation.clone()
    }

    /// When thumbnail was last told of this source: from then on it must have parked what it rejects. What comes back
    /// without its being told has been parked already, or is announced.
    pub(super) fn told_at(&self, source: &Location) -> Option<Instant> {
        self.lock().told.get(source).copied()
    }

    fn see(&self, change: &Change) {
        let at = Location::new(change.bucket.clone(), change.key.clone());
        if change.bucket == self.sources {
            self.see_source(change, at);
        } else if change.bucket != *self.template.bucket() {
            // What other functions write is for those to judge who know it.
        } else if let Some(violation) = self.see_derived(&at) {
            self.lock().violation.get_or_insert(violation);
        }
    }

    fn see_source(&self, change: &Change, at: Location) {
        {
            let mut state = self.lock();
            if !state.acting {
                state.violation.get_or_insert(format!("a worker changed the source {at}"));
            }
            state.there.insert(at.clone());
            if self.thumbnail_takes_removals || change.kind.is_created() {
                state.told.insert(at.clone(), Instant::now());
            }
            let current = self.store.head_object(&at, &Head::default()).ok();
            let content = current.and_then(|meta| Some((meta.etag.clone(), of_size(meta.size)?)));
            self.timeline.note(format!(
                "{} is {} ({})",
                at.key,
                content.as_ref().map_or("gone", |c| c.1.name),
                change.kind.as_str()
            ));
            state.progress.source_is(&at, content.as_ref().map(|(_, content)| content.class));
            if let Some((etag, content)) = content {
                state.classes.insert(etag, content.class);
            }
        }
        self.topic.announce(&change.event());
    }

    fn see_derived(&self, at: &Location) -> Option<String> {
        let mut state = self.lock();
        let Some((source, _)) = self.template.source_of(at) else {
            return Some(format!("a worker wrote outside of the template: {at}"));
        };
        if !state.there.contains(&source) {
            return Some(format!("{at} belongs to a source that never was: {source}"));
        }
        let in_use = self.store.head_object(at, &Head::default()).ok().filter(|meta| !is_withdrawn(meta));
        let Some(meta) = in_use else {
            if self.names_come_and_go {
                state.progress.derived_is_dropped(at);
                return None;
            }
            return state.progress.derived_is_gone(at, &source);
        };
        let etag = meta.metadata.get(VERSION).and_then(|version| version.split(' ').next());
        match etag.and_then(|etag| state.classes.get(etag)).copied() {
            Some(class) => state.progress.derived_is(at, &source, class),
            None => Some(format!("{at} is marked with a version that its source never had")),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
