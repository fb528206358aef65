//! DeleteObject and DeleteObjects.

use std::collections::{HashMap, VecDeque};

use aws_sdk_s3::operation::delete_objects::DeleteObjectsOutput;
use aws_sdk_s3::types::{Delete as DeleteList, ObjectIdentifier};
use futures::StreamExt;

use super::S3Store;
use super::encode::quoted;
use crate::aws::causes;
use crate::event::{BucketName, ObjectKey};
use crate::storage::{Delete, Deleted, ErrorKind, Location, Result, StoreError, kind_of};

/// S3's limit on the entries of one DeleteObjects.
const MAX_ENTRIES: usize = 1_000;
/// How many entries that need a request of their own are in flight.
const PARALLEL_SINGLES: usize = 8;
const DELETE_MANY: &str = "DeleteObjects";

impl S3Store {
    pub(super) async fn delete_object(&self, at: &Location, options: Delete) -> Result<Deleted> {
        let send = |client: aws_sdk_s3::Client| {
            client
                .delete_object()
                .bucket(at.bucket.as_str())
                .key(at.key.as_str())
                .set_version_id(options.version_id.clone())
                .set_if_match(options.if_match.as_deref().map(quoted))
                .set_expected_bucket_owner(self.owner())
                .send()
        };
        let answer = self.call("DeleteObject", &at.bucket, at, send).await?;
        Ok(Deleted {
            delete_marker: answer.delete_marker().unwrap_or_default(),
            version_id: answer.version_id().map(str::to_owned),
        })
    }

    pub(super) async fn delete_objects(
        &self,
        bucket: &BucketName,
        entries: Vec<(ObjectKey, Delete)>,
    ) -> Result<Vec<Result<Deleted>>> {
        if entries.len() > MAX_ENTRIES {
            let message = format!("{} entries; S3 allows {MAX_ENTRIES}", entries.len());
            return Err(StoreError::new(ErrorKind::Invalid, DELETE_MANY, bucket, "TooManyEntries", message));
        }
        let (together, alone): (Vec<_>, Vec<_>) = entries.iter().enumerate().partition(|(_, (key, _))| fits_xml(key));
        let mut results: Vec<Option<Result<Deleted>>> = entries.iter().map(|_| None).collect();
        let mut settle = |index: usize, result: Result<Deleted>| {
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(result);
            }
        };
        if !together.is_empty() {
            for (index, result) in self.delete_together(bucket, &together).await? {
                settle(index, result);
            }
        }
        let request = async |index: usize, key: &ObjectKey, options: &Delete| {
            (index, self.delete_object(&Location::new(bucket.clone(), key.clone()), options.clone()).await)
        };
        let requests: Vec<_> = alone.into_iter().map(|(index, (key, options))| request(index, key, options)).collect();
        let mut requests = futures::stream::iter(requests).buffer_unordered(PARALLEL_SINGLES);
        while let Some((index, result)) = requests.next().await {
            settle(index, result);
        }
        drop(requests);
        let unnamed = |key: &ObjectKey| {
            let at = Location::new(bucket.clone(), key.clone());
            StoreError::new(ErrorKind::Unavailable, DELETE_MANY, at, "NotAnswered", "the answer does not name this entry")
        };
        Ok(results.into_iter().zip(&entries).map(|(result, (key, _))| result.unwrap_or_else(|| Err(unnamed(key)))).collect())
    }

    async fn delete_together(
        &self,
        bucket: &BucketName,
        entries: &[(usize, &(ObjectKey, Delete))],
    ) -> Result<Vec<(usize, Result<Deleted>)>> {
        let invalid = |error: aws_sdk_s3::error::BuildError| {
            StoreError::new(ErrorKind::Invalid, DELETE_MANY, bucket, "BadEntry", causes(&error))
        };
        let identifier = |(_, (key, options)): &(usize, &(ObjectKey, Delete))| {
            ObjectIdentifier::builder()
                .key(key.as_str())
                .set_version_id(options.version_id.clone())
                .set_e_tag(options.if_match.clone())
                .build()
        };
        let objects = entries.iter().map(identifier).collect::<std::result::Result<_, _>>().map_err(invalid)?;
        let list = DeleteList::builder().set_objects(Some(objects)).quiet(false).build().map_err(invalid)?;
        let send = |client: aws_sdk_s3::Client| {
            client.delete_objects().bucket(bucket.as_str()).delete(list.clone()).set_expected_bucket_owner(self.owner()).send()
        };
        let answer = self.call(DELETE_MANY, bucket, bucket, send).await?;
        Ok(per_entry(bucket, entries, &answer))
    }
}

