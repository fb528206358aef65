//! Thumbnails and a metadata sidecar for every image in a bucket.
//!
//! The function is a reconciler ([`brigade::derived::reconcile`]): it makes the derived objects of a source equal
//! `f(source)`, where `f` is the pure picture core in [`pixels`].

mod config;
mod derive;
pub mod pixels;
pub mod samples;

use std::sync::Arc;

use async_trait::async_trait;
use brigade::budget::{Deadline, Memory};
use brigade::config::{Mode, Span};
use brigade::derived::{Request, reconcile, sources};
use brigade::event::ObjectEvent;
use brigade::storage::{Location, Store};
use brigade::verdict::{Outcome, Verdict};
use brigade::worker::Worker;

pub use config::{
    Config, ENLARGE, FIT, FORMAT, LIMITS, QUALITY, SIZES, VARIABLES, parse_enlarge, parse_fit, parse_format, parse_limits,
    parse_quality, parse_sizes,
};

/// The families of events that it works on; a subscription need deliver no others. Removals are cleanup's: where it isn't
/// deployed they may be delivered here too, and what has no source goes all the same.
pub const EVENTS: &[&str] = &["ObjectCreated"];

/// The thumbnail function on some store.
pub struct Thumbnail {
    store: Arc<dyn Store>,
    derive: derive::Thumbnails,
    input: Vec<Span>,
    memory: Memory,
    plan_only: bool,
}

impl Thumbnail {
    /// The function, as configured.
    pub fn new(config: &Config, store: Arc<dyn Store>) -> Self {
        Self {
            store,
            derive: derive::Thumbnails::new(config),
            input: config.common.input.clone(),
            memory: config.memory(),
            plan_only: config.common.mode == Mode::Plan,
        }
    }

    async fn reconcile(&self, source: &Location, deadline: Deadline) -> Outcome {
        let request = Request { source, deadline, plan_only: self.plan_only };
        reconcile(self.store.as_ref(), &self.derive, &self.memory, request).await
    }
}

#[async_trait]
impl Worker for Thumbnail {
    fn name(&self) -> &'static str {
        "thumbnail"
    }

    fn input(&self) -> &[Span] {
        &self.input
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        if let Some(region) = &event.region {
            self.store.hint_region(&event.bucket, region);
        }
        let mut outcomes = Vec::new();
        for source in sources(event, &self.input) {
            outcomes.push(self.reconcile(&source, deadline).await);
        }
        let none = || Verdict::skip("not-mine", "outside of BRIGADE_INPUT").into();
        outcomes.into_iter().reduce(Outcome::and).unwrap_or_else(none)
    }
}
