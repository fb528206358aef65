//! Listings as streams: one page in memory at a time, the next one asked for when the last entry was taken.

use futures::stream::{self, Stream, TryStreamExt};

use super::{ErrorKind, List, ListUploads, ListVersions, ObjectEntry, Result, Store, StoreError, UploadEntry, VersionEntry};
use crate::event::BucketName;

/// Every object that `options` names, from where it begins. `max_keys` is the size of a page; a delimiter is ignored: no
/// key is rolled up.
///
/// The listing is no snapshot: an object that is written or removed meanwhile may or may not be in it. After an error
/// nothing follows.
pub fn list_all<'a>(
    store: &'a dyn Store,
    bucket: &'a BucketName,
    options: List,
) -> impl Stream<Item = Result<ObjectEntry>> + Send + 'a {
    let options = List { delimiter: None, ..options };
    let pages = stream::try_unfold(Some(options), move |options| async move {
        let Some(options) = options else { return Ok::<_, StoreError>(None) };
        let page = store.list(bucket, options.clone()).await?;
        let next = advance("ListObjectsV2", bucket, options.continuation.clone(), page.continuation)?;
        // The continuation knows where the listing began.
        let next = next.map(|continuation| List { continuation: Some(continuation), start_after: None, ..options });
        Ok(Some((stream::iter(page.objects.into_iter().map(Ok)), next)))
    });
    pages.try_flatten()
}

/// Every version and delete marker that `options` names: by key, and newest first within a key. Else as [`list_all`].
pub fn list_all_versions<'a>(
    store: &'a dyn Store,
    bucket: &'a BucketName,
    options: ListVersions,
) -> impl Stream<Item = Result<VersionEntry>> + Send + 'a {
    let options = ListVersions { delimiter: None, ..options };
    let pages = stream::try_unfold(Some(options), move |options| async move {
        let Some(options) = options else { return Ok::<_, StoreError>(None) };
        let page = store.list_versions(bucket, options.clone()).await?;
        let next = advance("ListObjectVersions", bucket, options.from.clone(), page.next)?;
        let next = next.map(|from| ListVersions { from: Some(from), ..options });
        Ok(Some((stream::iter(page.versions.into_iter().map(Ok)), next)))
    });
    pages.try_flatten()
}

/// Every unfinished multipart upload that `options` names. Else as [`list_all`].
pub fn list_all_uploads<'a>(
    store: &'a dyn Store,
    bucket: &'a BucketName,
    options: ListUploads,
) -> impl Stream<Item = Result<UploadEntry>> + Send + 'a {
    let pages = stream::try_unfold(Some(options), move |options| async move {
        let Some(options) = options else { return Ok::<_, StoreError>(None) };
        let (uploads, next) = store.list_uploads(bucket, options.clone()).await?;
        let next = advance("ListMultipartUploads", bucket, options.from.clone(), next)?;
        let next = next.map(|from| ListUploads { from: Some(from), ..options });
        Ok(Some((stream::iter(uploads.into_iter().map(Ok)), next)))
    });
    pages.try_flatten()
}

/// A page that leads to itself would make the listing endless.
fn advance<T: PartialEq>(operation: &'static str, bucket: &BucketName, asked: Option<T>, next: Option<T>) -> Result<Option<T>> {
    if next.is_some() && next == asked {
        return Err(StoreError::new(ErrorKind::Invalid, operation, bucket, "NoProgress", "the next page is the same page"));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::stream::StreamExt;

    use super::*;
    use crate::event::ObjectKey;
    use crate::storage::{EmbeddedStore, Location, PutOptions, embedded::Versioning};

    async fn bucket_of(keys: &[&str]) -> (EmbeddedStore, BucketName) {
        let (store, bucket) = (EmbeddedStore::new().with_seed(1), BucketName::new("bucket"));
        store.create_bucket(&bucket, "us-east-1").unwrap();
        store.set_versioning(&bucket, Versioning::Enabled).unwrap();
        for key in keys {
            let at = Location::new(bucket.clone(), ObjectKey::new(*key).unwrap());
            store.put(&at, Bytes::from("x"), PutOptions::default()).await.unwrap();
            store.create_upload(&at, PutOptions::default()).await.unwrap();
        }
        (store, bucket)
    }

    #[tokio::test]
    async fn every_page_is_read_and_nothing_twice() {
        let (store, bucket) = bucket_of(&["p/a", "p/b", "p/b", "p/c", "p/d/e", "q"]).await;
        for page in 1..=4 {
            let list =
                List { prefix: "p/".to_owned(), max_keys: Some(page), delimiter: Some("/".to_owned()), ..List::default() };
            let keys: Vec<_> = list_all(&store, &bucket, list).map_ok(|o| o.key.to_string()).try_collect().await.unwrap();
            assert_eq!(keys, ["p/a", "p/b", "p/c", "p/d/e"], "page size {page}");

            let list = List { start_after: Some("p/b".to_owned()), max_keys: Some(page), ..List::default() };
            let keys: Vec<_> = list_all(&store, &bucket, list).map_ok(|o| o.key.to_string()).try_collect().await.unwrap();
            assert_eq!(keys, ["p/c", "p/d/e", "q"], "page size {page}");

            let list = ListVersions { prefix: "p/".to_owned(), max_keys: Some(page), ..ListVersions::default() };
            let versions: Vec<_> = list_all_versions(&store, &bucket, list).try_collect().await.unwrap();
            let keys: Vec<_> = versions.iter().map(|v| (v.key.as_str(), v.is_latest)).collect();
            assert_eq!(keys, [("p/a", true), ("p/b", true), ("p/b", false), ("p/c", true), ("p/d/e", true)]);

            let list = ListUploads { max_uploads: Some(page), ..ListUploads::default() };
            let uploads: Vec<_> =
                list_all_uploads(&store, &bucket, list).map_ok(|u| u.key.to_string()).try_collect().await.unwrap();
            assert_eq!(uploads, ["p/a", "p/b", "p/b", "p/c", "p/d/e", "q"], "page size {page}");
        }
    }

    #[tokio::test]
    async fn an_error_ends_the_stream() {
        let (store, _) = bucket_of(&[]).await;
        let elsewhere = BucketName::new("no-such-bucket");
        let mut listing = std::pin::pin!(list_all(&store, &elsewhere, List::default()));
        assert_eq!(listing.next().await.unwrap().unwrap_err().kind, ErrorKind::NoSuchBucket);
        assert!(listing.next().await.is_none());
    }

    #[test]
    fn a_page_that_leads_to_itself_is_refused() {
        let next = |asked, next| advance("ListObjectsV2", &BucketName::new("bucket"), asked, next);
        assert_eq!(next(None, Some("a")).unwrap(), Some("a"));
        assert_eq!(next(Some("a"), None).unwrap(), None);
        assert_eq!(next(Some("a"), Some("a")).unwrap_err().code, "NoProgress");
    }
}
