//! The reconcile loop: derived state is made equal to `f(source)`.
//!
//! The order of requests is what makes it right:
//!
//! 1. look at every derived object, the sidecar included: derived FIRST, so that a condition on what was seen can never
//!    let an older source's output replace a newer one's;
//! 2. look at the CURRENT source, never at the version in the event;
//! 3. plan; nothing to do: settled;
//! 4. apply, each step on the etag of 1; a step whose condition fails goes back to 1, for it is never known who was faster;
//! 5. look at the source again, after every PUT and every DELETE; changed: back to 1. An etag is no identity, so this
//!    look is what repairs an overwrite with the same bytes. No time left for it: Retry.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::identity::{ConfigId, Marks, SOURCE, SourceVersion, owner_mark};
use super::observe::{LookError, Observed, Where, head, is_gone, observe};
use super::plan::{Removal, Write, current, plan, removal_of_all, sidecar};
use super::template::Template;
use crate::budget::{Deadline, Memory};
use crate::storage::{Delete, Encryption, ErrorKind, Get, GetObject, Location, ObjectMeta, PutOptions, Store, StoreError};
use crate::verdict::{Outcome, Reason, Verdict};

/// Passes before a contended key is given back to the queue.
const MAX_PASSES: u32 = 8;

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

/// What one run of the loop may use.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The source to look at.
    pub source: &'a Location,
    /// When work must end.
    pub deadline: Deadline,
    /// What the records in flight may hold together.
    pub memory: &'a Memory,
    /// Say what would be written, and write nothing.
    pub plan_only: bool,
}

/// Runs the loop until the derived objects are `f(source)`, the time is over, or the key is too contended.
pub async fn reconcile(store: &dyn Store, derive: &dyn Derive, request: Request<'_>) -> Outcome {
    let mut run = Run { store, derive, request, wrote: 0, removed: 0, look_again: false };
    let mut passes = 0;
    let verdict = loop {
        if passes == MAX_PASSES {
            break Verdict::retry("contended", format!("{} changed during each of {MAX_PASSES} passes", request.source));
        }
        if request.deadline.left().is_zero() {
            break Verdict::retry("deadline", format!("no time left to look at {} again", request.source));
        }
        passes += 1;
        match run.pass().await {
            Ok(Pass::Settled(verdict)) => break verdict,
            Ok(Pass::Changed) => {}
            Err(error) => match run.after_error(&error) {
                Some(verdict) => break verdict,
                // A conflicting write of somebody else is still going on: give it a moment.
                None if error.kind == ErrorKind::Conflict => tokio::time::sleep(Duration::from_millis(20 << passes)).await,
                None => {}
            },
        }
    };
    let figures = vec![("wrote", run.wrote), ("removed", run.removed), ("passes", u64::from(passes))];
    Outcome { verdict, look_again: run.look_again, figures }
}

enum Pass {
    Settled(Verdict),
    Changed,
}

struct Run<'a> {
    store: &'a dyn Store,
    derive: &'a dyn Derive,
    request: Request<'a>,
    wrote: u64,
    removed: u64,
    look_again: bool,
}

