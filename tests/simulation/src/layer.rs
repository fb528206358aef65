//! A store over another: only what it does otherwise has to be said.

use async_trait::async_trait;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{
    Copy, Delete, Deleted, Get, GetObject, Head, List, ListUploads, ListVersions, Listing, Location, ObjectMeta, PartEntry,
    Put, PutOptions, Result, Store, Tags, UploadEntry, VersionListing,
};
use bytes::Bytes;

/// What becomes of a request on its way to the store below: it is handed on as it is, where nothing else is said.
#[async_trait]
pub(crate) trait Layer: Send + Sync {
    /// The store below.
    fn below(&self) -> &dyn Store;

    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        self.below().head(at, options).await
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        self.below().get(at, options).await
    }

    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        self.below().put(at, body, options).await
    }

    async fn copy(&self, to: &Location, copy: Copy) -> Result<Put> {
        self.below().copy(to, copy).await
    }

    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted> {
        self.below().delete(at, options).await
    }

    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        self.below().delete_many(bucket, entries).await
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        self.below().list(bucket, options).await
    }
}

/// A layer, and the store below it, as one store.
pub(crate) struct Layered<L>(pub(crate) L);

#[async_trait]
impl<L: Layer> Store for Layered<L> {
    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        self.0.head(at, options).await
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        self.0.get(at, options).await
    }

    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        self.0.put(at, body, options).await
    }

    async fn copy(&self, to: &Location, copy: Copy) -> Result<Put> {
        self.0.copy(to, copy).await
    }

    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted> {
        self.0.delete(at, options).await
    }

    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        self.0.delete_many(bucket, entries).await
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        self.0.list(bucket, options).await
    }

    async fn list_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing> {
        self.0.below().list_versions(bucket, options).await
    }

    async fn get_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        self.0.below().get_tags(at, version_id).await
    }

    async fn put_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        self.0.below().put_tags(at, version_id, tags).await
    }

    async fn create_upload(&self, at: &Location, options: PutOptions) -> Result<String> {
        self.0.below().create_upload(at, options).await
    }

    async fn upload_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        self.0.below().upload_part(at, upload_id, number, body).await
    }

    async fn complete_upload(&self, at: &Location, upload_id: &str, parts: Vec<PartEntry>, options: PutOptions) -> Result<Put> {
        self.0.below().complete_upload(at, upload_id, parts, options).await
    }

    async fn abort_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        self.0.below().abort_upload(at, upload_id).await
    }

    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        self.0.below().list_uploads(bucket, options).await
    }
}
