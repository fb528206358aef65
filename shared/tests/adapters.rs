//! Every method of the S3 and SQS adapters against a service that speaks S3 and SQS at `BRIGADE_TEST_ENDPOINT`, such as
//! `moto_server -H 127.0.0.1 -p 5101` with `BRIGADE_TEST_ENDPOINT=http://127.0.0.1:5101`. Without it, nothing is tested here
//! and a notice says so.
//!
//! What the services must agree on is the contract suite's; here is what the adapters send and how they read the answers.
//! moto 5.2.5 ignores `x-amz-copy-source-if-match` and does not say that a removed version was a delete marker, so neither is
//! asked; and it knows CRC64NVME only with the Python package `awscrt` beside it (else a read of an upload in parts fails
//! with a checksum that doesn't match).

#![expect(clippy::unwrap_used, reason = "what a test sets up may fail it")]

use std::time::{SystemTime, UNIX_EPOCH};

use brigade::aws::Clients;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::own_writes::{NONCE, OwnWrites};
use brigade::storage::upload::{PartSizes, put_stream};
use brigade::storage::{
    Checksum, Condition, Copy, CopySource, Delete, Encryption, ErrorKind, Get, Head, List, ListUploads, ListVersions, Location,
    PutOptions, Range, ReadCondition, Result, S3Store, Store, paging,
};
use brigade::worker::queue::{Outgoing, Queue};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

/// Keys that an encoding gone wrong would change.
const KEYS: [&str; 7] = ["100%+1/a b.txt", "a\u{1}b", "é/ü/日本", "q?x=1&y#z", "~'()*!", "<&>\"", "plain"];

fn clients() -> Option<Clients> {
    let endpoint = std::env::var("BRIGADE_TEST_ENDPOINT").ok();
    if endpoint.is_none() {
        eprintln!("BRIGADE_TEST_ENDPOINT is not set: the adapters were not tried against a service");
    }
    endpoint.map(|endpoint| Clients::at(&endpoint, "us-east-1", "test", "test"))
}

/// A name that no other run has used.
fn unique(name: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{name}-{}-{nanos}", std::process::id())
}

async fn store_with_bucket(clients: &Clients, versioned: bool) -> (S3Store, BucketName) {
    use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
    let bucket = unique("adapters");
    clients.s3().create_bucket().bucket(&bucket).send().await.unwrap();
    if versioned {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        clients.s3().put_bucket_versioning().bucket(&bucket).versioning_configuration(enabled).send().await.unwrap();
    }
    (clients.s3_store(None), BucketName::new(bucket))
}

fn at(bucket: &BucketName, key: &str) -> Location {
    Location::new(bucket.clone(), ObjectKey::new(key).unwrap())
}

async fn bytes_of(store: &S3Store, at: &Location, options: Get) -> Result<Vec<u8>> {
    let chunks: Vec<Bytes> = store.get(at, options).await?.body.try_collect().await?;
    Ok(chunks.concat())
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

fn pairs(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, false).await;
    for (key, checksum) in KEYS.into_iter().zip([Checksum::Crc64Nvme, Checksum::Sha256].into_iter().cycle()) {
        let options = PutOptions {
            content_type: Some("text/plain".to_owned()),
            cache_control: Some("max-age=5".to_owned()),
            metadata: pairs(&[("brigade-source", "abc")]),
            tags: pairs(&[("a b+c", "d/e=f")]),
            storage_class: Some("STANDARD_IA".to_owned()),
            encryption: Encryption::Aes256,
            checksum,
            ..PutOptions::default()
        };
        let put = store.put(&at(&bucket, key), Bytes::from("0123456789"), options.clone()).await.unwrap();
        let head = store.head(&at(&bucket, key), Head::default()).await.unwrap();
        assert_eq!((&head.etag, head.size, head.version_id), (&put.etag, 10, None), "{key:?}");
        assert_eq!((head.content_type, head.cache_control), (options.content_type, options.cache_control));
        assert_eq!((head.metadata, head.storage_class.as_str()), (options.metadata, "STANDARD_IA"));
        assert_eq!(head.encryption.as_deref(), Some("AES256"));
        assert_eq!(store.get_tags(&at(&bucket, key), None).await.unwrap(), options.tags, "{key:?}");
        assert_eq!(bytes_of(&store, &at(&bucket, key), Get::default()).await.unwrap(), b"0123456789", "{key:?}");
    }
    let mut listed: Vec<_> = paging::list_all(&store, &bucket, List { max_keys: Some(2), ..List::default() })
        .map_ok(|object| object.key.to_string())
        .try_collect()
        .await
        .unwrap();
    listed.sort();
    let mut expected = KEYS.to_vec();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn reads_take_ranges_and_conditions() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, false).await;
    let k = at(&bucket, "k");
    let etag = store.put(&k, Bytes::from("0123456789"), PutOptions::default()).await.unwrap().etag;
    let ranges = [(Range::FromTo(2, 4), "234", (2, 4)), (Range::From(7), "789", (7, 9)), (Range::Last(2), "89", (8, 9))];
    for (range, bytes, answered) in ranges {
        let got = store.get(&k, Get { range: Some(range), ..Get::default() }).await.unwrap();
        assert_eq!((got.range, got.meta.size), (Some(answered), 10), "{range}");
        let chunks: Vec<Bytes> = got.body.try_collect().await.unwrap();
        assert_eq!(chunks.concat(), bytes.as_bytes(), "{range}");
    }
    let get = |condition| bytes_of(&store, &k, Get { condition, ..Get::default() });
    assert_eq!(get(ReadCondition::IfMatch(etag.clone())).await.unwrap().len(), 10);
    assert_eq!(kind(get(ReadCondition::IfMatch("0".repeat(32))).await), Some(ErrorKind::PreconditionFailed));
    assert_eq!(kind(get(ReadCondition::IfNoneMatch(etag)).await), Some(ErrorKind::NotModified));
    let outside = Get { range: Some(Range::From(10)), ..Get::default() };
    assert_eq!(kind(bytes_of(&store, &k, outside).await), Some(ErrorKind::RangeNotSatisfiable));
    assert_eq!(kind(store.head(&at(&bucket, "gone"), Head::default()).await), Some(ErrorKind::NotFound));
    assert_eq!(kind(bytes_of(&store, &at(&bucket, "gone"), Get::default()).await), Some(ErrorKind::NotFound));
    let nowhere = BucketName::new(unique("no-such-bucket"));
    assert_eq!(kind(store.list(&nowhere, List::default()).await), Some(ErrorKind::NoSuchBucket));
}

