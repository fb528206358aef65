//! A function as the world deploys it: its queues, its subscription, its configuration, and how an invocation of it is made.

use std::sync::Arc;

use brigade::config::Common;
use brigade::event::{BucketName, EventKind};
use brigade::storage::{EmbeddedStore, FaultyStore};
use brigade::worker::Worker;

use super::gate::Gate;
use super::queue::Queues;
use super::topic::{Announcer, Topic};

/// One function of the world.
pub(super) struct Function {
    pub(super) queues: Arc<Queues>,
    pub(super) deployment: Arc<dyn Deployment>,
}

impl Function {
    pub(super) fn name(&self) -> &'static str {
        self.deployment.name()
    }
}

/// What is deployed.
pub(super) trait Deployment: Send + Sync {
    /// The function's short name.
    fn name(&self) -> &'static str;

    /// What this generation's configuration has in common with every function's.
    fn common(&self, generation: u32) -> &Common;

    /// The filter policy of its queue's subscription.
    fn takes(&self, bucket: &BucketName, kind: &EventKind) -> bool;

    /// It passes announcements too, which tell of no change and have no sequencer.
    fn hears_announcements(&self) -> bool {
        true
    }

    /// Another configuration of it is deployed in mid-run.
    fn has_generations(&self) -> bool {
        false
    }

    /// Messages of one invocation at most, where the scenario has `batch` for most functions.
    fn batch(&self, batch: usize) -> usize {
        batch
    }

    /// It is invoked on a schedule, too.
    fn is_scheduled(&self) -> bool {
        false
    }

    /// Requests to the store that one message can need at most.
    fn requests_per_message(&self) -> u64;

    /// The worker of one invocation.
    fn worker(&self, reach: Reach) -> Box<dyn Worker>;
}

/// What one invocation reaches. Each request waits at its gate.
pub(super) struct Reach {
    /// The invocation's, as the timeline has it.
    pub(super) name: String,
    pub(super) gate: Arc<Gate>,
    pub(super) generation: u32,
    pub(super) store: FaultyStore<EmbeddedStore>,
    pub(super) topic: Arc<Topic>,
    /// Nonces of this invocation.
    pub(super) nonces: fastrand::Rng,
}

impl Reach {
    /// The topic of the sources' changes, to announce to.
    pub(super) fn announcer(&self) -> Arc<Announcer> {
        Arc::new(Announcer { topic: Arc::clone(&self.topic), gate: Arc::clone(&self.gate), name: self.name.clone() })
    }
}
