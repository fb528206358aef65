//! dedupe: its queue takes every change of the sources, and it forwards them to a target of its own.

use std::sync::Arc;

use async_trait::async_trait;
use brigade::budget::Deadline;
use brigade::config::{Common, Environment, Span};
use brigade::event::{BucketName, EventKind, ObjectEvent};
use brigade::ledger::Change;
use brigade::storage::{EmbeddedStore, Nonces};
use brigade::verdict::{Outcome, Reason};
use brigade::worker::{Together, Worker};
use brigade_dedupe::{Config, Dedupe, EVENTS, Outlet};

use crate::function::{Deployment, Reach};
use crate::layer::Layered;
use crate::places::{SOURCES, STATE, parked_url};
use crate::sabotage::{ByIdentity, Forwarding, Lies, Sabotage};
use crate::stream::{Holding, LedgerStore, Port, Stream, Target};

/// Sixteen attempts to claim and to end, each with a write and a look, in four shards on the way to a leaf; a listing and
/// segments for what is older than the head; a split.
const REQUESTS_PER_MESSAGE: u64 = 500;
/// The target, whatever it is.
const NAME: &str = "photos-once";

pub(crate) struct DedupeDeployed {
    config: Config,
    setting: Stream,
    target: Arc<Target>,
    sabotage: Option<Forwarding>,
    by_identity: ByIdentity,
}

impl DedupeDeployed {
    pub(crate) fn new(setting: &Stream, target: &Arc<Target>, sabotage: Option<Sabotage>) -> Self {
        let sabotage = match sabotage {
            Some(Sabotage::Dedupe(sabotage)) => Some(sabotage),
            _ => None,
        };
        let target = Arc::clone(target);
        Self { config: config(setting), setting: setting.clone(), target, sabotage, by_identity: ByIdentity::default() }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

impl Deployment for DedupeDeployed {
    fn name(&self) -> &'static str {
        "dedupe"
    }

    fn common(&self, _generation: u32) -> &Common {
        &self.config.common
    }

    fn takes(&self, bucket: &BucketName, kind: &EventKind) -> bool {
        bucket.as_str() == SOURCES && EVENTS.contains(&kind.family())
    }

    fn batch(&self, _usual: usize) -> usize {
        self.setting.batch
    }

    fn requests_per_message(&self) -> u64 {
        REQUESTS_PER_MESSAGE
    }

    fn worker(&self, reach: Reach) -> Box<dyn Worker> {
        let truth = reach.store.inner().clone();
        // The owner's nonce is the first that is drawn.
        let owner = Nonces::new(reach.nonces.clone()).next();
        let lies = Arc::new(Lies::new(self.sabotage, owner.clone(), &reach.name, &self.by_identity, &self.target));
        let clocks = (self.setting.skew, reach.nonces.clone());
        let store = Arc::new(Layered(LedgerStore::new(reach.store, &self.target, &reach.name, clocks, &lies)));
        let port = Arc::new(Port { target: Arc::clone(&self.target), gate: reach.gate, name: reach.name.clone() });
        let outlet = if self.setting.topic {
            Outlet::Topic(port, self.config.target.arn().to_owned())
        } else {
            Outlet::Queue(port, self.config.target.arn().to_owned())
        };
        let dedupe = Dedupe::new(self.config.clone(), store, outlet, Nonces::new(reach.nonces));
        let scope = self.config.target.arn().to_owned();
        Box::new(Watched { dedupe, scope, lies, owner, truth, target: Arc::clone(&self.target), name: reach.name })
    }
}

/// The real worker, and what is asked of each of its invocations.
struct Watched {
    dedupe: Dedupe,
    scope: String,
    lies: Arc<Lies>,
    owner: String,
    truth: EmbeddedStore,
    target: Arc<Target>,
    name: String,
}

#[async_trait]
impl Worker for Watched {
    fn name(&self) -> &'static str {
        self.dedupe.name()
    }

    fn input(&self) -> &[Span] {
        self.dedupe.input()
    }

    fn refuses(&self, kind: &EventKind) -> Option<Reason> {
        self.dedupe.refuses(kind)
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        self.dedupe.handle(event, deadline).await
    }

    fn together(&self) -> Option<&dyn Together> {
        Some(self)
    }
}

#[async_trait]
impl Together for Watched {
    async fn handle_all(&self, events: &[&ObjectEvent], deadline: Deadline) -> Vec<Outcome> {
        let changes: Vec<Change> = events.iter().map(|event| Change::of(event, &self.scope)).collect();
        self.lies.wants(changes.clone());
        let holding = Holding::begin(&self.target, &self.name, deadline);
        let outcomes = self.dedupe.handle_all(events, deadline).await;
        holding.end();
        let waits = outcomes.iter().zip(&changes).filter(|(one, _)| one.verdict.reason().is_some_and(|r| r.code == "claimed"));
        self.target.judge_waits(&self.owner, waits.map(|(_, change)| change.key), &self.truth).await;
        outcomes
    }
}

fn config(setting: &Stream) -> Config {
    let (service, fifo) = (if setting.topic { "sns" } else { "sqs" }, if setting.fifo { ".fifo" } else { "" });
    let target = format!("arn:aws:{service}:us-east-1:000000000000:{NAME}{fifo}");
    let (input, state, parked) = (format!("s3://{SOURCES}/uploads/*"), format!("s3://{STATE}/brigade/"), parked_url("dedupe"));
    let environment: Environment = [
        ("BRIGADE_INPUT", input.as_str()),
        ("BRIGADE_STATE", state.as_str()),
        ("BRIGADE_TARGET", target.as_str()),
        ("BRIGADE_SHARDS", setting.shards),
        ("BRIGADE_PARKED", parked.as_str()),
        ("BRIGADE_CONCURRENCY", "1"),
        ("BRIGADE_LOG", "all"),
    ]
    .into_iter()
    .collect();
    Config::read(&environment).expect("the configuration is right")
}
