//! dedupe's part of the world: the raw stream of the sources' changes, what disturbs it, the ledger, and the target of the
//! clean one.

mod holding;
mod ledger;
mod setting;
mod target;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade::event::{BucketName, Message, ObjectEvent, ObjectKey, Record, to_notification};
use brigade::ledger::{Answer, Change, Claims, Documents, End, Ending, Head, Layout, Stage, Standing, States, Step, Terms};
use brigade::storage::{EmbeddedStore, List, Nonces, StoreError};
use tokio::time::{Instant, sleep};

use crate::functions::DedupeDeployed;
use crate::invariants::newest_is_forwarded;
use crate::part::{Ground, Part};
use crate::places::{SOURCES, STATE};
use crate::queue::Queues;
use crate::sabotage::{Forwarding, Sabotage};
use crate::timeline::Timeline;

pub(crate) use holding::Holding;
pub(crate) use ledger::LedgerStore;
pub use setting::Stream;
pub(crate) use target::{Port, Target};

use holding::heads;

/// An outage lasts between these.
const OUTAGE: std::ops::Range<u64> = 60..900;
/// Other keys that change at once. Twice as many don't fit into a head.
const CROWD: usize = 1_000;

/// What S3 told of the sources, in the order of the changes.
type Told = Arc<Mutex<Vec<ObjectEvent>>>;

pub(crate) struct Streamed {
    setting: Stream,
    store: EmbeddedStore,
    timeline: Arc<Timeline>,
    deployed: Arc<DedupeDeployed>,
    target: Arc<Target>,
    queues: Arc<Queues>,
    told: Told,
    random: fastrand::Rng,
    faults: bool,
    /// The invariants that are asked, by name; `None`: all.
    asked: Option<&'static [&'static str]>,
    crowds: u64,
    fired: BTreeMap<&'static str, u64>,
    begun: Instant,
}

impl Streamed {
    /// The state, the target, and dedupe.
    pub(crate) fn lay(ground: &mut Ground) -> Self {
        let (setting, seed) = (ground.scenario.stream.clone(), ground.scenario.seed);
        ground.bucket(STATE, false);
        let target = Arc::new(Target::new(&setting, seed, &ground.timeline));
        let deployed = Arc::new(DedupeDeployed::new(&setting, &target, ground.sabotage));
        let queues = ground.deploy(Arc::clone(&deployed) as Arc<_>);
        let told = Told::default();
        let listener = Arc::clone(&told);
        ground.store.subscribe(Arc::new(move |change| {
            if change.bucket.as_str() == SOURCES {
                listener.lock().unwrap_or_else(PoisonError::into_inner).push(change.event());
            }
        }));
        Self {
            setting,
            store: ground.store.clone(),
            timeline: Arc::clone(&ground.timeline),
            deployed,
            target,
            queues,
            told,
            random: fastrand::Rng::with_seed(seed ^ 0x57e4_a800),
            faults: true,
            asked: asked(ground),
            crowds: 0,
            fired: BTreeMap::new(),
            begun: Instant::now(),
        }
    }

    fn told(&self) -> Vec<ObjectEvent> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fire(&mut self, what: &'static str) {
        *self.fired.entry(what).or_default() += 1;
    }

    fn change_of(&self, event: &ObjectEvent) -> Change {
        Change::of(event, self.deployed.config().target.arn())
    }

    /// An event of long ago comes again.
    fn tell_again(&mut self) {
        let told = self.told();
        if let Some(event) = self.random.choice(&told) {
            self.timeline.note(format!("{} {} is told again", event.key, event.kind));
            self.queues.deliver(&to_notification(event).to_string());
            self.fire("old event told again");
        }
    }

    /// Others have lost much to contention in some shard.
    async fn strain(&mut self) {
        let whole: Vec<_> = heads(&self.store).await.into_iter().filter(|(_, head)| head.stage == Stage::Whole).collect();
        let Some((at, _)) = self.random.choice(&whole) else { return };
        let strained = |head: Option<&Head>, _| match head {
            Some(head) => Step::Write(Head { pressure: 200, ..head.clone() }, ()),
            None => Step::Keep(()),
        };
        let documents = self.documents();
        documents.update(at, None, strained).await.expect("a head is replaced");
        self.timeline.note(format!("{} is strained", at.key));
        self.fire("shard strained");
    }

    /// More keys of others change than a head can hold, so that it forgets what it held.
    async fn crowd(&mut self) {
        let layout: Layout = self.deployed.config().layout.clone();
        let claims = Claims::new(self.documents(), layout);
        let now = self.store.date();
        let told = self.told();
        let Some(like) = told.last() else { return };
        for _ in 0..2 {
            self.crowds += 1;
            let key = |n: usize| format!("others/{}/{n}", self.crowds);
            let changes: Vec<Change> = (0..CROWD)
                .filter_map(|n| ObjectKey::new(key(n)).ok())
                .map(|key| self.change_of(&ObjectEvent { key, time: now, ..like.clone() }))
                .collect();
            let owner = claims.owner();
            let terms = Terms { owner: &owner, lease: Duration::from_secs(50) };
            let wanted: Vec<&Change> = changes.iter().collect();
            let answers = claims.claim(&wanted, &Current, terms).await;
            let end = |(change, answer): (&Change, _)| match answer {
                Ok(Answer::Claimed(token)) => Some(End { key: change.key, token, ending: Ending::Settled }),
                _ => None,
            };
            let ends: Vec<End> = changes.iter().zip(answers).filter_map(end).collect();
            claims.complete(&ends, &owner).await.expect("claims are ended");
        }
        self.timeline.note("many other keys change".to_owned());
        self.fire("head crowded");
    }

