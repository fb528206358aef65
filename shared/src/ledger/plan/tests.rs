//! Plans on heads: batches, numbers, bounds.

use super::*;
use crate::event::Sequencer;
use crate::ledger::{Digest, Order};

const MINE: Terms<'_> = Terms { owner: "mine", lease: Duration::from_millis(50_500) };
const THEIRS: Terms<'_> = Terms { owner: "theirs", lease: Duration::from_secs(50) };
const NOW: i64 = 1_800_000_000;

fn change(key: usize, number: u32) -> Change {
    let (object, identity) = (Digest::of(&[&key.to_string()]), Digest::of(&[&key.to_string(), &number.to_string()]));
    let order = Order::of_sequencer(Sequencer::new(&format!("{number:018X}")).as_ref());
    let time = Some(NOW * 1_000 + i64::from(number));
    Change { object, identity, key: object.id(), id: identity.id(), order, time, of_content: true }
}

fn wanted(changes: &[Change]) -> Vec<Wanted<'_>> {
    changes.iter().map(|change| Wanted { change, found_out: None }).collect()
}

fn claimed(head: &Head, changes: &[Change], terms: Terms<'_>, now: i64) -> Claiming {
    claim(RULES, head, &wanted(changes), terms, now)
}

fn end(change: &Change, token: u64, ending: Ending) -> End {
    End { key: change.key, token, ending }
}

#[test]
fn a_change_goes_its_way_from_claim_to_duplicate() {
    let (old, new) = (change(1, 1), change(1, 2));
    let first = claimed(&Head::default(), std::slice::from_ref(&old), MINE, NOW);
    assert_eq!((first.answers.as_slice(), first.changed), ([Answer::Claimed(1)].as_slice(), true));
    let open = first.head.marks.values().next().unwrap().open.clone().unwrap();
    assert_eq!((open.owner.as_str(), open.until), ("mine", NOW + 51));
    let again = claimed(&first.head, std::slice::from_ref(&old), MINE, NOW);
    assert_eq!((again.answers, again.changed), (vec![Answer::Claimed(1)], false));
    for asked in [&old, &new] {
        let waits = claimed(&first.head, std::slice::from_ref(asked), THEIRS, NOW + 50);
        assert_eq!((waits.answers, waits.changed), (vec![Answer::Wait(Duration::from_secs(2))], false));
    }
    let done = complete(RULES, &first.head, &[end(&old, 1, Ending::Settled)], "mine").unwrap();
    assert!(complete(RULES, &done, &[end(&old, 1, Ending::Settled)], "mine").is_none());
    assert_eq!(claimed(&done, std::slice::from_ref(&old), THEIRS, NOW).answers, [Answer::Duplicate]);
    let second = claimed(&done, &[new, old], THEIRS, NOW);
    assert_eq!(second.answers, [Answer::Claimed(2), Answer::Superseded]);
}

#[test]
fn whoever_takes_over_the_same_change_keeps_its_number() {
    let (old, new) = (change(1, 1), change(1, 2));
    let first = claimed(&Head::default(), std::slice::from_ref(&new), MINE, NOW).head;
    let late = NOW + 52;
    let same = claimed(&first, std::slice::from_ref(&new), THEIRS, late);
    assert_eq!(same.answers, [Answer::Claimed(1)]);
    let newer = claimed(&first, &[change(1, 3)], THEIRS, late);
    assert_eq!(newer.answers, [Answer::Claimed(2)]);
    assert_eq!(claimed(&first, &[old], THEIRS, late).answers, [Answer::Superseded]);
    // The first holder comes too late to end what is another change's now.
    assert!(complete(RULES, &newer.head, &[end(&new, 1, Ending::Settled)], "mine").is_none());
}

#[test]
fn what_was_given_back_can_be_claimed_at_once() {
    let one = change(1, 1);
    let first = claimed(&Head::default(), std::slice::from_ref(&one), MINE, NOW).head;
    assert!(complete(RULES, &first, &[end(&one, 1, Ending::GivenBack)], "theirs").is_none());
    let back = complete(RULES, &first, &[end(&one, 1, Ending::GivenBack)], "mine").unwrap();
    assert_eq!(claimed(&back, &[one], THEIRS, NOW).answers, [Answer::Claimed(1)]);
}

