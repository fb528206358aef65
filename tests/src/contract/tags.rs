//! Object tags.

use brigade::storage::{ErrorKind, PutOptions, Tags};

use super::world::{World, pairs, refused};

pub(super) async fn tags_come_with_a_put(w: &World<'_>) {
    let at = w.at("tags/put");
    let tags = pairs(&[("kind", "a b+c/=@"), ("owner", "é"), ("empty", "")]);
    w.put_with(&at, "1", PutOptions { tags: tags.clone(), ..PutOptions::default() }).await.unwrap();
    assert_eq!(w.store.get_tags(&at, None).await.unwrap(), tags);
    assert_eq!(w.head(&at).await.tag_count, Some(3));
    w.put(&at, "2").await;
    assert_eq!(w.store.get_tags(&at, None).await.unwrap(), Tags::new(), "an overwrite keeps nothing");
    assert_eq!(w.head(&at).await.tag_count, None);
}

pub(super) async fn tags_are_replaced_and_removed(w: &World<'_>) {
    let at = w.at("tags/replace");
    let etag = w.put(&at, "1").await.etag;
    for tags in [pairs(&[("a", "1"), ("b", "2")]), pairs(&[("b", "3")]), Tags::new()] {
        w.store.put_tags(&at, None, tags.clone()).await.unwrap();
        assert_eq!(w.store.get_tags(&at, None).await.unwrap(), tags);
    }
    assert_eq!(w.head(&at).await.etag, etag, "tagging is no write");
}

pub(super) async fn tags_belong_to_a_version(w: &World<'_>) {
    let at = w.versioned_at("tags/version");
    let first = w.put(&at, "1").await;
    let second = w.put(&at, "2").await;
    let id = |put: &brigade::storage::Put| put.version_id.clone().unwrap();
    let old = pairs(&[("age", "old")]);
    w.store.put_tags(&at, Some(&id(&first)), old.clone()).await.unwrap();
    assert_eq!(w.store.get_tags(&at, None).await.unwrap(), Tags::new());
    assert_eq!(w.store.get_tags(&at, Some(&id(&first))).await.unwrap(), old);
    let new = pairs(&[("age", "new")]);
    w.store.put_tags(&at, None, new.clone()).await.unwrap();
    assert_eq!(w.store.get_tags(&at, Some(&id(&second))).await.unwrap(), new);
    assert_eq!(w.head(&at).await.version_id, second.version_id, "tagging makes no version");
}

pub(super) async fn tags_of_what_is_absent_are_not_found(w: &World<'_>) {
    let at = w.at("tags/absent");
    assert_eq!(refused(w.store.get_tags(&at, None).await), ErrorKind::NotFound);
    assert_eq!(refused(w.store.put_tags(&at, None, pairs(&[("a", "b")])).await), ErrorKind::NotFound);
}

pub(super) async fn too_many_tags_are_refused(w: &World<'_>) {
    let at = w.at("tags/many");
    let tags: Tags = (0..11).map(|i| (format!("k{i}"), String::new())).collect();
    w.put(&at, "1").await;
    assert_eq!(refused(w.store.put_tags(&at, None, tags).await), ErrorKind::Invalid);
    assert_eq!(w.store.get_tags(&at, None).await.unwrap(), Tags::new());
}
