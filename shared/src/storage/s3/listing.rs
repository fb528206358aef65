//! ListObjectsV2, ListObjectVersions and ListMultipartUploads.

use std::cmp::Reverse;

use aws_sdk_s3::types::{CommonPrefix, DeleteMarkerEntry, EncodingType, Object, ObjectVersion};

use super::S3Store;
use super::encode::{Decoder, seconds, size, unquoted};
use crate::event::BucketName;
use crate::storage::{
    List, ListUploads, ListVersions, Listing, ObjectEntry, Result, UploadEntry, VersionEntry, VersionListing,
};

impl S3Store {
    pub(super) async fn list_objects(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        const LIST: &str = "ListObjectsV2";
        let send = |client: aws_sdk_s3::Client| {
            client
                .list_objects_v2()
                .bucket(bucket.as_str())
                .set_prefix(given(&options.prefix))
                .set_delimiter(options.delimiter.clone())
                .set_start_after(options.start_after.clone())
                .set_continuation_token(options.continuation.clone())
                .set_max_keys(options.max_keys.map(i32::from))
                .encoding_type(EncodingType::Url)
                .set_expected_bucket_owner(self.owner())
                .send()
        };
        let answer = self.call(LIST, bucket, bucket, send).await?;
        let decode = Decoder::new(LIST, answer.encoding_type());
        // The token is opaque: it is never encoded.
        let more = answer.is_truncated().unwrap_or_default();
        let continuation = answer.next_continuation_token().filter(|_| more).map(str::to_owned);
        let objects = answer.contents().iter().map(|object| object_entry(decode, object)).collect::<Result<_>>()?;
        Ok(Listing { objects, common_prefixes: prefixes(decode, answer.common_prefixes())?, continuation })
    }

    pub(super) async fn list_object_versions(&self, bucket: &BucketName, options: ListVersions) -> Result<VersionListing> {
        const LIST: &str = "ListObjectVersions";
        let (key_marker, version_marker) = options.from.unwrap_or_default();
        let send = |client: aws_sdk_s3::Client| {
            client
                .list_object_versions()
                .bucket(bucket.as_str())
                .set_prefix(given(&options.prefix))
                .set_delimiter(options.delimiter.clone())
                .set_key_marker(given(&key_marker))
                // After a common prefix there is a key marker alone; S3 refuses an empty version id.
                .set_version_id_marker(given(&version_marker))
                .set_max_keys(options.max_keys.map(i32::from))
                .encoding_type(EncodingType::Url)
                .set_expected_bucket_owner(self.owner())
                .send()
        };
        let answer = self.call(LIST, bucket, bucket, send).await?;
        let decode = Decoder::new(LIST, answer.encoding_type());
        let next = next(decode, answer.is_truncated(), answer.next_key_marker(), answer.next_version_id_marker())?;
        let versions = answer.versions().iter().map(|v| version_entry(decode, v)).collect::<Result<_>>()?;
        let markers = answer.delete_markers().iter().map(|m| marker_entry(decode, m)).collect::<Result<_>>()?;
        let common_prefixes = prefixes(decode, answer.common_prefixes())?;
        Ok(VersionListing { versions: one_order(versions, markers), common_prefixes, next })
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        bucket: &BucketName,
        options: ListUploads,
    ) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        const LIST: &str = "ListMultipartUploads";
        let (key_marker, upload_marker) = options.from.unwrap_or_default();
        let send = |client: aws_sdk_s3::Client| {
            client
                .list_multipart_uploads()
                .bucket(bucket.as_str())
                .set_prefix(given(&options.prefix))
                .set_key_marker(given(&key_marker))
                .set_upload_id_marker(given(&upload_marker))
                .set_max_uploads(options.max_uploads.map(i32::from))
                .encoding_type(EncodingType::Url)
                .set_expected_bucket_owner(self.owner())
                .send()
        };
        let answer = self.call(LIST, bucket, bucket, send).await?;
        let decode = Decoder::new(LIST, answer.encoding_type());
        let next = next(decode, answer.is_truncated(), answer.next_key_marker(), answer.next_upload_id_marker())?;
        let upload = |upload: &aws_sdk_s3::types::MultipartUpload| {
            Ok(UploadEntry {
                key: decode.key(upload.key())?,
                upload_id: upload.upload_id().unwrap_or_default().to_owned(),
                initiated: seconds(upload.initiated()),
            })
        };
        Ok((answer.uploads().iter().map(upload).collect::<Result<_>>()?, next))
    }
}

/// An empty text is a parameter that isn't sent.
fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Where the next page begins: a key, and the version or upload of it. The latter is opaque, and never encoded.
fn next(decode: Decoder, more: Option<bool>, key: Option<&str>, within: Option<&str>) -> Result<Option<(String, String)>> {
    if !more.unwrap_or_default() {
        return Ok(None);
    }
    Ok(Some((decode.text(key)?, within.unwrap_or_default().to_owned())))
}

