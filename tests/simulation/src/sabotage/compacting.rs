//! compact's protocol with one guard removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{
    Condition, Delete, EmbeddedStore, ErrorKind, FaultyStore, Get, GetObject, List, Listing, Location, ObjectMeta, Put,
    PutOptions, Result, Store, StoreError,
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::Compacting;
use crate::compaction::Denied;
use crate::layer::Layer;
use crate::places::{LOGS, STATE, TABLES};

/// compact's store: a policy denies some log objects for a while; and where a guard is removed, it lies about what the guard
/// would have shown, or does what it would have prevented.
pub(crate) struct Tampered {
    inner: FaultyStore<EmbeddedStore>,
    sabotage: Option<Compacting>,
    denied: Denied,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was read before the claim.
    early: BTreeMap<Location, (ObjectMeta, Bytes)>,
    /// Log objects that this worker has found.
    found: BTreeSet<Location>,
    /// Parts that wait for the commit.
    held_back: Vec<(Location, Bytes, PutOptions)>,
    scratch: u64,
}

impl Tampered {
    pub(crate) fn new(inner: FaultyStore<EmbeddedStore>, sabotage: Option<Compacting>, denied: Denied) -> Self {
        Self { inner, sabotage, denied, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, sabotage: Compacting) -> bool {
        self.sabotage == Some(sabotage)
    }

    /// A place where nobody else looks.
    fn scratch(&self) -> Location {
        let mut state = self.lock();
        state.scratch += 1;
        let (date, number) = (self.inner.fired().requests, state.scratch);
        Location::new(BucketName::new(STATE), ObjectKey::new(format!("scratch/{date}-{number}")).expect("a key"))
    }

    async fn read_early(&self) -> Result<()> {
        let bucket = BucketName::new(LOGS);
        for entry in self.inner.inner().list(&bucket, List::default()).await?.objects {
            let at = Location::new(bucket.clone(), entry.key);
            let got = self.inner.inner().get(&at, Get::default()).await?;
            let bytes = got.body.try_collect::<Vec<Bytes>>().await?.concat();
            self.lock().early.insert(at, (got.meta, bytes.into()));
        }
        Ok(())
    }

    /// The ledger's document, where the open batches lack this.
    async fn read_without(&self, member: &str, at: &Location, options: Get) -> Result<GetObject> {
        let mut got = self.inner.get(at, options).await?;
        let bytes = got.body.try_collect::<Vec<Bytes>>().await?.concat();
        let mut document: Value = serde_json::from_slice(&bytes).expect("a document is read");
        let open = document.get_mut("open").and_then(Value::as_array_mut).into_iter().flatten();
        open.filter_map(Value::as_object_mut).for_each(|batch| drop(batch.remove(member)));
        let bytes = Bytes::from(document.to_string());
        got.body = stream::iter([Ok(bytes)]).boxed();
        Ok(got)
    }

    fn is_denied(&self, at: &Location) -> bool {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).contains(at)
    }

    /// What was held back is written once the ledger says that it is there.
    async fn let_go(&self) {
        let held_back = std::mem::take(&mut self.lock().held_back);
        for (at, body, options) in held_back {
            let _ = self.inner.put(&at, body, options).await;
        }
    }
}

fn is_ledger(at: &Location) -> bool {
    at.bucket.as_str() == STATE && at.key.as_str().contains("/logs/")
}

#[async_trait]
impl Layer for Tampered {
    fn below(&self) -> &dyn Store {
        &self.inner
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        if is_ledger(at) {
            if self.is(Compacting::NoClaim) {
                return self.inner.get(&self.scratch(), options).await;
            }
            if self.is(Compacting::ReadBeforeClaim) {
                self.read_early().await?;
            }
            if self.is(Compacting::WayOfNow) {
                return self.read_without("way", at, options).await;
            }
            if self.is(Compacting::NoMark) {
                return self.read_without("publishing", at, options).await;
            }
            return self.inner.get(at, options).await;
        }
        if at.bucket.as_str() != LOGS {
            return self.inner.get(at, options).await;
        }
        let early = self.lock().early.get(at).cloned();
        if let Some((meta, bytes)) = early {
            return Ok(GetObject { meta, range: None, body: stream::iter([Ok(bytes)]).boxed() });
        }
        let got = self.inner.get(at, options).await?;
        if self.is_denied(at) {
            let denied = StoreError::new(ErrorKind::AccessDenied, "GetObject", at.to_string(), "AccessDenied", "Access Denied");
            return Err(if self.is(Compacting::DeniedIsGone) { StoreError::not_found("GetObject", at) } else { denied });
        }
        self.lock().found.insert(at.clone());
        if self.is(Compacting::DeleteBeforeCommit) {
            self.inner.inner().delete(at, Delete::default()).await?;
        }
        Ok(got)
    }

    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        let unconditional = PutOptions { condition: Condition::None, ..options.clone() };
        let part = at.bucket.as_str() == TABLES;
        match self.sabotage {
            Some(Compacting::NoClaim) if is_ledger(at) => self.inner.put(&self.scratch(), body, unconditional).await,
            Some(Compacting::Overwrite) if part => self.inner.put(at, body, unconditional).await,
            Some(Compacting::Regroup) if part => {
                let number = self.lock().found.len();
                let key = at.key.as_str().replace(".parquet", &format!("-{number}.parquet"));
                self.inner.put(&Location::new(at.bucket.clone(), ObjectKey::new(key).expect("a key")), body, options).await
            }
            Some(Compacting::CommitBeforeParts) if part => {
                self.lock().held_back.push((at.clone(), body, options));
                Ok(Put { etag: String::new(), version_id: None, date: None })
            }
            Some(Compacting::CommitBeforeParts) if is_ledger(at) => {
                let put = self.inner.put(at, body, options).await?;
                self.let_go().await;
                Ok(put)
            }
            _ => self.inner.put(at, body, options).await,
        }
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        if self.is(Compacting::ForgetWithoutLooking) && bucket.as_str() == LOGS {
            return Ok(Listing::default());
        }
        self.inner.list(bucket, options).boxed().await
    }
}