#[tokio::test]
async fn writes_and_removals_take_conditions() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, false).await;
    let k = at(&bucket, "k");
    let put =
        |body: &'static str, condition| store.put(&k, Bytes::from(body), PutOptions { condition, ..PutOptions::default() });
    assert_eq!(kind(put("1", Condition::IfMatch("0".repeat(32))).await), Some(ErrorKind::NotFound));
    let first = put("1", Condition::IfAbsent).await.unwrap().etag;
    assert_eq!(kind(put("2", Condition::IfAbsent).await), Some(ErrorKind::PreconditionFailed));
    let second = put("2", Condition::IfMatch(first.clone())).await.unwrap().etag;
    assert_eq!(kind(put("3", Condition::IfMatch(first.clone())).await), Some(ErrorKind::PreconditionFailed));
    let delete = |etag: &str| store.delete(&k, Delete { if_match: Some(etag.to_owned()), version_id: None });
    assert_eq!(kind(delete(&first).await), Some(ErrorKind::PreconditionFailed));
    delete(&second).await.unwrap();
    store.delete(&k, Delete::default()).await.unwrap();
    assert_eq!(kind(store.head(&k, Head::default()).await), Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn our_own_write_is_recognised() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, false).await;
    let store = OwnWrites::new(store, fastrand::Rng::new());
    let create = PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() };
    store.put(&at(&bucket, "k"), Bytes::from("mine"), create.clone()).await.unwrap();
    let meta = store.head(&at(&bucket, "k"), Head::default()).await.unwrap();
    assert_eq!(meta.metadata[NONCE].len(), 16);
    let again = store.put(&at(&bucket, "k"), Bytes::from("other"), create).await;
    assert_eq!(kind(again), Some(ErrorKind::PreconditionFailed));
}

#[tokio::test]
async fn a_copy_keeps_or_replaces() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, true).await;
    let to = at(&bucket, "copies/to");
    for key in KEYS {
        let from = at(&bucket, key);
        let options = PutOptions { metadata: pairs(&[("m", "1")]), tags: pairs(&[("t", "1")]), ..PutOptions::default() };
        let put = store.put(&from, Bytes::from("body"), options).await.unwrap();
        let source = CopySource { at: from, version_id: put.version_id, if_match: Some(put.etag.clone()) };
        store.copy(&to, Copy { source: source.clone(), replace: None }).await.unwrap();
        assert_eq!(store.head(&to, Head::default()).await.unwrap().metadata, pairs(&[("m", "1")]), "{key:?}");
        assert_eq!(store.get_tags(&to, None).await.unwrap(), pairs(&[("t", "1")]), "{key:?}");
        let replaced = PutOptions { metadata: pairs(&[("m", "2")]), tags: pairs(&[("u", "2")]), ..PutOptions::default() };
        let copied = store.copy(&to, Copy { source, replace: Some(replaced) }).await.unwrap();
        assert_eq!(copied.etag, put.etag);
        assert_eq!(store.head(&to, Head::default()).await.unwrap().metadata, pairs(&[("m", "2")]), "{key:?}");
        assert_eq!(store.get_tags(&to, None).await.unwrap(), pairs(&[("u", "2")]), "{key:?}");
    }
}

