//! A worker's part of the world, and the ground on which every part is laid.
//!
//! The engine ([`super::world`], [`super::scheduler`]) knows no worker: it lets requests go, kills, and passes time. What
//! changes by itself, which places there are and what must hold in them is a part's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade::event::BucketName;
use brigade::storage::EmbeddedStore;
use brigade::storage::embedded::Versioning;
use tokio::time::Instant;

use super::function::{Deployment, Function};
use super::queue::Queues;
use super::sabotage::Sabotage;
use super::scenario::Scenario;
use super::timeline::Timeline;
use super::topic::Topic;

/// What all parts stand on.
pub(super) struct Ground {
    pub(super) scenario: Scenario,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) store: EmbeddedStore,
    pub(super) topic: Arc<Topic>,
    pub(super) timeline: Arc<Timeline>,
    /// What is deployed so far.
    pub(super) functions: Vec<Function>,
}

impl Ground {
    /// The bucket of this name, which may be another part's too: the first one to ask says whether it keeps versions.
    pub(super) fn bucket(&self, name: &str, versioned: bool) -> BucketName {
        let bucket = BucketName::new(name);
        let is_new = self.store.create_bucket(&bucket, "us-east-1").is_ok();
        if is_new && versioned {
            self.store.set_versioning(&bucket, Versioning::Enabled).expect("versioning is set");
        }
        bucket
    }

    /// Deploys a function, with queues of its own that are subscribed to the topic.
    pub(super) fn deploy(&mut self, deployment: Arc<dyn Deployment>) -> Arc<Queues> {
        let (name, number) = (deployment.name(), self.functions.len() as u64);
        let lose_late_looks = self.sabotage.is_some_and(|sabotage| sabotage.loses_late_looks_of(name));
        let queues = Arc::new(Queues::new(name, number, &self.scenario, lose_late_looks, Arc::clone(&self.timeline)));
        let policy = Arc::clone(&deployment);
        self.topic.subscribe(
            &queues,
            Box::new(move |event| {
                let is_change = event.sequencer.is_some();
                policy.takes(&event.bucket, &event.kind) && (is_change || policy.hears_announcements())
            }),
        );
        self.functions.push(Function { queues: Arc::clone(&queues), deployment });
        queues
    }
}

/// A worker's part of the world, or of several that share their places. Each method has nothing to do unless it says so.
#[async_trait(?Send)]
pub(super) trait Part {
    /// The actor changes something. Answers what, where it is something that not every run has.
    fn change(&mut self, _random: &mut fastrand::Rng) -> Option<&'static str> {
        None
    }

    /// Another configuration is deployed.
    fn deploy(&mut self) {}

    /// The earlier configuration has drained.
    fn drain(&mut self) {}

    /// Faults begin, or cease until all is at rest.
    fn set_faults(&mut self, _faults: bool) {}

    /// A step has been made: whatever happens by itself, or is due by now, happens.
    async fn step(&mut self) {}

    /// When something is due by itself next, though nobody makes a step.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Nothing else is left to do: when the schedule must come round once more. `None`: it has nothing left to do, either.
    fn next_round(&mut self) -> Option<Duration> {
        None
    }

    /// The first thing that must never happen and did.
    fn violation(&self) -> Option<String>;

    /// What is not as it must be now that all is at rest.
    async fn check(&self) -> Vec<String>;

    /// How often each fault of its own happened, and what else not every run has.
    fn fired(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }
}
