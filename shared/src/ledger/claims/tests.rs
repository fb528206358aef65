//! Claims on an embedded store: shards, splits, segments, and the requests that they cost.

use std::sync::Arc;

use time::OffsetDateTime;

use super::*;
use crate::event::{BucketName, Sequencer};
use crate::ledger::{Digest, Ending, MAX_MARKS, Order};
use crate::storage::faulty::Faults;
use crate::storage::{EmbeddedStore, ErrorKind, FaultyStore, List, Nonces, Store};

const NOW: i64 = 1_800_000_000;

struct World {
    store: FaultyStore<EmbeddedStore>,
    now: Arc<Mutex<i64>>,
    claims: Claims,
}

/// A look that must not be needed.
struct Nobody;

#[async_trait]
impl States for Nobody {
    async fn standing(&self, index: usize) -> Result<Standing, StoreError> {
        panic!("change {index} was to be settled by the ledger alone");
    }
}

struct Always(Standing);

#[async_trait]
impl States for Always {
    async fn standing(&self, _: usize) -> Result<Standing, StoreError> {
        Ok(self.0)
    }
}

/// The object of the change with this index may not be looked at.
struct ButOne(usize);

#[async_trait]
impl States for ButOne {
    async fn standing(&self, index: usize) -> Result<Standing, StoreError> {
        let denied = StoreError::new(ErrorKind::AccessDenied, "HeadObject", "s3://b/k", "AccessDenied", "Access Denied");
        if index == self.0 { Err(denied) } else { Ok(Standing::Current) }
    }
}

impl World {
    fn new(depth: u8) -> Self {
        let now = Arc::new(Mutex::new(NOW));
        let clock = Arc::clone(&now);
        let time = move || OffsetDateTime::from_unix_timestamp(*clock.lock().unwrap()).unwrap();
        let inside = EmbeddedStore::new().with_seed(1).with_clock(Arc::new(time));
        inside.create_bucket(&BucketName::new("state"), "us-east-1").unwrap();
        let store = FaultyStore::new(inside, Faults::default(), 1);
        let claims = Self::claims(&store, depth, 1);
        Self { store, now, claims }
    }

    fn claims(store: &FaultyStore<EmbeddedStore>, depth: u8, seed: u64) -> Claims {
        let documents = Documents::new(Arc::new(store.clone()), Nonces::new(fastrand::Rng::with_seed(seed)));
        let place = Place { bucket: BucketName::new("state"), prefix: "p/".to_owned() };
        let retention = Duration::from_secs(18 * 86_400);
        Claims::new(documents, Layout { place, name: "one".to_owned(), depth, retention })
    }

    async fn claim(&self, changes: &[Change], states: &dyn States) -> Vec<Answer> {
        let changes: Vec<&Change> = changes.iter().collect();
        let answers = self.claims.claim(&changes, states, terms()).await;
        answers.into_iter().map(Result::unwrap).collect()
    }

    /// Claims and ends them all.
    async fn settle(&self, changes: &[Change]) {
        let answers = self.claim(changes, &Nobody).await;
        let ends: Vec<End> = changes
            .iter()
            .zip(answers)
            .map(|(change, answer)| match answer {
                Answer::Claimed(token) => End { key: change.key, token, ending: Ending::Settled },
                other => panic!("{other:?}"),
            })
            .collect();
        self.claims.complete(&ends, "me").await.unwrap();
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let list = List { prefix: prefix.to_owned(), ..List::default() };
        let page = self.store.list(&BucketName::new("state"), list).await.unwrap();
        page.objects.into_iter().map(|object| object.key.to_string()).collect()
    }

    fn pass(&self, seconds: i64) {
        *self.now.lock().unwrap() += seconds;
    }
}

fn terms() -> Terms<'static> {
    Terms { owner: "me", lease: Duration::from_secs(50) }
}

/// A change of a key, made so many seconds after the beginning.
fn change(key: usize, second: i64) -> Change {
    let (object, identity) = (Digest::of(&[&key.to_string()]), Digest::of(&[&key.to_string(), &second.to_string()]));
    let order = Order::of_sequencer(Sequencer::new(&format!("{:018X}", NOW + second)).as_ref());
    Change {
        object,
        identity,
        key: object.id(),
        id: identity.id(),
        order,
        time: Some((NOW + second) * 1_000),
        of_content: true,
    }
}

#[tokio::test]
async fn a_ledger_begins_as_one_shard() {
    let world = World::new(4);
    world.settle(&(0..100).map(|key| change(key, 0)).collect::<Vec<_>>()).await;
    assert_eq!(world.keys("").await, ["p/heads/one/all.json"]);
    assert_eq!(world.store.fired().requests, 4 + 1);
}

