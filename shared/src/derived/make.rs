//! The keeper that knows `f`: it makes what is missing or stale, and removes what has no source.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::identity::{ConfigId, Marks, SOURCE, SourceVersion};
use super::observe::{Observed, Places, is_gone};
use super::plan::{Removal, Write, current, plan, removal_of_all, sidecar};
use super::reconcile::{Keeper, Request, Run, Step, keep};
use super::template::Template;
use crate::budget::Memory;
use crate::event::KeyError;
use crate::storage::{Encryption, Get, GetObject, Location, ObjectMeta, PutOptions, Result as Stored, Store, StoreError};
use crate::verdict::{Outcome, Reason, Verdict};

/// `f`: what a function makes of a source. It depends on the source's bytes and the configuration alone.
#[async_trait]
pub trait Derive: Send + Sync {
    /// Where derived objects are.
    fn template(&self) -> &Template;
    /// Every last segment that this configuration may name for a source, where it does not depend on the content.
    fn segments(&self) -> &[String];
    /// The part of the configuration that `f` depends on.
    fn config(&self) -> &ConfigId;
    /// The `Cache-Control` of outputs.
    fn cache_control(&self) -> Option<&str>;
    /// The encryption of everything that is written.
    fn encryption(&self) -> &Encryption;
    /// Makes the outputs. `Err` is for what may work later or concerns the source's access; a source that can't be
    /// decoded is [`Made::Rejected`].
    async fn make(&self, source: GetObject, memory: &Memory) -> Result<Made, MakeError>;
}

/// What `f` made.
#[derive(Clone, Debug)]
pub enum Made {
    /// Outputs, in the configuration's order, and what the sidecar tells of the source.
    Outputs {
        /// At least one.
        outputs: Vec<Output>,
        /// Such as width and height.
        about: Map<String, Value>,
    },
    /// The source has no outputs: it is parked with this reason, and the sidecar says so.
    Rejected(Reason),
}

impl Made {
    /// The outputs; none of a rejected source.
    pub fn outputs(&self) -> &[Output] {
        match self {
            Self::Outputs { outputs, .. } => outputs,
            Self::Rejected(_) => &[],
        }
    }
}

/// One derived object.
#[derive(Clone, Debug)]
pub struct Output {
    /// The last segment of its key.
    pub segment: String,
    /// Its content.
    pub bytes: Bytes,
    /// Such as `image/jpeg`.
    pub content_type: &'static str,
    /// What the sidecar tells of it, such as its width and height.
    pub about: Map<String, Value>,
}

/// Why `f` could not be computed.
#[derive(Debug)]
pub enum MakeError {
    /// Reading the source failed.
    Store(StoreError),
    /// Another verdict, such as a Retry after a failed task.
    Verdict(Verdict),
}

impl From<StoreError> for MakeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Runs the loop until the derived objects are `f(source)`. `memory`: what the records in flight may hold together.
pub async fn reconcile(store: &dyn Store, derive: &dyn Derive, memory: &Memory, request: Request<'_>) -> Outcome {
    keep(store, &Maker { derive, memory }, request).await
}

struct Maker<'a> {
    derive: &'a dyn Derive,
    memory: &'a Memory,
}

#[async_trait]
impl Keeper for Maker<'_> {
    fn template(&self) -> &Template {
        self.derive.template()
    }

    fn places(&self) -> Places<'_> {
        // The first generation has no predecessor, so a HEAD of each name will do; it costs less than a listing.
        let names_are_known = !self.template().is_versioned() && self.derive.config().generation <= 1;
        if names_are_known { Places::Named(self.derive.segments()) } else { Places::Anywhere }
    }

    fn admit(&self, observed: Observed, source: &Location, mark: &str) -> Result<Observed, Verdict> {
        let Some(segment) = observed.foreign(mark) else { return Ok(observed) };
        let (template, directory) = (self.template(), self.template().directory(source));
        let detail = format!("s3://{}/{directory}{segment} is not an output of {source}; it is left alone", template.bucket());
        Err(Verdict::park("foreign-output", detail))
    }

    fn too_long(&self, error: &KeyError) -> Verdict {
        Verdict::park("derived-key-too-long", error.to_string())
    }

    /// All derived objects that were found go, whoever wrote them.
    async fn source_is_gone(&self, run: &mut Run<'_>, observed: &Observed) -> Stored<Step> {
        // What is withdrawn already is left to the rule that acts on its tag.
        let removals = removal_of_all(&observed.in_use());
        if removals.is_empty() {
            return Ok(Step::Settled(Verdict::Done));
        }
        if run.request().plan_only {
            return Ok(Step::Settled(planned(&[], &removals)));
        }
        run.remove(&removals).await?;
        Ok(Step::Changed { seen: None, then: Verdict::Done })
    }

    async fn source_is_there(&self, run: &mut Run<'_>, observed: &Observed, meta: ObjectMeta, mark: String) -> Stored<Step> {
        let source = run.request().source;
        if let Some(verdict) = self.refusal(source, observed, &meta) {
            return Ok(Step::Settled(verdict));
        }
        let directory = self.template().directory(source);
        let marks = |meta: &ObjectMeta| Marks {
            source: mark.clone(),
            version: SourceVersion::of(meta),
            config: self.derive.config().clone(),
        };
        if let Some(rejected) = current(observed, &marks(&meta), &directory) {
            // A rejected source is parked each time it is announced: nobody knows whether an earlier worker lived to do so.
            return Ok(Step::Settled(rejected.map_or(Verdict::Done, Verdict::Park)));
        }
        let object = match run.store().get(source, Get::default()).await {
            Ok(object) => object,
            Err(error) if is_gone(&error) => return Ok(Step::Again),
            Err(error) => return Err(error),
        };
        // The etag that counts is the one that came with the bytes.
        let (marks, seen) = (marks(&object.meta), object.meta.etag.clone());
        let made = match self.derive.make(object, self.memory).await {
            Ok(made) => made,
            Err(MakeError::Store(error)) => return Err(error),
            Err(MakeError::Verdict(verdict)) => return Ok(Step::Settled(verdict)),
        };
        self.write_all(run, observed, &marks, &made, seen).await
    }
}