impl Run<'_> {
    async fn pass(&mut self) -> Result<Pass, StoreError> {
        let (template, source) = (self.derive.template(), self.request.source);
        // The first generation has no predecessor, so a HEAD of each name will do; it costs less than a listing.
        let names_are_known = !template.is_versioned() && self.derive.config().generation <= 1;
        let places = if names_are_known { Where::Named(self.derive.segments()) } else { Where::Anywhere };
        let observed = match observe(self.store, template, places, source).await {
            Ok(observed) => observed,
            // Such a source can't have derived objects: when it is gone, there is nothing to do.
            Err(LookError::Key(error)) => {
                let gone = head(self.store, source).await?.is_none();
                return Ok(settled(if gone {
                    Verdict::Done
                } else {
                    Verdict::park("derived-key-too-long", error.to_string())
                }));
            }
            Err(LookError::Store(error)) => return Err(error),
        };
        let mark = owner_mark(source);
        if let Some(segment) = observed.foreign(&mark) {
            let detail = format!(
                "s3://{}/{}{segment} is not an output of {source}; it is left alone",
                template.bucket(),
                template.directory(source)
            );
            return Ok(settled(Verdict::park("foreign-output", detail)));
        }
        match head(self.store, source).await? {
            None => self.remove_all(&observed).await,
            // Somebody has put an output where a source was: `f` of it is nothing, and what the source left goes.
            Some(meta) if meta.metadata.contains_key(SOURCE) && !observed.objects.is_empty() => {
                self.remove_all(&observed).await
            }
            Some(meta) => self.make_current(&observed, meta, mark).await,
        }
    }

    /// The source is gone: all derived objects that were found go, whoever wrote them.
    async fn remove_all(&mut self, observed: &Observed) -> Result<Pass, StoreError> {
        let removals = removal_of_all(observed);
        if removals.is_empty() {
            return Ok(settled(Verdict::Done));
        }
        if self.request.plan_only {
            return Ok(settled(planned(&[], &removals)));
        }
        self.remove(removals).await?;
        Ok(match self.look_back().await? {
            Err(verdict) => settled(verdict),
            Ok(None) => settled(Verdict::Done),
            Ok(Some(_)) => Pass::Changed,
        })
    }

    /// Step 5. The inner `Err`: no time is left for it, so nobody may call the key done.
    async fn look_back(&self) -> Result<Result<Option<ObjectMeta>, Verdict>, StoreError> {
        let source = self.request.source;
        if self.request.deadline.left().is_zero() {
            return Ok(Err(Verdict::retry("deadline", format!("no time left to look at {source} after writing"))));
        }
        head(self.store, source).await.map(Ok)
    }

    async fn make_current(&mut self, observed: &Observed, meta: ObjectMeta, mark: String) -> Result<Pass, StoreError> {
        if let Some(verdict) = self.refusal(observed, &meta) {
            return Ok(settled(verdict));
        }
        let source = self.request.source;
        let directory = self.derive.template().directory(source);
        let marks = |meta: &ObjectMeta| Marks {
            source: mark.clone(),
            version: SourceVersion::of(meta),
            config: self.derive.config().clone(),
        };
        if let Some(rejected) = current(observed, &marks(&meta), &directory) {
            // A rejected source is parked each time it is announced: nobody knows whether an earlier worker lived to do so.
            return Ok(settled(rejected.map_or(Verdict::Done, Verdict::Park)));
        }
        let object = match self.store.get(source, Get::default()).await {
            Ok(object) => object,
            Err(error) if is_gone(&error) => return Ok(Pass::Changed),
            Err(error) => return Err(error),
        };
        // The etag that counts is the one that came with the bytes.
        let seen = object.meta.clone();
        let marks = marks(&seen);
        let made = match self.derive.make(object, self.request.memory).await {
            Ok(made) => made,
            Err(MakeError::Store(error)) => return Err(error),
            Err(MakeError::Verdict(verdict)) => return Ok(settled(verdict)),
        };
        self.write_all(observed, &marks, &made, &seen).await
    }

    /// Reasons to leave a source alone although it is there.
    fn refusal(&self, observed: &Observed, meta: &ObjectMeta) -> Option<Verdict> {
        let source = self.request.source;
        if meta.metadata.contains_key(SOURCE) {
            return Some(Verdict::skip("own-output", format!("{source} carries {SOURCE}: it is derived itself")));
        }
        if source.key.is_folder_marker() && meta.size == 0 && observed.objects.is_empty() {
            return Some(Verdict::skip("folder-marker", ""));
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
        &mut self,
        observed: &Observed,
        marks: &Marks,
        made: &Made,
        seen: &ObjectMeta,
    ) -> Result<Pass, StoreError> {
        let (template, source) = (self.derive.template(), self.request.source);
        let steps = plan(observed, marks, made);
        let verdict = || match made {
            Made::Outputs { .. } => Verdict::Done,
            Made::Rejected(reason) => Verdict::Park(reason.clone()),
        };
        if self.request.plan_only {
            return Ok(settled(planned(&steps.outputs, &steps.removals)));
        }
        let before = self.wrote + self.removed;
        let mut etags = BTreeMap::new();
        for write in steps.outputs {
            let segment = write.segment.clone();
            etags.insert(segment, self.write(write, marks, self.derive.cache_control()).await?);
        }
        self.remove(steps.removals).await?;
        match sidecar(template, source, observed, marks, made, &etags) {
            Ok(Some(write)) => drop(self.write(write, marks, Some("no-cache")).await?),
            Ok(None) => {}
            Err(error) => return Ok(settled(Verdict::park("derived-key-too-long", error.to_string()))),
        }
        if before == self.wrote + self.removed {
            return Ok(settled(verdict()));
        }
        Ok(match self.look_back().await? {
            Err(late) => settled(late),
            Ok(Some(now)) if now.etag == seen.etag => settled(verdict()),
            Ok(_) => Pass::Changed,
        })
    }

    async fn write(&mut self, write: Write, marks: &Marks, cache_control: Option<&str>) -> Result<String, StoreError> {
        let at = self.place(&write.segment, "PutObject")?;
        let options = PutOptions {
            condition: write.condition,
            content_type: Some(write.content_type.to_owned()),
            cache_control: cache_control.map(str::to_owned),
            metadata: marks.to_metadata(),
            encryption: self.derive.encryption().clone(),
            ..PutOptions::default()
        };
        let put = self
            .store
            .put(&at, write.bytes, options)
            .await
            .inspect_err(|error| self.look_again |= error.kind.may_have_landed())?;
        self.wrote += 1;
        Ok(put.etag)
    }

    async fn remove(&mut self, removals: Vec<Removal>) -> Result<(), StoreError> {
        for removal in removals {
            let at = self.place(&removal.segment, "DeleteObject")?;
            let options = Delete { version_id: None, if_match: Some(removal.etag) };
            self.store.delete(&at, options).await.inspect_err(|error| self.look_again |= error.kind.may_have_landed())?;
            self.removed += 1;
        }
        Ok(())
    }

    fn place(&self, segment: &str, operation: &'static str) -> Result<Location, StoreError> {
        let (template, source) = (self.derive.template(), self.request.source);
        let too_long = |error| {
            StoreError::new(
                ErrorKind::Invalid,
                operation,
                source,
                "KeyTooLongError",
                format!("the derived key is refused: {error}"),
            )
        };
        template.place(source, segment).map_err(too_long)
    }

    /// The verdict of a failed request; `None`: a condition did not hold, look again from the start.
    fn after_error(&self, error: &StoreError) -> Option<Verdict> {
        use ErrorKind::{Conflict, DeleteMarker, NotFound, PreconditionFailed};
        (!matches!(error.kind, PreconditionFailed | Conflict | NotFound | DeleteMarker)).then(|| Verdict::of_error(error))
    }
}

fn settled(verdict: Verdict) -> Pass {
    Pass::Settled(verdict)
}

fn planned(writes: &[Write], removals: &[Removal]) -> Verdict {
    let writes: Vec<&str> = writes.iter().map(|w| w.segment.as_str()).collect();
    let removals: Vec<&str> = removals.iter().map(|r| r.segment.as_str()).collect();
    Verdict::skip("plan", format!("would write {writes:?} and the sidecar, would remove {removals:?}"))
}
