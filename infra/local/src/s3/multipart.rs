//! Multipart uploads.

use brigade::event::BucketName;
use brigade::storage::{Checksum, ListUploads, PartEntry, PutOptions, Store};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::conditions;
use super::fields::digests;
use super::headers::{self, Described};
use super::listing::{PAGE_MAX, UrlEncoding, page_size, roll_up};
use super::{Operations, errors, location};
use crate::access_log::Noted;

impl Operations {
    pub(super) async fn create_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        headers::no_customer_key(input.sse_customer_algorithm.as_deref())?;
        headers::no_acl(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
        let mut options = Described::of_upload(&input).options(self, Default::default())?;
        if is_composite(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref()) {
            // The store has no checksum of the full object then, as S3 has none.
            options.checksum = Checksum::Sha256;
        }
        let (server_side_encryption, ssekms_key_id) = headers::encryption(&options.encryption);
        let upload_id = self.store.create_upload(&at, options).await.map_err(errors::of_store)?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            server_side_encryption,
            ssekms_key_id,
            ..Default::default()
        }))
    }

    pub(super) async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let noted = Noted::of(&req.extensions);
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        headers::no_customer_key(input.sse_customer_algorithm.as_deref())?;
        let number = part_number(input.part_number)?;
        let digests = digests!(input);
        let (bytes, verified) = self.intake.collect(input.body, input.content_length, digests, req.trailing_headers).await?;
        noted.received();
        let etag = self.store.upload_part(&at, &input.upload_id, number, bytes).await.map_err(errors::of_store)?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc32: verified.checksum_crc32,
            checksum_crc32c: verified.checksum_crc32c,
            checksum_crc64nvme: verified.checksum_crc64nvme,
            checksum_sha1: verified.checksum_sha1,
            checksum_sha256: verified.checksum_sha256,
            ..Default::default()
        }))
    }

    pub(super) async fn complete_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        let condition = conditions::of_write(input.if_match, input.if_none_match)?;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let parts = parts.into_iter().map(completed_part).collect::<S3Result<Vec<_>>>()?;
        self.check_size(&at, &input.upload_id, &parts, input.mpu_object_size)?;
        let options = PutOptions { condition, ..PutOptions::default() };
        self.notifier.room().await;
        let put = self.store.complete_upload(&at, &input.upload_id, parts, options).await.map_err(errors::of_store)?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, UrlEncoding::On.apply(&input.key))),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(put.etag)),
            version_id: put.version_id,
            ..Default::default()
        }))
    }

    /// `x-amz-mp-object-size`, where the request gives it.
    fn check_size(
        &self,
        at: &brigade::storage::Location,
        upload_id: &str,
        parts: &[PartEntry],
        declared: Option<i64>,
    ) -> S3Result<()> {
        let Some(declared) = declared else { return Ok(()) };
        let uploaded = self.store.list_parts(at, upload_id).map_err(errors::of_store)?;
        let named = uploaded.iter().filter(|part| parts.iter().any(|named| named.number == part.number));
        if named.map(|part| part.size).sum::<u64>() != u64::try_from(declared).unwrap_or(0) {
            return Err(s3_error!(
                InvalidRequest,
                "The provided 'x-amz-mp-object-size' header does not match what was computed."
            ));
        }
        Ok(())
    }

    pub(super) async fn abort_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let at = location(&req.input.bucket, &req.input.key)?;
        self.store.abort_upload(&at, &req.input.upload_id).await.map_err(errors::of_store)?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        let all = self.store.list_parts(&at, &input.upload_id).map_err(errors::of_store)?;
        let limit = page_size(input.max_parts)?;
        let marker = input.part_number_marker.unwrap_or(0);
        let mut rest = all.into_iter().filter(|part| i32::from(part.number) > marker);
        let page = rest.by_ref().take(usize::from(limit)).collect::<Vec<_>>();
        let truncated = rest.next().is_some();
        let last = page.last().map(|part| i32::from(part.number));
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: Some(marker),
            max_parts: Some(i32::from(limit)),
            is_truncated: Some(truncated),
            next_part_number_marker: last,
            parts: Some(page.into_iter().map(part).collect()),
            owner: Some(self.owner()),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..Default::default()
        }))
    }

    pub(super) async fn list_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        let limit = page_size(input.max_uploads)?;
        let encoding = UrlEncoding::of(input.encoding_type.as_ref());
        let prefix = input.prefix.clone().unwrap_or_default();
        let from = input.key_marker.clone().filter(|key| !key.is_empty());
        let options = ListUploads {
            prefix: prefix.clone(),
            from: from.map(|key| (key, input.upload_id_marker.clone().unwrap_or_default())),
            max_uploads: Some(limit.clamp(1, PAGE_MAX)),
        };
        let bucket = BucketName::new(input.bucket.as_str());
        let (mut uploads, mut next) = self.store.list_uploads(&bucket, options).await.map_err(errors::of_store)?;
        if limit == 0 {
            (uploads, next) = (Vec::new(), None);
        }
        let (plain, prefixes) = roll_up(uploads, &prefix, input.delimiter.as_deref(), |upload| upload.key.as_str());
        let (next_key, next_upload) = next.unzip();
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            is_truncated: Some(next_key.is_some()),
            max_uploads: Some(i32::from(limit)),
            prefix: input.prefix.map(|p| encoding.apply(&p)),
            delimiter: input.delimiter.map(|d| encoding.apply(&d)),
            key_marker: input.key_marker.map(|k| encoding.apply(&k)),
            upload_id_marker: input.upload_id_marker,
            next_key_marker: next_key.map(|k| encoding.apply(&k)),
            next_upload_id_marker: next_upload,
            encoding_type: input.encoding_type,
            common_prefixes: Some(encoding.prefixes(prefixes)),
            uploads: Some(
                plain
                    .into_iter()
                    .map(|upload| MultipartUpload {
                        key: Some(encoding.apply(upload.key.as_str())),
                        upload_id: Some(upload.upload_id),
                        initiated: Some(Timestamp::from(upload.initiated)),
                        owner: Some(self.owner()),
                        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                        ..Default::default()
                    })
                    .collect(),
            ),
            ..Default::default()
        }))
    }
}

