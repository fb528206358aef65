//! Conditional writes and removals.

use brigade::storage::{Condition, Delete, ErrorKind, Head};
use futures::future::join_all;

use super::world::{World, refused};

fn if_match(etag: &str) -> Condition {
    Condition::IfMatch(etag.to_owned())
}

fn delete_if(etag: &str) -> Delete {
    Delete { version_id: None, if_match: Some(etag.to_owned()) }
}

pub(super) async fn one_of_eight_creators_wins(w: &World<'_>) {
    for at in [w.at("conditions/race"), w.versioned_at("conditions/race")] {
        let bodies: Vec<String> = (0..8).map(|i| format!("writer {i}")).collect();
        let results = join_all(bodies.iter().map(|body| w.put_if(&at, body, Condition::IfAbsent))).await;
        let winners: Vec<_> = results.iter().zip(&bodies).filter(|(result, _)| result.is_ok()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        assert_eq!(w.read(&at).await, *winners[0].1);
        // 409 is a loser's answer too: S3 gives it while another write is on its way.
        let lost = |kind| matches!(kind, ErrorKind::PreconditionFailed | ErrorKind::Conflict);
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|error| lost(error.kind)), "{results:?}");
    }
}

pub(super) async fn if_absent_is_refused_over_an_object(w: &World<'_>) {
    let at = w.at("conditions/absent");
    w.put_if(&at, "1", Condition::IfAbsent).await.unwrap();
    assert_eq!(refused(w.put_if(&at, "2", Condition::IfAbsent).await), ErrorKind::PreconditionFailed);
    assert_eq!(w.read(&at).await, "1");
    w.delete(&at).await;
    w.put_if(&at, "3", Condition::IfAbsent).await.unwrap();
    assert_eq!(w.read(&at).await, "3");
}

pub(super) async fn if_absent_holds_over_a_delete_marker(w: &World<'_>) {
    let at = w.versioned_at("conditions/absent-marker");
    w.put(&at, "1").await;
    w.delete(&at).await;
    w.put_if(&at, "2", Condition::IfAbsent).await.unwrap();
    assert_eq!(w.read(&at).await, "2");
}

pub(super) async fn if_match_holds_for_the_current_etag(w: &World<'_>) {
    for at in [w.at("conditions/match"), w.versioned_at("conditions/match")] {
        let first = w.put(&at, "1").await;
        let second = w.put_if(&at, "2", if_match(&first.etag)).await.unwrap();
        w.put_if(&at, "3", if_match(&second.etag)).await.unwrap();
        assert_eq!(w.read(&at).await, "3");
    }
}

pub(super) async fn if_match_is_refused_for_a_stale_etag(w: &World<'_>) {
    let at = w.at("conditions/stale");
    let first = w.put(&at, "1").await;
    w.put(&at, "2").await;
    assert_eq!(refused(w.put_if(&at, "3", if_match(&first.etag)).await), ErrorKind::PreconditionFailed);
    assert_eq!(w.read(&at).await, "2");
}

pub(super) async fn if_match_on_what_is_gone_is_not_found(w: &World<'_>) {
    let at = w.at("conditions/gone");
    let first = w.put(&at, "1").await;
    w.delete(&at).await;
    assert_eq!(refused(w.put_if(&at, "2", if_match(&first.etag)).await), ErrorKind::NotFound);
    assert_eq!(refused(w.store.head(&at, Head::default()).await), ErrorKind::NotFound);
}

pub(super) async fn if_match_over_a_delete_marker_is_not_found(w: &World<'_>) {
    let at = w.versioned_at("conditions/gone-marker");
    let first = w.put(&at, "1").await;
    w.delete(&at).await;
    assert_eq!(refused(w.put_if(&at, "2", if_match(&first.etag)).await), ErrorKind::NotFound);
}

pub(super) async fn a_conditional_removal_needs_the_current_etag(w: &World<'_>) {
    for at in [w.at("conditions/removal"), w.versioned_at("conditions/removal")] {
        let first = w.put(&at, "1").await;
        let second = w.put(&at, "2").await;
        assert_eq!(refused(w.store.delete(&at, delete_if(&first.etag)).await), ErrorKind::PreconditionFailed);
        assert_eq!(w.read(&at).await, "2");
        w.store.delete(&at, delete_if(&second.etag)).await.unwrap();
        assert_eq!(refused(w.store.head(&at, Head::default()).await), ErrorKind::NotFound);
    }
}

pub(super) async fn a_conditional_removal_of_what_is_absent_fails(w: &World<'_>) {
    let at = w.at("conditions/removal-absent");
    let etag = w.put(&at, "1").await.etag;
    w.delete(&at).await;
    assert_eq!(refused(w.store.delete(&at, delete_if(&etag)).await), ErrorKind::NotFound);
}
