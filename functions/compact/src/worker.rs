//! The function: a batch of events in, an outcome for each out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use brigade::budget::Deadline;
use brigade::config::{Mode, Span};
use brigade::event::ObjectEvent;
use brigade::ledger::{Documents, Seen};
use brigade::storage::{Nonces, Store};
use brigade::verdict::{Outcome, Verdict, worst};
use brigade::worker::{Lines, Pace, Together, Worker};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use serde_json::json;
use tokio::time::timeout_at;

use crate::config::Config;
use crate::places::Places;
use crate::product::Products;
use crate::protocol::claim::Limits;
use crate::protocol::inputs::{Group, Named, named};
use crate::protocol::shard::Shard;
use crate::protocol::way::Way;
use crate::run::{After, Collected, Ends, Engine, Pass, Shift, late};
use crate::window::{Flush, window};

/// Shards that are worked on at once: each has a batch in flight, if all of them fit into the memory together.
const SHARDS_AT_ONCE: usize = 4;
/// A ledger document holds the names of all log objects of its source and hour: 320,000 of them in this many bytes.
const DOCUMENT_BYTES: u64 = 8 << 20;

/// The compaction function on some store.
pub struct Compact {
    engine: Engine,
    places: Places,
    products: Products,
    /// What is published now is published so.
    way: Way,
    input: Vec<Span>,
    flush: Flush,
    after: After,
    /// Of a batch of log objects.
    of_logs: Limits,
    /// Of a batch of bundles.
    of_bundles: Limits,
    plan_only: bool,
}

impl Compact {
    /// The function, as configured. `nonces` must differ between processes.
    pub fn new(config: &Config, store: Arc<dyn Store>, nonces: Nonces, lines: Arc<dyn Lines>) -> Self {
        let documents = Documents::new(Arc::clone(&store), nonces)
            .with_encryption(config.common.encryption.clone())
            .with_limit(DOCUMENT_BYTES);
        let engine = Engine {
            store,
            documents,
            memory: config.memory(),
            batches: config.batches(),
            fetches: config.common.concurrency,
            encryption: config.common.encryption.clone(),
            pace: Pace::new(),
            lines,
            warned: Mutex::default(),
        };
        Self {
            engine,
            places: config.places.clone(),
            products: Products::new(config.places.clone()),
            way: config.way(),
            input: config.common.input.clone(),
            flush: config.flush,
            after: config.after,
            of_logs: config.batch_of_logs(),
            of_bundles: config.batch_of_bundles(),
            plan_only: config.common.mode == Mode::Plan,
        }
    }

    /// The ends of a group's inputs, by name.
    async fn settle(&self, group: &Group, shift: Shift) -> Ends {
        let document = match self.places.shard(&group.bucket, &group.stem) {
            Ok(document) => document,
            Err(error) => return every(group, &Verdict::park("bad-key", error.to_string())),
        };
        if self.plan_only {
            let Ok(seen) = timeout_at(shift.ends(), self.engine.documents.read(&document)).await else {
                return every(group, &late());
            };
            return seen.map_or_else(|error| every(group, &error.verdict()), |seen| planned(group, &seen));
        }
        let window = window(self.flush, &group.hour, (&group.bucket, group.folder()));
        let way = window.map_or_else(|| self.way.clone(), |window| Way::Collected { window });
        let pass = Pass {
            engine: &self.engine,
            document,
            bucket: &group.bucket,
            stem: &group.stem,
            limits: self.of_logs,
            swell: 1,
            way,
            products: &self.products,
            after: self.after,
            shift,
        };
        pass.run(&group.wanted, None).await
    }

    /// Publishes what is collected for windows that have closed, whatever the way of flushing is by now.
    async fn publish(&self, shift: Shift) -> Outcome {
        let Self { engine, places, way, products, .. } = self;
        let collected = Collected { engine, places, limits: self.of_bundles, way, products, shift };
        collected.publish().await.unwrap_or_else(Outcome::from)
    }
}

