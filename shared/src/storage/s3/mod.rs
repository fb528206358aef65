//! [`Store`] over the AWS SDK for S3.

mod call;
mod date;
mod encode;
mod listing;
mod read;
mod regions;
mod remove;
mod write;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use self::regions::Regions;
use super::bounded::Bounded;
use super::{
    Copy, Delete, Deleted, Get, GetObject, Head, List, ListUploads, ListVersions, Listing, Location, ObjectMeta, PartEntry,
    Put, PutOptions, Result, Store, Tags, UploadEntry, VersionListing,
};
use crate::event::{BucketName, ObjectKey};

/// Buckets that are known to be there. The oldest is forgotten first, and asked for again.
const MAX_THERE: usize = 1_000;

/// S3.
///
/// - A bucket is a name, or an access point's ARN or alias. Multi-Region access points are not supported: they need
///   another signature (SigV4A), which is not linked.
/// - Requests go to the bucket's region where it is known: by `hint_region`, or by S3's own redirect, which is
///   followed once and remembered.
/// - Every request is tried up to three times by the SDK, so a conditional write may meet its own first attempt:
///   [`super::own_writes::OwnWrites`] tells that apart.
/// - A copy is one CopyObject request: S3 takes sources up to 5 GB. An error of a copy is `NotFound` or
///   `PreconditionFailed` for its source and its destination alike, as S3 doesn't tell which.
/// - A HEAD that finds nothing cannot say whether the bucket is there. It is asked by a listing of that key, once for each
///   bucket that has not answered anything yet: `NoSuchBucket`, as every other request says.
/// - HEAD asks for the checksum too; for an object under SSE-KMS, S3 may want `kms:Decrypt` for that.
/// - Parts of a multipart upload are verified by CRC64NVME whatever `PutOptions::checksum` says: that is the checksum which
///   S3 keeps for the full object; SHA-256 of an upload in parts would be a digest of digests.
pub struct S3Store {
    regions: Regions,
    /// Buckets that have answered. One that is removed later was empty then, so that its objects are gone, too.
    there: Mutex<Bounded<BucketName, ()>>,
    owner: Option<String>,
}

impl S3Store {
    /// A store on the clients that `config` describes, in its region unless a bucket is known to be elsewhere. With a
    /// `custom_endpoint` every bucket is there.
    ///
    /// `owner` is the id of the account that buckets must belong to: it is sent with every request
    /// (`x-amz-expected-bucket-owner`, for a copy's source too). `None`: that is not checked.
    pub fn new(config: aws_sdk_s3::Config, custom_endpoint: bool, owner: Option<String>) -> Self {
        Self { regions: Regions::new(config, custom_endpoint), there: Mutex::new(Bounded::new(MAX_THERE)), owner }
    }

    fn has_answered(&self, bucket: &BucketName) {
        self.there.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.clone(), ());
    }

    fn is_there(&self, bucket: &BucketName) -> bool {
        self.there.lock().unwrap_or_else(PoisonError::into_inner).get(bucket).is_some()
    }

    fn owner(&self) -> Option<String> {
        self.owner.clone()
    }
}

#[async_trait]
impl Store for S3Store {
    /// What is no region's name is ignored, and so is every hint with a custom endpoint.
    fn hint_region(&self, bucket: &BucketName, region: &str) {
        self.regions.learn(bucket, region);
    }

    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        self.head_object(at, options).await
    }

    async fn get(&self, at: &Location, options: Get) -> Result<GetObject> {
        self.get_object(at, options).await
    }

    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        self.put_object(at, body, options).await
    }

    async fn copy(&self, to: &Location, copy: Copy) -> Result<Put> {
        self.copy_object(to, copy).await
    }

    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted> {
        self.delete_object(at, options).await
    }

    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        self.delete_objects(bucket, entries).await
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        self.list_objects(bucket, options).await
    }

    async fn list_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing> {
        self.list_object_versions(bucket, options).await
    }

    async fn get_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        self.get_object_tagging(at, version_id).await
    }

    async fn put_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        self.put_object_tagging(at, version_id, tags).await
    }

    async fn create_upload(&self, at: &Location, options: PutOptions) -> Result<String> {
        self.create_multipart_upload(at, options).await
    }

    async fn upload_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        self.upload_one_part(at, upload_id, number, body).await
    }

    async fn complete_upload(&self, at: &Location, upload_id: &str, parts: Vec<PartEntry>, options: PutOptions) -> Result<Put> {
        self.complete_multipart_upload(at, upload_id, parts, options).await
    }

    async fn abort_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        self.abort_multipart_upload(at, upload_id).await
    }

    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        self.list_multipart_uploads(bucket, options).await
    }
}

#[cfg(test)]
mod tests;
