//! A function as the world deploys it: its queues, its subscription, its configuration, and how an invocation of it is made.

use std::sync::Arc;

use brigade::config::Common;
use brigade::event::EventKind;
use brigade::storage::{EmbeddedStore, FaultyStore};
use brigade::worker::Worker;

use super::queue::Queues;
use super::topic::Announcer;

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
    fn takes(&self, kind: &EventKind) -> bool;

    /// Another configuration of it is deployed in mid-run.
    fn has_generations(&self) -> bool {
        false
    }

    /// Requests to the store that one message can need at most.
    fn requests_per_message(&self) -> u64;

    /// The worker of one invocation.
    fn worker(&self, reach: Reach) -> Box<dyn Worker>;
}

/// What one invocation reaches. Each request waits at its gate.
pub(super) struct Reach {
    pub(super) generation: u32,
    pub(super) store: FaultyStore<EmbeddedStore>,
    pub(super) topic: Arc<Announcer>,
    /// Nonces of this invocation.
    pub(super) nonces: fastrand::Rng,
}
