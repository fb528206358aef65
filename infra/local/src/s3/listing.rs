//! Listings of objects and of versions.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use brigade::event::BucketName;
use brigade::storage::{List, ListVersions, Listing, ObjectEntry, Store, VersionEntry};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Operations, errors};

/// S3's largest page.
pub(super) const PAGE_MAX: u16 = 1_000;

impl Operations {
    pub(super) async fn list_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let limit = page_size(input.max_keys)?;
        let encoding = UrlEncoding::of(input.encoding_type.as_ref());
        let continuation = input.continuation_token.as_deref().map(read_token).transpose()?;
        let options = List {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: delimiter(input.delimiter.as_deref()),
            // A token goes before the key that the listing began with.
            start_after: input.start_after.clone().filter(|_| continuation.is_none()),
            continuation,
            max_keys: Some(limit),
        };
        let page = self.page(&input.bucket, options).await?;
        let owner = input.fetch_owner.unwrap_or(false).then(|| self.owner());
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            key_count: i32::try_from(page.objects.len() + page.common_prefixes.len()).ok(),
            max_keys: Some(i32::from(limit)),
            is_truncated: Some(page.continuation.is_some()),
            continuation_token: input.continuation_token,
            next_continuation_token: page.continuation.map(|token| BASE64_URL_SAFE_NO_PAD.encode(token)),
            contents: Some(page.objects.into_iter().map(|entry| object(entry, encoding, owner.clone())).collect()),
            common_prefixes: Some(encoding.prefixes(page.common_prefixes)),
            prefix: Some(encoding.apply(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|d| encoding.apply(&d)),
            start_after: input.start_after.map(|s| encoding.apply(&s)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) async fn list_v1(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let limit = page_size(input.max_keys)?;
        let encoding = UrlEncoding::of(input.encoding_type.as_ref());
        let delimiter = delimiter(input.delimiter.as_deref());
        let marker = input.marker.clone().unwrap_or_default();
        let options = List {
            prefix: input.prefix.clone().unwrap_or_default(),
            start_after: (!marker.is_empty()).then(|| after_marker(&marker, delimiter.as_deref())),
            delimiter: delimiter.clone(),
            continuation: None,
            max_keys: Some(limit),
        };
        let page = self.page(&input.bucket, options).await?;
        let truncated = page.continuation.is_some();
        let last_key = page.objects.last().map(|o| o.key.as_str().to_owned());
        let last = last_key.max(page.common_prefixes.last().cloned());
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            max_keys: Some(i32::from(limit)),
            is_truncated: Some(truncated),
            marker: Some(encoding.apply(&marker)),
            // S3 tells it where a delimiter may have rolled up the last key; else the last key is the marker.
            next_marker: last.filter(|_| truncated && delimiter.is_some()).map(|m| encoding.apply(&m)),
            contents: Some(page.objects.into_iter().map(|entry| object(entry, encoding, Some(self.owner()))).collect()),
            common_prefixes: Some(encoding.prefixes(page.common_prefixes)),
            prefix: Some(encoding.apply(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|d| encoding.apply(&d)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    async fn page(&self, bucket: &str, options: List) -> S3Result<Listing> {
        let bucket = BucketName::new(bucket);
        if options.max_keys == Some(0) {
            self.store.bucket(&bucket).map_err(errors::of_store)?;
            return Ok(Listing::default());
        }
        self.store.list(&bucket, options).await.map_err(errors::of_store)
    }

    pub(super) async fn list_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let input = req.input;
        let limit = page_size(input.max_keys)?;
        let encoding = UrlEncoding::of(input.encoding_type.as_ref());
        let delimiter = delimiter(input.delimiter.as_deref());
        let version_marker = input.version_id_marker.clone().unwrap_or_default();
        let key_marker = input.key_marker.clone().filter(|key| !key.is_empty());
        let from = key_marker.map(|key| match version_marker.is_empty() {
            true => (after_marker(&key, delimiter.as_deref()), String::new()),
            false => (key, version_marker),
        });
        let options =
            ListVersions { prefix: input.prefix.clone().unwrap_or_default(), delimiter, from, max_keys: Some(limit.max(1)) };
        let bucket = BucketName::new(input.bucket.as_str());
        let mut page = self.store.list_versions(&bucket, options).await.map_err(errors::of_store)?;
        if limit == 0 {
            page = Default::default();
        }
        let (next_key_marker, next_version_id_marker) = page.next.unzip();
        let (markers, versions): (Vec<_>, Vec<_>) = page.versions.into_iter().partition(|entry| entry.object.is_none());
        Ok(S3Response::new(ListObjectVersionsOutput {
            name: Some(input.bucket),
            max_keys: Some(i32::from(limit)),
            is_truncated: Some(next_key_marker.is_some()),
            versions: Some(versions.into_iter().filter_map(|entry| version(entry, encoding, self.owner())).collect()),
            delete_markers: Some(markers.into_iter().map(|entry| marker(entry, encoding, self.owner())).collect()),
            common_prefixes: Some(encoding.prefixes(page.common_prefixes)),
            key_marker: Some(encoding.apply(&input.key_marker.unwrap_or_default())),
            version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
            next_key_marker: next_key_marker.map(|k| encoding.apply(&k)),
            next_version_id_marker: next_version_id_marker.filter(|id| !id.is_empty()),
            prefix: Some(encoding.apply(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|d| encoding.apply(&d)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }
}

/// 0 to 1,000; S3 takes more for 1,000.
pub(super) fn page_size(asked: Option<i32>) -> S3Result<u16> {
    match asked {
        None => Ok(PAGE_MAX),
        Some(n) if n < 0 => Err(s3_error!(InvalidArgument, "maxKeys must be an integer between 0 and 2147483647")),
        Some(n) => Ok(u16::try_from(n).unwrap_or(PAGE_MAX).min(PAGE_MAX)),
    }
}

/// S3 takes an empty delimiter for none.
fn delimiter(given: Option<&str>) -> Option<String> {
    given.filter(|d| !d.is_empty()).map(str::to_owned)
}

/// A marker that is a rolled-up prefix stands behind all of its keys.
fn after_marker(marker: &str, delimiter: Option<&str>) -> String {
    match delimiter {
        Some(delimiter) if marker.ends_with(delimiter) => format!("{marker}{}", char::MAX),
        _ => marker.to_owned(),
    }
}

fn read_token(token: &str) -> S3Result<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    let token = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    token.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

/// Splits off what a delimiter rolls up, each prefix once and in order.
pub(super) fn roll_up<T>(
    entries: Vec<T>,
    prefix: &str,
    delimiter: Option<&str>,
    key: impl Fn(&T) -> &str,
) -> (Vec<T>, Vec<String>) {
    let Some(delimiter) = delimiter.filter(|d| !d.is_empty()) else { return (entries, Vec::new()) };
    let (mut plain, mut prefixes) = (Vec::new(), Vec::<String>::new());
    for entry in entries {
        let rest = key(&entry).strip_prefix(prefix).unwrap_or_default();
        match rest.split_once(delimiter) {
            None => plain.push(entry),
            Some((head, _)) => {
                let rolled = format!("{prefix}{head}{delimiter}");
                if prefixes.last() != Some(&rolled) {
                    prefixes.push(rolled);
                }
            }
        }
    }
    (plain, prefixes)
}

fn object(entry: ObjectEntry, encoding: UrlEncoding, owner: Option<Owner>) -> Object {
    Object {
        key: Some(encoding.apply(entry.key.as_str())),
        e_tag: Some(ETag::Strong(entry.etag)),
        size: i64::try_from(entry.size).ok(),
        last_modified: Some(Timestamp::from(entry.last_modified)),
        storage_class: Some(ObjectStorageClass::from(entry.storage_class)),
        owner,
        ..Default::default()
    }
}

fn version(entry: VersionEntry, encoding: UrlEncoding, owner: Owner) -> Option<ObjectVersion> {
    let object = entry.object?;
    Some(ObjectVersion {
        key: Some(encoding.apply(entry.key.as_str())),
        version_id: Some(entry.version_id),
        is_latest: Some(entry.is_latest),
        e_tag: Some(ETag::Strong(object.etag)),
        size: i64::try_from(object.size).ok(),
        last_modified: Some(Timestamp::from(entry.last_modified)),
        storage_class: Some(ObjectVersionStorageClass::from(object.storage_class)),
        owner: Some(owner),
        ..Default::default()
    })
}

fn marker(entry: VersionEntry, encoding: UrlEncoding, owner: Owner) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        key: Some(encoding.apply(entry.key.as_str())),
        version_id: Some(entry.version_id),
        is_latest: Some(entry.is_latest),
        last_modified: Some(Timestamp::from(entry.last_modified)),
        owner: Some(owner),
    }
}

/// `encoding-type=url`, for keys that XML 1.0 cannot hold. The AWS SDKs and CLI ask for it always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlEncoding {
    On,
    Off,
}

impl UrlEncoding {
    pub(super) fn of(asked: Option<&EncodingType>) -> Self {
        if asked.is_some_and(|asked| asked.as_str() == EncodingType::URL) { Self::On } else { Self::Off }
    }

    /// A space becomes `%20`, which every client decodes, whether or not it takes `+` for a space.
    pub(super) fn apply(self, text: &str) -> String {
        const KEEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/');
        match self {
            Self::On => utf8_percent_encode(text, KEEP).to_string(),
            Self::Off => text.to_owned(),
        }
    }

    pub(super) fn prefixes(self, prefixes: Vec<String>) -> Vec<CommonPrefix> {
        prefixes.into_iter().map(|p| CommonPrefix { prefix: Some(self.apply(&p)) }).collect()
    }
}
