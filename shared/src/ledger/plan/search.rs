//! Every course that a small world can take, with the real plans in it: two invocations at a time, two changes of one key of
//! which one is delivered twice, invocations that die at any moment, replies that are lost, messages that land after their
//! sender died, and time. What the protocol rests on is taken away piece by piece, and an invariant by name must miss it.

use std::collections::{HashSet, VecDeque};

use super::*;
use crate::event::Sequencer;
use crate::ledger::{Digest, Order};

/// An invocation lives for so many ticks, and a request of its may land so many after its end.
const LIFE: i64 = 1;
const LATE: i64 = 1;
/// Longer than both together: a lease is running in its last second too.
const LEASE: u64 = 2;
const END_OF_TIME: i64 = 5;
const OWNERS: [&str; 5] = ["0", "1", "2", "3", "4"];

/// What is taken away.
#[derive(Clone, Copy)]
struct Protocol {
    rules: Rules,
    lease: u64,
    /// Whether both changes are claimed under their object's key.
    by_key: bool,
    deaths: u8,
}

const KEPT: Protocol = Protocol { rules: RULES, lease: LEASE, by_key: true, deaths: 2 };

/// An invocation that handles one message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Holder {
    change: usize,
    born: i64,
    owner: usize,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Begun,
    /// Its claim landed, and it does not know.
    Unsure,
    Claimed(u64),
    Sent(u64),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    head: Head,
    /// Messages that wait, by change.
    waiting: [u8; 2],
    holders: Vec<Holder>,
    /// Change, and until when it may land.
    in_flight: Vec<(usize, i64)>,
    /// What the consumer got, by change.
    landed: [u8; 2],
    /// Holders of each change that died with a claim.
    died: [u8; 2],
    deaths: u8,
    owners: usize,
    wrong: Option<&'static str>,
}

fn change(number: usize, by_key: bool) -> Change {
    let identity = Digest::of(&[&number.to_string()]);
    let object = if by_key { Digest::of(&["k"]) } else { identity };
    let order = Order::of_sequencer(Sequencer::new(&format!("{number:018X}")).as_ref());
    Change { object, identity, key: object.id(), id: identity.id(), order, time: None, of_content: true }
}

impl World {
    fn new() -> Self {
        Self {
            now: 100,
            head: Head::default(),
            waiting: [1, 2],
            holders: Vec::new(),
            in_flight: Vec::new(),
            landed: [0; 2],
            died: [0; 2],
            deaths: 0,
            owners: 0,
            wrong: None,
        }
    }

    fn land(&mut self, change: usize) {
        // The consumer has seen a newer one, and this one for the first time.
        if change == 0 && self.landed == [0, self.landed[1].max(1)] {
            self.wrong = Some("consumer sees only newer");
        }
        self.landed[change] += 1;
        if self.landed[change] > 1 + self.died[change] {
            self.wrong = Some("repeated only after a death");
        }
    }

    /// Takes a holder out; its message is acknowledged or comes back.
    fn end(mut self, at: usize, acknowledged: bool) -> Self {
        let holder = self.holders.remove(at);
        self.waiting[holder.change] += u8::from(!acknowledged);
        self
    }

    fn die(mut self, at: usize) -> Self {
        let holder = self.holders[at].clone();
        self.died[holder.change] += u8::from(holder.step != Step::Begun);
        self.deaths += 1;
        self.end(at, false)
    }

    fn is_quiet(&self) -> bool {
        self.waiting == [0, 0] && self.holders.is_empty() && self.in_flight.is_empty()
    }

    /// All that can happen next.
    fn next(&self, protocol: Protocol) -> Vec<Self> {
        let mut next = Vec::new();
        for change in 0..2 {
            if self.waiting[change] > 0 && self.holders.len() < 2 && self.owners < OWNERS.len() {
                let mut world = self.clone();
                world.waiting[change] -= 1;
                world.holders.push(Holder { change, born: self.now, owner: self.owners, step: Step::Begun });
                world.owners += 1;
                next.push(world);
            }
        }
        for at in 0..self.holders.len() {
            next.extend(self.act(at, protocol));
            if self.deaths < protocol.deaths {
                next.push(self.clone().die(at));
            }
        }
        for at in 0..self.in_flight.len() {
            let mut lost = self.clone();
            let (change, _) = lost.in_flight.remove(at);
            let mut landed = lost.clone();
            landed.land(change);
            next.extend([lost, landed]);
        }
        next.extend(self.tick());
        next
    }

    /// Time passes only when nobody outlives it: who is still there at the end of its life is killed first.
    fn tick(&self) -> Option<Self> {
        let late = self.in_flight.iter().any(|(_, until)| self.now >= *until);
        let old = self.holders.iter().any(|holder| self.now >= holder.born + LIFE);
        let over = self.now >= 100 + END_OF_TIME;
        (!late && !old && !over).then(|| Self { now: self.now + 1, ..self.clone() })
    }