#[test]
fn an_answer_counts_only_against_the_mark_that_it_was_given_about() {
    let one = change(1, 1);
    let unknown = Change { order: Order::Unknown, ..change(1, 2) };
    let first = claimed(&Head::default(), std::slice::from_ref(&one), MINE, NOW).head;
    let done = complete(RULES, &first, &[end(&one, 1, Ending::Settled)], "mine").unwrap();
    let ask = |head: &Head, found_out| {
        claim(RULES, head, &[Wanted { change: &unknown, found_out }], THEIRS, NOW).answers.first().copied().unwrap()
    };
    assert_eq!(ask(&done, None), Answer::Ask(Against::Mark(1)));
    let found = |standing, against| Some(FoundOut { standing, against, token: None });
    assert_eq!(ask(&done, found(Standing::Current, Against::Mark(1))), Answer::Claimed(2));
    assert_eq!(ask(&done, found(Standing::Overtaken, Against::Mark(1))), Answer::Superseded);
    assert_eq!(
        ask(&done, found(Standing::Current, Against::Nothing { forgotten: Forgotten::default(), at: 0 })),
        Answer::Ask(Against::Mark(1))
    );
    assert_eq!(ask(&done, found(Standing::Current, Against::Mark(9))), Answer::Ask(Against::Mark(1)));
}

#[test]
fn an_answer_about_the_past_counts_until_the_head_may_have_forgotten_what_passed_the_change() {
    let one = change(1, 1);
    let asked_at = NOW * 1_000 + 100_000;
    let ask = |standing, seals, horizon| {
        let head = Head { horizon: Some(horizon), seals, ..Head::default() };
        let against = Against::Nothing { forgotten: Forgotten { seals: 3, horizon: Some(horizon) }, at: asked_at };
        let found_out = Some(FoundOut { standing, against, token: None });
        claim(RULES, &head, &[Wanted { change: &one, found_out }], MINE, NOW + 101).answers.first().copied().unwrap()
    };
    let (before, after) = (asked_at - 10_000, asked_at - 1_000);
    let again = |horizon| {
        let forgotten = Forgotten { seals: 4, horizon: Some(horizon) };
        Answer::Ask(Against::Nothing { forgotten, at: asked_at + 1_000 })
    };
    for (standing, seals, horizon, expected) in [
        (Standing::Fits, 3, before, Answer::Claimed(1)),
        (Standing::Fits, 4, before, again(before)),
        (Standing::Current, 3, after, Answer::Claimed(1)),
        (Standing::Current, 4, before, Answer::Claimed(1)),
        (Standing::Current, 4, after, again(after)),
        (Standing::Overtaken, 4, after, Answer::Superseded),
        (Standing::Forwarded, 4, after, Answer::Duplicate),
    ] {
        assert_eq!(ask(standing, seals, horizon), expected, "{standing:?} {seals} {horizon}");
    }
}

#[test]
fn a_forgotten_change_keeps_the_number_that_a_segment_remembers() {
    let head = Head { token: 40, horizon: Some(NOW * 1_000 + 60_000), ..Head::default() };
    let one = change(1, 1);
    let ask = |token| {
        let found_out = Some(FoundOut {
            standing: Standing::Current,
            against: Against::Nothing { forgotten: head.forgotten(), at: 0 },
            token,
        });
        claim(RULES, &head, &[Wanted { change: &one, found_out }], MINE, NOW)
    };
    assert_eq!(
        claimed(&head, std::slice::from_ref(&one), MINE, NOW).answers,
        [Answer::Ask(Against::Nothing { forgotten: head.forgotten(), at: NOW * 1_000 })]
    );
    assert_eq!(ask(None).answers, [Answer::Claimed(41)]);
    assert_eq!((ask(Some(7)).answers, ask(Some(7)).head.token), (vec![Answer::Claimed(7)], 40));
}

#[test]
fn a_head_takes_no_more_claims_than_it_has_room_for() {
    let many: Vec<Change> = (0..MAX_MARKS + 5).map(|key| change(key, 1)).collect();
    let full = claimed(&Head::default(), &many, MINE, NOW);
    assert_eq!(full.answers.iter().filter(|answer| matches!(answer, Answer::Full)).count(), 5);
    assert_eq!((full.head.marks.len(), full.head.pressure, full.sealed.len()), (MAX_MARKS, TOO_MUCH, 0));
    // When their leases have run out, they make room, and segments remember them.
    let later = claimed(&full.head, &[change(MAX_MARKS + 9, 2)], THEIRS, NOW + 52);
    assert_eq!(later.answers, [Answer::Claimed(1_801)]);
    assert_eq!(later.head.marks.len() + later.sealed.len(), MAX_MARKS + 1);
    assert!(later.sealed.iter().all(|mark| mark.open.is_some()));
}
