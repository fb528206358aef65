//! Objects: what is put is what is got.

use brigade::event::BucketName;
use brigade::storage::{Delete, Deleted, ErrorKind, Get, Head, List, Location, PutOptions};
use bytes::Bytes;
use futures::TryStreamExt;

use super::world::{World, pairs, refused};

pub(super) async fn what_was_put_is_read(w: &World<'_>) {
    let at = w.at("objects/read");
    let put = w.put(&at, "hello").await;
    assert_eq!(put.etag, "5d41402abc4b2a76b9719d911017c592", "the MD5, without quotes");
    let head = w.head(&at).await;
    assert_eq!((head.size, &head.etag), (5, &put.etag));
    let got = w.store.get(&at, Get::default()).await.unwrap();
    assert_eq!((got.meta.size, &got.meta.etag, got.range), (5, &put.etag, None));
    assert_eq!(w.read(&at).await, "hello");
    assert_eq!(head.last_modified, got.meta.last_modified);
}

pub(super) async fn an_empty_object_is_an_object(w: &World<'_>) {
    let at = w.at("objects/empty");
    assert_eq!(w.put(&at, "").await.etag, "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(w.head(&at).await.size, 0);
    assert_eq!(w.read(&at).await, "");
}

pub(super) async fn a_large_body_streams(w: &World<'_>) {
    let at = w.at("objects/large");
    let body: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    w.store.put(&at, Bytes::from(body.clone()), PutOptions::default()).await.unwrap();
    let got = w.store.get(&at, Get::default()).await.unwrap();
    let chunks: Vec<Bytes> = got.body.try_collect().await.unwrap();
    assert!(chunks.len() > 1, "a body of 3 MB arrives in pieces");
    assert!(chunks.concat() == body);
}

pub(super) async fn identical_bytes_have_one_etag(w: &World<'_>) {
    let (one, two) = (w.at("objects/same-1"), w.versioned_at("objects/same-2"));
    let first = w.put(&one, "same").await;
    assert_eq!(w.put(&one, "same").await.etag, first.etag);
    assert_eq!(w.put(&two, "same").await.etag, first.etag);
    assert_ne!(w.put(&two, "other").await.etag, first.etag);
}

pub(super) async fn metadata_round_trips(w: &World<'_>) {
    let at = w.at("objects/metadata");
    let metadata = pairs(&[("brigade-source", "0f=+/a b"), ("x", "1")]);
    w.put_with(&at, "1", PutOptions { metadata: metadata.clone(), ..PutOptions::default() }).await.unwrap();
    assert_eq!(w.head(&at).await.metadata, metadata);
    w.put(&at, "1").await;
    assert_eq!(w.head(&at).await.metadata, pairs(&[]), "an overwrite keeps nothing");
}

pub(super) async fn content_type_and_cache_control_round_trip(w: &World<'_>) {
    let at = w.at("objects/headers");
    let content_type = Some("image/jpeg".to_owned());
    let cache_control = Some("public, max-age=86400".to_owned());
    let options =
        PutOptions { content_type: content_type.clone(), cache_control: cache_control.clone(), ..PutOptions::default() };
    w.put_with(&at, "1", options).await.unwrap();
    let head = w.head(&at).await;
    assert_eq!((head.content_type, head.cache_control), (content_type.clone(), cache_control));
    assert_eq!(w.store.get(&at, Get::default()).await.unwrap().meta.content_type, content_type);
}

pub(super) async fn a_storage_class_is_kept_and_listed(w: &World<'_>) {
    let (plain, rare) = (w.at("objects/class/1"), w.at("objects/class/2"));
    w.put(&plain, "1").await;
    let options = PutOptions { storage_class: Some("STANDARD_IA".to_owned()), ..PutOptions::default() };
    w.put_with(&rare, "1", options).await.unwrap();
    assert_eq!(w.head(&plain).await.storage_class, "STANDARD");
    assert_eq!(w.head(&rare).await.storage_class, "STANDARD_IA");
    let listed = w.list(List { prefix: "objects/class/".to_owned(), ..List::default() }).await;
    let classes: Vec<_> = listed.objects.iter().map(|object| object.storage_class.as_str()).collect();
    assert_eq!(classes, ["STANDARD", "STANDARD_IA"]);
}

pub(super) async fn an_archived_object_has_a_head_but_no_body(w: &World<'_>) {
    let at = w.at("objects/archived");
    let options = PutOptions { storage_class: Some("GLACIER".to_owned()), ..PutOptions::default() };
    w.put_with(&at, "1", options).await.unwrap();
    assert_eq!(w.head(&at).await.storage_class, "GLACIER");
    assert_eq!(refused(w.store.get(&at, Get::default()).await), ErrorKind::Archived);
}

pub(super) async fn the_checksum_is_of_the_full_object(w: &World<'_>) {
    let at = w.at("objects/checksum");
    w.put(&at, "123456789").await;
    // The published check value of CRC-64/NVME, ae8b14860a799888, in base64.
    assert_eq!(w.head(&at).await.checksum.as_deref(), Some("CRC64NVME:rosUhgp5mIg="));
}

pub(super) async fn a_missing_key_is_not_found(w: &World<'_>) {
    let at = w.at("objects/missing");
    assert_eq!(refused(w.store.get(&at, Get::default()).await), ErrorKind::NotFound);
    assert_eq!(refused(w.store.head(&at, Head::default()).await), ErrorKind::NotFound);
}

pub(super) async fn a_missing_bucket_is_told_from_a_missing_key(w: &World<'_>) {
    let bucket = BucketName::new("brigade-contract-no-such-bucket");
    let at = Location::new(bucket.clone(), w.at("k").key);
    assert_eq!(refused(w.store.get(&at, Get::default()).await), ErrorKind::NoSuchBucket);
    assert_eq!(refused(w.store.head(&at, Head::default()).await), ErrorKind::NoSuchBucket);
    assert_eq!(refused(w.put_with(&at, "1", PutOptions::default()).await), ErrorKind::NoSuchBucket);
    assert_eq!(refused(w.store.delete(&at, Delete::default()).await), ErrorKind::NoSuchBucket);
    assert_eq!(refused(w.store.list(&bucket, List::default()).await), ErrorKind::NoSuchBucket);
}

pub(super) async fn removing_what_is_absent_succeeds(w: &World<'_>) {
    let at = w.at("objects/gone");
    w.put(&at, "1").await;
    assert_eq!(w.delete(&at).await, Deleted::default());
    assert_eq!(w.delete(&at).await, Deleted::default());
    assert_eq!(refused(w.store.head(&at, Head::default()).await), ErrorKind::NotFound);
}

pub(super) async fn an_unversioned_object_has_no_version(w: &World<'_>) {
    let at = w.at("objects/unversioned");
    assert_eq!(w.put(&at, "1").await.version_id, None);
    assert_eq!(w.head(&at).await.version_id, None);
}