    fn act(&self, at: usize, protocol: Protocol) -> Vec<Self> {
        let holder = &self.holders[at];
        match holder.step {
            Step::Begun | Step::Unsure => self.claim(at, protocol),
            Step::Claimed(token) => {
                let mut sent = self.clone();
                sent.land(holder.change);
                sent.holders[at].step = Step::Sent(token);
                let mut acts = vec![sent];
                if self.deaths < protocol.deaths {
                    // It dies with its message under way.
                    let mut under_way = self.clone().die(at);
                    under_way.in_flight.push((holder.change, holder.born + LIFE + LATE));
                    acts.push(under_way);
                }
                acts
            }
            Step::Sent(token) => {
                let key = change(holder.change, protocol.by_key).key;
                let end = End { key, token, ending: Ending::Settled };
                let mut done = self.clone();
                done.head = complete(protocol.rules, &self.head, &[end], OWNERS[holder.owner]).unwrap_or(done.head);
                vec![done.end(at, true)]
            }
        }
    }

    fn claim(&self, at: usize, protocol: Protocol) -> Vec<Self> {
        let holder = &self.holders[at];
        let wanted = change(holder.change, protocol.by_key);
        let terms = Terms { owner: OWNERS[holder.owner], lease: Duration::from_secs(protocol.lease) };
        let wanted = [Wanted { change: &wanted, found_out: None }];
        let planned = claim(protocol.rules, &self.head, &wanted, terms, self.now);
        let mut world = Self { head: planned.head, ..self.clone() };
        match planned.answers[0] {
            Answer::Claimed(token) => {
                world.holders[at].step = Step::Claimed(token);
                let mut unsure = world.clone();
                unsure.holders[at].step = Step::Unsure;
                if holder.step == Step::Begun { vec![world, unsure] } else { vec![world] }
            }
            Answer::Duplicate | Answer::Superseded => vec![world.end(at, true)],
            _ => {
                if holder.step == Step::Unsure {
                    world.wrong = Some("nobody waits for itself");
                }
                vec![world.end(at, false)]
            }
        }
    }
}

/// Every state is visited once, until `enough` is missed. The invariants that were missed, and how many states there were.
fn search(protocol: Protocol, enough: Option<&str>) -> (Vec<&'static str>, usize) {
    let mut seen = HashSet::from([World::new()]);
    let mut open = VecDeque::from([World::new()]);
    let mut missed: Vec<&'static str> = Vec::new();
    while let Some(world) = open.pop_front().filter(|_| !missed.iter().any(|wrong| enough == Some(*wrong))) {
        let lost = (world.is_quiet() && world.landed[1] == 0).then_some("newest is forwarded");
        for wrong in [world.wrong, lost].into_iter().flatten() {
            if !missed.contains(&wrong) {
                missed.push(wrong);
            }
        }
        let next =
            world.next(protocol).into_iter().map(|next| World { wrong: next.wrong.filter(|_| world.wrong.is_none()), ..next });
        open.extend(next.filter(|next| seen.insert(next.clone())));
        assert!(seen.len() < 3_000_000, "the world is larger than it was meant to be");
    }
    missed.sort_unstable();
    (missed, seen.len())
}

#[test]
fn nothing_goes_wrong_whatever_dies_and_however_late() {
    let (missed, states) = search(KEPT, None);
    println!("{states} states");
    assert_eq!(missed, Vec::<&str>::new());
    assert!(states > 10_000, "{states} states are not what was meant");
}

#[test]
fn without_a_death_nothing_comes_twice() {
    let (missed, _) = search(Protocol { deaths: 0, ..KEPT }, None);
    assert_eq!(missed, Vec::<&str>::new());
}

/// The same decisions, with one taken away.
fn with(decide: fn(Lies, Relation, Option<Standing>) -> Decision) -> Protocol {
    Protocol { rules: Rules { decide, ..RULES }, ..KEPT }
}

#[test]
fn each_piece_that_is_taken_away_is_missed_by_name() {
    let older_takes_over = with(|lies, relation, standing| match (lies, relation) {
        (Lies::Left, Relation::Older) => Decision::TakeOver,
        _ => decide(lies, relation, standing),
    });
    let no_nonce = with(|lies, relation, standing| match lies {
        Lies::Mine => decide(Lies::Held, relation, standing),
        _ => decide(lies, relation, standing),
    });
    let rows = [
        ("an older change takes over", older_takes_over, "consumer sees only newer"),
        ("no owner's nonce", no_nonce, "nobody waits for itself"),
        ("claims by identity", Protocol { by_key: false, ..KEPT }, "consumer sees only newer"),
        ("a lease shorter than a life", Protocol { lease: 0, ..KEPT }, "consumer sees only newer"),
        ("a lease shorter than a request", Protocol { lease: LEASE - 1, ..KEPT }, "consumer sees only newer"),
    ];
    for (taken, protocol, by) in rows {
        let (missed, _) = search(protocol, Some(by));
        assert!(missed.contains(&by), "{taken}: missed by {missed:?}");
    }
}

/// The number is the second line: it does nothing while leases hold. Where one holder outlives its lease, the order is lost in
/// any case, but with it the newest change is not.
#[test]
fn the_number_keeps_the_newest_change_where_a_lease_did_not_hold() {
    let outlived = Protocol { lease: 0, deaths: 1, ..KEPT };
    let (with_it, _) = search(outlived, None);
    let unchecked = Protocol { rules: Rules { is_of: |_, _| true, ..RULES }, ..outlived };
    let (without, _) = search(unchecked, Some("newest is forwarded"));
    assert!(!with_it.contains(&"newest is forwarded") && without.contains(&"newest is forwarded"), "{with_it:?} {without:?}");
}
