//! The loop that thumbnail and cleanup share, with one condition removed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use brigade::budget::Deadline;
use brigade::config::Span;
use brigade::derived::{CONFIG, SIDECAR, SOURCE, Sidecar, Template, VERSION};
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::{
    Condition, Copy, Delete, Deleted, EmbeddedStore, ErrorKind, Get, GetObject, Head, List, Listing, Location, ObjectMeta, Put,
    PutOptions, Result, Store, StoreError,
};
use brigade::verdict::{Outcome, Reason, Verdict};
use brigade::worker::Worker;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::Keeping;
use crate::layer::{Layer, Layered};

/// What the last look at the source showed.
#[derive(Clone, Default)]
enum Seen {
    #[default]
    Nothing,
    Gone(StoreError),
    There(Box<ObjectMeta>, Option<Bytes>),
}

#[derive(Default)]
struct Memory {
    source: Option<Location>,
    seen: Seen,
    /// Of this pass.
    put: bool,
    deleted: bool,
    /// Of this record.
    refused: bool,
    written: BTreeSet<Location>,
    /// The sidecar that this pass has read, where it was of the current source.
    believed: Option<(Sidecar, ObjectMeta)>,
}

/// The lying store. One record at a time.
pub(crate) struct Sabotaged {
    inner: Arc<dyn Store>,
    /// The state as it is, without a request.
    truth: EmbeddedStore,
    sabotage: Keeping,
    template: Template,
    memory: Mutex<Memory>,
}

impl Sabotaged {
    pub(crate) fn new(inner: Arc<dyn Store>, truth: EmbeddedStore, sabotage: Keeping, template: Template) -> Self {
        Self { inner, truth, sabotage, template, memory: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_derived(&self, at: &Location) -> bool {
        at.bucket == *self.template.bucket()
    }

    /// A pass begins with the sidecar.
    async fn begin_pass(&self) -> Result<()> {
        let source = {
            let mut memory = self.lock();
            (memory.put, memory.deleted, memory.seen, memory.believed) = (false, false, Seen::Nothing, None);
            memory.source.clone()
        };
        let (Keeping::SourceFirst, Some(source)) = (self.sabotage, source) else { return Ok(()) };
        let seen = match self.inner.get(&source, Get::default()).await {
            Ok(object) => {
                Seen::There(Box::new(object.meta), Some(object.body.try_collect::<Vec<Bytes>>().await?.concat().into()))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Seen::Gone(error),
            Err(error) => return Err(error),
        };
        self.lock().seen = seen;
        Ok(())
    }

    /// The answer that stands in for a look at the source that is left out.
    fn instead_of_look(&self) -> Option<Result<ObjectMeta>> {
        let memory = self.lock();
        let left_out = match self.sabotage {
            Keeping::NoLookAfterPut => memory.put,
            Keeping::NoLookAfterDelete => memory.deleted && !memory.put,
            Keeping::SourceFirst => !memory.put && !memory.deleted,
            _ => false,
        };
        match memory.seen.clone() {
            Seen::There(meta, _) if left_out => Some(Ok(*meta)),
            Seen::Gone(error) if left_out => Some(Err(error)),
            _ => None,
        }
    }

    fn remember(&self, looked: &Result<ObjectMeta>) {
        let mut memory = self.lock();
        match looked {
            Ok(meta) => memory.seen = Seen::There(Box::new(meta.clone()), None),
            Err(error) if error.kind == ErrorKind::NotFound => memory.seen = Seen::Gone(error.clone()),
            Err(_) => {}
        }
    }

    /// The sidecar that was just read stands for all its outputs, where it is of the current source.
    fn believe(&self, meta: &ObjectMeta, bytes: &[u8]) {
        let mut memory = self.lock();
        let current = memory.source.as_ref().and_then(|source| self.truth.head_object(source, &Head::default()).ok());
        let is_current = current.is_some_and(|now| meta.metadata.get(VERSION).is_some_and(|v| v.starts_with(&now.etag)));
        memory.believed = Sidecar::parse(bytes).filter(|_| is_current).map(|sidecar| (sidecar, meta.clone()));
    }

    /// An output as the sidecar describes it.
    fn as_listed(&self, at: &Location) -> Option<Result<ObjectMeta>> {
        let memory = self.lock();
        let (sidecar, meta) = memory.believed.as_ref()?;
        let Some(listed) = sidecar.outputs.iter().find(|output| output.key == at.key.as_str()) else {
            return Some(Err(StoreError::not_found("HeadObject", at)));
        };
        let mut told = meta.clone();
        told.metadata.retain(|name, _| [SOURCE, VERSION, CONFIG].contains(&name.as_str()));
        (told.etag, told.size) = (listed.etag.clone().unwrap_or_default(), listed.bytes);
        Some(Ok(told))
    }

    /// A condition did not hold: the record ends here.
    fn refuse<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|mut error| {
            if self.sabotage == Keeping::RefusedIsDone
                && matches!(error.kind, ErrorKind::PreconditionFailed | ErrorKind::NotFound | ErrorKind::Conflict)
            {
                self.lock().refused = true;
                error.kind = ErrorKind::AccessDenied;
            }
            error
        })
    }
}

/// The names that the first configuration gives.
fn is_of_first_configuration(key: &str) -> bool {
    let segment = key.rsplit('/').next().unwrap_or_default();
    segment == SIDECAR || ["1", "2"].iter().any(|size| segment.starts_with(size))
}

/// The real worker on the lying store.
pub(crate) struct Saboteur {
    worker: Box<dyn Worker>,
    store: Arc<Layered<Sabotaged>>,
}

impl Saboteur {
    pub(crate) fn new(worker: Box<dyn Worker>, store: Arc<Layered<Sabotaged>>) -> Self {
        Self { worker, store }
    }
}

#[async_trait]
impl Worker for Saboteur {
    fn name(&self) -> &'static str {
        self.worker.name()
    }

