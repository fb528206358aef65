//! The queues of one function: at least once, in no order, with delays, visibility timeouts, receive counts and a
//! dead-letter queue.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade::event::Message;
use brigade::worker::Queue;
use brigade::worker::queue::{Outgoing, QueueError};
use tokio::time::Instant;

use super::gate::Gate;
use super::places::{parked_url, queue_arn, queue_url as queue_url_of};
use super::scenario::Scenario;
use super::timeline::Timeline;

/// Six times the function's timeout, as Lambda asks for.
const VISIBILITY: Duration = Duration::from_secs(180);
/// Receives before a message goes to the dead-letter queue.
const MAX_RECEIVES: u32 = 6;
/// The delay of a late look.
const LATE_LOOK: u16 = 900;

/// A message that is not acknowledged yet.
struct Held {
    body: String,
    receives: u32,
    visible: Instant,
}

/// A parked message and when it came.
pub(super) struct Parked {
    pub(super) body: String,
    pub(super) at: Instant,
}

struct State {
    random: fastrand::Rng,
    next: u64,
    work: BTreeMap<u64, Held>,
    dead: Vec<String>,
    parked: Vec<Parked>,
    fired: BTreeMap<&'static str, u64>,
    faults: bool,
    /// How often a removal was handed out.
    removals: u64,
}

/// The queues of one function.
pub(super) struct Queues {
    name: &'static str,
    state: Mutex<State>,
    scenario: Scenario,
    lose_late_looks: bool,
    timeline: Arc<Timeline>,
}

impl Queues {
    /// `number` tells the functions of one run apart.
    pub(super) fn new(
        name: &'static str,
        number: u64,
        scenario: &Scenario,
        lose_late_looks: bool,
        timeline: Arc<Timeline>,
    ) -> Self {
        let state = State {
            random: fastrand::Rng::with_seed(scenario.seed ^ 0x9ee5 ^ (number << 40)),
            next: 0,
            work: BTreeMap::new(),
            dead: Vec::new(),
            parked: Vec::new(),
            fired: BTreeMap::new(),
            faults: true,
            removals: 0,
        };
        Self { name, state: Mutex::new(state), scenario: scenario.clone(), lose_late_looks, timeline }
    }

    /// A notification comes: once or more often, now or later, so that the order is any.
    pub(super) fn deliver(&self, body: &str) {
        let mut state = self.lock();
        let copies = if state.faults && state.random.f64() < self.scenario.duplicate { 2 } else { 1 };
        if copies > 1 {
            state.fire("event duplicated");
        }
        for _ in 0..copies {
            let delay = Duration::from_millis(state.random.u64(0..=self.scenario.delay_ms));
            let visible = Instant::now() + delay;
            if state.work.values().any(|held| held.receives == 0 && held.visible > visible) {
                state.fire("event reordered");
            }
            state.push(body.to_owned(), visible);
        }
    }

    /// Up to `number` visible messages, in any order. What was received too often goes to the dead-letter queue.
    pub(super) fn receive(&self, number: usize) -> Vec<Message> {
        let now = Instant::now();
        let mut state = self.lock();
        let worn = |held: &Held| held.visible <= now && held.receives >= MAX_RECEIVES;
        let dead: Vec<u64> = state.work.iter().filter(|(_, held)| worn(held)).map(|(id, _)| *id).collect();
        for id in dead {
            let body = state.work.remove(&id).map(|held| held.body).unwrap_or_default();
            self.timeline.note(format!("{} message {id} to the dead-letter queue", self.name));
            state.dead.push(body);
            state.fire("message dead-lettered");
        }
        let mut visible: Vec<u64> = state.work.iter().filter(|(_, held)| held.visible <= now).map(|(id, _)| *id).collect();
        state.random.shuffle(&mut visible);
        visible.truncate(number);
        let arn = queue_arn(self.name);
        visible.into_iter().filter_map(|id| state.hand_out(id, now, &arn)).collect()
    }

    /// Messages that could be received now.
    pub(super) fn has_visible(&self) -> bool {
        let now = Instant::now();
        self.lock().work.values().any(|held| held.visible <= now)
    }

    /// When the next message becomes visible.
    pub(super) fn next_visible(&self) -> Option<Instant> {
        self.lock().work.values().map(|held| held.visible).min()
    }

    pub(super) fn acknowledge(&self, message: &Message) {
        if let Some(id) = message.id.as_deref().and_then(|id| id.parse().ok()) {
            self.lock().work.remove(&id);
        }
    }

    /// What an operator does once the cause is repaired. Answers how many there were.
    pub(super) fn redrive(&self) -> usize {
        let mut state = self.lock();
        let dead = std::mem::take(&mut state.dead);
        let number = dead.len();
        dead.into_iter().for_each(|body| state.push(body, Instant::now()));
        number
    }

