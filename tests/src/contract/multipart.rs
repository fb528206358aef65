//! Multipart uploads.

use brigade::storage::{Condition, ErrorKind, Get, Head, ListUploads, Location, PartEntry, Put, PutOptions, Result};
use bytes::Bytes;
use futures::TryStreamExt;

use super::world::{World, pairs, refused};

const MIN_PART: usize = 5 * 1024 * 1024;

async fn part(w: &World<'_>, at: &Location, id: &str, number: u16, body: Bytes) -> PartEntry {
    let size = body.len() as u64;
    PartEntry { number, etag: w.store.upload_part(at, id, number, body).await.unwrap(), size }
}

/// An upload of one small part.
async fn small(w: &World<'_>, at: &Location, body: &'static str) -> (String, Vec<PartEntry>) {
    let id = w.store.create_upload(at, PutOptions::default()).await.unwrap();
    let part = part(w, at, &id, 1, Bytes::from_static(body.as_bytes())).await;
    (id, vec![part])
}

async fn complete(w: &World<'_>, at: &Location, upload: (String, Vec<PartEntry>), condition: Condition) -> Result<Put> {
    w.store.complete_upload(at, &upload.0, upload.1, PutOptions { condition, ..PutOptions::default() }).await
}

pub(super) async fn parts_become_one_object(w: &World<'_>) {
    let at = w.at("multipart/parts");
    let id = w.store.create_upload(&at, PutOptions::default()).await.unwrap();
    // Sent in the wrong order, and the first part twice: the last one counts.
    let last = part(w, &at, &id, 7, Bytes::from_static(b"end")).await;
    part(w, &at, &id, 2, Bytes::from_static(b"replaced")).await;
    let first = part(w, &at, &id, 2, Bytes::from(vec![b'a'; MIN_PART])).await;
    assert_eq!(
        refused(w.store.head(&at, Head::default()).await),
        ErrorKind::NotFound,
        "nothing is there before the completion"
    );
    let put = complete(w, &at, (id, vec![first, last]), Condition::None).await.unwrap();
    assert!(put.etag.ends_with("-2") && put.etag.len() == 34, "{}", put.etag);
    let head = w.head(&at).await;
    assert_eq!((head.size, head.etag), (MIN_PART as u64 + 3, put.etag));
    let body: Vec<Bytes> = w.store.get(&at, Get::default()).await.unwrap().body.try_collect().await.unwrap();
    let body = body.concat();
    assert!(body[..MIN_PART].iter().all(|b| *b == b'a') && body[MIN_PART..] == *b"end");
}

pub(super) async fn a_small_part_is_only_allowed_at_the_end(w: &World<'_>) {
    let at = w.at("multipart/small");
    let id = w.store.create_upload(&at, PutOptions::default()).await.unwrap();
    let one = part(w, &at, &id, 1, Bytes::from_static(b"1")).await;
    let two = part(w, &at, &id, 2, Bytes::from_static(b"2")).await;
    assert_eq!(refused(complete(w, &at, (id.clone(), vec![one, two]), Condition::None).await), ErrorKind::Invalid);
    w.store.abort_upload(&at, &id).await.unwrap();
}

pub(super) async fn an_upload_keeps_its_options(w: &World<'_>) {
    let at = w.at("multipart/options");
    let options = PutOptions {
        content_type: Some("text/plain".to_owned()),
        cache_control: Some("no-cache".to_owned()),
        metadata: pairs(&[("m", "1")]),
        tags: pairs(&[("t", "1")]),
        storage_class: Some("STANDARD_IA".to_owned()),
        ..PutOptions::default()
    };
    let id = w.store.create_upload(&at, options.clone()).await.unwrap();
    let part = part(w, &at, &id, 1, Bytes::from_static(b"1")).await;
    w.store.complete_upload(&at, &id, vec![part], options).await.unwrap();
    let head = w.head(&at).await;
    assert_eq!((head.content_type.as_deref(), head.cache_control.as_deref()), (Some("text/plain"), Some("no-cache")));
    assert_eq!((head.metadata, head.storage_class.as_str()), (pairs(&[("m", "1")]), "STANDARD_IA"));
    assert_eq!(w.store.get_tags(&at, None).await.unwrap(), pairs(&[("t", "1")]));
}

