//! What the port can't express: versioning's states, changes, room, archives, determinism.
//! The port itself is tested by the contract suite.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use time::{Duration, OffsetDateTime};

use super::super::{
    Condition, CopySource, Delete, Deleted, Encryption, ErrorKind, Get, Head, ListVersions, Location, PartEntry, PutOptions,
    Tags,
};
use super::*;
use crate::event::{BucketName, EventKind, ObjectKey};

const START: i64 = 1_780_000_000;

fn bucket() -> BucketName {
    BucketName::new("photos")
}

fn at(key: &str) -> Location {
    Location::new(bucket(), ObjectKey::new(key).unwrap())
}

/// A store with one bucket, a clock that stands still, and the changes as lines of text.
fn world(versioning: Versioning) -> (EmbeddedStore, Arc<Mutex<Vec<String>>>) {
    let start = OffsetDateTime::from_unix_timestamp(START).unwrap();
    let store = EmbeddedStore::new().with_seed(7).with_clock(Arc::new(move || start));
    store.create_bucket(&bucket(), "eu-central-1").unwrap();
    store.set_versioning(&bucket(), versioning).unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    store.subscribe(Arc::new(move |change: &Change| {
        let version = change.version_id.as_deref().map_or("-", |id| if id == "null" { "null" } else { "v" });
        let size = change.size.map_or("-".to_owned(), |size| size.to_string());
        lines.lock().unwrap().push(format!("{} {} {version} {size}", change.kind, change.key));
    }));
    (store, log)
}

fn put(store: &EmbeddedStore, key: &str, body: &'static str) -> super::super::Put {
    put_with(store, key, body, PutOptions::default()).unwrap()
}

fn put_with(store: &EmbeddedStore, key: &str, body: &'static str, options: PutOptions) -> Result<super::super::Put> {
    store.put_object(&at(key), Bytes::from_static(body.as_bytes()), options, EventKind::new("ObjectCreated:Put"))
}

fn versions(store: &EmbeddedStore) -> Vec<String> {
    let page = store.list_object_versions(&bucket(), &ListVersions::default()).unwrap();
    let line = |v: &super::super::VersionEntry| {
        let id = if v.version_id == "null" { "null" } else { "v" };
        let what = v.object.as_ref().map_or("marker".to_owned(), |o| o.size.to_string());
        format!("{} {id} {what}{}", v.key, if v.is_latest { " latest" } else { "" })
    };
    page.versions.iter().map(line).collect()
}

#[test]
fn suspending_keeps_versions_and_replaces_the_null_one() {
    let (store, log) = world(Versioning::Unversioned);
    put(&store, "k", "1");
    store.set_versioning(&bucket(), Versioning::Enabled).unwrap();
    put(&store, "k", "22");
    store.set_versioning(&bucket(), Versioning::Suspended).unwrap();
    assert_eq!(versions(&store), ["k v 2 latest", "k null 1"]);
    put(&store, "k", "333");
    assert_eq!(versions(&store), ["k null 3 latest", "k v 2"]);
    let gone = store.delete_object(&at("k"), &Delete::default()).unwrap();
    assert_eq!(gone, Deleted { delete_marker: true, version_id: Some("null".to_owned()) });
    assert_eq!(versions(&store), ["k null marker latest", "k v 2"]);
    let undone = Delete { version_id: Some("null".to_owned()), if_match: None };
    assert!(store.delete_object(&at("k"), &undone).unwrap().delete_marker);
    assert_eq!(versions(&store), ["k v 2 latest"]);
    let expected = [
        "ObjectCreated:Put k - 1",
        "ObjectCreated:Put k v 2",
        "ObjectCreated:Put k null 3",
        "ObjectRemoved:DeleteMarkerCreated k null -",
        "ObjectRemoved:Delete k null -",
    ];
    assert_eq!(*log.lock().unwrap(), expected);
    let back = store.set_versioning(&bucket(), Versioning::Unversioned).unwrap_err();
    assert_eq!(back.code, "IllegalVersioningConfigurationException");
}

