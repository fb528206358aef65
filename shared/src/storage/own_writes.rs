//! The lost-reply trap, solved once: a conditional write that meets its own first attempt.
//!
//! A PUT lands, its reply is lost, and the client sends it again: `If-None-Match: *` then answers 412 against our own object.
//! So does `If-Match`, and a completed upload is gone (404) when it is completed again. The client can't tell that from a
//! write of somebody else's, unless the object says whose it is. [`OwnWrites`] makes it say so.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::bounded::Bounded;
use super::{
    Condition, Copy, Delete, Deleted, ErrorKind, Get, GetObject, Head, List, ListUploads, ListVersions, Listing, Location,
    Nonces, ObjectMeta, PartEntry, Put, PutOptions, Result, Store, StoreError, Tags, UploadEntry, VersionListing,
};
use crate::event::{BucketName, ObjectKey};

/// The user metadata that names the write: 16 hexadecimal digits, another one for each call.
pub const NONCE: &str = "brigade-put";

/// Uploads whose nonce is remembered. Of an older one, a completion's error is handed on as it came.
const MAX_UPLOADS: usize = 10_000;

/// A store whose conditional writes are known by a nonce in their metadata.
///
/// Each conditional `put`, `copy` (with a condition at the destination) and multipart upload gets a fresh nonce, which
/// replaces one that the caller's metadata may hold. When such a write fails in a way that its own first attempt could have
/// caused (412, 409, 404, a throttle, no answer), the current object is asked for: with our nonce the write has succeeded
/// and is answered so, with its etag and version id. Otherwise, and where that HEAD fails too, the first error stands.
///
/// What it can't know:
/// - whether our write landed and was then overwritten or deleted, before the HEAD. The error then says that the write did
///   not take hold, which is so now; in a versioned bucket our version may exist below the current one.
/// - whether a write without an answer lands after the HEAD. `Unavailable` still means "perhaps", as everywhere.
/// - anything about writes without a condition, which pass through as they are, and removals, which carry no metadata.
/// - an upload that another process began, or another `OwnWrites`: its completion passes through.
///
/// The nonce takes 27 bytes of the 2 KB of metadata, and the role needs `s3:GetObject` on what it writes.
pub struct OwnWrites<S> {
    store: S,
    nonces: Nonces,
    /// By upload id: the nonce that `create_upload` put into the metadata.
    uploads: Mutex<Bounded<String, String>>,
}

impl<S: Store> OwnWrites<S> {
    /// Wraps a store. `nonces` must differ between processes: seeded only in tests.
    pub fn new(store: S, nonces: fastrand::Rng) -> Self {
        Self::with_nonces(store, Nonces::new(nonces))
    }

    fn with_nonces(store: S, nonces: Nonces) -> Self {
        Self { store, nonces, uploads: Mutex::new(Bounded::new(MAX_UPLOADS)) }
    }

    /// [`OwnWrites::new`] with nonces that no other process has.
    pub fn seeded_by_system(store: S) -> Self {
        Self::with_nonces(store, Nonces::seeded_by_system())
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// Marks a conditional write. `None` where there is no condition.
    fn mark(&self, options: &mut PutOptions) -> Option<String> {
        if options.condition == Condition::None {
            return None;
        }
        let nonce = self.nonces.next();
        // Metadata taken over from another object may hold that one's nonce; it must not speak for this write.
        options.metadata.insert(NONCE.to_owned(), nonce.clone());
        Some(nonce)
    }

    /// The write's result, after a look at the object where the error could be our own doing.
    async fn settle(&self, at: &Location, nonce: Option<&str>, result: Result<Put>) -> Result<Put> {
        let (Err(error), Some(nonce)) = (&result, nonce) else { return result };
        if !may_be_ours(error) {
            return result;
        }
        match self.store.head(at, Head::default()).await {
            Ok(meta) if meta.metadata.get(NONCE).is_some_and(|found| found == nonce) => {
                Ok(Put { etag: meta.etag, version_id: meta.version_id, date: meta.date })
            }
            _ => result,
        }
    }

    fn nonce_of_upload(&self, upload_id: &str) -> Option<String> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).get(upload_id).cloned()
    }

    fn forget_upload(&self, upload_id: &str) {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).remove(upload_id);
    }
}

/// Errors that the second attempt of a write can get because the first one landed, or that hide whether it did. A throttle
/// is one: it may be the answer to the third attempt when the first one's was lost.
fn may_be_ours(error: &StoreError) -> bool {
    use ErrorKind::*;
    matches!(error.kind, PreconditionFailed | Conflict | NotFound | Throttled | Unavailable)
}

#[async_trait]
impl<S: Store> Store for OwnWrites<S> {
    fn hint_region(&self, bucket: &BucketName, region: &str) {
        self.store.hint_region(bucket, region);
    }

    async fn put(&self, at: &Location, body: Bytes, mut options: PutOptions) -> Result<Put> {
        let nonce = self.mark(&mut options);
        let result = self.store.put(at, body, options).await;
        self.settle(at, nonce.as_deref(), result).await
    }

    async fn copy(&self, to: &Location, mut copy: Copy) -> Result<Put> {
        let nonce = copy.replace.as_mut().and_then(|options| self.mark(options));
        let result = self.store.copy(to, copy).await;
        self.settle(to, nonce.as_deref(), result).await
    }

    async fn create_upload(&self, at: &Location, mut options: PutOptions) -> Result<String> {
        let nonce = self.mark(&mut options);
        let upload_id = self.store.create_upload(at, options).await?;
        if let Some(nonce) = nonce {
            self.uploads.lock().unwrap_or_else(PoisonError::into_inner).insert(upload_id.clone(), nonce);
        }
        Ok(upload_id)
    }

    async fn complete_upload(&self, at: &Location, upload_id: &str, parts: Vec<PartEntry>, options: PutOptions) -> Result<Put> {
        let nonce = self.nonce_of_upload(upload_id);
        let result = self.store.complete_upload(at, upload_id, parts, options).await;
        let result = self.settle(at, nonce.as_deref(), result).await;
        if result.is_ok() {
            self.forget_upload(upload_id);
        }
        result
    }

    async fn abort_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        let result = self.store.abort_upload(at, upload_id).await;
        if result.as_ref().map_or_else(|error| error.kind == ErrorKind::NotFound, |()| true) {
            self.forget_upload(upload_id);
        }
        result
    }

    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        self.store.head(at, options).await
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        self.store.get(at, options).await
    }

    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted> {
        self.store.delete(at, options).await
    }

    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        self.store.delete_many(bucket, entries).await
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        self.store.list(bucket, options).await
    }

    async fn list_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing> {
        self.store.list_versions(bucket, options).await
    }

    async fn get_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        self.store.get_tags(at, version_id).await
    }

    async fn put_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        self.store.put_tags(at, version_id, tags).await
    }

    async fn upload_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        self.store.upload_part(at, upload_id, number, body).await
    }

    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        self.store.list_uploads(bucket, options).await
    }
}

#[cfg(test)]
mod tests;