    fn documents(&mut self) -> Documents {
        Documents::new(Arc::new(self.store.clone()), Nonces::new(self.random.fork()))
    }

    /// The newest change of each key that the target takes.
    fn newest(&self) -> (BTreeMap<String, ObjectEvent>, Vec<ObjectEvent>) {
        let newest: BTreeMap<String, ObjectEvent> =
            self.told().into_iter().map(|event| (event.key.to_string(), event)).collect();
        let refused = |event: &ObjectEvent| self.target.refuses(&self.change_of(event).identity.to_hex());
        let (refused, taken): (Vec<_>, Vec<_>) = newest.into_iter().partition(|(_, event)| refused(event));
        (taken.into_iter().collect(), refused.into_iter().map(|(_, event)| event).collect())
    }

    /// What is parked is what the target refuses for good, and all of that which nothing has overtaken.
    fn check_parked(&self, refused: &[ObjectEvent]) -> Vec<String> {
        let parked: Vec<ObjectEvent> = self.queues.parked_since(self.begun).iter().flat_map(|body| events_of(body)).collect();
        let is_parked = |event: &ObjectEvent| parked.iter().any(|one| self.change_of(one).id == self.change_of(event).id);
        let wrongly = parked.iter().filter(|event| !self.target.refuses(&self.change_of(event).identity.to_hex()));
        let wrongly = wrongly.map(|event| format!("parked: {} of {}, which the target takes", event.kind, event.key));
        let lost = refused.iter().filter(|event| !is_parked(event));
        let lost = lost.map(|event| format!("parked: {} of {} is neither forwarded nor parked", event.kind, event.key));
        wrongly.chain(lost).collect()
    }
}

#[async_trait(?Send)]
impl Part for Streamed {
    fn set_faults(&mut self, faults: bool) {
        self.faults = faults;
        self.target.set_faults(faults);
    }

    async fn step(&mut self) {
        self.target.arrive();
        if !self.faults {
            return;
        }
        if self.random.f64() < self.setting.again {
            self.tell_again();
        }
        if self.random.f64() < self.setting.strain {
            self.strain().await;
        }
        if self.random.f64() < self.setting.crowd {
            self.crowd().await;
        }
        if self.random.f64() < self.setting.outage {
            let seconds = self.random.u64(OUTAGE);
            self.timeline.note(format!("nothing works for {seconds} s"));
            self.fire("outage");
            sleep(Duration::from_secs(seconds)).await;
            self.target.arrive();
        }
    }

    fn due(&self) -> Option<Instant> {
        self.target.due()
    }

    fn violation(&self) -> Option<String> {
        self.target.violation(self.asked)
    }

    async fn check(&self) -> Vec<String> {
        let (newest, refused) = self.newest();
        let mut wrong = newest_is_forwarded(&newest, &self.target.got());
        wrong.extend(self.check_parked(&refused));
        wrong.retain(|wrong| is_asked(self.asked, wrong));
        wrong
    }

    fn fired(&self) -> BTreeMap<&'static str, u64> {
        let mut fired = self.target.fired();
        fired.extend(self.fired.clone());
        let objects = |prefix: &str| {
            let options = List { prefix: format!("brigade/dedupe/v1/{prefix}/"), ..List::default() };
            self.store.list_objects(&BucketName::new(STATE), &options).map_or(0, |page| page.objects.len() as u64)
        };
        fired.insert("shard split", objects("heads").saturating_sub(1) / 2);
        fired.insert("marks sealed", objects("segments"));
        fired
    }
}

/// What must hold in this world.
fn asked(ground: &Ground) -> Option<&'static [&'static str]> {
    match ground.sabotage {
        // Where leases don't hold, the order doesn't either.
        Some(Sabotage::Dedupe(Forwarding::NoToken | Forwarding::Outlived)) => Some(&["newest"]),
        _ => None,
    }
}

/// What an invariant said counts, by its name.
fn is_asked(asked: Option<&[&str]>, wrong: &str) -> bool {
    asked.is_none_or(|names| names.iter().any(|name| wrong.split(':').next() == Some(name)))
}

/// The others' objects are as their changes left them.
struct Current;

#[async_trait]
impl States for Current {
    async fn standing(&self, _index: usize) -> Result<Standing, StoreError> {
        Ok(Standing::Current)
    }
}

fn events_of(body: &str) -> Vec<ObjectEvent> {
    let message = Message { body: Some(body.to_owned()), ..Message::default() };
    let event = |record| match record {
        Ok(Record::Object(event)) => Some(event),
        _ => None,
    };
    message.decode().into_iter().filter_map(|one| event(one.record)).collect()
}
