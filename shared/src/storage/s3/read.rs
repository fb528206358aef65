//! HeadObject, GetObject and the tags.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, Tag, Tagging};
use futures::StreamExt;

use super::S3Store;
use super::date::AnsweredAt;
use super::encode::{quoted, seconds, size, unquoted};
use crate::aws::causes;
use crate::storage::{
    Body, ErrorKind, Get, GetObject, Head, List, Location, Metadata, ObjectMeta, Range, ReadCondition, Result, StoreError, Tags,
};

/// What HEAD and GET tell alike, from either's output.
macro_rules! meta {
    ($answer:expr, $size:expr, $date:expr) => {
        ObjectMeta {
            etag: unquoted($answer.e_tag()),
            size: $size,
            last_modified: seconds($answer.last_modified()),
            version_id: $answer.version_id().map(str::to_owned),
            storage_class: $answer.storage_class().map_or("STANDARD", |class| class.as_str()).to_owned(),
            content_type: $answer.content_type().map(str::to_owned),
            cache_control: $answer.cache_control().map(str::to_owned),
            metadata: metadata($answer.metadata()),
            // A composite checksum is a digest of the parts' digests: it says nothing about the object's bytes.
            checksum: ($answer.checksum_type() == Some(&ChecksumType::FullObject))
                .then(|| {
                    first(&[
                        ("CRC64NVME", $answer.checksum_crc64_nvme()),
                        ("SHA256", $answer.checksum_sha256()),
                        ("CRC32C", $answer.checksum_crc32_c()),
                        ("CRC32", $answer.checksum_crc32()),
                        ("SHA1", $answer.checksum_sha1()),
                    ])
                })
                .flatten(),
            tag_count: $answer.tag_count().and_then(|n| u32::try_from(n).ok()),
            encryption: $answer.server_side_encryption().map(|sse| sse.as_str().to_owned()),
            date: $date,
        }
    };
}

const HEAD: &str = "HeadObject";
const GET: &str = "GetObject";

impl S3Store {
    pub(super) async fn head_object(&self, at: &Location, options: Head) -> Result<ObjectMeta> {
        let answered = AnsweredAt::default();
        let send = |client: aws_sdk_s3::Client| {
            client
                .head_object()
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .set_version_id(options.version_id.clone())
                .checksum_mode(ChecksumMode::Enabled)
                .set_expected_bucket_owner(self.owner())
                .customize()
                .interceptor(answered.clone())
                .send()
        };
        match self.call(HEAD, &at.bucket, at, send).await {
            Ok(answer) => Ok(meta!(answer, size(answer.content_length()), answered.date())),
            Err(error) if error.code == "400" => Err(self.bare_400(at, options).await),
            Err(error) if error.kind == ErrorKind::NotFound && !self.is_there(&at.bucket) => {
                Err(self.bare_404(at, error).await)
            }
            Err(error) => Err(error),
        }
    }

    /// A HEAD has no body, so its 400 may be a customer's key or an expired token. A GET of one byte says which.
    async fn bare_400(&self, at: &Location, options: Head) -> StoreError {
        let get = Get { version_id: options.version_id, range: Some(Range::FromTo(0, 0)), ..Get::default() };
        match self.get_object(at, get).await {
            Err(error) if error.kind != ErrorKind::RangeNotSatisfiable => StoreError { operation: HEAD, ..error },
            // The object can be read, so what the HEAD met has passed.
            _ => StoreError::new(ErrorKind::Unavailable, HEAD, at, "400", "HEAD was refused, but GET was answered"),
        }
    }

    /// Nor has its 404: a bucket that isn't there, such as a misspelt one, says nothing of what is. A listing of the key says
    /// which, with the permission that a missing key's 404 needs anyway.
    async fn bare_404(&self, at: &Location, error: StoreError) -> StoreError {
        let list = List { prefix: at.key.to_string(), max_keys: Some(1), ..List::default() };
        match self.list_objects(&at.bucket, list).await {
            Ok(_) => error,
            Err(listed) if listed.kind == ErrorKind::AccessDenied => {
                // There is something that refuses.
                self.has_answered(&at.bucket);
                error
            }
            Err(listed) => StoreError { operation: HEAD, place: at.to_string(), ..listed },
        }
    }