pub(super) fn part_number(number: i32) -> S3Result<u16> {
    match u16::try_from(number) {
        Ok(number @ 1..=10_000) => Ok(number),
        _ => Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive")),
    }
}

fn completed_part(part: CompletedPart) -> S3Result<PartEntry> {
    match (part.part_number, part.e_tag) {
        (Some(number), Some(etag)) => Ok(PartEntry { number: part_number(number)?, etag: etag.into_value(), size: 0 }),
        _ => Err(s3_error!(MalformedXML, "A completed part has a PartNumber and an ETag.")),
    }
}

fn part(part: PartEntry) -> Part {
    Part {
        part_number: Some(i32::from(part.number)),
        e_tag: Some(ETag::Strong(part.etag)),
        size: Some(i64::try_from(part.size).unwrap_or(i64::MAX)),
        ..Default::default()
    }
}

/// The upload's checksum will be one of its parts' checksums.
///
/// Source: S3 user guide, "Checking object integrity": SHA-1 and SHA-256 are composite only, CRC64NVME is of the full object
/// only, and the other CRCs are of the full object where the request says so.
fn is_composite(algorithm: Option<&ChecksumAlgorithm>, kind: Option<&ChecksumType>) -> bool {
    match algorithm.map(ChecksumAlgorithm::as_str) {
        None | Some(ChecksumAlgorithm::CRC64NVME) => false,
        Some(ChecksumAlgorithm::SHA1 | ChecksumAlgorithm::SHA256) => true,
        Some(_) => kind.map(ChecksumType::as_str) != Some(ChecksumType::FULL_OBJECT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_in_parts_has_a_checksum_of_the_full_object_where_s3_makes_one() {
        for (algorithm, kind, expected) in [
            (None, None, false),
            (Some("CRC64NVME"), None, false),
            (Some("CRC64NVME"), Some("FULL_OBJECT"), false),
            (Some("SHA256"), None, true),
            (Some("SHA1"), Some("COMPOSITE"), true),
            (Some("CRC32"), None, true),
            (Some("CRC32C"), Some("COMPOSITE"), true),
            (Some("CRC32"), Some("FULL_OBJECT"), false),
        ] {
            let (named, said) = (algorithm.map(str::to_owned), kind.map(str::to_owned));
            let composite = is_composite(named.map(ChecksumAlgorithm::from).as_ref(), said.map(ChecksumType::from).as_ref());
            assert_eq!(composite, expected, "{algorithm:?} {kind:?}");
        }
    }
}
