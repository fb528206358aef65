//! Single objects: put, get, head and delete.

use brigade::storage::{Delete, Deleted, ErrorKind, Get, GetObject, Head, ListVersions, Range, Store, StoreError};
use hyper::header::HeaderValue;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::chunks::Chunks;
use super::conditions::{self, ReadConditions};
use super::fields::{described, digests, read_conditions};
use super::headers::{self, Described};
use super::{Operations, errors, location};
use crate::access_log::Noted;

impl Operations {
    pub(super) async fn put(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let noted = Noted::of(&req.extensions);
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        headers::no_customer_key(input.sse_customer_algorithm.as_deref())?;
        headers::no_acl(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
        let options = Described::of_put(&input).options(self, conditions::of_write(input.if_match, input.if_none_match)?)?;
        let digests = digests!(input);
        let (bytes, verified) = self.intake.collect(input.body, input.content_length, digests, req.trailing_headers).await?;
        noted.received();
        let encryption = options.encryption.clone();
        self.notifier.room().await;
        let put = self.store.put(&at, bytes, options).await.map_err(errors::of_store)?;
        let (server_side_encryption, ssekms_key_id) = headers::encryption(&encryption);
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(put.etag)),
            version_id: put.version_id,
            checksum_crc32: verified.checksum_crc32,
            checksum_crc32c: verified.checksum_crc32c,
            checksum_crc64nvme: verified.checksum_crc64nvme,
            checksum_sha1: verified.checksum_sha1,
            checksum_sha256: verified.checksum_sha256,
            server_side_encryption,
            ssekms_key_id,
            ..Default::default()
        }))
    }

    pub(super) async fn get(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        headers::no_customer_key(input.sse_customer_algorithm.as_deref())?;
        let conditions = read_conditions!(input);
        let part = self.part(&at, input.version_id.as_deref(), input.part_number)?;
        let range = part.as_ref().and_then(|part| part.range).or(input.range.map(range));
        let get = Get { version_id: input.version_id.clone(), range, ..Get::default() };
        let found = match self.store.get(&at, get).await {
            Ok(found) => found,
            Err(error) => return Err(self.read_error(&at, input.version_id, &conditions, error).await),
        };
        // The conditions are judged on the same answer that holds the bytes.
        conditions.check(&found.meta)?;
        let restore = self.restore_told(&at, input.version_id.as_deref(), &found.meta);
        let mut output = get_output(found, input.checksum_mode).await?;
        output.restore = restore;
        output.parts_count = part.and_then(|part| part.count);
        Ok(S3Response::new(output))
    }

    pub(super) async fn head(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        headers::no_customer_key(input.sse_customer_algorithm.as_deref())?;
        let conditions = read_conditions!(input);
        let meta = match self.store.head(&at, Head { version_id: input.version_id.clone() }).await {
            Ok(meta) => meta,
            Err(error) => return Err(self.read_error(&at, input.version_id, &conditions, error).await),
        };
        conditions.check(&meta)?;
        let part = self.part(&at, input.version_id.as_deref(), input.part_number)?;
        let told = headers::Told::of(&meta);
        let checksum = told.checksum(input.checksum_mode);
        let mut response = S3Response::new(described!(HeadObjectOutput, told, checksum, {
            content_length: Some(part.as_ref().and_then(|part| part.size).unwrap_or(signed(meta.size))),
            parts_count: part.and_then(|part| part.count),
            restore: self.restore_told(&at, input.version_id.as_deref(), &meta),
        }));
        // S3 tells the number of tags on a HEAD too; the protocol crate's output has no field for it yet.
        if let Some(count) = told.tag_count {
            response.headers.insert("x-amz-tagging-count", HeaderValue::from(count));
        }
        Ok(response)
    }

    fn part(&self, at: &brigade::storage::Location, version_id: Option<&str>, number: Option<i32>) -> S3Result<Option<Part>> {
        let Some(number) = number else { return Ok(None) };
        // A key that is gone is told by the read itself, with its headers.
        let Ok(sizes) = self.store.part_sizes(at, version_id) else { return Ok(None) };
        match part_of(&sizes, number) {
            Some(part) => Ok(Some(part)),
            None => Err(s3_error!(InvalidRange, "The requested partnumber is not satisfiable")),
        }
    }

    /// A failed read, with what S3 tells beside it: a delete marker's headers; and a failed condition goes before a range
    /// that cannot be satisfied.
    pub(super) async fn read_error(
        &self,
        at: &brigade::storage::Location,
        version_id: Option<String>,
        conditions: &ReadConditions,
        error: StoreError,
    ) -> S3Error {
        match error.kind {
            ErrorKind::DeleteMarker => errors::met_a_marker(errors::of_store(error), version_id.as_deref()),
            ErrorKind::NotFound if version_id.is_none() => match self.current_marker(at).await {
                Some(marker) => errors::met_a_marker(errors::of_store(error), Some(&marker)),
                None => errors::of_store(error),
            },
            ErrorKind::RangeNotSatisfiable => {
                let meta = self.store.head(at, Head { version_id }).await;
                let failed = meta.ok().and_then(|meta| conditions.check(&meta).err());
                failed.unwrap_or_else(|| errors::of_store(error))
            }
            _ => errors::of_store(error),
        }
    }

    /// The version id of the delete marker that hides this key, if one does.
    async fn current_marker(&self, at: &brigade::storage::Location) -> Option<String> {
        let options = ListVersions { prefix: at.key.as_str().to_owned(), max_keys: Some(1), ..ListVersions::default() };
        let page = self.store.list_versions(&at.bucket, options).await.ok()?;
        let first = page.versions.into_iter().next()?;
        (first.key == at.key && first.is_latest && first.object.is_none()).then_some(first.version_id)
    }

    pub(super) async fn delete(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
            return Err(s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented"));
        }
        let at = location(&input.bucket, &input.key)?;
        let options = Delete { version_id: input.version_id, if_match: input.if_match.map(conditions::etag_or_star) };
        self.notifier.room().await;
        let deleted = self.store.delete(&at, options).await.map_err(errors::of_store)?;
        Ok(S3Response::new(DeleteObjectOutput {
            // S3 sends the header only where it is true.
            delete_marker: deleted.delete_marker.then_some(true),
            version_id: deleted.version_id,
            ..Default::default()
        }))
    }

    pub(super) async fn delete_many(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let noted = Noted::of(&req.extensions);
        let input = req.input;
        let bucket = brigade::event::BucketName::new(input.bucket);
        let mut entries = Vec::with_capacity(input.delete.objects.len());
        for object in &input.delete.objects {
            let key = brigade::event::ObjectKey::new(object.key.as_str()).map_err(super::key_error)?;
            let if_match = object.e_tag.clone().map(ETag::into_value);
            entries.push((key, Delete { version_id: object.version_id.clone(), if_match }));
        }
        self.notifier.room().await;
        let results = self.store.delete_many(&bucket, entries).await.map_err(errors::of_store)?;
        let (mut deleted, mut failed) = (Vec::new(), Vec::new());
        for (object, result) in input.delete.objects.into_iter().zip(results) {
            let code = result.as_ref().err().map(|error| error.code.as_str());
            noted.deleted(&object.key, object.version_id.as_deref(), code);
            match result {
                Ok(done) => deleted.push(deleted_entry(object, done)),
                Err(error) => failed.push(Error {
                    code: Some(error.code),
                    message: Some(error.message),
                    key: Some(object.key),
                    version_id: object.version_id,
                }),
            }
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: (!failed.is_empty()).then_some(failed),
            ..Default::default()
        }))
    }
}

