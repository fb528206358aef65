//! The storage port: what the workers ask of S3, and no more.

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Copy, Delete, Deleted, Get, GetObject, Head, List, ListUploads, ListVersions, Listing, Location, ObjectMeta, PartEntry,
    Put, PutOptions, Result, Tags, UploadEntry, VersionListing,
};
use crate::event::{BucketName, ObjectKey};

/// A store with S3's semantics: strong consistency, conditional writes, versions, tags and multipart uploads.
///
/// Every method is one request. `Err` says by its kind what to do; `Unavailable` on a write leaves open whether it
/// landed. Listings answer one page; `storage::paging` makes streams of them.
#[async_trait]
pub trait Store: Send + Sync {
    /// Tells where a bucket is, as an event does. A store that needs no such hint ignores it.
    fn hint_region(&self, _bucket: &BucketName, _region: &str) {}
    /// HeadObject.
    async fn head(&self, at: &Location, options: Head) -> Result<ObjectMeta>;
    /// GetObject. The body streams.
    async fn get(&self, at: &Location, options: Get) -> Result<GetObject>;
    /// PutObject.
    async fn put(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put>;
    /// CopyObject.
    async fn copy(&self, to: &Location, copy: Copy) -> Result<Put>;
    /// DeleteObject.
    async fn delete(&self, at: &Location, options: Delete) -> Result<Deleted>;
    /// DeleteObjects, with a result per entry in the order given. At most 1,000 entries; more is `Invalid`.
    async fn delete_many(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>>;
    /// ListObjectsV2.
    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing>;
    /// ListObjectVersions.
    async fn list_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing>;
    /// GetObjectTagging, of the current or the named version.
    async fn get_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags>;
    /// PutObjectTagging: replaces all tags; none removes them.
    async fn put_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()>;
    /// CreateMultipartUpload. Answers the upload id.
    async fn create_upload(&self, at: &Location, options: PutOptions) -> Result<String>;
    /// UploadPart: `number` is 1 to 10,000; every part but the last has at least 5 MiB. Answers the part's etag.
    async fn upload_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String>;
    /// CompleteMultipartUpload, under `options.condition` of the request that created it.
    async fn complete_upload(&self, at: &Location, upload_id: &str, parts: Vec<PartEntry>, options: PutOptions) -> Result<Put>;
    /// AbortMultipartUpload. An upload that is gone is `NotFound`.
    async fn abort_upload(&self, at: &Location, upload_id: &str) -> Result<()>;
    /// ListMultipartUploads. Answers a page and where the next begins.
    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)>;
}