#[tokio::test]
async fn tags_are_replaced_and_removed() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, true).await;
    let k = at(&bucket, "k");
    let options = PutOptions { tags: pairs(&[("a", "1")]), ..PutOptions::default() };
    let first = store.put(&k, Bytes::from("1"), options).await.unwrap().version_id.unwrap();
    store.put(&k, Bytes::from("2"), PutOptions::default()).await.unwrap();
    store.put_tags(&k, None, pairs(&[("b", "2"), ("c", "")])).await.unwrap();
    assert_eq!(store.get_tags(&k, None).await.unwrap(), pairs(&[("b", "2"), ("c", "")]));
    assert_eq!(store.get_tags(&k, Some(&first)).await.unwrap(), pairs(&[("a", "1")]));
    store.put_tags(&k, None, pairs(&[])).await.unwrap();
    assert_eq!(store.get_tags(&k, None).await.unwrap(), pairs(&[]));
}

#[tokio::test]
async fn versions_and_markers_are_listed_and_removed() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, true).await;
    let k = at(&bucket, "a b/k");
    let v1 = store.put(&k, Bytes::from("1"), PutOptions::default()).await.unwrap().version_id.unwrap();
    let v2 = store.put(&k, Bytes::from("22"), PutOptions::default()).await.unwrap().version_id.unwrap();
    let deleted = store.delete(&k, Delete::default()).await.unwrap();
    let marker = deleted.version_id.unwrap();
    assert!(deleted.delete_marker);
    let options = ListVersions { prefix: "a b/".to_owned(), ..ListVersions::default() };
    let all: Vec<_> = paging::list_all_versions(&store, &bucket, options).try_collect().await.unwrap();
    let shape: Vec<_> =
        all.iter().map(|v| (v.version_id.as_str(), v.is_latest, v.object.as_ref().map(|object| object.size))).collect();
    assert_eq!(shape, [(marker.as_str(), true, None), (v2.as_str(), false, Some(2)), (v1.as_str(), false, Some(1))]);
    let old = Get { version_id: Some(v1.clone()), ..Get::default() };
    assert_eq!(bytes_of(&store, &k, old).await.unwrap(), b"1");
    let of = |version: &str| Head { version_id: Some(version.to_owned()) };
    assert_eq!(kind(store.head(&k, of(&marker)).await), Some(ErrorKind::DeleteMarker));
    store.delete(&k, Delete { version_id: Some(marker), if_match: None }).await.unwrap();
    assert_eq!(store.head(&k, Head::default()).await.unwrap().version_id, Some(v2));
}

