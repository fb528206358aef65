//! Where a scheduled sweep keeps its place, in a bucket that others use too.

use std::sync::Mutex;

use brigade::event::EventKind;

use super::*;

const STATE: (&str, &str) = ("BRIGADE_STATE", "s3://state/brigade/");
const MANY: (&str, &str) = ("BRIGADE_MAX_DELETES", "10k");
const LITTLE: Duration = Duration::from_secs(30);

async fn orphans() -> EmbeddedStore {
    let store = world();
    for n in 0..3000 {
        derive(&store, &format!("gone-{n:04}"), "1.jpg").await;
    }
    store
}

fn lay(store: &EmbeddedStore, key: &str, text: &'static str) {
    let kind = EventKind::new("ObjectCreated:Put");
    store.put_object(&at("state", key), Bytes::from(text), PutOptions::default(), kind).unwrap();
}

async fn text(store: &EmbeddedStore, key: &str) -> String {
    let body = store.get(&at("state", key), Default::default()).await.unwrap().body;
    let bytes: Vec<Bytes> = futures::TryStreamExt::try_collect(body).await.unwrap();
    String::from_utf8(bytes.concat()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_no_checkpoint_is_left_alone() {
    for foreign in ["mine", r#"{"v":2,"part":"s3://derived/t/photos/","after":"t/photos/gone-0001/1.jpg"}"#] {
        let store = orphans().await;
        lay(&store, KEPT, foreign);
        let unfinished = in_time(&cleanup_on(slow(&store), &[MANY, STATE]), LITTLE).await;
        assert_eq!(unfinished.verdict.reason().unwrap().code, "sweep-unfinished", "it has nowhere to keep its place");
        assert_eq!(text(&store, KEPT).await, foreign);
        let whole = cleanup(&store, &[MANY, STATE]).on_schedule(Deadline::after(Duration::from_secs(900_000))).await;
        assert_eq!(whole.verdict, Verdict::Done);
        assert_eq!(text(&store, KEPT).await, foreign);
    }
}

#[tokio::test]
async fn a_sweep_that_ends_and_has_kept_nothing_only_reads() {
    let store = world();
    derive(&store, "gone", "1.jpg").await;
    let asked: Arc<Mutex<Vec<&str>>> = Arc::default();
    let asks = Arc::clone(&asked);
    let pause: Pause = Arc::new(move |point| {
        if point.place.starts_with("s3://state/") && point.moment == Moment::BeforeEffect {
            asks.lock().unwrap().push(point.operation);
        }
        std::future::ready(()).boxed()
    });
    let watched = Arc::new(FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(pause));
    let outcome = cleanup_on(watched, &[STATE]).on_schedule(Deadline::after(Duration::from_secs(60))).await;
    assert_eq!((outcome.verdict, outcome.figures[2].1), (Verdict::Done, 1));
    assert_eq!(*asked.lock().unwrap(), ["GetObject"]);
}

#[tokio::test(start_paused = true)]
async fn two_functions_that_share_a_state_have_a_place_each() {
    let store = orphans().await;
    let inputs = [("BRIGADE_INPUT", "s3://photos/*"), ("BRIGADE_INPUT", "s3://photos/gone*")];
    for input in inputs {
        assert_eq!(in_time(&cleanup_on(slow(&store), &[MANY, STATE, input]), LITTLE).await.verdict, Verdict::Done);
    }
    let kept = keys(&store, "state").await;
    assert!(kept.len() == 2 && kept.contains(&KEPT.to_owned()), "{kept:?}");
    let whole = cleanup(&store, &[MANY, STATE]).on_schedule(Deadline::after(Duration::from_secs(900_000))).await;
    assert_eq!(whole.verdict, Verdict::Done);
    assert!(!keys(&store, "state").await.contains(&KEPT.to_owned()), "the one's goes, the other's stays");
    assert_eq!(keys(&store, "state").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_faster_keeps_its_place() {
    const OTHERS: &str = r#"{"v":1,"part":"s3://derived/t/photos/","after":"t/photos/gone-2999/1.jpg"}"#;
    // It begins without a place, then with one that it reaches the end from.
    for (before, time) in [(None, LITTLE), (Some(r#"{"v":1,"part":"s3://derived/t/photos/"}"#), Duration::from_secs(900_000))] {
        let store = orphans().await;
        before.into_iter().for_each(|text| lay(&store, KEPT, text));
        let world = store.clone();
        let pause: Pause = Arc::new(move |point| {
            let writes = matches!(point.operation, "PutObject" | "DeleteObject") && point.place.starts_with("s3://state/");
            if writes && point.moment == Moment::BeforeEffect {
                lay(&world, KEPT, OTHERS);
            }
            let listing = point.operation == "ListObjectsV2" && point.moment == Moment::BeforeEffect;
            tokio::time::sleep(Duration::from_secs(if listing { 3 } else { 0 })).boxed()
        });
        let raced = Arc::new(FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(pause));
        let outcome = cleanup_on(raced, &[MANY, STATE]).on_schedule(Deadline::after(time)).await;
        assert_eq!(outcome.verdict, Verdict::Done, "{before:?}");
        assert_eq!(text(&store, KEPT).await, OTHERS, "{before:?}");
    }
}
