//! The protocol with one guard removed. The product's code has no switch for this: a store in front of the worker lies about
//! what the guard would have shown, or does what it would have prevented.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{
    Condition, Copy, Delete, Deleted, EmbeddedStore, ErrorKind, FaultyStore, Get, GetObject, Head, List, ListUploads,
    ListVersions, Listing, Location, ObjectMeta, PartEntry, Put, PutOptions, Result, Store, StoreError, Tags, UploadEntry,
    VersionListing,
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::world::{LOGS, STATE, TABLES};

/// A guard that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// None is.
    None,
    /// Nobody sees another's claim.
    NoClaim,
    /// Inputs are read when the ledger is, before the claim, while done inputs are forgotten.
    ReadBeforeClaim,
    /// A batch that misses an input publishes the rest under another name.
    Regroup,
    /// A log object is deleted as soon as it is read.
    DeleteBeforeCommit,
    /// Done inputs are forgotten although their objects are there.
    ForgetWithoutLooking,
    /// What another has claimed is acknowledged (the world does that).
    AcknowledgeOthers,
    /// Parts are written without a condition.
    Overwrite,
}

/// A worker's store.
pub(crate) struct Sabotaged {
    inner: FaultyStore<EmbeddedStore>,
    sabotage: Sabotage,
    denied: Denied,
    state: Mutex<State>,
}

/// Log objects that nobody may read at the moment: a policy that is being mended.
pub(crate) type Denied = Arc<Mutex<BTreeSet<Location>>>;

#[derive(Default)]
struct State {
    /// What was read before the claim.
    early: BTreeMap<Location, (ObjectMeta, Bytes)>,
    /// Log objects that this worker has found.
    found: BTreeSet<Location>,
    scratch: u64,
}

impl Sabotaged {
    pub(crate) fn new(inner: FaultyStore<EmbeddedStore>, sabotage: Sabotage, denied: Denied) -> Arc<Self> {
        Arc::new(Self { inner, sabotage, denied, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scratch(&self) -> Location {
        let mut state = self.lock();
        state.scratch += 1;
        Location::new(BucketName::new(STATE), ObjectKey::new(format!("scratch/{:p}-{}", self, state.scratch)).unwrap())
    }

    async fn read_early(&self) {
        let bucket = BucketName::new(LOGS);
        let there = self.inner.inner().list(&bucket, List::default()).await.unwrap();
        for entry in there.objects {
            let at = Location::new(bucket.clone(), entry.key);
            let got = self.inner.inner().get(&at, Get::default()).await.unwrap();
            let meta = got.meta.clone();
            let bytes: Vec<Bytes> = got.body.try_collect().await.unwrap();
            self.lock().early.insert(at, (meta, bytes.concat().into()));
        }
    }
}

fn is_ledger(at: &Location) -> bool {
    at.bucket.as_str() == STATE && at.key.as_str().contains("/logs/")
}

#[async_trait]
impl Store for Sabotaged {
    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        self.inner.head(at, options).await
    }
    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        let raw = at.bucket.as_str() == LOGS;
        match self.sabotage {
            Sabotage::NoClaim if is_ledger(at) => return self.inner.get(&self.scratch(), options).await,
            Sabotage::ReadBeforeClaim if is_ledger(at) => self.read_early().await,
            Sabotage::ReadBeforeClaim if raw => {
                let early = self.lock().early.get(at).cloned();
                if let Some((meta, bytes)) = early {
                    return Ok(GetObject { meta, range: None, body: stream::iter([Ok(bytes)]).boxed() });
                }
            }
            _ => {}
        }
        let got = self.inner.get(at, options).await?;
        if self.denied.lock().unwrap_or_else(PoisonError::into_inner).contains(at) {
            return Err(StoreError::new(ErrorKind::AccessDenied, "GetObject", at.to_string(), "AccessDenied", "Access Denied"));
        }
        if raw {
            self.lock().found.insert(at.clone());
        }
        if raw && self.sabotage == Sabotage::DeleteBeforeCommit {
            self.inner.inner().delete(at, Delete::default()).await?;
        }
        Ok(got)
    }
    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        let part = at.bucket.as_str() == TABLES;
        match self.sabotage {
            Sabotage::NoClaim if is_ledger(at) => {
                self.inner.put(&self.scratch(), body, PutOptions { condition: Condition::None, ..options }).await
            }
            Sabotage::Overwrite if part => self.inner.put(at, body, PutOptions { condition: Condition::None, ..options }).await,
            Sabotage::Regroup if part => {
                let number = self.lock().found.len();
                let key = at.key.as_str().replace(".parquet", &format!("-{number}.parquet"));
                self.inner.put(&Location::new(at.bucket.clone(), ObjectKey::new(key).unwrap()), body, options).await
            }
            _ => self.inner.put(at, body, options).await,
        }
    }
    async fn copy(&self, to: &Location, copy: Copy) -> Result<Put> {
        self.inner.copy(to, copy).await
    }
    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted> {
        self.inner.delete(at, options).await
    }
    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        self.inner.delete_many(bucket, entries).await
    }
    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        if self.sabotage == Sabotage::ForgetWithoutLooking && bucket.as_str() == LOGS {
            return Ok(Listing::default());
        }
        self.inner.list(bucket, options).boxed().await
    }
    async fn list_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing> {
        self.inner.list_versions(bucket, options).await
    }
    async fn get_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        self.inner.get_tags(at, version_id).await
    }
    async fn put_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        self.inner.put_tags(at, version_id, tags).await
    }
    async fn create_upload(&self, at: &Location, options: PutOptions) -> Result<String> {
        self.inner.create_upload(at, options).await
    }
    async fn upload_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        self.inner.upload_part(at, upload_id, number, body).await
    }
    async fn complete_upload(&self, at: &Location, upload_id: &str, parts: Vec<PartEntry>, options: PutOptions) -> Result<Put> {
        self.inner.complete_upload(at, upload_id, parts, options).await
    }
    async fn abort_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        self.inner.abort_upload(at, upload_id).await
    }
    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        self.inner.list_uploads(bucket, options).await
    }
}