#[test]
fn removing_what_is_absent_is_told_only_without_a_version_id() {
    let (store, log) = world(Versioning::Unversioned);
    store.delete_object(&at("k"), &Delete::default()).unwrap();
    store.set_versioning(&bucket(), Versioning::Enabled).unwrap();
    let unknown = Delete { version_id: Some("a".repeat(32)), if_match: None };
    assert!(!store.delete_object(&at("k"), &unknown).unwrap().delete_marker);
    store.delete_object(&at("k"), &Delete::default()).unwrap();
    assert_eq!(*log.lock().unwrap(), ["ObjectRemoved:Delete k - -", "ObjectRemoved:DeleteMarkerCreated k v -"]);
    let malformed = Delete { version_id: Some("7".to_owned()), if_match: None };
    assert_eq!(store.delete_object(&at("k"), &malformed).unwrap_err().code, "InvalidArgument");
}

#[test]
fn a_conditional_removal_tells_absent_from_marked_from_other() {
    let (store, _) = world(Versioning::Enabled);
    let if_match = |etag: &str| Delete { version_id: None, if_match: Some(etag.to_owned()) };
    let code = |options: Delete| store.delete_object(&at("k"), &options).map_err(|e| e.code).err();
    assert_eq!(code(if_match("*")).as_deref(), Some("NoSuchKey"));
    let etag = put(&store, "k", "1").etag;
    assert_eq!(code(if_match("0")).as_deref(), Some("PreconditionFailed"));
    assert_eq!(code(if_match(&format!("\"{etag}\""))), None);
    assert_eq!(code(if_match("*")).as_deref(), Some("PreconditionFailed"));
}

#[test]
fn sequencers_grow_while_the_clock_stands() {
    let (store, _) = world(Versioning::Enabled);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    store.subscribe(Arc::new(move |change: &Change| sink.lock().unwrap().push(change.sequencer.clone())));
    for _ in 0..3 {
        put(&store, "k", "1");
        store.delete_object(&at("k"), &Delete::default()).unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 6);
    assert!(seen.iter().all(|s| s.as_str().len() == 18 && s.as_str().starts_with("00")), "{seen:?}");
    assert!(seen.is_sorted_by(|a, b| a.compare(b) == Some(std::cmp::Ordering::Less)), "{seen:?}");
}

#[test]
fn a_listener_may_write_and_its_changes_come_after() {
    let (store, log) = world(Versioning::Unversioned);
    let writer = store.clone();
    store.subscribe(Arc::new(move |change: &Change| {
        if change.key.as_str() == "in" {
            put(&writer, "out", "22");
        }
    }));
    put(&store, "in", "1");
    assert_eq!(*log.lock().unwrap(), ["ObjectCreated:Put in - 1", "ObjectCreated:Put out - 2"]);
}

#[test]
fn parallel_writers_are_told_in_the_order_of_their_changes() {
    let (store, _) = world(Versioning::Enabled);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    store.subscribe(Arc::new(move |change: &Change| sink.lock().unwrap().push(change.sequencer.as_str().to_owned())));
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || (0..50).for_each(|_| drop(put(store, &format!("k{writer}"), "1"))));
        }
    });
    // One more write makes sure that whoever was telling has finished.
    put(&store, "last", "1");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 201);
    assert!(seen.is_sorted());
}

#[test]
fn the_store_is_bounded_and_says_so() {
    let (store, _) = world(Versioning::Unversioned);
    let store = store.with_capacity(2_000);
    let big = "x".repeat(1_200).leak();
    put_with(&store, "a", big, PutOptions::default()).unwrap();
    let full = put_with(&store, "b", big, PutOptions::default()).unwrap_err();
    assert_eq!((full.kind, full.code.as_str()), (ErrorKind::Invalid, "EmbeddedStoreFull"));
    assert!(full.message.contains("2000 bytes"), "{full}");
    assert!(store.head_object(&at("b"), &Head::default()).is_err(), "a refused put leaves nothing behind");
    put_with(&store, "a", big, PutOptions::default()).expect("an overwrite gives its room back first");
    store.delete_object(&at("a"), &Delete::default()).unwrap();
    assert_eq!(store.used(), 0);
    put_with(&store, "b", big, PutOptions::default()).expect("a removal made room");
}

