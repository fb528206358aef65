//! What is no image.

use std::collections::BTreeMap;

use brigade_tests::rig::{DLQ, PARKED, QUEUE, Rig, Setting};
use bytes::Bytes;

use crate::world::{hurried, photo, put_all, small_sizes};

fn sources() -> BTreeMap<String, Bytes> {
    let notes = Bytes::from_static(b"Buy milk, and a new lens.");
    BTreeMap::from([("notes.jpg".to_owned(), notes), ("a.jpg".to_owned(), photo(200))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_image_is_parked_with_its_reason() {
    let rig = Rig::start(Setting { environment: small_sizes(), ..Setting::default() }).await;
    let sources = sources();
    put_all(&rig, &sources).await;
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    let parked = rig.take(PARKED).await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert!(parked[0].body.contains("notes.jpg"), "the message as it came: {}", parked[0].body);
    let attribute = |name: &str| parked[0].message_attributes.get(name).and_then(|attribute| attribute.text());
    assert_eq!(attribute("brigade-reason"), Some("not-an-image"));
    assert_eq!(attribute("brigade-function"), Some("thumbnail"));
    assert!(attribute("brigade-detail").is_some_and(|detail| !detail.is_empty()));
    rig.empty(&[QUEUE, DLQ, PARKED]);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_parking_queue_it_ends_in_the_dead_letter_queue() {
    let options = hurried(50.0);
    let rig = Rig::start(Setting { options, environment: small_sizes(), parking: false, ..Setting::default() }).await;
    let sources = sources();
    put_all(&rig, &sources).await;
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    let dead = rig.take(DLQ).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(dead[0].body.contains("notes.jpg"), "{}", dead[0].body);
    rig.empty(&[QUEUE, DLQ, PARKED]);
    rig.end().await;
}
