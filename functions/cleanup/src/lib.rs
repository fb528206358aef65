//! What belonged to a deleted object goes.
//!
//! The function runs the same loop as those that make derived objects ([`brigade::derived::keep`]), without knowing how they
//! are made: where the source is gone it removes or withdraws them, where it is there and something is missing or stale it
//! has them made.

mod config;
mod judge;
mod keep;
mod noncurrent;
pub mod sweep;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use async_trait::async_trait;
use brigade::budget::Deadline;
use brigade::config::{Mode, Place, Span};
use brigade::derived::{Request, Template, keep, sources};
use brigade::event::{EventKind, ObjectEvent};
use brigade::storage::{Encryption, Location, Store};
use brigade::verdict::{Outcome, Reason, Verdict};
use brigade::worker::{Topic, Worker};

pub use config::{Config, Noncurrent, OnDelete, VARIABLES};
use keep::Cleaning;

/// The families of events that it works on; a subscription need deliver no others.
pub const EVENTS: &[&str] = &["ObjectRemoved", "LifecycleExpiration"];

/// The cleanup function on some store.
pub struct Cleanup {
    store: Arc<dyn Store>,
    topic: Arc<dyn Topic>,
    announce: Option<String>,
    templates: Vec<Template>,
    input: Vec<Span>,
    encryption: Encryption,
    on_delete: OnDelete,
    noncurrent: Noncurrent,
    max_deletes: u64,
    concurrency: usize,
    state: Option<Place>,
    plan_only: bool,
}

impl Cleanup {
    /// The function, as configured.
    pub fn new(config: &Config, store: Arc<dyn Store>, topic: Arc<dyn Topic>) -> Self {
        let Config { common, templates, on_delete, noncurrent, announce, max_deletes, state } = config.clone();
        Self {
            store,
            topic,
            announce,
            templates,
            input: common.input,
            encryption: common.encryption,
            on_delete,
            noncurrent,
            max_deletes,
            concurrency: common.concurrency,
            state,
            plan_only: common.mode == Mode::Plan,
        }
    }

    /// One source under one template. Answers also what was removed or withdrawn, or would be.
    async fn clean(&self, source: &Location, template: &Template, how: How<'_>) -> (Outcome, Vec<Location>) {
        let cleaning = Cleaning {
            template,
            on_delete: self.on_delete,
            noncurrent: self.noncurrent,
            encryption: &self.encryption,
            topic: self.announce.as_deref().map(|arn| (self.topic.as_ref(), arn)),
            announced: how.announced,
            budget: how.budget,
            charged: AtomicU64::new(0),
            removed: Default::default(),
        };
        let request = Request { source, deadline: how.deadline, plan_only: how.plan_only };
        let Outcome { verdict, look_again, figures } = keep(self.store.as_ref(), &cleaning, request).await;
        let verdict = match verdict {
            // What can't be withdrawn or taken back before it is restored is left wrong, and that must not be forgotten.
            Verdict::Skip(reason) if reason.code == "archived" => Verdict::Park(reason),
            verdict => verdict,
        };
        (Outcome { verdict, look_again, figures }, cleaning.into_removed())
    }
}

/// How one source is cleaned.
#[derive(Clone, Copy)]
struct How<'a> {
    deadline: Deadline,
    plan_only: bool,
    announced: &'a AtomicBool,
    budget: Option<&'a AtomicU64>,
}

#[async_trait]
impl Worker for Cleanup {
    fn name(&self) -> &'static str {
        "cleanup"
    }

    fn input(&self) -> &[Span] {
        &self.input
    }

    /// What was created or changed is the business of those who know `f`. To look at it here would find nothing made yet, and
    /// announce what is announced already, for ever where nobody makes anything of it.
    fn refuses(&self, kind: &EventKind) -> Option<Reason> {
        let takes = kind.is_removed() || *kind == EventKind::batch_task();
        (!takes).then(|| Reason::new("not-a-removal", kind.as_str()))
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        if let Some(reason) = self.refuses(&event.kind) {
            return Verdict::Skip(reason).into();
        }
        if let Some(region) = &event.region {
            self.store.hint_region(&event.bucket, region);
        }
        let mut outcomes = Vec::new();
        for source in sources(event, &self.input) {
            let how = How { deadline, plan_only: self.plan_only, announced: &AtomicBool::new(false), budget: None };
            for template in &self.templates {
                outcomes.push(self.clean(&source, template, how).await.0);
            }
        }
        let none = || Verdict::skip("not-mine", "outside of BRIGADE_INPUT").into();
        outcomes.into_iter().reduce(Outcome::and).unwrap_or_else(none)
    }

    /// The sweep, as much as fits into one invocation.
    async fn on_schedule(&self, deadline: Deadline) -> Outcome {
        self.sweep_on_schedule(deadline).await
    }
}
