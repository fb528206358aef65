//! [`FaultyStore`] as a [`Store`].

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;

use super::super::{
    Copy, Delete, Deleted, Get, GetObject, Head, List, ListUploads, ListVersions, Listing, Location, ObjectMeta, PartEntry,
    Put, PutOptions, Result, Store, Tags, UploadEntry, VersionListing,
};
use super::FaultyStore;
use crate::event::{BucketName, ObjectKey};

/// A closure that sends a request anew each time, and may outlive its caller.
macro_rules! sender {
    ($self:ident, |$store:ident $(, $arg:ident)*| $call:expr) => {{
        let $store = Arc::clone(&$self.inner);
        $(let $arg = $arg.to_owned();)*
        move || {
            let $store = Arc::clone(&$store);
            $(let $arg = $arg.clone();)*
            async move { $call.await }.boxed()
        }
    }};
}

#[async_trait]
impl<S: Store + 'static> Store for FaultyStore<S> {
    fn hint_region(&self, bucket: &BucketName, region: &str) {
        self.inner.hint_region(bucket, region);
    }

    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        self.read("HeadObject", at.to_string(), self.inner.head(at, options)).await
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        self.read_body(at.to_string(), self.inner.get(at, options)).await
    }

    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        let send = sender!(self, |store, at, body, options| store.put(&at, body, options));
        self.write("PutObject", at.to_string(), send).await
    }

    async fn copy(&self, to: &Location, copy: Copy) -> Result<Put> {
        let send = sender!(self, |store, to, copy| store.copy(&to, copy));
        self.write("CopyObject", to.to_string(), send).await
    }

    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted> {
        let send = sender!(self, |store, at, options| store.delete(&at, options));
        self.write("DeleteObject", at.to_string(), send).await
    }

    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        let send = sender!(self, |store, bucket, entries| store.delete_many(&bucket, entries));
        self.write("DeleteObjects", bucket.to_string(), send).await
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        self.read("ListObjectsV2", bucket.to_string(), self.inner.list(bucket, options)).await
    }

    async fn list_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing> {
        self.read("ListObjectVersions", bucket.to_string(), self.inner.list_versions(bucket, options)).await
    }

    async fn get_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        self.read("GetObjectTagging", at.to_string(), self.inner.get_tags(at, version_id)).await
    }

    async fn put_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        let version_id = version_id.map(str::to_owned);
        let send = sender!(self, |store, at, version_id, tags| store.put_tags(&at, version_id.as_deref(), tags));
        self.write("PutObjectTagging", at.to_string(), send).await
    }

    async fn create_upload(&self, at: &Location, options: PutOptions) -> Result<String> {
        let send = sender!(self, |store, at, options| store.create_upload(&at, options));
        self.write("CreateMultipartUpload", at.to_string(), send).await
    }

    async fn upload_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        let send = sender!(self, |store, at, upload_id, number, body| store.upload_part(&at, &upload_id, number, body));
        self.write("UploadPart", at.to_string(), send).await
    }

    async fn complete_upload(&self, at: &Location, upload_id: &str, parts: Vec<PartEntry>, options: PutOptions) -> Result<Put> {
        let send = sender!(self, |store, at, upload_id, parts, options| store.complete_upload(&at, &upload_id, parts, options));
        self.write("CompleteMultipartUpload", at.to_string(), send).await
    }

    async fn abort_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        let send = sender!(self, |store, at, upload_id| store.abort_upload(&at, &upload_id));
        self.write("AbortMultipartUpload", at.to_string(), send).await
    }

    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        self.read("ListMultipartUploads", bucket.to_string(), self.inner.list_uploads(bucket, options)).await
    }
}
