//! What a case works with: a store, two buckets, and shorthands that fail the case.

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{
    Condition, CopySource, Delete, Deleted, ErrorKind, Get, Head, List, Listing, Location, ObjectMeta, Put, PutOptions, Result,
    Store, Tags,
};
use bytes::Bytes;
use futures::TryStreamExt;

/// A store under test.
pub struct World<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// A fresh bucket that never was versioned.
    pub unversioned: BucketName,
    /// A fresh bucket with versioning enabled.
    pub versioned: BucketName,
    /// What the store is known to do otherwise than S3.
    pub quirks: &'a [Quirk],
}

/// A case that a store is known to fail.
#[derive(Clone, Copy, Debug)]
pub struct Quirk {
    /// As in [`super::CASES`].
    pub case: &'static str,
    /// What S3 documents.
    pub documented: &'static str,
    /// What this store does instead.
    pub here: &'static str,
}

impl<'a> World<'a> {
    /// A world without quirks.
    pub fn new(store: &'a dyn Store, unversioned: BucketName, versioned: BucketName) -> Self {
        Self { store, unversioned, versioned, quirks: &[] }
    }

    /// With what the store is known to do otherwise.
    pub fn with_quirks(self, quirks: &'a [Quirk]) -> Self {
        Self { quirks, ..self }
    }

    /// A key of the unversioned bucket.
    pub(super) fn at(&self, key: &str) -> Location {
        Location::new(self.unversioned.clone(), ObjectKey::new(key).unwrap())
    }

    /// A key of the versioned bucket.
    pub(super) fn versioned_at(&self, key: &str) -> Location {
        Location::new(self.versioned.clone(), ObjectKey::new(key).unwrap())
    }

    pub(super) async fn put(&self, at: &Location, body: &str) -> Put {
        self.put_with(at, body, PutOptions::default()).await.unwrap()
    }

    pub(super) async fn put_with(&self, at: &Location, body: &str, options: PutOptions) -> Result<Put> {
        self.store.put(at, Bytes::copy_from_slice(body.as_bytes()), options).await
    }

    pub(super) async fn put_if(&self, at: &Location, body: &str, condition: Condition) -> Result<Put> {
        self.put_with(at, body, PutOptions { condition, ..PutOptions::default() }).await
    }

    pub(super) async fn head(&self, at: &Location) -> ObjectMeta {
        self.store.head(at, Head::default()).await.unwrap()
    }

    pub(super) async fn read(&self, at: &Location) -> String {
        self.read_with(at, Get::default()).await.unwrap()
    }

    /// The whole body as text.
    pub(super) async fn read_with(&self, at: &Location, options: Get) -> Result<String> {
        let chunks: Vec<Bytes> = self.store.get(at, options).await?.body.try_collect().await?;
        Ok(String::from_utf8(chunks.concat()).unwrap())
    }

    pub(super) async fn read_version(&self, at: &Location, version_id: Option<String>) -> Result<String> {
        self.read_with(at, Get { version_id, ..Get::default() }).await
    }

    pub(super) async fn delete(&self, at: &Location) -> Deleted {
        self.store.delete(at, Delete::default()).await.unwrap()
    }

    pub(super) async fn list(&self, options: List) -> Listing {
        self.store.list(&self.unversioned, options).await.unwrap()
    }
}

/// How a request failed; a request that succeeded fails the case.
pub(super) fn refused<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("the request should have been refused"),
        Err(error) => error.kind,
    }
}

/// Tags or metadata from pairs.
pub(super) fn pairs(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A copy's source: the current version at `at`.
pub(super) fn source(at: &Location) -> CopySource {
    CopySource { at: at.clone(), version_id: None, if_match: None }
}
