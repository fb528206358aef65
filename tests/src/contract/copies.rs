//! Copies, also of an object onto itself.

use brigade::storage::{Condition, Copy, CopySource, ErrorKind, PutOptions};

use super::world::{World, pairs, refused, source};

fn described() -> PutOptions {
    PutOptions {
        content_type: Some("text/plain".to_owned()),
        cache_control: Some("no-cache".to_owned()),
        metadata: pairs(&[("m", "old")]),
        tags: pairs(&[("t", "old")]),
        ..PutOptions::default()
    }
}

pub(super) async fn a_copy_keeps_metadata_and_tags(w: &World<'_>) {
    let (from, to) = (w.at("copies/from a+b é"), w.at("copies/kept"));
    let put = w.put_with(&from, "1", described()).await.unwrap();
    let copied = w.store.copy(&to, Copy { source: source(&from), replace: None }).await.unwrap();
    assert_eq!(copied.etag, put.etag);
    let head = w.head(&to).await;
    assert_eq!((head.content_type.as_deref(), head.cache_control.as_deref()), (Some("text/plain"), Some("no-cache")));
    assert_eq!((head.metadata, w.store.get_tags(&to, None).await.unwrap()), (pairs(&[("m", "old")]), pairs(&[("t", "old")])));
    assert_eq!(w.read(&to).await, "1");
}

pub(super) async fn a_copy_can_replace_everything(w: &World<'_>) {
    let (from, to) = (w.at("copies/replace-from"), w.at("copies/replaced"));
    w.put_with(&from, "1", described()).await.unwrap();
    let replace = PutOptions {
        content_type: Some("image/png".to_owned()),
        metadata: pairs(&[("n", "new")]),
        tags: pairs(&[("u", "new")]),
        storage_class: Some("STANDARD_IA".to_owned()),
        ..PutOptions::default()
    };
    w.store.copy(&to, Copy { source: source(&from), replace: Some(replace) }).await.unwrap();
    let head = w.head(&to).await;
    assert_eq!((head.content_type.as_deref(), head.cache_control.as_deref()), (Some("image/png"), None));
    assert_eq!((head.metadata, w.store.get_tags(&to, None).await.unwrap()), (pairs(&[("n", "new")]), pairs(&[("u", "new")])));
    assert_eq!(head.storage_class, "STANDARD_IA");
}

pub(super) async fn a_copy_onto_itself_changes_the_class(w: &World<'_>) {
    for at in [w.at("copies/class"), w.versioned_at("copies/class")] {
        let put = w.put(&at, "1").await;
        let replace = PutOptions { storage_class: Some("STANDARD_IA".to_owned()), ..PutOptions::default() };
        let copied = w.store.copy(&at, Copy { source: source(&at), replace: Some(replace) }).await.unwrap();
        assert_eq!(copied.etag, put.etag);
        assert_eq!(copied.version_id == put.version_id, put.version_id.is_none(), "a new version where there are versions");
        assert_eq!(w.head(&at).await.storage_class, "STANDARD_IA");
        assert_eq!(w.read(&at).await, "1");
    }
}

pub(super) async fn a_copy_onto_itself_without_a_change_is_refused(w: &World<'_>) {
    let at = w.at("copies/itself");
    w.put(&at, "1").await;
    assert_eq!(refused(w.store.copy(&at, Copy { source: source(&at), replace: None }).await), ErrorKind::Invalid);
}

pub(super) async fn a_copy_of_a_version_brings_it_back(w: &World<'_>) {
    let at = w.versioned_at("copies/version");
    let first = w.put(&at, "1").await;
    w.put(&at, "2").await;
    let old = CopySource { at: at.clone(), version_id: first.version_id.clone(), if_match: None };
    let back = w.store.copy(&at, Copy { source: old, replace: None }).await.unwrap();
    assert_ne!(back.version_id, first.version_id);
    assert_eq!(w.read(&at).await, "1");
}

pub(super) async fn a_copy_needs_its_source_unchanged(w: &World<'_>) {
    let (from, to) = (w.at("copies/unchanged"), w.at("copies/unchanged-to"));
    let stale = w.put(&from, "1").await.etag;
    let current = w.put(&from, "2").await.etag;
    let copy = |etag: &str| {
        let source = CopySource { if_match: Some(etag.to_owned()), ..source(&from) };
        w.store.copy(&to, Copy { source, replace: None })
    };
    assert_eq!(refused(copy(&stale).await), ErrorKind::PreconditionFailed);
    assert_eq!(copy(&current).await.unwrap().etag, current);
}

pub(super) async fn a_copy_needs_its_destination_as_expected(w: &World<'_>) {
    let (from, to) = (w.at("copies/destination-from"), w.at("copies/destination"));
    w.put(&from, "1").await;
    let copy = |condition| {
        let replace = Some(PutOptions { condition, ..PutOptions::default() });
        w.store.copy(&to, Copy { source: source(&from), replace })
    };
    let first = copy(Condition::IfAbsent).await.unwrap();
    assert_eq!(refused(copy(Condition::IfAbsent).await), ErrorKind::PreconditionFailed);
    copy(Condition::IfMatch(first.etag)).await.unwrap();
    assert_eq!(refused(copy(Condition::IfMatch("0".repeat(32))).await), ErrorKind::PreconditionFailed);
}

pub(super) async fn a_copy_of_what_is_absent_is_not_found(w: &World<'_>) {
    let (from, to) = (w.at("copies/absent"), w.at("copies/absent-to"));
    assert_eq!(refused(w.store.copy(&to, Copy { source: source(&from), replace: None }).await), ErrorKind::NotFound);
}