/// Left out by some services where it is the usual one.
fn class(told: Option<&str>) -> String {
    told.unwrap_or("STANDARD").to_owned()
}

fn prefixes(decode: Decoder, rolled_up: &[CommonPrefix]) -> Result<Vec<String>> {
    rolled_up.iter().map(|prefix| decode.text(prefix.prefix())).collect()
}

fn object_entry(decode: Decoder, object: &Object) -> Result<ObjectEntry> {
    Ok(ObjectEntry {
        key: decode.key(object.key())?,
        etag: unquoted(object.e_tag()),
        size: size(object.size()),
        last_modified: seconds(object.last_modified()),
        storage_class: class(object.storage_class().map(|class| class.as_str())),
    })
}

fn version_entry(decode: Decoder, version: &ObjectVersion) -> Result<VersionEntry> {
    let key = decode.key(version.key())?;
    let last_modified = seconds(version.last_modified());
    let object = ObjectEntry {
        key: key.clone(),
        etag: unquoted(version.e_tag()),
        size: size(version.size()),
        last_modified,
        storage_class: class(version.storage_class().map(|class| class.as_str())),
    };
    Ok(VersionEntry {
        key,
        version_id: version.version_id().unwrap_or("null").to_owned(),
        is_latest: version.is_latest().unwrap_or_default(),
        object: Some(object),
        last_modified,
    })
}

fn marker_entry(decode: Decoder, marker: &DeleteMarkerEntry) -> Result<VersionEntry> {
    Ok(VersionEntry {
        key: decode.key(marker.key())?,
        version_id: marker.version_id().unwrap_or("null").to_owned(),
        is_latest: marker.is_latest().unwrap_or_default(),
        object: None,
        last_modified: seconds(marker.last_modified()),
    })
}

/// Versions and delete markers by key, and newest first within a key.
///
/// S3's page holds both in that order, but the SDK sorts them into two lists and their times have whole seconds. So where a
/// version and a marker of one key are of the same second and neither is the latest, which came first is not known: the
/// marker is taken for the newer, since a delete follows what it deletes. The order within either list is always S3's.
fn one_order(versions: Vec<VersionEntry>, markers: Vec<VersionEntry>) -> Vec<VersionEntry> {
    let rank = |entry: &VersionEntry| (!entry.is_latest, Reverse(entry.last_modified), entry.object.is_some());
    let mut merged = Vec::with_capacity(versions.len() + markers.len());
    let (mut versions, mut markers) = (versions.into_iter().peekable(), markers.into_iter().peekable());
    loop {
        // A merge and no sort: it never swaps two entries of one list.
        let marker_first = match (versions.peek(), markers.peek()) {
            (Some(version), Some(marker)) => (&marker.key, rank(marker)) < (&version.key, rank(version)),
            (version, _) => version.is_none(),
        };
        match if marker_first { markers.next() } else { versions.next() } {
            Some(entry) => merged.push(entry),
            None => return merged,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::event::ObjectKey;

    fn entry(key: &str, id: &str, latest: bool, second: i64, is_object: bool) -> VersionEntry {
        let key = ObjectKey::new(key).unwrap();
        let last_modified = OffsetDateTime::from_unix_timestamp(second).unwrap();
        let object =
            ObjectEntry { key: key.clone(), etag: String::new(), size: 0, last_modified, storage_class: "STANDARD".to_owned() };
        let object = is_object.then_some(object);
        VersionEntry { key, version_id: id.to_owned(), is_latest: latest, object, last_modified }
    }

    #[test]
    fn versions_and_markers_come_in_one_order() {
        let versions = vec![
            entry("a", "v2", false, 20, true),
            entry("a", "v1", false, 10, true),
            entry("b", "latest although the second is the same", true, 30, true),
            entry("b", "v", false, 30, true),
            entry("d", "v", true, 1, true),
        ];
        let markers = vec![
            entry("a", "m2", true, 30, false),
            entry("a", "m1", false, 10, false),
            entry("b", "m", false, 30, false),
            entry("c", "m", true, 5, false),
        ];
        let ids: Vec<_> = one_order(versions, markers).into_iter().map(|e| (e.key.to_string(), e.version_id)).collect();
        let expected = [
            ("a", "m2"),
            ("a", "v2"),
            ("a", "m1"),
            ("a", "v1"),
            ("b", "latest although the second is the same"),
            ("b", "m"),
            ("b", "v"),
            ("c", "m"),
            ("d", "v"),
        ];
        assert_eq!(ids, expected.map(|(key, id)| (key.to_owned(), id.to_owned())));
    }
}
