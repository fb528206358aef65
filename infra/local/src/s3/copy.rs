//! CopyObject and UploadPartCopy.

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::embedded::Directive;
use brigade::storage::{CopySource, Head, ObjectMeta, Store};
use hyper::header::{HeaderMap, IF_MATCH, IF_NONE_MATCH};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, ETag, ETagCondition, MetadataDirective,
    TaggingDirective, Timestamp, UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::conditions::{self, ReadConditions};
use super::fields::copy_conditions;
use super::headers::{self, Described};
use super::multipart::part_number;
use super::{Operations, errors, key_error, location};
use crate::access_log::Noted;

impl Operations {
    pub(super) async fn copy(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let noted = Noted::of(&req.extensions);
        let input = req.input;
        let to = location(&input.bucket, &input.key)?;
        headers::no_customer_key(input.sse_customer_algorithm.as_deref())?;
        headers::no_customer_key(input.copy_source_sse_customer_algorithm.as_deref())?;
        headers::no_acl(input.acl.as_ref().map(|acl| acl.as_str()))?;
        let condition = destination_condition(&req.headers)?;
        let options = Described::of_copy(&input).options(self, condition)?;
        let metadata = directive(input.metadata_directive.as_ref().map(MetadataDirective::as_str))?;
        let tags = directive(input.tagging_directive.as_ref().map(TaggingDirective::as_str))?;
        let conditions = copy_conditions!(input);
        let (source, found) = self.source(&input.copy_source, &conditions).await?;
        noted.copied(&source.at.bucket, &source.at.key, source.version_id.as_deref(), found.size);
        let encryption = options.encryption.clone();
        self.notifier.room().await;
        let put = self.store.copy_object(&to, &source, metadata, tags, options).map_err(errors::of_store)?;
        let made = self.store.head(&to, Head { version_id: put.version_id.clone() }).await.ok();
        let (server_side_encryption, ssekms_key_id) = headers::encryption(&encryption);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(ETag::Strong(put.etag)),
                last_modified: made.map(|meta| Timestamp::from(meta.last_modified)),
                ..Default::default()
            }),
            copy_source_version_id: found.version_id,
            version_id: put.version_id,
            server_side_encryption,
            ssekms_key_id,
            ..Default::default()
        }))
    }

    pub(super) async fn copy_part(&self, req: S3Request<UploadPartCopyInput>) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let noted = Noted::of(&req.extensions);
        let input = req.input;
        let to = location(&input.bucket, &input.key)?;
        let number = part_number(input.part_number)?;
        let range = input.copy_source_range.as_deref().map(source_range).transpose()?;
        let conditions = copy_conditions!(input);
        let (source, found) = self.source(&input.copy_source, &conditions).await?;
        noted.copied(&source.at.bucket, &source.at.key, source.version_id.as_deref(), found.size);
        let part = self.store.upload_part_copy(&to, &input.upload_id, number, &source, range).map_err(errors::of_store)?;
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(ETag::Strong(part.etag)),
                last_modified: Some(Timestamp::from(time::OffsetDateTime::now_utc())),
                ..Default::default()
            }),
            copy_source_version_id: found.version_id,
            ..Default::default()
        }))
    }

    /// The source, pinned to the etag that its conditions were judged on.
    async fn source(&self, named: &s3s::dto::CopySource, conditions: &ReadConditions) -> S3Result<(CopySource, ObjectMeta)> {
        let mut source = copy_source(named)?;
        let found = match self.store.head(&source.at, Head { version_id: source.version_id.clone() }).await {
            Ok(found) => found,
            Err(error) if error.kind == brigade::storage::ErrorKind::DeleteMarker => {
                let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
                return Err(s3_error!(InvalidRequest, "{message}"));
            }
            Err(error) => return Err(errors::of_store(error)),
        };
        conditions.check_source(&found)?;
        source.if_match = Some(found.etag.clone());
        Ok((source, found))
    }
}

fn copy_source(named: &s3s::dto::CopySource) -> S3Result<CopySource> {
    let (bucket, key, version_id) = match named {
        s3s::dto::CopySource::Bucket { bucket, key, version_id } => (bucket, key, version_id),
        _ => return Err(s3_error!(NotImplemented, "The local cloud has no access points.")),
    };
    let at = brigade::storage::Location::new(BucketName::new(&**bucket), ObjectKey::new(&**key).map_err(key_error)?);
    Ok(CopySource { at, version_id: version_id.as_deref().map(str::to_owned), if_match: None })
}

fn directive(name: Option<&str>) -> S3Result<Directive> {
    match name {
        None | Some("COPY") => Ok(Directive::Copy),
        Some("REPLACE") => Ok(Directive::Replace),
        Some(_) => Err(s3_error!(InvalidArgument, "Unknown metadata directive.")),
    }
}

/// S3 takes the conditions of the destination on a copy too; the protocol crate's input has no field for them yet.
fn destination_condition(headers: &HeaderMap) -> S3Result<brigade::storage::Condition> {
    let read = |name| match headers.get(name) {
        None => Ok(None),
        Some(value) => ETagCondition::parse_http_header(hyper::header::HeaderValue::as_bytes(value))
            .map(Some)
            .map_err(|_| s3_error!(InvalidArgument, "A condition's etag is not valid.")),
    };
    conditions::of_write(read(IF_MATCH)?, read(IF_NONE_MATCH)?)
}

/// `bytes=first-last`, both of them: S3 takes no other form here.
fn source_range(header: &str) -> S3Result<(u64, u64)> {
    match s3s::dto::Range::parse(header) {
        Ok(s3s::dto::Range::Int { first, last: Some(last) }) => Ok((first, last)),
        _ => Err(s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based \
             offsets of the first and last bytes to copy"
        )),
    }
}