async fn get_output(found: GetObject, mode: Option<ChecksumMode>) -> S3Result<GetObjectOutput> {
    let GetObject { meta, range, body } = found;
    let chunks = Chunks::collect(body).await.map_err(errors::of_store)?;
    let length = i64::try_from(chunks.len()).unwrap_or(i64::MAX);
    let content_range = range.map(|(first, last)| format!("bytes {first}-{last}/{}", meta.size));
    let told = headers::Told::of(&meta);
    let checksum = told.checksum(mode.filter(|_| content_range.is_none()));
    Ok(described!(GetObjectOutput, told, checksum, {
        body: Some(StreamingBlob::new(chunks)),
        content_length: Some(length),
        content_range: content_range,
        tag_count: told.tag_count,
    }))
}

fn deleted_entry(object: ObjectIdentifier, done: Deleted) -> DeletedObject {
    let marker = done.delete_marker;
    DeletedObject {
        key: Some(object.key),
        // With a version id in the request, the marker is what was removed; without, it is what was made.
        delete_marker: marker.then_some(true),
        delete_marker_version_id: done.version_id.filter(|_| marker),
        version_id: object.version_id,
    }
}

fn range(range: s3s::dto::Range) -> Range {
    match range {
        s3s::dto::Range::Int { first, last: Some(last) } => Range::FromTo(first, last),
        s3s::dto::Range::Int { first, last: None } => Range::From(first),
        s3s::dto::Range::Suffix { length } => Range::Last(length),
    }
}

/// One part of an object, as `partNumber` asks for it.
struct Part {
    /// `None` is the whole object.
    range: Option<Range>,
    size: Option<i64>,
    /// Of the object's parts; S3 tells it for multipart objects alone.
    count: Option<i32>,
}

fn part_of(sizes: &[u64], number: i32) -> Option<Part> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    if sizes.is_empty() {
        return (index == 0).then_some(Part { range: None, size: None, count: None });
    }
    let size = *sizes.get(index)?;
    let first: u64 = sizes.iter().take(index).sum();
    let range = (size > 0).then(|| Range::FromTo(first, first + size - 1));
    Some(Part { range, size: Some(signed(size)), count: i32::try_from(sizes.len()).ok() })
}

pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