    fn input(&self) -> &[Span] {
        self.worker.input()
    }

    fn refuses(&self, kind: &EventKind) -> Option<Reason> {
        self.worker.refuses(kind)
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        let source = Some(Location::new(event.bucket.clone(), event.key.clone()));
        *self.store.0.lock() = Memory { source, ..Memory::default() };
        let outcome = self.worker.handle(event, deadline).await;
        if self.store.0.lock().refused { Outcome { verdict: Verdict::Done, ..outcome } } else { outcome }
    }
}

#[async_trait]
impl Layer for Sabotaged {
    fn below(&self) -> &dyn Store {
        self.inner.as_ref()
    }

    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        if self.is_derived(at) {
            return match self.as_listed(at) {
                Some(listed) => listed,
                None => self.inner.head(at, options).await,
            };
        }
        if let Some(told) = self.instead_of_look() {
            return told;
        }
        let looked = self.inner.head(at, options).await;
        self.remember(&looked);
        looked
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        if self.is_derived(at) {
            self.begin_pass().await?;
            let mut object = self.inner.get(at, options).await?;
            if self.sabotage == Keeping::SidecarAlone && at.key.as_str().ends_with(SIDECAR) {
                let bytes = Bytes::from(object.body.try_collect::<Vec<Bytes>>().await?.concat());
                self.believe(&object.meta, &bytes);
                object.body = futures::stream::iter([Ok(bytes)]).boxed();
            }
            return Ok(object);
        }
        let kept = match (&self.sabotage, self.lock().seen.clone()) {
            (Keeping::SourceFirst, Seen::There(meta, Some(bytes))) => Some((meta, bytes)),
            _ => None,
        };
        if let Some((meta, bytes)) = kept {
            return Ok(GetObject { meta: *meta, range: None, body: futures::stream::iter([Ok(bytes)]).boxed() });
        }
        let object = self.inner.get(at, options).await;
        if let Ok(object) = &object {
            self.remember(&Ok(object.meta.clone()));
        }
        object
    }

    async fn put(&self, at: &Location, body: Bytes, mut options: PutOptions) -> Result<Put> {
        if self.sabotage == Keeping::Unconditional {
            options.condition = Condition::None;
        }
        let put = self.refuse(self.inner.put(at, body, options).await)?;
        let mut memory = self.lock();
        memory.put = true;
        memory.written.insert(at.clone());
        Ok(put)
    }

    async fn delete(&self, at: &Location, mut options: Delete) -> Result<Deleted> {
        match self.sabotage {
            Keeping::Unconditional => options.if_match = None,
            Keeping::OnlyOwnWrites if !self.lock().written.contains(at) => return Ok(Deleted::default()),
            _ => {}
        }
        let deleted = self.refuse(self.inner.delete(at, options).await)?;
        self.lock().deleted = true;
        Ok(deleted)
    }

    /// A copy is a withdrawal, or takes one back: in the loop it stands where a removal would.
    async fn copy(&self, to: &Location, mut copy: Copy) -> Result<Put> {
        if self.sabotage == Keeping::Unconditional {
            copy.source.if_match = None;
            copy.replace.iter_mut().for_each(|options| options.condition = Condition::None);
        }
        let put = self.refuse(self.inner.copy(to, copy).await)?;
        self.lock().deleted = true;
        Ok(put)
    }

    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        // One by one, so that each is treated as a removal of its own.
        let mut results = Vec::with_capacity(entries.len());
        for (key, options) in entries {
            results.push(self.delete(&Location::new(bucket.clone(), key), options).await);
        }
        Ok(results)
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        let mut listing = self.inner.list(bucket, options).await?;
        if self.sabotage == Keeping::OneConfiguration && bucket == self.template.bucket() {
            listing.objects.retain(|object| is_of_first_configuration(object.key.as_str()));
        }
        Ok(listing)
    }
}
