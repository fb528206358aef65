//! Versions and delete markers.

use brigade::storage::{Delete, ErrorKind, Get, Head, ListVersions, VersionEntry};

use super::world::{World, refused};

fn version(id: &Option<String>) -> Delete {
    Delete { version_id: id.clone(), if_match: None }
}

/// All versions under a prefix, read by pages of `size`.
async fn all(w: &World<'_>, prefix: &str, size: u16) -> Vec<VersionEntry> {
    let mut options = ListVersions { prefix: prefix.to_owned(), max_keys: Some(size), ..ListVersions::default() };
    let mut found = Vec::new();
    loop {
        let page = w.store.list_versions(&w.versioned, options.clone()).await.unwrap();
        assert!(page.versions.len() <= usize::from(size));
        found.extend(page.versions);
        match page.next {
            Some(next) => options.from = Some(next),
            None => return found,
        }
    }
}

pub(super) async fn each_write_is_a_version(w: &World<'_>) {
    let at = w.versioned_at("versions/writes");
    let (first, second) = (w.put(&at, "1").await, w.put(&at, "22").await);
    assert!(first.version_id.is_some() && first.version_id != second.version_id);
    assert_eq!(w.head(&at).await.version_id, second.version_id);
    assert_eq!(w.read(&at).await, "22");
    assert_eq!(w.read_version(&at, first.version_id.clone()).await.unwrap(), "1");
    let head = w.store.head(&at, Head { version_id: first.version_id.clone() }).await.unwrap();
    assert_eq!((head.size, head.version_id), (1, first.version_id));
}

pub(super) async fn a_removal_leaves_a_marker_that_can_be_undone(w: &World<'_>) {
    let at = w.versioned_at("versions/undo");
    let put = w.put(&at, "1").await;
    let marker = w.delete(&at).await;
    assert!(marker.delete_marker && marker.version_id.is_some());
    assert_eq!(refused(w.store.get(&at, Get::default()).await), ErrorKind::NotFound);
    assert_eq!(refused(w.store.head(&at, Head::default()).await), ErrorKind::NotFound);
    assert_eq!(w.read_version(&at, put.version_id.clone()).await.unwrap(), "1");
    let undone = w.store.delete(&at, version(&marker.version_id)).await.unwrap();
    assert_eq!((undone.delete_marker, &undone.version_id), (true, &marker.version_id));
    assert_eq!(w.read(&at).await, "1");
}

pub(super) async fn a_version_can_be_removed_for_good(w: &World<'_>) {
    let at = w.versioned_at("versions/remove");
    let (first, second) = (w.put(&at, "1").await, w.put(&at, "2").await);
    let removed = w.store.delete(&at, version(&second.version_id)).await.unwrap();
    assert_eq!((removed.delete_marker, &removed.version_id), (false, &second.version_id));
    assert_eq!(w.read(&at).await, "1", "the version before is current again");
    assert_eq!(refused(w.read_version(&at, second.version_id).await), ErrorKind::NotFound);
    w.store.delete(&at, version(&first.version_id)).await.unwrap();
    assert_eq!(refused(w.store.head(&at, Head::default()).await), ErrorKind::NotFound);
    assert_eq!(all(w, "versions/remove", 10).await, []);
}

pub(super) async fn a_marker_has_no_content(w: &World<'_>) {
    let at = w.versioned_at("versions/marker");
    w.put(&at, "1").await;
    let marker = w.delete(&at).await;
    assert_eq!(refused(w.read_version(&at, marker.version_id.clone()).await), ErrorKind::DeleteMarker);
    assert_eq!(refused(w.store.head(&at, Head { version_id: marker.version_id }).await), ErrorKind::DeleteMarker);
}

pub(super) async fn an_unknown_version_is_not_found(w: &World<'_>) {
    let (at, other) = (w.versioned_at("versions/unknown"), w.versioned_at("versions/unknown-other"));
    w.put(&at, "1").await;
    // A well-formed id: that of another key's version, which is gone.
    let put = w.put(&other, "1").await;
    w.store.delete(&other, version(&put.version_id)).await.unwrap();
    assert_eq!(refused(w.read_version(&at, put.version_id).await), ErrorKind::NotFound);
}

pub(super) async fn versions_are_listed_by_two(w: &World<'_>) {
    let (a, b) = (w.versioned_at("versions/list/a"), w.versioned_at("versions/list/b"));
    let a1 = w.put(&a, "1").await;
    let a2 = w.put(&a, "22").await;
    let b1 = w.put(&b, "1").await;
    let a3 = w.delete(&a).await;
    let b2 = w.put(&b, "333").await;
    let expected = [
        ("versions/list/a", a3.version_id, true, None),
        ("versions/list/a", a2.version_id, false, Some(2)),
        ("versions/list/a", a1.version_id, false, Some(1)),
        ("versions/list/b", b2.version_id, true, Some(3)),
        ("versions/list/b", b1.version_id, false, Some(1)),
    ];
    for size in [1, 2, 5, 10] {
        let found = all(w, "versions/list/", size).await;
        let line = |v: &VersionEntry| {
            (v.key.as_str().to_owned(), Some(v.version_id.clone()), v.is_latest, v.object.as_ref().map(|o| o.size))
        };
        let found: Vec<_> = found.iter().map(line).collect();
        let expected: Vec<_> =
            expected.iter().cloned().map(|(key, id, latest, size)| (key.to_owned(), id, latest, size)).collect();
        assert_eq!(found, expected, "pages of {size}");
    }
}

pub(super) async fn versions_are_rolled_up_at_a_delimiter(w: &World<'_>) {
    for key in ["versions/roll/a", "versions/roll/f/1", "versions/roll/f/2", "versions/roll/g/1", "versions/roll/z"] {
        w.put(&w.versioned_at(key), "1").await;
    }
    for size in [1, 2, 10] {
        let (mut keys, mut prefixes, mut from) = (Vec::new(), Vec::new(), None);
        loop {
            let options = ListVersions {
                prefix: "versions/roll/".to_owned(),
                delimiter: Some("/".to_owned()),
                from,
                max_keys: Some(size),
            };
            let page = w.store.list_versions(&w.versioned, options).await.unwrap();
            keys.extend(page.versions.iter().map(|version| version.key.as_str().to_owned()));
            prefixes.extend(page.common_prefixes);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(keys, ["versions/roll/a", "versions/roll/z"], "pages of {size}");
        assert_eq!(prefixes, ["versions/roll/f/", "versions/roll/g/"], "pages of {size}");
    }
}
