//! The trap on scripted stores.

use std::sync::atomic::Ordering;

use super::*;
use crate::storage::CopySource;
use crate::storage::trap::{Fate, Trap};

fn wrapped(fates: impl IntoIterator<Item = Fate>) -> OwnWrites<Trap> {
    OwnWrites::new(Trap::new(fates), fastrand::Rng::with_seed(7))
}

fn when(condition: Condition) -> PutOptions {
    PutOptions { condition, ..PutOptions::default() }
}

async fn there(store: &Trap, body: &'static str) -> String {
    store.inside.put(&Trap::at("k"), Bytes::from(body), PutOptions::default()).await.unwrap().etag
}

async fn etag_now(store: &OwnWrites<Trap>) -> Option<String> {
    store.inner().inside.head(&Trap::at("k"), Head::default()).await.ok().map(|meta| meta.etag)
}

#[tokio::test]
async fn a_create_that_met_itself_succeeds() {
    use ErrorKind::*;
    // The fate of the write, whether a foreign object is there already, and what the caller is told.
    let rows = [
        (Fate::Normal, false, None),
        (Fate::SentTwice, false, None),
        (Fate::LostReply, false, None),
        (Fate::LostRequest, false, Some(Unavailable)),
        (Fate::Refused(Conflict), false, Some(Conflict)),
        (Fate::Refused(Throttled), false, Some(Throttled)),
        (Fate::Refused(AccessDenied), false, Some(AccessDenied)),
        (Fate::Normal, true, Some(PreconditionFailed)),
        (Fate::LostRequest, true, Some(Unavailable)),
    ];
    for (fate, foreign, told) in rows {
        let store = wrapped([fate]);
        if foreign {
            there(store.inner(), "foreign").await;
        }
        let result = store.put(&Trap::at("k"), Bytes::from("mine"), when(Condition::IfAbsent)).await;
        assert_eq!(result.as_ref().err().map(|e| e.kind), told, "{fate:?}, foreign: {foreign}");
        if let Ok(put) = result {
            assert_eq!(Some(put.etag), etag_now(&store).await, "{fate:?}");
        }
    }
}

#[tokio::test]
async fn an_overwrite_that_met_itself_succeeds() {
    for fate in [Fate::Normal, Fate::SentTwice, Fate::LostReply] {
        let store = wrapped([fate]);
        let before = there(store.inner(), "before").await;
        let put = store.put(&Trap::at("k"), Bytes::from("after"), when(Condition::IfMatch(before))).await.unwrap();
        assert_eq!(Some(put.etag), etag_now(&store).await, "{fate:?}");
    }
    let store = wrapped([]);
    let gone = store.put(&Trap::at("k"), Bytes::from("x"), when(Condition::IfMatch("0".repeat(32)))).await;
    assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn where_the_head_fails_too_the_first_error_stands() {
    let store = wrapped([Fate::SentTwice]);
    store.inner().head_fails.store(true, Ordering::SeqCst);
    let result = store.put(&Trap::at("k"), Bytes::from("mine"), when(Condition::IfAbsent)).await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::PreconditionFailed);
    assert_eq!(store.inner().heads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn metadata_taken_over_from_an_object_does_not_make_it_ours() {
    let store = wrapped([]);
    store.put(&Trap::at("k"), Bytes::from("first"), when(Condition::IfAbsent)).await.unwrap();
    let metadata = store.head(&Trap::at("k"), Head::default()).await.unwrap().metadata;
    assert!(metadata.contains_key(NONCE));
    let again = PutOptions { metadata, ..when(Condition::IfAbsent) };
    let result = store.put(&Trap::at("k"), Bytes::from("second"), again).await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn what_has_no_condition_passes_through() {
    let store = wrapped([Fate::Normal, Fate::LostReply]);
    store.put(&Trap::at("k"), Bytes::from("x"), PutOptions::default()).await.unwrap();
    assert!(store.head(&Trap::at("k"), Head::default()).await.unwrap().metadata.is_empty());
    let heads = store.inner().heads.load(Ordering::SeqCst);
    let result = store.put(&Trap::at("k"), Bytes::from("x"), PutOptions::default()).await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::Unavailable);
    assert_eq!(store.inner().heads.load(Ordering::SeqCst), heads, "nothing was looked at");
}

#[tokio::test]
async fn a_copy_that_met_itself_succeeds() {
    for (fate, told) in [(Fate::SentTwice, None), (Fate::LostReply, None), (Fate::LostRequest, Some(ErrorKind::Unavailable))] {
        let store = wrapped([fate]);
        there(store.inner(), "source").await;
        let source = CopySource { at: Trap::at("k"), version_id: None, if_match: None };
        let copy = Copy { source, replace: Some(when(Condition::IfAbsent)) };
        let result = store.copy(&Trap::at("to"), copy).await;
        assert_eq!(result.as_ref().err().map(|e| e.kind), told, "{fate:?}");
    }
}

#[tokio::test]
async fn an_upload_that_was_completed_twice_succeeds() {
    use ErrorKind::*;
    let rows = [
        (Condition::IfAbsent, Fate::SentTwice, None),
        (Condition::IfAbsent, Fate::LostReply, None),
        (Condition::IfAbsent, Fate::LostRequest, Some(Unavailable)),
        (Condition::None, Fate::LostReply, Some(Unavailable)),
    ];
    for (condition, fate, told) in rows {
        let store = wrapped([Fate::Normal, fate]);
        let at = Trap::at("k");
        let upload_id = store.create_upload(&at, when(condition.clone())).await.unwrap();
        let etag = store.upload_part(&at, &upload_id, 1, Bytes::from("part")).await.unwrap();
        let parts = vec![PartEntry { number: 1, etag, size: 4 }];
        let result = store.complete_upload(&at, &upload_id, parts, when(condition.clone())).await;
        assert_eq!(result.err().map(|e| e.kind), told, "{condition:?} {fate:?}");
        assert_eq!(store.nonce_of_upload(&upload_id).is_some(), condition != Condition::None && told.is_some());
    }
}
