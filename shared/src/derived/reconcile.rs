//! The reconcile loop: derived state is made equal to `f(source)`, whoever of the workers runs it.
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
//!
//! The loop is written once. What a worker does in 3 and 4 is its [`Keeper`]: one that knows `f` makes what is missing
//! ([`reconcile`](super::reconcile)), one that doesn't removes what has no source, and has the rest made.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::identity::{SOURCE, owner_mark};
use super::observe::{LookError, Observed, Places, head, observe};
use super::plan::Removal;
use super::template::{SIDECAR, Template};
use crate::budget::Deadline;
use crate::config::Span;
use crate::event::{KeyError, ObjectEvent, ObjectKey};
use crate::storage::{Copy, Delete, ErrorKind, Location, ObjectMeta, Put, PutOptions, Result as Stored, Store, StoreError};
use crate::verdict::{Outcome, Verdict};

/// Passes before a contended key is given back to the queue.
const MAX_PASSES: u32 = 8;
/// S3's limit on the entries of one DeleteObjects.
const MAX_REMOVALS: usize = 1_000;

/// What one run of the loop may use.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The source to look at.
    pub source: &'a Location,
    /// When work must end.
    pub deadline: Deadline,
    /// Say what would be changed, and change nothing.
    pub plan_only: bool,
}