impl Maker<'_> {
    /// Reasons to leave a source alone although it is there.
    fn refusal(&self, source: &Location, observed: &Observed, meta: &ObjectMeta) -> Option<Verdict> {
        if let Some(verdict) = never_derived_from(source, observed, meta) {
            return Some(verdict);
        }
        let mine = self.derive.config().generation;
        match observed.generation() {
            Some(generation) if generation > mine => {
                let detail = format!("outputs of {source} have generation {generation}, this worker has {mine}");
                Some(Verdict::Retry(Reason::new("newer-configuration", detail), Some(Duration::from_secs(60))))
            }
            _ if observed.newer_format => {
                Some(Verdict::retry("newer-format", format!("the sidecar of {source} was written by a newer version")))
            }
            _ => None,
        }
    }

    async fn write_all(
        &self,
        run: &mut Run<'_>,
        observed: &Observed,
        marks: &Marks,
        made: &Made,
        seen: String,
    ) -> Stored<Step> {
        let source = run.request().source;
        let steps = plan(observed, marks, made);
        let then = match made {
            Made::Outputs { .. } => Verdict::Done,
            Made::Rejected(reason) => Verdict::Park(reason.clone()),
        };
        if run.request().plan_only {
            return Ok(Step::Settled(planned(&steps.outputs, &steps.removals)));
        }
        let mut changed = !steps.outputs.is_empty() || !steps.removals.is_empty();
        let mut etags = BTreeMap::new();
        for write in steps.outputs {
            let segment = write.segment.clone();
            etags.insert(segment, self.write(run, write, marks, self.derive.cache_control()).await?);
        }
        run.remove(&steps.removals).await?;
        match sidecar(self.template(), source, observed, marks, made, &etags) {
            Ok(Some(write)) => {
                self.write(run, write, marks, Some("no-cache")).await?;
                changed = true;
            }
            Ok(None) => {}
            Err(error) => return Ok(Step::Settled(self.too_long(&error))),
        }
        Ok(if changed { Step::Changed { seen: Some(seen), then } } else { Step::Settled(then) })
    }

    async fn write(&self, run: &mut Run<'_>, write: Write, marks: &Marks, cache_control: Option<&str>) -> Stored<String> {
        let options = PutOptions {
            condition: write.condition,
            content_type: Some(write.content_type.to_owned()),
            cache_control: cache_control.map(str::to_owned),
            metadata: marks.to_metadata(),
            encryption: self.derive.encryption().clone(),
            ..PutOptions::default()
        };
        Ok(run.put(&write.segment, write.bytes, options).await?.etag)
    }
}

/// What nothing is ever derived from, although it is there: another worker's output, and a console's folder marker.
pub fn never_derived_from(source: &Location, observed: &Observed, meta: &ObjectMeta) -> Option<Verdict> {
    if meta.metadata.contains_key(SOURCE) {
        return Some(Verdict::skip("own-output", format!("{source} carries {SOURCE}: it is derived itself")));
    }
    let marker = source.key.is_folder_marker() && meta.size == 0 && observed.objects.is_empty();
    marker.then(|| Verdict::skip("folder-marker", ""))
}

fn planned(writes: &[Write], removals: &[Removal]) -> Verdict {
    let writes: Vec<&str> = writes.iter().map(|w| w.segment.as_str()).collect();
    let removals: Vec<&str> = removals.iter().map(|r| r.segment.as_str()).collect();
    Verdict::skip("plan", format!("would write {writes:?} and the sidecar, would remove {removals:?}"))
}
