//! The store as dedupe reaches it: S3's servers differ in their clocks, and what fails after something was sent is noted,
//! because a claim may then have no end.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use brigade::event::BucketName;
use brigade::storage::{
    EmbeddedStore, ErrorKind, FaultyStore, Get, GetObject, Head, List, Listing, Location, ObjectMeta, Put, PutOptions, Result,
    Store, StoreError,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use time::{Duration, OffsetDateTime};

use super::target::Target;
use crate::layer::Layer;
use crate::places::STATE;
use crate::sabotage::Lies;

pub(crate) struct LedgerStore {
    inner: FaultyStore<EmbeddedStore>,
    target: Arc<Target>,
    /// The invocation's.
    name: String,
    /// Seconds that a clock differs at most.
    skew: i64,
    clocks: Mutex<fastrand::Rng>,
    lies: Arc<Lies>,
}

impl LedgerStore {
    pub(crate) fn new(
        inner: FaultyStore<EmbeddedStore>,
        target: &Arc<Target>,
        name: &str,
        (skew, clocks): (i64, fastrand::Rng),
        lies: &Arc<Lies>,
    ) -> Self {
        let (target, lies) = (Arc::clone(target), Arc::clone(lies));
        Self { inner, target, name: name.to_owned(), skew, clocks: Mutex::new(clocks), lies }
    }

    /// A date as the server that answered tells it.
    fn told(&self, date: Option<OffsetDateTime>) -> Option<OffsetDateTime> {
        let skew = self.clocks.lock().unwrap_or_else(PoisonError::into_inner).i64(-self.skew..=self.skew);
        date.map(|date| date + Duration::seconds(skew) + self.lies.ahead())
    }

    fn failed(&self, mut error: StoreError) -> StoreError {
        let is_trouble = matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable);
        if is_trouble && self.target.has_sent(&self.name) {
            self.target.trouble(&self.name);
        }
        error.date = self.told(error.date);
        error
    }

    fn noted<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.failed(error))
    }
}

/// The head of a shard.
fn is_head(at: &Location) -> bool {
    at.bucket.as_str() == STATE && at.key.as_str().contains("/heads/")
}

#[async_trait]
impl Layer for LedgerStore {
    fn below(&self) -> &dyn Store {
        &self.inner
    }

    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        let meta = self.noted(self.inner.head(at, options).await)?;
        Ok(ObjectMeta { date: self.told(meta.date), ..meta })
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        let mut got = self.noted(self.inner.get(at, options).await)?;
        got.meta.date = self.told(got.meta.date);
        let body = self.noted(got.body.try_collect::<Vec<Bytes>>().await).map(|pieces| Bytes::from(pieces.concat()));
        let body = body.map(|bytes| if is_head(at) { self.lies.told(bytes, got.meta.date, &self.name) } else { bytes });
        got.body = stream::iter([body]).boxed();
        Ok(got)
    }

    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        let body = if is_head(at) { self.lies.kept(body) } else { body };
        let put = self.inner.put(at, body.clone(), options).await;
        if is_head(at) {
            self.lies.landed(&body, self.inner.inner(), at).await;
        }
        let put = self.noted(put)?;
        Ok(Put { date: self.told(put.date), ..put })
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        let hides = self.lies.hides(&options.prefix);
        let mut page = self.noted(self.inner.list(bucket, options).await)?;
        if hides {
            page.objects.clear();
        }
        Ok(page)
    }
}