/// What a worker does once both looks are done: steps 3 and 4 of the loop.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// Where derived objects are.
    fn template(&self) -> &Template;

    /// Where step 1 looks.
    fn places(&self) -> Places<'_>;

    /// Takes what step 1 found, and leaves out what is not to be touched; `Err` ends the key before its source is looked at.
    /// `mark`: what the source's own derived objects carry.
    fn admit(&self, observed: Observed, source: &Location, mark: &str) -> Result<Observed, Verdict>;

    /// The verdict of a source that is there and can have no derived objects, since their keys would be too long.
    fn too_long(&self, error: &KeyError) -> Verdict;

    /// The source is gone.
    async fn source_is_gone(&self, run: &mut Run<'_>, observed: &Observed) -> Stored<Step>;

    /// The source is there, as `meta` tells.
    async fn source_is_there(&self, run: &mut Run<'_>, observed: &Observed, meta: ObjectMeta, mark: String) -> Stored<Step>;
}

/// What a keeper's steps came to. `Err` of a request whose condition did not hold leads back to step 1 as well.
#[derive(Debug)]
pub enum Step {
    /// Nothing was changed, and the key ends so.
    Settled(Verdict),
    /// What was seen is so no longer: back to step 1.
    Again,
    /// Something was changed: if the source still is as it was seen, the key ends so.
    Changed {
        /// The source's etag; `None`: it was gone.
        seen: Option<String>,
        /// The verdict, if it is still so.
        then: Verdict,
    },
}

/// Runs the loop until its keeper is content, the time is over, or the key is too contended.
pub async fn keep(store: &dyn Store, keeper: &dyn Keeper, request: Request<'_>) -> Outcome {
    let mut run = Run {
        store,
        template: keeper.template(),
        request,
        look_again: false,
        removed: Vec::new(),
        figures: [("wrote", 0), ("removed", 0)].into(),
    };
    let mut passes = 0;
    let verdict = loop {
        if passes == MAX_PASSES {
            break Verdict::retry("contended", format!("{} changed during each of {MAX_PASSES} passes", request.source));
        }
        if request.deadline.left().is_zero() {
            break Verdict::retry("deadline", format!("no time left to look at {} again", request.source));
        }
        passes += 1;
        match run.pass(keeper).await {
            Ok(Some(verdict)) => break verdict,
            Ok(None) => {}
            Err(error) => match after_error(&error) {
                Some(verdict) => break verdict,
                // A conflicting write of somebody else is still going on: give it a moment.
                None if error.kind == ErrorKind::Conflict => tokio::time::sleep(Duration::from_millis(20 << passes)).await,
                None => {}
            },
        }
    };
    run.count("passes", u64::from(passes));
    Outcome { verdict, look_again: run.look_again, figures: run.figures }
}

/// The sources that an event may mean, as far as the input takes them: both readings of its key. Each is looked at, since
/// whichever names no object has nothing to be removed either.
pub fn sources(event: &ObjectEvent, input: &[Span]) -> Vec<Location> {
    let takes = |key: &&ObjectKey| input.iter().any(|span| span.contains(&event.bucket, key));
    let keys = std::iter::once(&event.key).chain(&event.other_key).filter(takes);
    keys.map(|key| Location::new(event.bucket.clone(), key.clone())).collect()
}

/// One run of the loop over one key: what it may use, what it has changed so far, and the only way to change anything.
pub struct Run<'a> {
    store: &'a dyn Store,
    template: &'a Template,
    request: Request<'a>,
    look_again: bool,
    removed: Vec<String>,
    figures: Vec<(&'static str, u64)>,
}

impl<'a> Run<'a> {
    /// For reading. What changes derived objects goes through this type's own methods.
    pub fn store(&self) -> &'a dyn Store {
        self.store
    }

    /// The run's request.
    pub fn request(&self) -> Request<'a> {
        self.request
    }

    /// Adds to a figure of the log line.
    pub fn count(&mut self, name: &'static str, number: u64) {
        match self.figures.iter_mut().find(|(known, _)| *known == name) {
            Some((_, figure)) => *figure += number,
            None => self.figures.push((name, number)),
        }
    }

    /// PutObject of a derived object.
    pub async fn put(&mut self, segment: &str, bytes: Bytes, options: PutOptions) -> Stored<Put> {
        let at = self.place(segment, "PutObject")?;
        let put = self.store.put(&at, bytes, options).await;
        self.noted(put, "wrote")
    }

    /// CopyObject of a derived object.
    pub async fn copy(&mut self, segment: &str, copy: Copy) -> Stored<Put> {
        let at = self.place(segment, "CopyObject")?;
        let copied = self.store.copy(&at, copy).await;
        self.noted(copied, "wrote")
    }

    /// Removes derived objects, each on the etag that was seen: outputs together, then the sidecar, because it lists them.
    /// `Err`: at least one did not go.
    pub async fn remove(&mut self, removals: &[Removal]) -> Stored<()> {
        let (sidecar, outputs): (Vec<_>, Vec<_>) = removals.iter().partition(|removal| removal.segment == SIDECAR);
        for batch in outputs.chunks(MAX_REMOVALS).chain(sidecar.chunks(1)) {
            match batch {
                [one] => self.remove_one(one).await?,
                many => self.remove_many(many).await?,
            }
        }
        Ok(())
    }

    /// Removes one version of a derived object for good.
    pub async fn remove_version(&mut self, at: &Location, version_id: &str) -> Stored<()> {
        let options = Delete { version_id: Some(version_id.to_owned()), if_match: None };
        let removed = self.store.delete(at, options).await;
        self.noted(removed.map(drop), "removed")
    }

    async fn remove_one(&mut self, removal: &Removal) -> Stored<()> {
        let at = self.place(&removal.segment, "DeleteObject")?;
        let options = Delete { version_id: None, if_match: Some(removal.etag.clone()) };
        let result = self.store.delete(&at, options).await;
        self.gone(removal, result.map(drop))
    }

    async fn remove_many(&mut self, removals: &[&Removal]) -> Stored<()> {
        let entry = |removal: &&Removal| {
            let at = self.place(&removal.segment, "DeleteObjects")?;
            Ok((at.key, Delete { version_id: None, if_match: Some(removal.etag.clone()) }))
        };
        let entries = removals.iter().map(entry).collect::<Stored<Vec<_>>>()?;
        let results = match self.store.delete_many(self.template.bucket(), entries).await {
            Ok(results) => results,
            Err(error) => return self.noted(Err(error), "removed"),
        };
        let results = removals.iter().zip(results);
        let failed = results.filter_map(|(removal, result)| self.gone(removal, result.map(drop)).err());
        // A condition that did not hold is said last: it leads to another look, and that would hide a refusal.
        let failed: Vec<StoreError> = failed.collect();
        let said = failed.iter().position(|error| after_error(error).is_some()).unwrap_or_default();
        failed.into_iter().nth(said).map_or(Ok(()), Err)
    }

    /// The segments that [`Run::remove`] has removed so far.
    pub fn removed(&self) -> &[String] {
        &self.removed
    }

    fn gone(&mut self, removal: &Removal, result: Stored<()>) -> Stored<()> {
        if result.is_ok() {
            self.removed.push(removal.segment.clone());
        }
        self.noted(result, "removed")
    }

    fn noted<T>(&mut self, result: Stored<T>, figure: &'static str) -> Stored<T> {
        match &result {
            Ok(_) => self.count(figure, 1),
            Err(error) => self.look_again |= error.kind.may_have_landed(),
        }
        result
    }

    /// The place of a derived object.
    fn place(&self, segment: &str, operation: &'static str) -> Stored<Location> {
        let source = self.request.source;
        let too_long = |error| {
            let message = format!("the derived key is refused: {error}");
            StoreError::new(ErrorKind::Invalid, operation, source, "KeyTooLongError", message)
        };
        self.template.place(source, segment).map_err(too_long)
    }

    /// One pass; `None`: something has changed meanwhile.
    async fn pass(&mut self, keeper: &dyn Keeper) -> Stored<Option<Verdict>> {
        let source = self.request.source;
        let observed = match observe(self.store, self.template, keeper.places(), source).await {
            Ok(observed) => observed,
            // Such a source can't have derived objects: when it is gone, there is nothing to do.
            Err(LookError::Key(error)) => {
                let gone = head(self.store, source).await?.is_none();
                return Ok(Some(if gone { Verdict::Done } else { keeper.too_long(&error) }));
            }
            Err(LookError::Store(error)) => return Err(error),
        };
        let mark = owner_mark(source);
        let observed = match keeper.admit(observed, source, &mark) {
            Ok(observed) => observed,
            Err(verdict) => return Ok(Some(verdict)),
        };
        let step = match head(self.store, source).await? {
            None => keeper.source_is_gone(self, &observed).await?,
            // Somebody has put an output where a source was: `f` of it is nothing, and what the source left goes.
            Some(meta) if meta.metadata.contains_key(SOURCE) && !observed.objects.is_empty() => {
                keeper.source_is_gone(self, &observed).await?
            }
            Some(meta) => keeper.source_is_there(self, &observed, meta, mark).await?,
        };
        match step {
            Step::Settled(verdict) => Ok(Some(verdict)),
            Step::Again => Ok(None),
            Step::Changed { seen, then } => self.look_back(seen, then).await,
        }
    }

    /// Step 5. Where no time is left for it, nobody may call the key done.
    async fn look_back(&self, seen: Option<String>, then: Verdict) -> Stored<Option<Verdict>> {
        let source = self.request.source;
        if self.request.deadline.left().is_zero() {
            return Ok(Some(Verdict::retry("deadline", format!("no time left to look at {source} after writing"))));
        }
        let now = head(self.store, source).await?.map(|meta| meta.etag);
        Ok((now == seen).then_some(then))
    }
}

/// The verdict of a failed request; `None`: a condition did not hold, look again from the start.
fn after_error(error: &StoreError) -> Option<Verdict> {
    use ErrorKind::{Conflict, DeleteMarker, NotFound, PreconditionFailed};
    (!matches!(error.kind, PreconditionFailed | Conflict | NotFound | DeleteMarker)).then(|| Verdict::of_error(error))
}
