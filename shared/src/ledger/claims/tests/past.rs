//! What the head has forgotten, and segments remember.

use super::*;
use crate::ledger::plan::FoundOut;

/// Puts a segment with these changes, forwarded, where it belongs.
async fn seal(world: &World, changes: &[Change]) {
    let mark = |change: &Change| Mark {
        key: change.key,
        change: change.id,
        order: change.order.clone(),
        time: change.time.unwrap_or_default(),
        token: 1,
        open: None,
    };
    let marks: Vec<Mark> = changes.iter().map(mark).collect();
    let name = Name::of(&marks, &Shard::whole(), world.claims.documents.nonce());
    let at = format!("{}{}", world.claims.segments_of(&segment::hour(marks[0].time)), name.render());
    world.claims.documents.create(&world.claims.at(&at).unwrap(), Segment { marks }).await.unwrap();
}

/// A hundred hours after the beginning, a head that has just forgotten something.
async fn after_a_hundred_hours() -> World {
    let world = World::new(0);
    world.pass(360_000);
    world.settle(&(0..1_800).map(|key| change(key, 360_000)).collect::<Vec<_>>()).await;
    world.settle(&[change(1_800, 360_001)]).await;
    world
}

#[tokio::test]
async fn what_was_passed_by_something_forgotten_is_overtaken_although_the_object_fits() {
    let world = World::new(0);
    let (first, between, second) = (change(5, 0), change(5, 3_600), change(5, 7_200));
    world.settle(std::slice::from_ref(&first)).await;
    world.pass(7_200);
    // Removed, back, and removed again: one mark for the key, that of the newest.
    world.settle(std::slice::from_ref(&second)).await;
    world.pass(3_600);
    world.settle(&(10..1_810).map(|key| change(key, 10_800)).collect::<Vec<_>>()).await;
    assert_eq!(world.keys("p/segments/").await.len(), 1, "the others are held");
    for late in [first, between] {
        let late = [late];
        assert_eq!(world.claim(&late, &Always(Standing::Fits)).await, [Answer::Superseded]);
    }
    assert_eq!(world.claim(&[second], &Nobody).await, [Answer::Duplicate]);
    // Of another key nothing has been heard since.
    assert!(matches!(world.claim(&[change(3_000, 0)], &Always(Standing::Fits)).await[..], [Answer::Claimed(_)]));
}

#[tokio::test]
async fn a_forwarded_change_is_known_among_however_many_segments_of_its_hour() {
    let world = World::new(0);
    world.settle(&(0..1_800).map(|key| change(key, 3_600)).collect::<Vec<_>>()).await;
    world.settle(&[change(1_800, 3_601)]).await;
    // A backlog in no order: each segment reaches over the whole hour.
    let forwarded: Vec<Change> = (0..200).map(|n| change(10_000 + n, 1_000)).collect();
    for one in &forwarded {
        seal(&world, &[change(20_000, 1), one.clone(), change(20_001, 3_599)]).await;
    }
    assert_eq!(world.claim(&forwarded[199..], &Nobody).await, [Answer::Duplicate]);
}

#[tokio::test]
async fn forwarded_changes_of_many_hours_are_known_in_one_batch() {
    let world = after_a_hundred_hours().await;
    let forwarded: Vec<Change> = (0..45).map(|n| change(10_000 + n, 7_200 * n as i64)).collect();
    for change in &forwarded {
        seal(&world, std::slice::from_ref(change)).await;
    }
    assert_eq!(world.claim(&forwarded, &Nobody).await, [Answer::Duplicate; 45]);
}

#[tokio::test]
async fn the_newest_segments_are_looked_through_first() {
    let world = after_a_hundred_hours().await;
    // Others changed, before and after what is sought: more segments than one claim may read, and busy days.
    let empty = || bytes::Bytes::from_static(br#"{"v":1,"nonce":"aa","marks":[]}"#);
    for n in 0..3_000 {
        let time = NOW * 1_000 + n * 120_000;
        let name = Name { from: time, to: time, shard: Shard::whole(), nonce: format!("{n:016x}") };
        let at = world.claims.at(&format!("{}{}", world.claims.segments_of(&segment::hour(time)), name.render())).unwrap();
        world.store.inner().put(&at, empty(), Default::default()).await.unwrap();
    }
    seal(&world, &[change(50_000, 336_400)]).await;
    let before = world.store.fired().requests;
    assert_eq!(world.claim(&[change(50_000, 10)], &Always(Standing::Fits)).await, [Answer::Superseded]);
    let requests = world.store.fired().requests - before;
    assert!(requests < MAX_READ as u64, "{requests}");
    // Beyond what it may read, the object decides.
    assert!(matches!(world.claim(&[change(60_000, 10)], &Always(Standing::Fits)).await[..], [Answer::Claimed(_)]));
}

/// Tells that a change is overtaken, while another claims a change of the key that can't be compared with it.
struct Meanwhile(Claims, Mutex<u32>);

#[async_trait]
impl States for Meanwhile {
    async fn standing(&self, _: usize) -> Result<Standing, StoreError> {
        let order = Order::of_sequencer(Sequencer::new("AB").as_ref());
        let other = Change { order, ..change(7_000, 3_601) };
        let claimed = self.0.claim(&[&other], &Nobody, Terms { owner: "other", ..terms() }).await;
        if let [Ok(Answer::Claimed(token))] = claimed[..] {
            let end = End { key: other.key, token, ending: Ending::Settled };
            self.0.complete(&[end], "other").await.unwrap();
        }
        *self.1.lock().unwrap() += 1;
        Ok(Standing::Overtaken)
    }
}

#[tokio::test]
async fn what_was_looked_at_when_nothing_lay_there_is_looked_at_again_when_a_mark_does() {
    let (world, _) = with_a_past().await;
    let states = Meanwhile(World::claims(&world.store, 0, 9), Mutex::new(0));
    let answers = world.claim(&[change(7_000, -100), change(8_000, 3_602)], &states).await;
    assert!(matches!(answers[..], [Answer::Superseded, Answer::Claimed(_)]), "{answers:?}");
    assert_eq!(*states.1.lock().unwrap(), 2);
}

#[tokio::test]
async fn an_answer_that_is_told_again_is_as_old_as_its_look() {
    let world = World::new(0);
    world.pass(100);
    let late = change(5, -1_000);
    let milliseconds = |second: i64| (NOW + second) * 1_000;
    let head = |seals, horizon| Head { seals, horizon: Some(milliseconds(horizon)), ..Head::default() };
    let date = OffsetDateTime::from_unix_timestamp(NOW + 100).unwrap();
    let mut inquiry = Inquiry::new(Past::new(&world.claims, [late.key].into(), date, 100));
    let mut found: Option<FoundOut> = None;
    for (seals, horizon, at) in [(1, 50, 100), (2, 99, 110)] {
        let head = head(seals, horizon);
        let against = Against::Nothing { forgotten: head.forgotten(), at: milliseconds(at) };
        let mut asked = [Question::new(0, 0, &late, against)];
        inquiry.find_out(&mut asked, &head, &Always(Standing::Current)).await;
        found = asked.into_iter().next().map(|asked| asked.answer().unwrap());
    }
    // A newer change, made at 103 and claimed at 111, is forgotten at 113.
    let wanted = [Wanted { change: &late, found_out: found }];
    let answers = plan::claim(RULES, &head(3, 104), &wanted, terms(), NOW + 113).answers;
    assert!(matches!(answers[..], [Answer::Ask(_)]), "{answers:?}");
}