    pub(super) fn set_faults(&self, faults: bool) {
        self.lock().faults = faults;
    }

    pub(super) fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.lock().fired.clone()
    }

    /// How often a removal was received.
    pub(super) fn removals_received(&self) -> u64 {
        self.lock().removals
    }

    /// Waiting and dead messages.
    pub(super) fn left(&self) -> (usize, usize) {
        let state = self.lock();
        (state.work.len(), state.dead.len())
    }

    /// What was parked since then.
    pub(super) fn parked_since(&self, since: Instant) -> Vec<String> {
        self.lock().parked.iter().filter(|parked| parked.at >= since).map(|parked| parked.body.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, queue_url: &str, message: Outgoing) -> Result<(), QueueError> {
        message.check(queue_url)?;
        let mut state = self.lock();
        if self.lose_late_looks && message.delay_seconds == LATE_LOOK {
            return Ok(());
        }
        let luck = if state.faults { state.random.f64() } else { 1.0 };
        let failed = |code: &str| Err(QueueError::later("SendMessage", queue_url, code, "simulated"));
        if luck < self.scenario.queue_fails {
            state.fire("send refused");
            return failed("ThrottlingException");
        }
        let now = Instant::now();
        if queue_url == parked_url(self.name) {
            state.parked.push(Parked { body: message.body, at: now });
        } else if queue_url == queue_url_of(self.name) {
            if message.delay_seconds == LATE_LOOK {
                state.fire("late look");
            }
            let visible = now + Duration::from_secs(message.delay_seconds.into());
            state.push(message.body, visible);
        } else {
            return Err(QueueError::refused("SendMessage", queue_url, "QueueDoesNotExist", "simulated"));
        }
        if luck < 2.0 * self.scenario.queue_fails {
            state.fire("send reply lost");
            return failed("RequestTimeout");
        }
        Ok(())
    }
}

impl State {
    fn push(&mut self, body: String, visible: Instant) {
        self.work.insert(self.next, Held { body, receives: 0, visible });
        self.next += 1;
    }

    fn fire(&mut self, fault: &'static str) {
        *self.fired.entry(fault).or_default() += 1;
    }

    fn hand_out(&mut self, id: u64, now: Instant, arn: &str) -> Option<Message> {
        let held = self.work.get_mut(&id)?;
        held.receives += 1;
        held.visible = now + VISIBILITY;
        let (body, receive_count) = (held.body.clone(), held.receives);
        self.removals += u64::from(["ObjectRemoved:", "LifecycleExpiration:"].iter().any(|kind| body.contains(kind)));
        if receive_count > 1 {
            self.fire("message redelivered");
        }
        Some(Message {
            id: Some(id.to_string()),
            receipt_handle: Some(id.to_string()),
            body: Some(body),
            receive_count,
            queue_arn: Some(arn.to_owned()),
            ..Message::default()
        })
    }
}

/// The queues as one invocation reaches them: each request waits at its gate.
pub(super) struct Port {
    pub(super) queues: Arc<Queues>,
    pub(super) gate: Arc<Gate>,
    pub(super) name: String,
}

impl Port {
    fn note(&self, what: &str) {
        self.queues.timeline.note(format!("{} {what}", self.name));
    }
}

#[async_trait]
impl Queue for Port {
    async fn send(&self, queue_url: &str, message: Outgoing) -> Result<(), QueueError> {
        self.gate.pass(false).await;
        let (to, delay) = (queue_url.rsplit('/').next().unwrap_or_default(), message.delay_seconds);
        let sent = self.queues.take(queue_url, message);
        self.note(&format!("SendMessage {to} delay {delay}: {}", sent.as_ref().map_or_else(|e| e.code.as_str(), |()| "ok")));
        sent
    }

    async fn set_visibility(&self, queue_url: &str, entries: Vec<(String, u32)>) -> Vec<Result<(), QueueError>> {
        self.gate.pass(false).await;
        let now = Instant::now();
        let mut results = Vec::new();
        for (handle, seconds) in entries {
            let mut state = self.queues.lock();
            if state.faults && state.random.f64() < self.queues.scenario.queue_fails {
                state.fire("visibility refused");
                results.push(Err(QueueError::later("ChangeMessageVisibility", queue_url, "ThrottlingException", "simulated")));
                continue;
            }
            if let Some(held) = handle.parse().ok().and_then(|id: u64| state.work.get_mut(&id)) {
                held.visible = now + Duration::from_secs(seconds.into());
            }
            results.push(Ok(()));
            drop(state);
            self.note(&format!("message {handle} visible in {seconds} s"));
        }
        results
    }
}