#[async_trait]
impl Worker for Compact {
    fn name(&self) -> &'static str {
        "compact"
    }

    fn input(&self) -> &[Span] {
        &self.input
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        let outcome = self.handle_all(&[event], deadline).await.into_iter().next();
        outcome.unwrap_or_else(|| Verdict::retry("unstarted", "no outcome").into())
    }

    fn together(&self) -> Option<&dyn Together> {
        Some(self)
    }

    async fn on_schedule(&self, deadline: Deadline) -> Outcome {
        if self.plan_only {
            return Verdict::skip("plan", "BRIGADE_MODE=plan: nothing is published and nothing forgotten").into();
        }
        let shift = Shift::until(deadline);
        // However much waits to be published, the ledger must not grow for ever.
        let published = self.publish(shift.most()).await;
        published.and(self.engine.forget_some(&self.places, shift).await.unwrap_or_else(Outcome::from))
    }
}

#[async_trait]
impl Together for Compact {
    async fn handle_all(&self, events: &[&ObjectEvent], deadline: Deadline) -> Vec<Outcome> {
        for event in events {
            if let Some(region) = &event.region {
                self.engine.store.hint_region(&event.bucket, region);
            }
        }
        let Named { groups, events } = named(events, &self.input);
        let shift = Shift::until(deadline);
        let one = |(n, group)| async move { (n, self.settle(group, shift).await) }.boxed();
        let work: Vec<BoxFuture<'_, (usize, Ends)>> = groups.iter().enumerate().map(one).collect();
        // In no order: one that is slow keeps no others from being begun.
        let at_once = SHARDS_AT_ONCE.min(self.engine.fetches);
        let mut ends: BTreeMap<usize, Ends> = stream::iter(work).buffer_unordered(at_once).collect().await;
        events.into_iter().map(|event| event.map_or_else(Outcome::from, |inputs| end_of(&inputs, &mut ends))).collect()
    }
}

/// The end of an event from those of its inputs. Figures are told once, by the first event that names the input.
fn end_of(inputs: &[(usize, String)], ends: &mut BTreeMap<usize, Ends>) -> Outcome {
    let mut figures = Vec::new();
    let mut verdicts = Vec::new();
    for (group, name) in inputs {
        if let Some(end) = ends.get_mut(group).and_then(|ends| ends.get_mut(name)) {
            figures.append(&mut end.figures);
            verdicts.push(end.verdict.clone());
        }
    }
    if verdicts.is_empty() {
        return Verdict::retry("unstarted", "no outcome").into();
    }
    Outcome { verdict: worst(verdicts), look_again: false, figures }
}

fn every(group: &Group, verdict: &Verdict) -> Ends {
    group.wanted.keys().map(|name| (name.clone(), verdict.clone().into())).collect()
}

/// Under `BRIGADE_MODE=plan`: what would be published, and what is.
fn planned(group: &Group, seen: &Seen<Shard>) -> Ends {
    let none = BTreeSet::new();
    let done = seen.value.as_ref().map_or(&none, |shard| &shard.done);
    let one = |name: &String| match done.contains(name) {
        true => Verdict::skip("duplicate", "its lines are published"),
        false => Verdict::skip("plan", "its lines would be published"),
    };
    group.wanted.keys().map(|name| (name.clone(), one(name).into())).collect::<BTreeMap<_, _>>()
}

impl Engine {
    /// Says once in a process's life that a bucket's log lies in the bucket itself.
    pub(crate) fn warn_of_itself(&self, bucket: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(bucket.to_owned()) {
            let message = format!(
                "bucket {bucket} logs into itself: each log object that is read makes another one, for ever; \
                 turn its logging off, or log into another bucket"
            );
            self.lines.line(&json!({"level": "warn", "function": "compact", "reason": "logs-into-itself", "message": message}));
        }
    }
}
