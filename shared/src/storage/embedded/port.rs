//! [`EmbeddedStore`] as a [`Store`]: each request is answered at once.

use async_trait::async_trait;
use bytes::Bytes;

use super::super::{
    Copy, Delete, Deleted, Get, GetObject, Head, List, ListUploads, ListVersions, Listing, Location, ObjectMeta, PartEntry,
    Put, PutOptions, Result, Store, Tags, UploadEntry, VersionListing,
};
use super::EmbeddedStore;
use crate::event::{BucketName, EventKind, ObjectKey};

#[async_trait]
impl Store for EmbeddedStore {
    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        let date = self.date();
        let answer = self.head_object(at, &options).map(|meta| ObjectMeta { date, ..meta });
        answer.map_err(|error| error.dated(date))
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        let date = self.date();
        let answer = self.get_object(at, &options);
        answer.map(|got| GetObject { meta: ObjectMeta { date, ..got.meta }, ..got }).map_err(|error| error.dated(date))
    }

    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        let answer = self.put_object(at, body, options, EventKind::new("ObjectCreated:Put"));
        let date = self.date();
        answer.map(|put| Put { date, ..put }).map_err(|error| error.dated(date))
    }

    async fn copy(&self, to: &Location, copy: Copy) -> Result<Put> {
        self.copy_all(to, copy)
    }

    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted> {
        self.delete_object(at, &options)
    }

    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        self.delete_objects(bucket, entries)
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        self.list_objects(bucket, &options)
    }

    async fn list_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing> {
        self.list_object_versions(bucket, &options)
    }

    async fn get_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        self.object_tags(at, version_id)
    }

    async fn put_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        self.set_object_tags(at, version_id, tags)
    }

    async fn create_upload(&self, at: &Location, options: PutOptions) -> Result<String> {
        self.create_multipart_upload(at, options)
    }

    async fn upload_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        self.upload_one_part(at, upload_id, number, body)
    }

    async fn complete_upload(&self, at: &Location, upload_id: &str, parts: Vec<PartEntry>, options: PutOptions) -> Result<Put> {
        self.complete_multipart_upload(at, upload_id, &parts, &options.condition)
    }

    async fn abort_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        self.abort_multipart_upload(at, upload_id)
    }

    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        self.list_multipart_uploads(bucket, &options)
    }
}
