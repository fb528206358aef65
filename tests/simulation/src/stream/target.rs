//! dedupe's target: an SQS queue or an SNS topic, standard or FIFO, whose requests fail, are not answered, or land late. It
//! judges everything that it gets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade::budget::LONGEST_REQUEST;
use brigade::worker::queue::{Outgoing, QueueError};
use brigade::worker::{Queue, Topic};
use tokio::time::Instant;

use super::{Stream, is_asked};
use crate::gate::Gate;
use crate::invariants::{Consumer, Forwarded, request_is_within_limits};
use crate::timeline::Timeline;

/// How long a FIFO queue drops what it got under the same id.
///
/// Source: SQS developer guide, "Exactly-once processing in Amazon SQS".
const WINDOW: Duration = Duration::from_secs(300);

/// What becomes of a whole request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    Throttled,
    /// It never arrives, and the sender can't know that.
    Lost,
    /// It arrives, and its answer is lost.
    Unanswered,
    /// It is not answered, and arrives within the time that a request can take.
    Late,
}

/// A message that was sent and has not arrived.
struct UnderWay {
    due: Instant,
    sender: String,
    message: Outgoing,
}

struct State {
    random: fastrand::Rng,
    faults: bool,
    fired: BTreeMap<&'static str, u64>,
    consumer: Consumer,
    got: Vec<Forwarded>,
    /// FIFO: when a message was taken under this id.
    taken: BTreeMap<String, Instant>,
    under_way: Vec<UnderWay>,
    /// Who sent which change.
    senders: BTreeMap<String, BTreeSet<String>>,
    /// Invocations whose claims may have no end: they died, or a request of theirs failed after they had sent something.
    troubled: BTreeSet<String>,
    /// Sends of a change by an invocation that knows of no answer.
    unanswered: BTreeSet<(String, String)>,
    violations: Vec<String>,
}

/// The target.
pub(crate) struct Target {
    fifo: bool,
    fails: f64,
    some_are_refused: bool,
    timeline: Arc<Timeline>,
    state: Mutex<State>,
}

impl Target {
    pub(super) fn new(setting: &Stream, seed: u64, timeline: &Arc<Timeline>) -> Self {
        let state = State {
            random: fastrand::Rng::with_seed(seed ^ 0x7a26_e700),
            faults: true,
            fired: BTreeMap::new(),
            consumer: Consumer::default(),
            got: Vec::new(),
            taken: BTreeMap::new(),
            under_way: Vec::new(),
            senders: BTreeMap::new(),
            troubled: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            violations: Vec::new(),
        };
        Self {
            fifo: setting.fifo,
            fails: setting.target_fails,
            some_are_refused: setting.some_are_refused,
            timeline: Arc::clone(timeline),
            state: Mutex::new(state),
        }
    }

    /// A change that the target refuses for good.
    pub(super) fn refuses(&self, change: &str) -> bool {
        self.some_are_refused && change.starts_with('0')
    }

    pub(super) fn set_faults(&self, faults: bool) {
        self.lock().faults = faults;
    }