/// Which keys a DeleteObjects can name: its XML cannot carry control characters, not even escaped.
fn fits_xml(key: &ObjectKey) -> bool {
    key.as_str().chars().all(|c| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{FFFE}' && c != '\u{FFFF}'))
}

/// The answer names keys and versions, successes and failures apart and in any order; an entry given twice is named twice.
fn per_entry(
    bucket: &BucketName,
    entries: &[(usize, &(ObjectKey, Delete))],
    answer: &DeleteObjectsOutput,
) -> Vec<(usize, Result<Deleted>)> {
    let mut waiting: HashMap<(String, Option<String>), VecDeque<usize>> = HashMap::new();
    for (index, (key, options)) in entries {
        waiting.entry((key.to_string(), options.version_id.clone())).or_default().push_back(*index);
    }
    let mut take = |key: Option<&str>, version: Option<&str>| {
        let key = key.unwrap_or_default().to_owned();
        let mut named = |place| waiting.get_mut(&place).and_then(VecDeque::pop_front);
        // For a request without a version, some services name the version that went.
        named((key.clone(), version.map(str::to_owned))).or_else(|| named((key, None)))
    };
    let mut results = Vec::with_capacity(entries.len());
    for failed in answer.errors() {
        if let Some(index) = take(failed.key(), failed.version_id().filter(|id| !id.is_empty())) {
            let message = failed.message().unwrap_or_default();
            let place = format!("s3://{bucket}/{}", failed.key().unwrap_or_default());
            // There is no status per entry; a code that the table doesn't know is no success and may pass.
            let kind = kind_of(failed.code(), None, message);
            results.push((index, Err(StoreError::new(kind, DELETE_MANY, place, failed.code().unwrap_or_default(), message))));
        }
    }
    for gone in answer.deleted() {
        if let Some(index) = take(gone.key(), gone.version_id().filter(|id| !id.is_empty())) {
            let version_id = gone.delete_marker_version_id().or(gone.version_id()).map(str::to_owned);
            results.push((index, Ok(Deleted { delete_marker: gone.delete_marker().unwrap_or_default(), version_id })));
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{DeletedObject, Error};

    use super::*;

    fn entry(key: &str, version: Option<&str>) -> (ObjectKey, Delete) {
        let options = Delete { version_id: version.map(str::to_owned), ..Delete::default() };
        (ObjectKey::new(key).unwrap(), options)
    }

    #[test]
    fn each_entry_gets_its_own_result() {
        let entries = [entry("a", None), entry("b", Some("1")), entry("b", Some("2")), entry("a", None), entry("c", None)];
        let numbered: Vec<_> = entries.iter().enumerate().collect();
        let answer = DeleteObjectsOutput::builder()
            .deleted(DeletedObject::builder().key("a").delete_marker(true).delete_marker_version_id("m").build())
            .deleted(DeletedObject::builder().key("b").version_id("2").build())
            .deleted(DeletedObject::builder().key("a").build())
            .errors(Error::builder().key("b").version_id("1").code("AccessDenied").message("Access Denied").build())
            .build();
        let mut results = per_entry(&BucketName::new("x"), &numbered, &answer);
        results.sort_by_key(|(index, _)| *index);
        let shape: Vec<_> = results
            .iter()
            .map(|(index, r)| (*index, r.as_ref().map(|d| (d.delete_marker, d.version_id.as_deref())).map_err(|e| e.kind)))
            .collect();
        let expected = [
            (0, Ok((true, Some("m")))),
            (1, Err(ErrorKind::AccessDenied)),
            (2, Ok((false, Some("2")))),
            (3, Ok((false, None))),
        ];
        assert_eq!(shape, expected, "and nothing about `c`, which the answer does not name");
    }

    #[test]
    fn a_key_that_xml_cannot_carry_goes_alone() {
        let fits = |key: &str| fits_xml(&ObjectKey::new(key).unwrap());
        assert!(fits("a\tb\r\n\u{1F980}<&>"));
        assert!(!fits("a\u{1}"));
        assert!(!fits("a\u{FFFF}"));
    }
}