#[tokio::test]
async fn old_marks_are_sealed_by_hour_and_still_known() {
    let world = World::new(0);
    let first: Vec<Change> = (0..900).map(|key| change(key, 0)).collect();
    world.settle(&first).await;
    world.pass(3_600);
    world.settle(&(900..1_800).map(|key| change(key, 3_600)).collect::<Vec<_>>()).await;
    world.settle(&(1_800..1_900).map(|key| change(key, 3_601)).collect::<Vec<_>>()).await;
    let segments = world.keys("p/segments/").await;
    assert_eq!(segments.len(), 2, "{segments:?}");
    assert!(segments[0] < segments[1]);
    // What was sealed was forwarded; no object is looked at.
    assert_eq!(world.claim(&first[..3], &Nobody).await, [Answer::Duplicate; 3]);
    // The same keys at another time: never seen, so the objects decide, and what passes gets a number after all others.
    let late: Vec<Change> = (0..2).map(|key| change(key, -100)).collect();
    assert_eq!(world.claim(&late, &Always(Standing::Overtaken)).await, [Answer::Superseded; 2]);
    let answers = world.claim(&late[..1], &Always(Standing::Current)).await;
    assert_eq!(answers, [Answer::Claimed(1_901)]);
    // A change within the moment before what was sealed of its key was passed by it.
    assert_eq!(world.claim(&[change(5, -1)], &Nobody).await, [Answer::Superseded]);
}

/// 1,800 keys at the beginning, of which the first 900 have been sealed by what came an hour later.
async fn with_a_past() -> (World, Vec<Change>) {
    let world = World::new(0);
    let first: Vec<Change> = (0..1_800).map(|key| change(key, 0)).collect();
    world.settle(&first).await;
    world.pass(3_600);
    world.settle(&(1_800..1_900).map(|key| change(key, 3_600)).collect::<Vec<_>>()).await;
    (world, first)
}

#[tokio::test]
async fn a_look_that_fails_fails_its_own_change_alone() {
    let (world, _) = with_a_past().await;
    let asked: Vec<Change> = (0..3).map(|key| change(key, -100)).chain([change(5_000, 3_601)]).collect();
    let asked: Vec<&Change> = asked.iter().collect();
    let answers = world.claims.claim(&asked, &ButOne(1), terms()).await;
    let claimed: Vec<bool> = answers.iter().map(|answer| matches!(answer, Ok(Answer::Claimed(_)))).collect();
    assert_eq!(claimed, [true, false, true, true], "{answers:?}");
    assert!(matches!(&answers[1], Err(error @ LedgerError::Unseen(_)) if error.verdict().name() == "retry"), "{answers:?}");
    // What was told of it is no claim: the next one can have it.
    assert!(matches!(world.claim(&[change(1, -100)], &Always(Standing::Current)).await[..], [Answer::Claimed(_)]));
}

#[tokio::test]
async fn a_damaged_segment_fails_the_changes_that_need_it_alone() {
    let (world, first) = with_a_past().await;
    let [segment] = &world.keys("p/segments/").await[..] else { panic!("one segment") };
    let at = world.claims.at(segment).unwrap();
    world.store.inner().put(&at, bytes::Bytes::from_static(b"{"), Default::default()).await.unwrap();
    let sealed: Vec<Change> = first.into_iter().filter(|change| change.time == Some(NOW * 1_000)).take(3).collect();
    let asked: Vec<&Change> = sealed.iter().collect();
    let fresh = change(5_000, 3_601);
    let before = world.store.fired().requests;
    let answers = world.claims.claim(&[&asked[..], &[&fresh]].concat(), &Nobody, terms()).await;
    assert!(answers[..3].iter().all(|a| matches!(a, Err(LedgerError::Damaged { .. }))), "{answers:?}");
    assert!(matches!(answers[3], Ok(Answer::Claimed(_))), "{answers:?}");
    assert_eq!(world.store.fired().requests, before + 5, "head, two hours' listings, the segment once, head");
}

#[tokio::test]
async fn a_shard_that_forgets_too_soon_splits() {
    for (seconds, heads) in [(1, 3), (3_600, 1)] {
        let world = World::new(1);
        world.settle(&(0..1_800).map(|key| change(key, 0)).collect::<Vec<_>>()).await;
        world.pass(seconds);
        world.settle(&[change(1_800, seconds)]).await;
        world.claims.split_where_due().await.unwrap();
        assert_eq!(world.keys("p/heads/").await.len(), heads, "{seconds} s");
    }
}

