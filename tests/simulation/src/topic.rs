//! The topic of all buckets that tell of their changes: it fans notifications out to the queues whose filter policy takes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use brigade::event::{EventKind, Message, ObjectEvent, Record, to_notification};
use brigade::storage::Location;
use brigade::worker::Topic as Publish;
use brigade::worker::queue::{Outgoing, QueueError};
use brigade::worker::topic::check_announcement;

use super::gate::Gate;
use super::places::TOPIC_ARN;
use super::queue::Queues;
use super::scenario::Scenario;
use super::timeline::Timeline;

/// A subscription's filter policy.
type Takes = Box<dyn Fn(&ObjectEvent) -> bool + Send + Sync>;

struct State {
    random: fastrand::Rng,
    faults: bool,
    fired: BTreeMap<&'static str, u64>,
    subscriptions: Vec<(Takes, Arc<Queues>)>,
}

/// The topic. Each subscribed queue draws its own duplicates and delays.
pub(super) struct Topic {
    state: Mutex<State>,
    /// How likely a publication is refused, and how likely its reply is lost.
    fails: f64,
    timeline: Arc<Timeline>,
}

impl Topic {
    pub(super) fn new(scenario: &Scenario, timeline: &Arc<Timeline>) -> Self {
        let random = fastrand::Rng::with_seed(scenario.seed ^ 0x707_1c00);
        let state = State { random, faults: true, fired: BTreeMap::new(), subscriptions: Vec::new() };
        Self { state: Mutex::new(state), fails: scenario.queue_fails, timeline: Arc::clone(timeline) }
    }

    pub(super) fn subscribe(&self, queues: &Arc<Queues>, takes: Takes) {
        self.lock().subscriptions.push((takes, Arc::clone(queues)));
    }

    /// S3 tells of a change.
    pub(super) fn announce(&self, event: &ObjectEvent) {
        self.deliver(event, &to_notification(event).to_string());
    }

    pub(super) fn set_faults(&self, faults: bool) {
        self.lock().faults = faults;
    }

    pub(super) fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.lock().fired.clone()
    }

    /// How often somebody has announced a source himself.
    pub(super) fn announced(&self) -> u64 {
        self.lock().fired.get(ANNOUNCED).copied().unwrap_or_default()
    }

    fn deliver(&self, event: &ObjectEvent, body: &str) {
        let state = self.lock();
        let taking = state.subscriptions.iter().filter(|(takes, _)| takes(event));
        taking.for_each(|(_, queues)| queues.deliver(body));
    }

    fn take(&self, topic_arn: &str, message: &Outgoing) -> Result<(), QueueError> {
        check_announcement(topic_arn, message)?;
        let refused = |code: &str| Err(QueueError::refused("Publish", topic_arn, code, "simulated"));
        if topic_arn != TOPIC_ARN {
            return refused("NotFound");
        }
        let mut decoded = Message { body: Some(message.body.clone()), ..Message::default() }.decode().into_iter();
        let Some(Ok(Record::Object(event))) = decoded.next().map(|decoded| decoded.record) else {
            return refused("InvalidParameter");
        };
        let failed = |code: &str| Err(QueueError::later("Publish", topic_arn, code, "simulated"));
        let luck = self.draw();
        if luck < self.fails {
            self.fire("publication refused");
            return failed("Throttled");
        }
        self.fire(ANNOUNCED);
        self.deliver(&event, &message.body);
        if luck < 2.0 * self.fails {
            self.fire("publication's reply lost");
            return failed("RequestTimeout");
        }
        Ok(())
    }

    fn draw(&self) -> f64 {
        let mut state = self.lock();
        if state.faults { state.random.f64() } else { 1.0 }
    }

    fn fire(&self, what: &'static str) {
        *self.lock().fired.entry(what).or_default() += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What names an object and tells nothing of it.
pub(super) fn hint(at: &Location) -> ObjectEvent {
    ObjectEvent::new(EventKind::new("ObjectCreated:Put"), at.bucket.clone(), at.key.clone())
}

const ANNOUNCED: &str = "source announced again";

/// The topic as one invocation reaches it: each request waits at its gate.
pub(super) struct Announcer {
    pub(super) topic: Arc<Topic>,
    pub(super) gate: Arc<Gate>,
    pub(super) name: String,
}

#[async_trait]
impl Publish for Announcer {
    async fn publish(&self, topic_arn: &str, message: Outgoing) -> Result<(), QueueError> {
        self.gate.pass(false).await;
        let published = self.topic.take(topic_arn, &message);
        let outcome = published.as_ref().map_or_else(|error| error.code.as_str(), |()| "ok");
        self.topic.timeline.note(format!("{} Publish: {outcome}", self.name));
        published
    }
}
