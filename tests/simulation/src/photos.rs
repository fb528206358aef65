//! The photos: sources that change, what thumbnail makes of them, and what must hold when all is at rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use brigade::derived::is_withdrawn;
use brigade::event::{BucketName, EventKind, ObjectKey};
use brigade::storage::{Delete, EmbeddedStore, Encryption, Head, List, ListVersions, Location, PutOptions};

use super::contents::{contents, expected, of_size};
use super::function::Deployment;
use super::functions::{CleanupDeployed, ThumbnailDeployed};
use super::invariants::{Objects, announcements_are_bounded, derived_is_f_of_source, read_all, rejected_sources_are_parked};
use super::part::{Ground, Part};
use super::places::{DERIVED, KMS_KEY, SOURCES};
use super::queue::Queues;
use super::scenario::{Company, Scenario};
use super::topic::{Topic, hint};
use super::witness::Witness;

pub(super) struct Photos {
    scenario: Scenario,
    store: EmbeddedStore,
    topic: Arc<Topic>,
    witness: Arc<Witness>,
    thumbnail: Arc<ThumbnailDeployed>,
    /// thumbnail's.
    queues: Arc<Queues>,
    /// cleanup's.
    cleanup: Option<Arc<Queues>>,
    /// Of thumbnail's configuration that is deployed.
    generation: u32,
}

impl Photos {
    /// Sources, derived objects, thumbnail, and cleanup where it is in the company.
    pub(super) fn lay(ground: &mut Ground) -> Self {
        let scenario = ground.scenario.clone();
        let sources = ground.bucket(SOURCES, scenario.versioned);
        ground.bucket(DERIVED, scenario.derived_versioned);
        let thumbnail = Arc::new(ThumbnailDeployed::new(&scenario, ground.sabotage));
        let queues = ground.deploy(Arc::clone(&thumbnail) as Arc<dyn Deployment>);
        let cleanup = (scenario.company >= Company::Cleanup)
            .then(|| ground.deploy(Arc::new(CleanupDeployed::new(&scenario, ground.sabotage))));
        let witness = Witness::watch(&scenario, &ground.store, &sources, thumbnail.template(), &ground.topic, &ground.timeline);
        let (store, topic) = (ground.store.clone(), Arc::clone(&ground.topic));
        Self { scenario, store, topic, witness, thumbnail, queues, cleanup, generation: 1 }
    }

    /// What an operator does after the old version has drained: a backfill announces every live source, and a sweep looks
    /// at what has derived objects and no source. Such a source may come back by the removal of a delete marker, of which
    /// only cleanup is told, and it can't tell an earlier configuration from the present one.
    fn backfill_and_sweep(&self) {
        for source in self.sources() {
            let is_live = self.store.head_object(&source, &Head::default()).is_ok();
            let options = List { prefix: self.thumbnail.template().directory(&source), ..List::default() };
            let page = self.store.list_objects(&BucketName::new(DERIVED), &options).expect("derived objects are listed");
            if is_live || !page.objects.is_empty() {
                self.topic.announce(&hint(&source));
            }
        }
    }

    fn sources(&self) -> Vec<Location> {
        let at = |key: &&str| Location::new(BucketName::new(SOURCES), ObjectKey::new(*key).expect("a key"));
        self.scenario.keys.iter().map(at).collect()
    }

    /// A derived object that is kept although its source is gone, until a lifecycle rule removes it.
    fn is_withdrawn(&self, key: &str) -> bool {
        let at = Location::new(BucketName::new(DERIVED), ObjectKey::new(key).expect("a key"));
        self.store.head_object(&at, &Head::default()).is_ok_and(|meta| is_withdrawn(&meta))
    }

    fn put(&self, source: &Location, random: &mut fastrand::Rng) {
        let index = *random.choice(&self.scenario.contents).expect("a content");
        let bytes = contents().get(index).expect("a content").bytes.clone();
        let encryption = if self.scenario.source_kms { Encryption::Kms(KMS_KEY.to_owned()) } else { Encryption::Bucket };
        let options = PutOptions { encryption, ..PutOptions::default() };
        self.store.put_object(source, bytes, options, EventKind::new("ObjectCreated:Put")).expect("a source is put");
    }

    /// A delete marker goes and the object is back, or a version goes and an older one is current again.
    fn remove_newest_version(&self, source: &Location) -> Option<&'static str> {
        let options = ListVersions { prefix: source.key.to_string(), ..ListVersions::default() };
        let versions = self.store.list_object_versions(&source.bucket, &options).expect("versions are listed").versions;
        let newest = versions.into_iter().find(|v| v.key == source.key && v.is_latest)?;
        let happened = if newest.object.is_none() { "delete marker removed" } else { "version removed" };
        let options = Delete { version_id: Some(newest.version_id), ..Delete::default() };
        self.store.delete_object(source, &options).expect("a version is removed");
        Some(happened)
    }

    /// Derived objects as they must be when all is at rest.
    async fn check_derived(&self) -> Vec<String> {
        let config = self.thumbnail.config(self.generation);
        let mut wanted = Objects::new();
        let mut divergences = Vec::new();
        for source in self.sources() {
            let Ok(meta) = self.store.head_object(&source, &Head::default()) else { continue };
            let content = of_size(meta.size).expect("a known content");
            let expected = expected(config, &source, content).await;
            wanted.extend(expected.objects.clone());
            if expected.rejected {
                let parked = self.witness.told_at(&source).map(|at| self.queues.parked_since(at)).unwrap_or_default();
                let rejected = BTreeSet::from([source]);
                divergences.extend(rejected_sources_are_parked(&rejected, parked.iter().map(String::as_str)));
            }
        }
        let found = read_all(&self.store, &BucketName::new(DERIVED), "").await.expect("an embedded store is read");
        let found = found.into_iter().filter(|(key, _)| !self.is_withdrawn(key)).collect();
        divergences.extend(derived_is_f_of_source(&wanted, &found));
        divergences
    }
}

#[async_trait(?Send)]
impl Part for Photos {
    fn change(&mut self, random: &mut fastrand::Rng) -> Option<&'static str> {
        let sources = self.sources();
        let source = random.choice(&sources).expect("a source");
        self.witness.acting(true);
        let happened = match random.u8(0..12) {
            0..6 => {
                self.put(source, random);
                None
            }
            6..9 if self.scenario.versioned => self.remove_newest_version(source),
            _ => {
                self.store.delete_object(source, &Delete::default()).expect("a source is deleted");
                None
            }
        };
        self.witness.acting(false);
        happened
    }

    fn deploy(&mut self) {
        self.generation = 2;
    }

    fn drain(&mut self) {
        self.backfill_and_sweep();
    }

    fn violation(&self) -> Option<String> {
        self.witness.violation()
    }

    async fn check(&self) -> Vec<String> {
        let removals = self.cleanup.as_ref().map(|queues| queues.removals_received()).unwrap_or_default();
        let mut divergences = self.check_derived().await;
        divergences.extend(announcements_are_bounded(self.topic.announced(), removals));
        divergences
    }
}
