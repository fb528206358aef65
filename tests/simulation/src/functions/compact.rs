//! compact: its queue takes new log objects, and the schedule invokes it as well.

use std::sync::Arc;

use async_trait::async_trait;
use brigade::budget::Deadline;
use brigade::config::{Common, Environment, Span};
use brigade::event::{BucketName, EventKind, ObjectEvent};
use brigade::storage::Nonces;
use brigade::verdict::{Outcome, Verdict};
use brigade::worker::{Lines, Together, Worker};
use brigade_compact::{Compact, Config};
use serde_json::Value;

use crate::compaction::{Compaction, Denied};
use crate::function::{Deployment, Reach};
use crate::layer::Layered;
use crate::places::{LOGS, STATE, TABLES, parked_url};
use crate::sabotage::{Compacting, Sabotage, Tampered};

/// Some passes over a shard, each with the requests of a batch, and what contention adds to them.
const REQUESTS_PER_MESSAGE: u64 = 400;

pub(crate) struct CompactDeployed {
    configs: [Config; 2],
    denied: Denied,
    sabotage: Option<Compacting>,
}

impl CompactDeployed {
    pub(crate) fn new(setting: &Compaction, denied: Denied, sabotage: Option<Sabotage>) -> Self {
        let sabotage = match sabotage {
            Some(Sabotage::Compacting(sabotage)) => Some(sabotage),
            _ => None,
        };
        Self { configs: [0, 1].map(|which| config(setting, which)), denied, sabotage }
    }

    /// The configuration of this generation, from 1.
    fn config(&self, generation: u32) -> &Config {
        let [first, second] = &self.configs;
        if generation > 1 { second } else { first }
    }
}

impl Deployment for CompactDeployed {
    fn name(&self) -> &'static str {
        "compact"
    }

    fn common(&self, generation: u32) -> &Common {
        &self.config(generation).common
    }

    fn has_generations(&self) -> bool {
        true
    }

    fn takes(&self, bucket: &BucketName, kind: &EventKind) -> bool {
        bucket.as_str() == LOGS && kind.is_created()
    }

    /// It claims what it gets together.
    fn batch(&self, batch: usize) -> usize {
        2 * batch + 1
    }

    fn is_scheduled(&self) -> bool {
        true
    }

    fn requests_per_message(&self) -> u64 {
        REQUESTS_PER_MESSAGE
    }

    fn worker(&self, reach: Reach) -> Box<dyn Worker> {
        let config = self.config(reach.generation);
        let store = Arc::new(Layered(Tampered::new(reach.store, self.sabotage, Arc::clone(&self.denied))));
        let compact = Compact::new(config, store, Nonces::new(reach.nonces), Arc::new(Unheard));
        match self.sabotage {
            Some(Compacting::AcknowledgeOthers) => Box::new(Careless(compact)),
            _ => Box::new(compact),
        }
    }
}

/// What the function says beside its verdicts, which the batch loop tells.
struct Unheard;

impl Lines for Unheard {
    fn line(&self, _: &Value) {}
}

/// compact, for which what another has claimed is done.
struct Careless(Compact);

impl Careless {
    fn end(mut outcome: Outcome) -> Outcome {
        if outcome.verdict.reason().is_some_and(|reason| reason.code == "claimed") {
            outcome.verdict = Verdict::Done;
        }
        outcome
    }
}

#[async_trait]
impl Worker for Careless {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn input(&self) -> &[Span] {
        self.0.input()
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        Self::end(self.0.handle(event, deadline).await)
    }

    fn together(&self) -> Option<&dyn Together> {
        Some(self)
    }

    async fn on_schedule(&self, deadline: Deadline) -> Outcome {
        self.0.on_schedule(deadline).await
    }
}

#[async_trait]
impl Together for Careless {
    async fn handle_all(&self, events: &[&ObjectEvent], deadline: Deadline) -> Vec<Outcome> {
        self.0.handle_all(events, deadline).await.into_iter().map(Self::end).collect()
    }
}

fn config(setting: &Compaction, which: usize) -> Config {
    let of = |values: [&'static str; 2]| values.get(which).copied().unwrap_or_default();
    let (input, state, parked) = (format!("s3://{LOGS}/*"), format!("s3://{STATE}/brigade/"), parked_url("compact"));
    let output = format!("s3://{TABLES}/access_logs/");
    let environment: Environment = [
        ("BRIGADE_INPUT", input.as_str()),
        ("BRIGADE_OUTPUT", output.as_str()),
        ("BRIGADE_STATE", state.as_str()),
        ("BRIGADE_FLUSH", of(setting.flush)),
        ("BRIGADE_RAW", setting.raw),
        ("BRIGADE_PARTITION", of(setting.partition)),
        ("BRIGADE_PARKED", parked.as_str()),
        ("BRIGADE_CONCURRENCY", setting.concurrency()),
        ("BRIGADE_LOG", "all"),
    ]
    .into_iter()
    .collect();
    Config::read(&environment).expect("the configuration is right")
}
