//! DeleteObjects.

use brigade::event::BucketName;
use brigade::storage::{Delete, ErrorKind, Head};

use super::world::{World, refused};

pub(super) async fn a_batch_removal_answers_each_key_in_order(w: &World<'_>) {
    let keys = ["batch/1", "batch/missing", "batch/3 +%é&<", "batch/stale"].map(|key| w.at(key));
    for i in [0, 2, 3] {
        w.put(&keys[i], "1").await;
    }
    let stale = Delete { version_id: None, if_match: Some("0".repeat(32)) };
    let options = [Delete::default(), Delete::default(), Delete::default(), stale];
    let entries = keys.iter().map(|at| at.key.clone()).zip(options).collect();
    let results = w.store.delete_many(&w.unversioned, entries).await.unwrap();
    let kinds: Vec<_> = results.into_iter().map(|result| result.err().map(|error| error.kind)).collect();
    assert_eq!(kinds, [None, None, None, Some(ErrorKind::PreconditionFailed)]);
    for i in [0, 1, 2] {
        assert_eq!(refused(w.store.head(&keys[i], Head::default()).await), ErrorKind::NotFound);
    }
    assert_eq!(w.read(&keys[3]).await, "1", "what was refused is still there");
}

pub(super) async fn a_batch_removal_removes_versions(w: &World<'_>) {
    let (one, two) = (w.versioned_at("batch/v1"), w.versioned_at("batch/v2"));
    let (put, _) = (w.put(&one, "1").await, w.put(&two, "2").await);
    let version = Delete { version_id: put.version_id.clone(), if_match: None };
    let entries = vec![(one.key.clone(), version), (two.key.clone(), Delete::default())];
    let results = w.store.delete_many(&w.versioned, entries).await.unwrap();
    let [removed, marked] = results.try_into().unwrap();
    let (removed, marked) = (removed.unwrap(), marked.unwrap());
    assert_eq!((removed.delete_marker, removed.version_id), (false, put.version_id));
    assert!(marked.delete_marker && marked.version_id.is_some());
}

pub(super) async fn a_batch_removal_in_a_missing_bucket_fails_as_a_whole(w: &World<'_>) {
    let bucket = BucketName::new("brigade-contract-no-such-bucket");
    let entries = vec![(w.at("k").key, Delete::default())];
    assert_eq!(refused(w.store.delete_many(&bucket, entries).await), ErrorKind::NoSuchBucket);
}

pub(super) async fn too_many_removals_are_refused(w: &World<'_>) {
    let entries = (0..1001).map(|i| (w.at(&format!("batch/many/{i}")).key, Delete::default())).collect();
    assert_eq!(refused(w.store.delete_many(&w.unversioned, entries).await), ErrorKind::Invalid);
}
