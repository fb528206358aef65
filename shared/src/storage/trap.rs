//! A store for the tests of what wraps a store: it does to the next write what the script says.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::event::{BucketName, ObjectKey};

/// What becomes of a write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It is carried out and answered.
    Normal,
    /// It is carried out, its reply is lost, and the client sends it again, as an SDK does.
    SentTwice,
    /// It is carried out, and there is no answer.
    LostReply,
    /// It never arrives, and there is no answer.
    LostRequest,
    /// It never arrives, and this is the answer.
    Refused(ErrorKind),
}

pub(crate) struct Trap {
    pub(crate) inside: EmbeddedStore,
    /// One fate per write, in order; afterwards all is normal. Creating an upload and aborting it are no writes here.
    pub(crate) fates: Mutex<VecDeque<Fate>>,
    pub(crate) head_fails: AtomicBool,
    pub(crate) abort_fails: AtomicBool,
    pub(crate) heads: AtomicUsize,
    pub(crate) parts_now: AtomicUsize,
    pub(crate) parts_at_most: AtomicUsize,
}

impl Trap {
    /// With a bucket `bucket`.
    pub(crate) fn new(fates: impl IntoIterator<Item = Fate>) -> Self {
        let inside = EmbeddedStore::new().with_seed(1);
        inside.create_bucket(&BucketName::new("bucket"), "us-east-1").unwrap();
        Self {
            inside,
            fates: Mutex::new(fates.into_iter().collect()),
            head_fails: AtomicBool::new(false),
            abort_fails: AtomicBool::new(false),
            heads: AtomicUsize::new(0),
            parts_now: AtomicUsize::new(0),
            parts_at_most: AtomicUsize::new(0),
        }
    }

    pub(crate) fn at(key: &str) -> Location {
        Location::new(BucketName::new("bucket"), ObjectKey::new(key).unwrap())
    }

    async fn write<T, F: Future<Output = Result<T>>>(&self, send: impl Fn() -> F) -> Result<T> {
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Normal);
        let unanswered = || StoreError::new(ErrorKind::Unavailable, "Write", "b", "Timeout", "no answer");
        match fate {
            Fate::Normal => send().await,
            Fate::SentTwice => {
                send().await?;
                send().await
            }
            Fate::LostReply => {
                send().await?;
                Err(unanswered())
            }
            Fate::LostRequest => Err(unanswered()),
            Fate::Refused(kind) => Err(StoreError::new(kind, "Write", "b", "Scripted", "refused")),
        }
    }
}

#[async_trait]
impl Store for Trap {
    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        self.heads.fetch_add(1, Ordering::SeqCst);
        if self.head_fails.load(Ordering::SeqCst) {
            return Err(StoreError::new(ErrorKind::Unavailable, "HeadObject", at, "Timeout", "no answer"));
        }
        self.inside.head(at, options).await
    }

    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        self.write(|| self.inside.put(at, body.clone(), options.clone())).await
    }

    async fn copy(&self, to: &Location, copy: Copy) -> Result<Put> {
        self.write(|| self.inside.copy(to, copy.clone())).await
    }

    async fn upload_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        let now = self.parts_now.fetch_add(1, Ordering::SeqCst) + 1;
        self.parts_at_most.fetch_max(now, Ordering::SeqCst);
        // Others get their turn, so that the count of parts in flight means something.
        tokio::task::yield_now().await;
        let result = self.write(|| self.inside.upload_part(at, upload_id, number, body.clone())).await;
        self.parts_now.fetch_sub(1, Ordering::SeqCst);
        result
    }

    async fn complete_upload(&self, at: &Location, upload_id: &str, parts: Vec<PartEntry>, options: PutOptions) -> Result<Put> {
        self.write(|| self.inside.complete_upload(at, upload_id, parts.clone(), options.clone())).await
    }

    async fn create_upload(&self, at: &Location, options: PutOptions) -> Result<String> {
        self.inside.create_upload(at, options).await
    }

    async fn abort_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        if self.abort_fails.load(Ordering::SeqCst) {
            return Err(StoreError::new(ErrorKind::AccessDenied, "AbortMultipartUpload", at, "AccessDenied", "refused"));
        }
        self.inside.abort_upload(at, upload_id).await
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        self.inside.get(at, options).await
    }

    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted> {
        self.inside.delete(at, options).await
    }

    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        self.inside.delete_many(bucket, entries).await
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        self.inside.list(bucket, options).await
    }

    async fn list_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing> {
        self.inside.list_versions(bucket, options).await
    }

    async fn get_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        self.inside.get_tags(at, version_id).await
    }

    async fn put_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        self.inside.put_tags(at, version_id, tags).await
    }

    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        self.inside.list_uploads(bucket, options).await
    }
}