    pub(super) fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.lock().fired.clone()
    }

    /// What it has been sent, in order, whatever a FIFO queue drops of it.
    pub(super) fn got(&self) -> Vec<Forwarded> {
        self.lock().got.clone()
    }

    /// The first violation of these invariants.
    pub(super) fn violation(&self, asked: Option<&[&str]>) -> Option<String> {
        self.lock().violations.iter().find(|wrong| is_asked(asked, wrong)).cloned()
    }

    /// Something that must never happen was seen elsewhere.
    pub(super) fn violate(&self, wrong: Vec<String>) {
        self.lock().violations.extend(wrong);
    }

    /// This invocation has sent something.
    pub(crate) fn has_sent(&self, invocation: &str) -> bool {
        self.lock().senders.values().any(|senders| senders.contains(invocation))
    }

    /// Its claims may have no end.
    pub(crate) fn trouble(&self, invocation: &str) {
        self.lock().troubled.insert(invocation.to_owned());
    }

    /// When the next message that is under way arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        self.lock().under_way.iter().map(|one| one.due).min()
    }

    /// What is due by now arrives.
    pub(super) fn arrive(&self) {
        let now = Instant::now();
        let due: Vec<UnderWay> = self.lock().under_way.extract_if(.., |one| one.due <= now).collect();
        for one in due {
            self.lock().fire("send landed late");
            self.take(&one.sender, &one.message);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One message arrives.
    fn take(&self, sender: &str, message: &Outgoing) {
        let forwarded = match Forwarded::read(&message.body, message.deduplication_id.as_deref()) {
            Ok(forwarded) => forwarded,
            Err(wrong) => return self.violate(vec![format!("message: {wrong}")]),
        };
        let mut state = self.lock();
        let dropped = self.fifo && state.drops(message);
        let unended = state.unended(&forwarded.change, sender);
        let wrong = state.consumer.gets(&forwarded, unended);
        if state.consumer.times(&forwarded.change) > 1 {
            state.fire(if dropped { "duplicate dropped by FIFO" } else { "change forwarded again" });
        }
        let (key, token) = (&forwarded.event.key, forwarded.token);
        let what = if dropped { ", which the queue drops" } else { "" };
        self.timeline.note(format!("the target gets {key} {} number {token} by {sender}{what}", forwarded.event.kind));
        state.senders.entry(forwarded.change.clone()).or_default().insert(sender.to_owned());
        state.got.push(forwarded);
        state.violations.extend(wrong);
    }

    /// A request, as the service judges it.
    fn request(&self, sender: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let wrong = request_is_within_limits(&messages, self.fifo);
        self.violate(wrong);
        let fate = self.lock().fate(self.fails);
        messages.into_iter().map(|message| self.entry(fate, sender, message)).collect()
    }

    fn entry(&self, fate: Fate, sender: &str, message: Outgoing) -> Result<(), QueueError> {
        let later = |code: &str| QueueError::later("Send", "target", code, "simulated");
        let change = Forwarded::read(&message.body, None).map(|one| one.change).unwrap_or_default();
        if self.refuses(&change) {
            self.lock().fire("change refused for good");
            return Err(QueueError::refused("Send", "target", "InvalidMessageContents", "simulated"));
        }
        if fate == Fate::Throttled {
            return Err(QueueError { may_have_landed: false, ..later("ThrottlingException") });
        }
        if fate != Fate::Taken {
            self.lock().unanswered.insert((sender.to_owned(), change));
            match fate {
                Fate::Unanswered => self.take(sender, &message),
                Fate::Late => self.send_late(sender, message),
                _ => {}
            }
            return Err(later("RequestTimeout"));
        }
        let luck = self.lock().luck();
        if luck < self.fails {
            self.lock().fire("entry refused");
            // A throttled entry is certain; an internal error is not.
            let certain = luck < self.fails / 2.0;
            let code = if certain { "ThrottlingException" } else { "InternalError" };
            return Err(QueueError { may_have_landed: !certain, ..later(code) });
        }
        self.take(sender, &message);
        Ok(())
    }

    fn send_late(&self, sender: &str, message: Outgoing) {
        let mut state = self.lock();
        let most = u64::try_from(LONGEST_REQUEST.as_millis()).unwrap_or_default();
        let due = Instant::now() + Duration::from_millis(state.random.u64(0..=most));
        state.under_way.push(UnderWay { due, sender: sender.to_owned(), message });
    }
}

impl State {
    fn fire(&mut self, what: &'static str) {
        *self.fired.entry(what).or_default() += 1;
    }

    fn luck(&mut self) -> f64 {
        if self.faults { self.random.f64() } else { 1.0 }
    }

    fn fate(&mut self, fails: f64) -> Fate {
        let kinds = [
            (Fate::Throttled, "request to the target refused"),
            (Fate::Lost, "request to the target lost"),
            (Fate::Unanswered, "target's reply lost"),
            (Fate::Late, "request to the target late"),
        ];
        let luck = self.luck();
        let place = kinds.iter().enumerate().find(|(place, _)| luck < fails * (*place as f64 + 1.0));
        let Some((_, (fate, name))) = place else { return Fate::Taken };
        self.fire(name);
        *fate
    }

    /// A FIFO queue has a message under this id already, and drops this one.
    fn drops(&mut self, message: &Outgoing) -> bool {
        let now = Instant::now();
        let Some(id) = message.deduplication_id.clone() else { return false };
        if self.taken.get(&id).is_some_and(|taken| now.duration_since(*taken) < WINDOW) {
            return true;
        }
        self.taken.insert(id, now);
        false
    }

    /// Others who sent this change, and whose claim may have had no end.
    fn unended(&self, change: &str, sender: &str) -> usize {
        let others = self.senders.get(change).into_iter().flatten().filter(|other| *other != sender);
        let is_unended = |other: &&String| {
            self.troubled.contains(*other) || self.unanswered.contains(&((*other).clone(), change.to_owned()))
        };
        others.filter(is_unended).count()
    }
}

/// The target as one invocation reaches it: each request waits at its gate.
pub(crate) struct Port {
    pub(crate) target: Arc<Target>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) name: String,
}

impl Port {
    async fn request(&self, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        self.gate.pass(true).await;
        let results = self.target.request(&self.name, messages);
        let said: Vec<&str> = results.iter().map(|one| one.as_ref().err().map_or("ok", |error| error.code.as_str())).collect();
        self.target.timeline.note(format!("{} sends to the target: {}", self.name, said.join(", ")));
        self.gate.pass(false).await;
        results
    }

    async fn request_one(&self, message: Outgoing) -> Result<(), QueueError> {
        let unanswered = || Err(QueueError::later("Send", "target", "NotAnswered", "simulated"));
        self.request(vec![message]).await.pop().unwrap_or_else(unanswered)
    }
}

#[async_trait]
impl Queue for Port {
    async fn send(&self, _queue_url: &str, message: Outgoing) -> Result<(), QueueError> {
        self.request_one(message).await
    }

    async fn send_batch(&self, _queue_url: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        self.request(messages).await
    }

    async fn set_visibility(&self, queue_url: &str, entries: Vec<(String, u32)>) -> Vec<Result<(), QueueError>> {
        // Nobody receives from the target through this port.
        entries.iter().map(|_| Err(QueueError::refused("ChangeMessageVisibility", queue_url, "Unexpected", ""))).collect()
    }
}

#[async_trait]
impl Topic for Port {
    async fn publish(&self, _topic_arn: &str, message: Outgoing) -> Result<(), QueueError> {
        self.request_one(message).await
    }

    async fn publish_batch(&self, _topic_arn: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        self.request(messages).await
    }
}