pub(super) async fn parts_must_exist_and_be_in_order(w: &World<'_>) {
    let at = w.at("multipart/order");
    let id = w.store.create_upload(&at, PutOptions::default()).await.unwrap();
    let big = || Bytes::from(vec![0; MIN_PART]);
    let (one, two) = (part(w, &at, &id, 1, big()).await, part(w, &at, &id, 2, big()).await);
    let wrong = PartEntry { etag: "0".repeat(32), ..one.clone() };
    let absent = PartEntry { number: 3, ..two.clone() };
    for parts in [vec![two.clone(), one.clone()], vec![wrong, two], vec![one, absent]] {
        assert_eq!(refused(complete(w, &at, (id.clone(), parts), Condition::None).await), ErrorKind::Invalid);
    }
    w.store.abort_upload(&at, &id).await.unwrap();
}

pub(super) async fn a_conditional_completion_has_one_winner(w: &World<'_>) {
    let at = w.at("multipart/winner");
    let (first, second) = (small(w, &at, "first").await, small(w, &at, "second").await);
    complete(w, &at, second, Condition::IfAbsent).await.unwrap();
    let id = first.0.clone();
    assert_eq!(refused(complete(w, &at, first, Condition::IfAbsent).await), ErrorKind::PreconditionFailed);
    assert_eq!(w.read(&at).await, "second");
    // The refused upload may still be there, or gone already; an abort leaves nothing behind.
    let aborted = w.store.abort_upload(&at, &id).await;
    assert!(aborted.as_ref().err().is_none_or(|error| error.kind == ErrorKind::NotFound), "{aborted:?}");
}

pub(super) async fn a_completion_that_expects_an_etag_is_refused_when_stale(w: &World<'_>) {
    let at = w.at("multipart/stale");
    let stale = w.put(&at, "1").await.etag;
    let current = w.put(&at, "2").await.etag;
    let (first, second) = (small(w, &at, "first").await, small(w, &at, "second").await);
    let refusal = complete(w, &at, first, Condition::IfMatch(stale)).await;
    assert_eq!(refused(refusal), ErrorKind::PreconditionFailed);
    complete(w, &at, second, Condition::IfMatch(current)).await.unwrap();
    assert_eq!(w.read(&at).await, "second");
}

pub(super) async fn an_aborted_upload_is_gone(w: &World<'_>) {
    let at = w.at("multipart/aborted");
    let upload = small(w, &at, "1").await;
    w.store.abort_upload(&at, &upload.0).await.unwrap();
    let late = w.store.upload_part(&at, &upload.0, 2, Bytes::from_static(b"2")).await;
    assert_eq!(refused(late), ErrorKind::NotFound);
    assert_eq!(refused(complete(w, &at, upload, Condition::None).await), ErrorKind::NotFound);
    assert_eq!(refused(w.store.head(&at, Head::default()).await), ErrorKind::NotFound);
}

pub(super) async fn unfinished_uploads_are_listed(w: &World<'_>) {
    let keys = ["multipart/list/a", "multipart/list/a", "multipart/list/b é+"];
    let mut expected = Vec::new();
    for key in keys {
        expected.push((key.to_owned(), w.store.create_upload(&w.at(key), PutOptions::default()).await.unwrap()));
    }
    for size in [1, 2, 10] {
        let mut options = ListUploads { prefix: "multipart/list/".to_owned(), from: None, max_uploads: Some(size) };
        let mut found = Vec::new();
        loop {
            let (page, next) = w.store.list_uploads(&w.unversioned, options.clone()).await.unwrap();
            found.extend(page.into_iter().map(|upload| (upload.key.as_str().to_owned(), upload.upload_id)));
            options.from = next;
            if options.from.is_none() {
                break;
            }
        }
        assert!(found.is_sorted_by(|a, b| a.0 <= b.0), "by key: {found:?}");
        // Among uploads of one key the order is the store's own.
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "pages of {size}");
    }
    for (key, id) in &expected {
        w.store.abort_upload(&w.at(key), id).await.unwrap();
    }
    let options = ListUploads { prefix: "multipart/list/".to_owned(), ..ListUploads::default() };
    assert_eq!(w.store.list_uploads(&w.unversioned, options).await.unwrap(), (vec![], None));
}
