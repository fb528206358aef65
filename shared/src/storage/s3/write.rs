//! PutObject, CopyObject and multipart uploads.

use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, MetadataDirective, ServerSideEncryption, StorageClass,
    TaggingDirective,
};
use bytes::Bytes;

use super::S3Store;
use super::date::AnsweredAt;
use super::encode::{copy_source, quoted, tagging, unquoted, write_condition};
use crate::aws::{server_work_timeouts, transfer_timeouts};
use crate::storage::{Checksum, Copy, Encryption, ErrorKind, Location, PartEntry, Put, PutOptions, Result, StoreError};

/// The options that PUT, a copy's destination and a multipart upload have in common, onto either's request.
macro_rules! with_options {
    ($request:expr, $options:expr) => {{
        let options: &PutOptions = $options;
        let (sse, kms_key) = match &options.encryption {
            Encryption::Bucket => (None, None),
            Encryption::Aes256 => (Some(ServerSideEncryption::Aes256), None),
            Encryption::Kms(arn) => (Some(ServerSideEncryption::AwsKms), Some(arn.clone())),
        };
        let metadata = options.metadata.clone().into_iter().collect();
        $request
            .set_content_type(options.content_type.clone())
            .set_cache_control(options.cache_control.clone())
            .set_metadata(Some(metadata))
            .set_tagging(tagging(&options.tags))
            .set_storage_class(options.storage_class.as_deref().map(StorageClass::from))
            // A bucket key saves a call to KMS per object.
            .set_bucket_key_enabled(kms_key.is_some().then_some(true))
            .set_ssekms_key_id(kms_key)
            .set_server_side_encryption(sse)
    }};
}

impl S3Store {
    pub(super) async fn put_object(&self, at: &Location, body: Bytes, options: PutOptions) -> Result<Put> {
        let (if_none_match, if_match) = write_condition(&options.condition);
        let answered = AnsweredAt::default();
        let algorithm = match options.checksum {
            Checksum::Crc64Nvme => ChecksumAlgorithm::Crc64Nvme,
            Checksum::Sha256 => ChecksumAlgorithm::Sha256,
        };
        let send = |client: aws_sdk_s3::Client| {
            with_options!(client.put_object(), &options)
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .set_if_none_match(if_none_match.clone())
                .set_if_match(if_match.clone())
                .checksum_algorithm(algorithm.clone())
                .set_expected_bucket_owner(self.owner())
                // Bytes in memory: the SDK can send them again, and knows their checksum before it begins.
                .body(ByteStream::from(body.clone()))
                .customize()
                .config_override(Builder::new().timeout_config(transfer_timeouts()))
                .interceptor(answered.clone())
                .send()
        };
        let answer = self.call("PutObject", &at.bucket, at, send).await?;
        let version_id = answer.version_id().map(str::to_owned);
        Ok(Put { etag: unquoted(answer.e_tag()), version_id, date: answered.date() })
    }

    pub(super) async fn copy_object(&self, to: &Location, copy: Copy) -> Result<Put> {
        let send = |client: aws_sdk_s3::Client| {
            let mut request = client
                .copy_object()
                .copy_source(copy_source(&copy.source))
                .set_copy_source_if_match(copy.source.if_match.as_deref().map(quoted))
                .set_expected_source_bucket_owner(self.owner())
                .set_expected_bucket_owner(self.owner());
            request = match &copy.replace {
                None => request.metadata_directive(MetadataDirective::Copy).tagging_directive(TaggingDirective::Copy),
                Some(options) => {
                    let (if_none_match, if_match) = write_condition(&options.condition);
                    // Without a wish, S3 carries the source's checksum over or adds its own default.
                    let algorithm = (options.checksum == Checksum::Sha256).then_some(ChecksumAlgorithm::Sha256);
                    with_options!(request, options)
                        .metadata_directive(MetadataDirective::Replace)
                        .tagging_directive(TaggingDirective::Replace)
                        .set_if_none_match(if_none_match)
                        .set_if_match(if_match)
                        .set_checksum_algorithm(algorithm)
                }
            };
            request
                .bucket(to.bucket.as_str())
                .key(to.key.as_str())
                .customize()
                .config_override(Builder::new().timeout_config(server_work_timeouts()))
                .send()
        };
        let answer = self.call("CopyObject", &to.bucket, to, send).await?;
        let etag = unquoted(answer.copy_object_result().and_then(|result| result.e_tag()));
        Ok(Put { etag, version_id: answer.version_id().map(str::to_owned), date: None })
    }

    pub(super) async fn create_multipart_upload(&self, at: &Location, options: PutOptions) -> Result<String> {
        const CREATE: &str = "CreateMultipartUpload";
        let send = |client: aws_sdk_s3::Client| {
            with_options!(client.create_multipart_upload(), &options)
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                .set_expected_bucket_owner(self.owner())
                .send()
        };
        let answer = self.call(CREATE, &at.bucket, at, send).await?;
        let no_id = || StoreError::new(ErrorKind::Unavailable, CREATE, at, "BadResponse", "the answer has no upload id");
        answer.upload_id().map(str::to_owned).ok_or_else(no_id)
    }

    pub(super) async fn upload_one_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        let send = |client: aws_sdk_s3::Client| {
            client
                .upload_part()
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .upload_id(upload_id)
                .part_number(i32::from(number))
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                .set_expected_bucket_owner(self.owner())
                .body(ByteStream::from(body.clone()))
                .customize()
                .config_override(Builder::new().timeout_config(transfer_timeouts()))
                .send()
        };
        let answer = self.call("UploadPart", &at.bucket, at, send).await?;
        Ok(unquoted(answer.e_tag()))
    }

    pub(super) async fn complete_multipart_upload(
        &self,
        at: &Location,
        upload_id: &str,
        parts: Vec<PartEntry>,
        options: PutOptions,
    ) -> Result<Put> {
        let (if_none_match, if_match) = write_condition(&options.condition);
        let part =
            |part: PartEntry| CompletedPart::builder().part_number(i32::from(part.number)).e_tag(quoted(&part.etag)).build();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.into_iter().map(part).collect())).build();
        let send = |client: aws_sdk_s3::Client| {
            client
                .complete_multipart_upload()
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .upload_id(upload_id)
                .multipart_upload(parts.clone())
                .set_if_none_match(if_none_match.clone())
                .set_if_match(if_match.clone())
                .set_expected_bucket_owner(self.owner())
                .customize()
                .config_override(Builder::new().timeout_config(server_work_timeouts()))
                .send()
        };
        let answer = self.call("CompleteMultipartUpload", &at.bucket, at, send).await?;
        let version_id = answer.version_id().map(str::to_owned);
        Ok(Put { etag: unquoted(answer.e_tag()), version_id, date: None })
    }

    pub(super) async fn abort_multipart_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        let send = |client: aws_sdk_s3::Client| {
            client
                .abort_multipart_upload()
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .upload_id(upload_id)
                .set_expected_bucket_owner(self.owner())
                .send()
        };
        self.call("AbortMultipartUpload", &at.bucket, at, send).await.map(drop)
    }
}