    pub(super) async fn get_object(&self, at: &Location, options: Get) -> Result<GetObject> {
        let (if_match, if_none_match) = match &options.condition {
            ReadCondition::None => (None, None),
            ReadCondition::IfMatch(etag) => (Some(quoted(etag)), None),
            ReadCondition::IfNoneMatch(etag) => (None, Some(quoted(etag))),
        };
        let answered = AnsweredAt::default();
        let send = |client: aws_sdk_s3::Client| {
            client
                .get_object()
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .set_version_id(options.version_id.clone())
                .set_range(options.range.map(|range| range.to_string()))
                .set_if_match(if_match.clone())
                .set_if_none_match(if_none_match.clone())
                .set_expected_bucket_owner(self.owner())
                .customize()
                .interceptor(answered.clone())
                .send()
        };
        let answer = self.call(GET, &at.bucket, at, send).await?;
        let part = answer.content_range().and_then(content_range);
        let whole = part.map_or_else(|| size(answer.content_length()), |(_, _, total)| total);
        let meta = meta!(answer, whole, answered.date());
        Ok(GetObject { meta, range: part.map(|(first, last, _)| (first, last)), body: body(answer.body, at.to_string()) })
    }

    pub(super) async fn get_object_tagging(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        let send = |client: aws_sdk_s3::Client| {
            client
                .get_object_tagging()
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .set_version_id(version_id.map(str::to_owned))
                .set_expected_bucket_owner(self.owner())
                .send()
        };
        let answer = self.call("GetObjectTagging", &at.bucket, at, send).await?;
        Ok(answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    pub(super) async fn put_object_tagging(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        let version_id = version_id.map(str::to_owned);
        if tags.is_empty() {
            let send = |client: aws_sdk_s3::Client| {
                client
                    .delete_object_tagging()
                    .bucket(at.bucket.as_str())
                    .key(at.key.as_str())
                    .set_version_id(version_id.clone())
                    .set_expected_bucket_owner(self.owner())
                    .send()
            };
            return self.call("DeleteObjectTagging", &at.bucket, at, send).await.map(drop);
        }
        const PUT: &str = "PutObjectTagging";
        let invalid =
            |error: aws_sdk_s3::error::BuildError| StoreError::new(ErrorKind::Invalid, PUT, at, "InvalidTag", causes(&error));
        let tags: std::result::Result<Vec<Tag>, _> =
            tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tagging = Tagging::builder().set_tag_set(Some(tags.map_err(invalid)?)).build().map_err(invalid)?;
        let send = |client: aws_sdk_s3::Client| {
            client
                .put_object_tagging()
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .set_version_id(version_id.clone())
                .tagging(tagging.clone())
                .set_expected_bucket_owner(self.owner())
                .send()
        };
        self.call(PUT, &at.bucket, at, send).await.map(drop)
    }
}

/// The bytes as they arrive; after an error nothing follows.
fn body(bytes: ByteStream, place: String) -> Body {
    let next = |state: Option<(ByteStream, String)>| async move {
        let (mut bytes, place) = state?;
        match bytes.next().await? {
            Ok(chunk) => Some((Ok(chunk), Some((bytes, place)))),
            Err(error) => {
                let message = causes(&error);
                Some((Err(StoreError::new(ErrorKind::Unavailable, GET, place, "BodyInterrupted", message)), None))
            }
        }
    };
    futures::stream::unfold(Some((bytes, place)), next).boxed()
}

/// `bytes FIRST-LAST/TOTAL`.
fn content_range(header: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

fn metadata(answered: Option<&std::collections::HashMap<String, String>>) -> Metadata {
    answered.into_iter().flatten().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

fn first(checksums: &[(&str, Option<&str>)]) -> Option<String> {
    checksums.iter().find_map(|(algorithm, value)| value.map(|value| format!("{algorithm}:{value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_names_first_last_and_total() {
        assert_eq!(content_range("bytes 0-4/10"), Some((0, 4, 10)));
        assert_eq!(content_range("bytes */10"), None);
        assert_eq!(content_range("bytes 0-4/*"), None);
        assert_eq!(content_range("items 0-4/10"), None);
    }
}