#[test]
fn an_upload_gives_its_room_back_however_it_ends() {
    let (store, _) = world(Versioning::Unversioned);
    let begin = || {
        let id = store.create_multipart_upload(&at("k"), PutOptions::default()).unwrap();
        let etag = store.upload_one_part(&at("k"), &id, 1, Bytes::from_static(b"abc")).unwrap();
        (id, vec![PartEntry { number: 1, etag, size: 3 }])
    };
    let (id, _) = begin();
    store.abort_multipart_upload(&at("k"), &id).unwrap();
    assert_eq!(store.used(), 0);
    let (id, parts) = begin();
    let held = store.used();
    let refused = store.complete_multipart_upload(&at("k"), &id, &parts, &Condition::IfMatch("0".to_owned()));
    assert_eq!((refused.unwrap_err().kind, store.used()), (ErrorKind::NotFound, held));
    store.complete_multipart_upload(&at("k"), &id, &parts, &Condition::IfAbsent).unwrap();
    store.delete_object(&at("k"), &Delete::default()).unwrap();
    assert_eq!(store.used(), 0);
    begin();
    store.delete_bucket(&bucket()).unwrap();
    assert_eq!(store.used(), 0);
}

#[test]
fn an_archived_object_is_readable_while_it_is_restored() {
    let now = Arc::new(Mutex::new(OffsetDateTime::from_unix_timestamp(START).unwrap()));
    let (store, log) = world(Versioning::Unversioned);
    let clock = Arc::clone(&now);
    let store = store.with_clock(Arc::new(move || *clock.lock().unwrap()));
    put_with(&store, "k", "1", PutOptions { storage_class: Some("GLACIER".to_owned()), ..PutOptions::default() }).unwrap();
    let readable = || store.get_object(&at("k"), &Get::default()).map(|_| ()).map_err(|e| e.kind);
    assert_eq!(readable(), Err(ErrorKind::Archived));
    assert!(!store.restore_object(&at("k"), None, 2).unwrap());
    assert_eq!(readable(), Ok(()));
    assert!(store.restore_object(&at("k"), None, 2).unwrap(), "a second request only prolongs");
    *now.lock().unwrap() += Duration::days(3);
    assert_eq!(readable(), Err(ErrorKind::Archived));
    let expected = ["ObjectCreated:Put k - 1", "ObjectRestore:Post k - 1", "ObjectRestore:Completed k - 1"];
    assert_eq!(*log.lock().unwrap(), expected);
    put(&store, "plain", "1");
    assert_eq!(store.restore_object(&at("plain"), None, 1).unwrap_err().code, "InvalidObjectState");
}

#[test]
fn tagging_is_told_by_what_it_did() {
    let (store, log) = world(Versioning::Enabled);
    put(&store, "k", "1");
    store.set_object_tags(&at("k"), None, Tags::from([("a".to_owned(), "b".to_owned())])).unwrap();
    store.set_object_tags(&at("k"), None, Tags::new()).unwrap();
    assert_eq!(log.lock().unwrap()[1..], ["ObjectTagging:Put k v -", "ObjectTagging:Delete k v -"]);
}

#[test]
fn under_kms_an_etag_is_no_digest() {
    let (store, _) = world(Versioning::Unversioned);
    let kms = || PutOptions { encryption: Encryption::Kms("arn:aws:kms:x:1:key/k".to_owned()), ..PutOptions::default() };
    let first = put_with(&store, "k", "1", kms()).unwrap().etag;
    let second = put_with(&store, "k", "1", kms()).unwrap().etag;
    assert_ne!(first, second);
    let source = CopySource { at: at("k"), version_id: None, if_match: Some(second) };
    let plain = store.copy_object(&at("copy"), &source, Directive::Copy, Directive::Copy, PutOptions::default()).unwrap();
    assert_eq!(plain.etag, put(&store, "same", "1").etag, "a copy without KMS has the digest of the bytes");
}

#[test]
fn each_copy_directive_goes_by_itself() {
    let (store, _) = world(Versioning::Unversioned);
    let pair = |a: &str, b: &str| [(a.to_owned(), b.to_owned())];
    let original = PutOptions { metadata: pair("m", "old").into(), tags: pair("t", "old").into(), ..PutOptions::default() };
    put_with(&store, "k", "1", original).unwrap();
    let source = CopySource { at: at("k"), version_id: None, if_match: None };
    let wanted = || PutOptions { metadata: pair("m", "new").into(), tags: pair("t", "new").into(), ..PutOptions::default() };
    // One line per case: metadata, tags, what the copy has.
    let cases = [
        (Directive::Copy, Directive::Copy, "old", "old"),
        (Directive::Copy, Directive::Replace, "old", "new"),
        (Directive::Replace, Directive::Copy, "new", "old"),
        (Directive::Replace, Directive::Replace, "new", "new"),
    ];
    for (metadata, tags, meta, tag) in cases {
        store.copy_object(&at("copy"), &source, metadata, tags, wanted()).unwrap();
        let head = store.head_object(&at("copy"), &Head::default()).unwrap();
        assert_eq!((head.metadata["m"].as_str(), store.object_tags(&at("copy"), None).unwrap()["t"].as_str()), (meta, tag));
    }
}

