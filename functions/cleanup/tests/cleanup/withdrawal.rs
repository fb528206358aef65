//! `BRIGADE_ON_DELETE=tag`: what has no source is withdrawn, and comes back with its source.

use brigade::derived::{STATE, WITHDRAWN, is_withdrawn};
use brigade::storage::Store;

use crate::world::{World, at, photo, removed, told};

const A: [&str; 3] = ["t/photos/a/1.txt", "t/photos/a/2.txt", "t/photos/a/info.json"];
const TAG: [(&str, &str); 1] = [("BRIGADE_ON_DELETE", "tag")];

async fn withdrawn() -> World {
    let w = World::new();
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    w.remove(&a).await;
    assert_eq!(told(&removed(&w.cleanup(&TAG), &a).await), "done, wrote 3, withdrawn 3");
    w
}

async fn tags(w: &World) -> Vec<bool> {
    let mut tagged = Vec::new();
    for key in A {
        let at = at("derived", key);
        let tags = w.store.get_tags(&at, None).await.unwrap();
        let tag = tags.get(STATE).is_some_and(|value| value == WITHDRAWN);
        assert_eq!(is_withdrawn(&w.head(&at).await), tag, "metadata and tag of {key} differ");
        tagged.push(tag);
    }
    tagged
}

#[tokio::test]
async fn what_has_no_source_is_kept_with_a_tag() {
    let w = withdrawn().await;
    assert_eq!(w.keys("derived").await, A);
    assert_eq!(tags(&w).await, [true; 3]);
    let meta = w.head(&at("derived", A[0])).await;
    assert_eq!(meta.content_type.as_deref(), Some("text/plain"));
    assert_eq!(told(&removed(&w.cleanup(&TAG), &photo("a")).await), "done", "the same event again");
    assert_eq!(told(&w.make(&photo("a")).await), "done", "who knows f leaves it to the rule");
    assert_eq!(tags(&w).await, [true; 3]);
}

#[tokio::test]
async fn when_the_source_is_back_as_it_was_the_tag_goes() {
    let w = withdrawn().await;
    let a = photo("a");
    w.put(&a, "x").await;
    // A delete marker was removed: that is the only event that comes.
    assert_eq!(told(&removed(&w.cleanup(&TAG), &a).await), "done, wrote 3, restored 3");
    assert_eq!(tags(&w).await, [false; 3]);
    assert!(w.announced().is_empty(), "nothing had to be made");
    assert_eq!(told(&w.make(&a).await), "done", "and who knows f finds it right");
}

#[tokio::test]
async fn when_the_source_is_back_with_other_bytes_it_is_made_anew() {
    let w = withdrawn().await;
    let a = photo("a");
    w.put(&a, "y").await;
    assert_eq!(told(&removed(&w.cleanup(&TAG), &a).await), "done, announced 1");
    assert_eq!(told(&w.make(&a).await), "done, wrote 3");
    assert_eq!(tags(&w).await, [false; 3]);
}

#[tokio::test]
async fn whoever_knows_f_takes_nothing_withdrawn_for_current() {
    let w = withdrawn().await;
    let a = photo("a");
    w.put(&a, "x").await;
    // An upload of the same bytes: no removal is told of, so cleanup never looks.
    assert_eq!(told(&w.make(&a).await), "done, wrote 3");
    assert_eq!(tags(&w).await, [false; 3]);
}

#[tokio::test]
async fn after_a_change_of_mind_what_was_withdrawn_is_removed() {
    let w = withdrawn().await;
    assert_eq!(told(&removed(&w.cleanup(&[]), &photo("a")).await), "done, removed 3");
    assert!(w.keys("derived").await.is_empty());
}
