//! GetObjectAttributes and RestoreObject: what is asked of an object beside its bytes.

use brigade::storage::{Head, Location, ObjectMeta, Store};
use hyper::StatusCode;
use s3s::dto::{
    ChecksumMode, ETag, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts, ObjectAttributes,
    RestoreObjectInput, RestoreObjectOutput, StorageClass, Timestamp,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::conditions::ReadConditions;
use super::object::signed;
use super::route::Status;
use super::{Operations, errors, headers, location};

impl Operations {
    pub(super) async fn attributes(
        &self,
        req: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        let meta = match self.store.head(&at, Head { version_id: input.version_id.clone() }).await {
            Ok(meta) => meta,
            Err(error) => return Err(self.read_error(&at, input.version_id, &ReadConditions::default(), error).await),
        };
        // The header may list several, which the protocol crate leaves as they came.
        let asked = |name: &str| input.object_attributes.iter().any(|a| a.as_str().split(',').any(|a| a.trim() == name));
        let told = headers::Told::of(&meta);
        let parts = headers::parts_of_etag(&meta.etag);
        Ok(S3Response::new(GetObjectAttributesOutput {
            e_tag: asked(ObjectAttributes::ETAG).then(|| ETag::Strong(meta.etag.clone())),
            object_size: asked(ObjectAttributes::OBJECT_SIZE).then(|| signed(meta.size)),
            storage_class: asked(ObjectAttributes::STORAGE_CLASS).then(|| StorageClass::from(meta.storage_class.clone())),
            checksum: asked(ObjectAttributes::CHECKSUM).then(|| told.checksum(Some(ChecksumMode::from_static("ENABLED")))),
            object_parts: parts
                .filter(|_| asked(ObjectAttributes::OBJECT_PARTS))
                .map(|count| GetObjectAttributesParts { total_parts_count: Some(count), ..Default::default() }),
            last_modified: told.last_modified,
            version_id: told.version_id,
            ..Default::default()
        }))
    }

    /// The restored copy is there at once; S3 takes hours.
    pub(super) async fn restore(&self, req: S3Request<RestoreObjectInput>) -> S3Result<S3Response<RestoreObjectOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        let days = input.restore_request.and_then(|request| request.days).and_then(|days| u32::try_from(days).ok());
        let days = days.filter(|days| *days > 0);
        let days = days.ok_or_else(|| s3_error!(MalformedXML, "A restore request has a positive number of Days."))?;
        self.notifier.room().await;
        let again = self.store.restore_object(&at, input.version_id.as_deref(), days).map_err(errors::of_store)?;
        let status = if again { StatusCode::OK } else { StatusCode::ACCEPTED };
        let mut response = S3Response::new(RestoreObjectOutput::default());
        response.extensions.insert(Status(status));
        Ok(response)
    }

    /// `x-amz-restore` of an object in an archive class.
    pub(super) fn restore_told(&self, at: &Location, version_id: Option<&str>, meta: &ObjectMeta) -> Option<String> {
        if !matches!(meta.storage_class.as_str(), "GLACIER" | "DEEP_ARCHIVE") {
            return None;
        }
        let until = self.store.restored_until(at, version_id).ok().flatten()?;
        let date = headers::http_date(&Timestamp::from(until));
        Some(format!("ongoing-request=\"false\", expiry-date=\"{date}\""))
    }
}