#[tokio::test]
async fn what_is_older_than_the_segments_is_settled_by_its_object() {
    let world = World::new(0);
    world.settle(&(0..1_800).map(|key| change(key, 0)).collect::<Vec<_>>()).await;
    world.pass(100);
    world.settle(&[change(2_000, 100)]).await;
    world.pass(19 * 86_400);
    let before = world.store.fired().requests;
    assert_eq!(world.claim(&[change(0, 0)], &Always(Standing::Overtaken)).await, [Answer::Superseded]);
    assert_eq!(world.store.fired().requests, before + 1, "no segment is looked for");
}

#[tokio::test]
async fn a_claim_that_was_never_ended_keeps_its_number_in_a_segment() {
    let world = World::new(0);
    assert_eq!(world.claim(&[change(0, 0)], &Nobody).await, [Answer::Claimed(1)]);
    world.pass(60);
    world.settle(&(1..MAX_MARKS).map(|key| change(key, 60)).collect::<Vec<_>>()).await;
    world.settle(&[change(MAX_MARKS, 60)]).await;
    assert_eq!(world.claim(&[change(0, 0)], &Always(Standing::Current)).await, [Answer::Claimed(1)]);
}

#[tokio::test]
async fn a_full_shard_splits_and_nothing_is_forgotten() {
    let world = World::new(1);
    let many: Vec<Change> = (0..MAX_MARKS + 1).map(|key| change(key, 0)).collect();
    let answers = world.claim(&many, &Nobody).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Answer::Full)).count(), 1);
    world.claims.split_where_due().await.unwrap();
    assert_eq!(world.keys("p/heads/").await, ["p/heads/one/0.json", "p/heads/one/1.json", "p/heads/one/all.json"]);
    // Who knows of the split and who does not find the same claims.
    for claims in [&world.claims, &World::claims(&world.store, 1, 2)] {
        let others = Terms { owner: "other", ..terms() };
        let asked: Vec<&Change> = many[..50].iter().collect();
        let answers = claims.claim(&asked, &Nobody, others).await;
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Answer::Wait(_)))), "{answers:?}");
    }
    // They end in the halves, and what had no room has one.
    let ends: Vec<End> = many
        .iter()
        .zip(&answers)
        .filter_map(|(change, answer)| match answer {
            Answer::Claimed(token) => Some(End { key: change.key, token: *token, ending: Ending::Settled }),
            _ => None,
        })
        .collect();
    world.claims.complete(&ends, "me").await.unwrap();
    let again = world.claim(&many, &Nobody).await;
    assert_eq!(again.iter().filter(|answer| **answer == Answer::Duplicate).count(), MAX_MARKS);
    assert_eq!(again.iter().filter(|answer| matches!(answer, Answer::Claimed(_))).count(), 1);
}

#[tokio::test]
async fn a_split_that_was_left_half_way_is_carried_to_its_end() {
    let world = World::new(1);
    let one = change(0, 0);
    world.settle(std::slice::from_ref(&one)).await;
    let at = world.claims.head_at(&Shard::whole()).unwrap();
    let seen: Seen<Head> = world.claims.documents.read(&at).await.unwrap();
    let stopped = Head { stage: Stage::Splitting, ..seen.value.clone().unwrap() };
    world.claims.documents.replace(&at, &seen, stopped).await.unwrap();
    assert_eq!(world.claim(&[one], &Nobody).await, [Answer::Duplicate]);
    assert_eq!(world.keys("p/heads/").await.len(), 3);
}

#[tokio::test]
async fn a_lost_reply_makes_nobody_wait_for_itself() {
    let world = World::new(0);
    world.store.set_faults(Faults { resent: 1.0, ..Faults::default() });
    assert_eq!(world.claim(&[change(0, 0)], &Nobody).await, [Answer::Claimed(1)]);
    world.store.set_faults(Faults { reply_lost: 1.0, ..Faults::default() });
    assert_eq!(world.claim(&[change(1, 0)], &Nobody).await, [Answer::Claimed(2)]);
}

#[tokio::test]
async fn a_read_only_ledger_writes_nothing() {
    let world = World::new(0);
    let claims = World::claims(&world.store, 0, 3).read_only();
    let one = change(0, 0);
    assert!(matches!(claims.claim(&[&one], &Nobody, terms()).await[0], Ok(Answer::Claimed(1))));
    assert_eq!(world.keys("").await, Vec::<String>::new());
}

mod past;
