//! The topic of the source bucket: it fans S3's notifications out to the queues whose filter policy takes them.

use std::sync::{Arc, Mutex, PoisonError};

use brigade::event::{EventKind, ObjectEvent};

use super::queue::Queues;

/// A subscription's filter policy.
type Takes = Box<dyn Fn(&EventKind) -> bool + Send + Sync>;

/// The topic. Each subscribed queue draws its own duplicates and delays.
#[derive(Default)]
pub(super) struct Topic {
    subscriptions: Mutex<Vec<(Takes, Arc<Queues>)>>,
}

impl Topic {
    pub(super) fn subscribe(&self, queues: &Arc<Queues>, takes: Takes) {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).push((takes, Arc::clone(queues)));
    }

    /// A change of a source, or what somebody says of one, reaches each queue once or more often.
    pub(super) fn announce(&self, event: &ObjectEvent) {
        let subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        let taking = subscriptions.iter().filter(|(takes, _)| takes(&event.kind));
        taking.for_each(|(_, queues)| queues.announce(event));
    }
}