#[test]
fn a_part_can_be_copied_from_a_range() {
    let (store, _) = world(Versioning::Unversioned);
    put(&store, "source", "0123456789");
    let source = CopySource { at: at("source"), version_id: None, if_match: None };
    let id = store.create_multipart_upload(&at("k"), PutOptions::default()).unwrap();
    let outside = store.upload_part_copy(&at("k"), &id, 1, &source, Some((5, 10))).unwrap_err();
    assert_eq!(outside.code, "InvalidArgument");
    let part = store.upload_part_copy(&at("k"), &id, 1, &source, Some((2, 4))).unwrap();
    assert_eq!((part.size, store.list_parts(&at("k"), &id).unwrap()), (3, vec![part.clone()]));
    store.complete_multipart_upload(&at("k"), &id, &[part], &Condition::None).unwrap();
    assert_eq!(store.part_sizes(&at("k"), None).unwrap(), [3]);
    assert_eq!(store.head_object(&at("k"), &Head::default()).unwrap().size, 3);
}

#[test]
fn a_listing_goes_on_after_a_version_that_was_removed_meanwhile() {
    let (store, _) = world(Versioning::Enabled);
    (0..5).for_each(|_| drop(put(&store, "k", "1")));
    let mut from = None;
    let mut seen = 0;
    loop {
        let page = store
            .list_object_versions(&bucket(), &ListVersions { from, max_keys: Some(2), ..ListVersions::default() })
            .unwrap();
        for version in &page.versions {
            seen += 1;
            let gone = Delete { version_id: Some(version.version_id.clone()), if_match: None };
            store.delete_object(&at("k"), &gone).unwrap();
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!((seen, versions(&store).len()), (5, 0));
}

#[test]
fn buckets_are_made_once_and_removed_when_empty() {
    let (store, _) = world(Versioning::Enabled);
    assert_eq!(store.create_bucket(&bucket(), "eu-central-1").unwrap_err().code, "BucketAlreadyOwnedByYou");
    assert_eq!(store.bucket(&bucket()).unwrap().region, "eu-central-1");
    store.delete_object(&at("k"), &Delete::default()).unwrap();
    assert_eq!(store.delete_bucket(&bucket()).unwrap_err().code, "BucketNotEmpty", "a delete marker is in the way");
    store.set_config(&bucket(), "lifecycle", Some("<x/>".to_owned())).unwrap();
    assert_eq!(store.config(&bucket(), "lifecycle").unwrap().as_deref(), Some("<x/>"));
    store.set_config(&bucket(), "lifecycle", None).unwrap();
    assert_eq!(store.config(&bucket(), "lifecycle").unwrap(), None);
    assert_eq!(store.config(&BucketName::new("other"), "lifecycle").unwrap_err().kind, ErrorKind::NoSuchBucket);
    assert_eq!(store.buckets().len(), 1);
}

#[test]
fn the_same_seed_and_clock_give_the_same_history() {
    let history = || {
        let (store, _) = world(Versioning::Enabled);
        put(&store, "a", "1");
        store.delete_object(&at("a"), &Delete::default()).unwrap();
        store.list_object_versions(&bucket(), &ListVersions::default()).unwrap()
    };
    assert_eq!(history(), history());
}

#[test]
fn one_of_eight_threads_creates_an_object() {
    let (store, log) = world(Versioning::Unversioned);
    let create = || put_with(&store, "k", "1", PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() });
    let start = std::sync::Barrier::new(8);
    let results: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    create()
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let kinds = results.iter().filter_map(|result| result.as_ref().err()).map(|error| error.kind);
    assert!(kinds.into_iter().all(|kind| kind == ErrorKind::PreconditionFailed));
    assert_eq!(log.lock().unwrap().len(), 1);
}