#[tokio::test]
async fn many_are_removed_with_a_result_for_each() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, true).await;
    let mut entries = Vec::new();
    for key in KEYS {
        let put = store.put(&at(&bucket, key), Bytes::from("x"), PutOptions::default()).await.unwrap();
        entries.push((ObjectKey::new(key).unwrap(), Delete { version_id: put.version_id, if_match: None }));
    }
    entries.push((ObjectKey::new("never was").unwrap(), Delete::default()));
    let results = store.delete_many(&bucket, entries).await.unwrap();
    assert_eq!(results.len(), KEYS.len() + 1);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let left: Vec<_> = paging::list_all(&store, &bucket, List::default()).try_collect().await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    let too_many = vec![(ObjectKey::new("k").unwrap(), Delete::default()); 1001];
    assert_eq!(kind(store.delete_many(&bucket, too_many).await), Some(ErrorKind::Invalid));
    assert!(store.delete_many(&bucket, Vec::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_listing_rolls_up_and_pages() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, false).await;
    for key in ["p q/1", "p q/x+y/2", "p q/x+y/3", "p q/z", "r"] {
        store.put(&at(&bucket, key), Bytes::from("x"), PutOptions::default()).await.unwrap();
    }
    let options = List { prefix: "p q/".to_owned(), delimiter: Some("/".to_owned()), ..List::default() };
    let page = store.list(&bucket, options.clone()).await.unwrap();
    let keys: Vec<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!((keys, page.common_prefixes), (vec!["p q/1", "p q/z"], vec!["p q/x+y/".to_owned()]));
    let mut seen = Vec::new();
    let mut options = List { max_keys: Some(1), ..options };
    loop {
        let page = store.list(&bucket, options.clone()).await.unwrap();
        seen.extend(page.objects.iter().map(|object| object.key.to_string()));
        seen.extend(page.common_prefixes);
        match page.continuation {
            Some(token) => options.continuation = Some(token),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ["p q/1", "p q/x+y/", "p q/z"]);
}

#[tokio::test]
async fn a_multipart_upload_is_listed_completed_and_aborted() {
    let Some(clients) = clients() else { return };
    let (store, bucket) = store_with_bucket(&clients, false).await;
    let body: Vec<u8> = (0..11 * 1024 * 1024_u32).map(|i| (i % 251) as u8).collect();
    let chunks: Vec<Result<Bytes>> = body.chunks(1_000_003).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let sizes = PartSizes { threshold: 1024 * 1024, part: 5 * 1024 * 1024, parallel: 2, expected: None };
    let options = PutOptions {
        condition: Condition::IfAbsent,
        tags: pairs(&[("a", "1")]),
        metadata: pairs(&[("m", "1")]),
        content_type: Some("video/mp4".to_owned()),
        ..PutOptions::default()
    };
    let k = at(&bucket, "a b+é");
    let put = put_stream(&store, &k, futures::stream::iter(chunks), options.clone(), sizes).await.unwrap();
    let head = store.head(&k, Head::default()).await.unwrap();
    assert_eq!((&head.etag, head.size, head.metadata), (&put.etag, body.len() as u64, options.metadata.clone()));
    assert_eq!(head.content_type.as_deref(), Some("video/mp4"));
    assert_eq!(store.get_tags(&k, None).await.unwrap(), options.tags);
    assert!(bytes_of(&store, &k, Get::default()).await.unwrap() == body);

    let chunks: Vec<Result<Bytes>> = vec![Ok(Bytes::from(body))];
    let refused = put_stream(&store, &k, futures::stream::iter(chunks), options.clone(), sizes).await.unwrap_err();
    assert_eq!((refused.error.kind, refused.left.is_none()), (ErrorKind::PreconditionFailed, true));

    let first = store.create_upload(&k, options.clone()).await.unwrap();
    let second = store.create_upload(&at(&bucket, "z"), options).await.unwrap();
    let page = ListUploads { max_uploads: Some(1), ..ListUploads::default() };
    let listed = paging::list_all_uploads(&store, &bucket, page).map_ok(|upload| (upload.key.to_string(), upload.upload_id));
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    assert_eq!(listed, [("a b+é".to_owned(), first.clone()), ("z".to_owned(), second.clone())]);
    store.abort_upload(&k, &first).await.unwrap();
    store.abort_upload(&at(&bucket, "z"), &second).await.unwrap();
    assert_eq!(kind(store.abort_upload(&k, &first).await), Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn messages_are_sent_and_their_visibility_is_set() {
    let Some(clients) = clients() else { return };
    let url = clients.sqs().create_queue().queue_name(unique("q")).send().await.unwrap().queue_url.unwrap();
    let queue = clients.queue();
    for n in 0..12 {
        let attributes = pairs(&[("reason", "too-large"), ("n", &n.to_string())]);
        queue.send(&url, Outgoing { body: format!("<{n}>"), attributes, ..Outgoing::default() }).await.unwrap();
    }
    let receive = async || {
        let request = clients.sqs().receive_message().queue_url(&url).max_number_of_messages(10);
        request.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default()
    };
    let mut messages = receive().await;
    messages.extend(receive().await);
    assert_eq!(messages.len(), 12);
    let reason = messages[0].message_attributes.as_ref().unwrap()["reason"].string_value();
    assert_eq!(reason, Some("too-large"));
    assert!(receive().await.is_empty(), "all are invisible now");

    let mut entries: Vec<_> = messages.iter().map(|message| (message.receipt_handle.clone().unwrap(), 0)).collect();
    entries.insert(3, ("no receipt handle".to_owned(), 0));
    let results = queue.set_visibility(&url, entries).await;
    let failed: Vec<_> = results.iter().enumerate().filter(|(_, result)| result.is_err()).map(|(index, _)| index).collect();
    assert_eq!((results.len(), failed), (13, vec![3]), "{results:?}");
    let again = futures::stream::iter(0..2).then(|_| receive()).map(|messages| messages.len()).collect::<Vec<_>>().await;
    assert_eq!(again.iter().sum::<usize>(), 12, "all are visible again");

    let nowhere = format!("{url}-that-is-not-there");
    let error = queue.send(&nowhere, Outgoing { body: "x".to_owned(), ..Outgoing::default() }).await.unwrap_err();
    assert!(error.retry, "a queue may still be made: {error}");
}
