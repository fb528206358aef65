//! The compare-and-swap steps on a shard: claim, begin to publish, commit, forget. Each finds its own earlier decision in what
//! it is shown, since a write whose reply was lost may land before the step is asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use brigade::event::BucketName;
use brigade::hex;
use brigade::ledger::Step;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::shard::{Batch, Shard};
use super::way::Way;

/// Who claims, and how much at once.
#[derive(Clone, Debug)]
pub struct Claimant<'a> {
    /// A nonce that is made for this one pass over the shard.
    pub owner: &'a str,
    /// How long it may work at most; then its process is dead, and so is every request that it sent.
    pub lease: Duration,
    /// Of a fresh batch.
    pub limits: Limits,
    /// Of a fresh batch.
    pub way: &'a Way,
    /// Batches that it has tried in this pass, in vain: they are left alone now.
    pub tried: &'a BTreeSet<String>,
}

/// How large a fresh batch gets. One input alone may be larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its inputs together.
    pub bytes: u64,
    /// Inputs.
    pub inputs: usize,
}

/// What a claimant finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// This batch is the claimant's to publish.
    Work(Batch),
    /// Nothing is: how each wanted input stands.
    Rest(BTreeMap<String, Standing>),
}

/// How an input stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its lines are published.
    Done,
    /// It is in an open batch, whose lease ends then (seconds since 1970). Its message must come back.
    Open {
        /// In seconds since 1970.
        until: i64,
    },
    /// Nobody can ever read it, for this reason.
    SetAside(String),
}

/// Claims what `wanted` (by name, with its bytes) needs: first the claimant's own open batch, then one whose lease has run
/// out, then a fresh one of inputs that nobody has. One batch at a time.
pub fn claim(
    shard: Option<&Shard>,
    place: (&BucketName, &str),
    wanted: &BTreeMap<String, u64>,
    claimant: &Claimant<'_>,
    date: OffsetDateTime,
) -> Step<Shard, Claimed> {
    let mut shard = shard.cloned().unwrap_or_else(|| Shard::new(place.0, place.1));
    let now = date.unix_timestamp();
    let lease = now.saturating_add(i64::try_from(claimant.lease.as_secs()).unwrap_or(i64::MAX));
    let untried = |batch: &&Batch| !claimant.tried.contains(&batch.id);
    if let Some(own) = shard.open.iter().filter(untried).find(|batch| batch.owner == claimant.owner) {
        return Step::Keep(Claimed::Work(own.clone()));
    }
    let shared = |batch: &Batch| batch.inputs.iter().any(|input| wanted.contains_key(input));
    let expired = |batch: &Batch| batch.lease < now && !claimant.tried.contains(&batch.id);
    if let Some(batch) = shard.open.iter_mut().find(|batch| expired(batch) && shared(batch)) {
        claimant.owner.clone_into(&mut batch.owner);
        batch.lease = lease;
        batch.taken_over = batch.taken_over.saturating_add(1);
        batch.way.get_or_insert_with(|| claimant.way.clone());
        let batch = batch.clone();
        return Step::Write(shard, Claimed::Work(batch));
    }
    let (inputs, bytes) = fresh(&shard, wanted, claimant.limits);
    if inputs.is_empty() {
        return Step::Keep(Claimed::Rest(standings(&shard, wanted)));
    }
    let id = name(claimant.owner, &inputs);
    let (owner, way) = (claimant.owner.to_owned(), Some(claimant.way.clone()));
    let batch = Batch { id, inputs, owner, lease, taken_over: 0, bytes, way, publishing: false };
    shard.open.push(batch.clone());
    Step::Write(shard, Claimed::Work(batch))
}

/// Wanted inputs that are neither done nor set aside nor in an open batch, as many as fit, and their bytes; at least one,
/// whatever its size.
fn fresh(shard: &Shard, wanted: &BTreeMap<String, u64>, limits: Limits) -> (Vec<String>, u64) {
    let open: BTreeSet<&str> = shard.open.iter().flat_map(|batch| batch.inputs.iter().map(String::as_str)).collect();
    let ended = |name: &String| shard.done.contains(name) || shard.set_aside.contains_key(name);
    let free = wanted.iter().filter(|(name, _)| !ended(name) && !open.contains(name.as_str()));
    let (mut inputs, mut bytes) = (Vec::new(), 0_u64);
    for (name, size) in free {
        let together = bytes.saturating_add(*size);
        if !inputs.is_empty() && (inputs.len() == limits.inputs || together > limits.bytes) {
            break;
        }
        inputs.push(name.clone());
        bytes = together;
    }
    (inputs, bytes)
}

fn standings(shard: &Shard, wanted: &BTreeMap<String, u64>) -> BTreeMap<String, Standing> {
    let leases: BTreeMap<&str, i64> =
        shard.open.iter().flat_map(|batch| batch.inputs.iter().map(|input| (input.as_str(), batch.lease))).collect();
    let standing = |name: &String| match (leases.get(name.as_str()), shard.set_aside.get(name)) {
        (Some(until), _) => Standing::Open { until: *until },
        (None, Some(reason)) => Standing::SetAside(reason.clone()),
        (None, None) => Standing::Done,
    };
    wanted.keys().map(|name| (name.clone(), standing(name))).collect()
}

/// A batch's name. The nonce is in it, so that a name never comes again, whatever inputs meet again.
fn name(owner: &str, inputs: &[String]) -> String {
    let digest =
        inputs.iter().fold(Sha256::new().chain_update(owner), |digest, input| digest.chain_update([0]).chain_update(input));
    hex(digest.finalize().iter().take(16))
}

/// What comes of the wish to publish a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It may be published, without the inputs that were named.
    Yes,
    /// Another has it, or has finished it.
    Others,
    /// Something of it may be published already, with an input that can't be read now: it waits for that input.
    Waits,
}

/// The batch is read, and about to be published. Inputs that can't be read now go `back`, to be claimed by anybody; those
/// that nobody can ever read are set `aside`, each with its reason. What is left is marked as being published: from now on
/// the batch has these inputs, whoever finishes it. `mine` is the batch as it was claimed.
pub fn begin(
    shard: Option<&Shard>,
    mine: &Batch,
    back: &BTreeSet<String>,
    aside: &BTreeMap<String, String>,
) -> Step<Shard, Begun> {
    let Some(mut shard) = shard.cloned() else { return Step::Keep(Begun::Others) };
    let Some(batch) = shard.open.iter_mut().find(|batch| batch.id == mine.id) else {
        // This step's own write has landed, and nothing was left of the batch; or somebody else has finished it, or has given
        // back what could be read here: then that is another's by now.
        let unread = mine.inputs.iter().all(|input| back.contains(input) || aside.contains_key(input));
        let own = back.iter().all(|input| !shard.done.contains(input))
            && aside.keys().all(|input| shard.set_aside.contains_key(input));
        return Step::Keep(if unread && own { Begun::Yes } else { Begun::Others });
    };
    if batch.owner != mine.owner {
        return Step::Keep(Begun::Others);
    }
    let before = batch.inputs.len();
    if batch.publishing && batch.inputs.iter().any(|input| back.contains(input)) {
        return Step::Keep(Begun::Waits);
    }
    batch.inputs.retain(|input| !back.contains(input) && !aside.contains_key(input));
    if batch.publishing && batch.inputs.len() == before {
        return Step::Keep(Begun::Yes);
    }
    batch.publishing = true;
    shard.open.retain(|batch| !batch.inputs.is_empty());
    shard.set_aside.extend(aside.clone());
    Step::Write(shard, Begun::Yes)
}

/// The batch's parts are durable: its inputs are done.
pub fn commit(shard: Option<&Shard>, id: &str) -> Step<Shard, ()> {
    let Some(mut shard) = shard.cloned() else { return Step::Keep(()) };
    let Some(at) = shard.open.iter().position(|batch| batch.id == id) else { return Step::Keep(()) };
    let batch = shard.open.remove(at);
    shard.done.extend(batch.inputs);
    Step::Write(shard, ())
}

/// Forgets inputs that are done and whose objects are `gone`. Answers how many.
pub fn forget(shard: Option<&Shard>, gone: &BTreeSet<String>) -> Step<Shard, usize> {
    let Some(mut shard) = shard.cloned() else { return Step::Keep(0) };
    let before = shard.done.len();
    shard.done.retain(|input| !gone.contains(input));
    match before - shard.done.len() {
        0 => Step::Keep(0),
        forgotten => Step::Write(shard, forgotten),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(100);

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn batch(id: &str, inputs: &str, owner: &str, lease: i64) -> Batch {
        let inputs = inputs.chars().map(String::from).collect();
        let (owner, way) = (owner.to_owned(), Some(way("then")));
        Batch { id: id.to_owned(), inputs, owner, lease, taken_over: 0, bytes: 10, way, publishing: false }
    }

    fn way(window: &str) -> Way {
        Way::Collected { window: window.to_owned() }
    }

    fn shard(done: &str, open: &[Batch]) -> Shard {
        Shard {
            done: done.chars().map(String::from).collect(),
            open: open.to_vec(),
            ..Shard::new(&BucketName::new("logs"), "s-")
        }
    }

    fn set_aside(input: &str) -> Shard {
        Shard { set_aside: BTreeMap::from([(input.to_owned(), "cut off".to_owned())]), ..shard("", &[]) }
    }

    /// Inputs are single letters of 10 bytes.
    fn step(shard: Option<&Shard>, wanted: &str, owner: &str, tried: &[&str], now: i64) -> Step<Shard, Claimed> {
        let tried = tried.iter().map(|id| (*id).to_owned()).collect();
        let limits = Limits { bytes: 30, inputs: 4 };
        let claimant = Claimant { owner, lease: LEASE, limits, way: &way("now"), tried: &tried };
        let wanted = wanted.chars().map(|c| (c.to_string(), 10)).collect();
        claim(shard, (&BucketName::new("logs"), "s-"), &wanted, &claimant, at(now))
    }

    /// What is claimed: the inputs, whether by a write, and how often the batch was taken over.
    fn told(step: &Step<Shard, Claimed>) -> String {
        let (written, claimed) = match step {
            Step::Write(shard, claimed) => (format!("write {} open: ", shard.open.len()), claimed),
            Step::Keep(claimed) => (String::new(), claimed),
        };
        let claimed = match claimed {
            Claimed::Work(batch) => {
                format!("work on {} until {} (taken over {})", batch.inputs.concat(), batch.lease, batch.taken_over)
            }
            Claimed::Rest(standings) => {
                let one = |(name, standing): (&String, &Standing)| match standing {
                    Standing::Done => format!("{name} done"),
                    Standing::Open { until } => format!("{name} open until {until}"),
                    Standing::SetAside(reason) => format!("{name} set aside: {reason}"),
                };
                standings.iter().map(one).collect::<Vec<_>>().join(", ")
            }
        };
        format!("{written}{claimed}")
    }

    #[test]
    fn a_claim_takes_what_nobody_has() {
        let others = batch("x", "cd", "other", 150);
        for (situation, shard, wanted, now, expected) in [
            ("a new shard", None, "ab", 0, "write 1 open: work on ab until 100 (taken over 0)"),
            ("some are done", Some(shard("a", &[])), "ab", 0, "write 1 open: work on b until 100 (taken over 0)"),
            ("all are done", Some(shard("ab", &[])), "ab", 0, "a done, b done"),
            (
                "some are another's",
                Some(shard("", std::slice::from_ref(&others))),
                "abc",
                0,
                "write 2 open: work on ab until 100 (taken over 0)",
            ),
            ("all are another's", Some(shard("a", std::slice::from_ref(&others))), "ac", 0, "a done, c open until 150"),
            ("the lease ends in this second", Some(shard("", std::slice::from_ref(&others))), "c", 150, "c open until 150"),
            (
                "the lease has run out",
                Some(shard("", std::slice::from_ref(&others))),
                "ac",
                151,
                "write 1 open: work on cd until 251 (taken over 1)",
            ),
            (
                "it has, and nothing is shared",
                Some(shard("", std::slice::from_ref(&others))),
                "a",
                151,
                "write 2 open: work on a until 251 (taken over 0)",
            ),
            ("more bytes than fit", None, "abcde", 0, "write 1 open: work on abc until 100 (taken over 0)"),
            ("some are set aside", Some(set_aside("b")), "ab", 0, "write 1 open: work on a until 100 (taken over 0)"),
            ("all are set aside", Some(set_aside("b")), "b", 0, "b set aside: cut off"),
        ] {
            assert_eq!(told(&step(shard.as_ref(), wanted, "me", &[], now)), expected, "{situation}");
        }
    }

    #[test]
    fn an_own_claim_whose_reply_was_lost_is_found_again() {
        let Step::Write(written, Claimed::Work(claimed)) = step(None, "ab", "me", &[], 0) else { panic!("nothing claimed") };
        assert_eq!(step(Some(&written), "ab", "me", &[], 5), Step::Keep(Claimed::Work(claimed.clone())));
        assert_eq!(told(&step(Some(&written), "ab", "you", &[], 5)), "a open until 100, b open until 100");
        assert_eq!(
            told(&step(Some(&written), "ab", "me", &[&claimed.id], 5)),
            "a open until 100, b open until 100",
            "tried in vain"
        );
    }

    #[test]
    fn a_name_never_comes_again() {
        let name = |owner, inputs: &[&str]| name(owner, &inputs.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>());
        let names = [name("a", &["x"]), name("b", &["x"]), name("a", &["x", "y"]), name("a", &["xy"])];
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        assert!(names.iter().all(|name| name.len() == 32));
    }

    #[test]
    fn a_large_input_is_a_batch_by_itself() {
        let wanted = BTreeMap::from([("a".to_owned(), 1000), ("b".to_owned(), 1)]);
        let first = fresh(&Shard::default(), &wanted, Limits { bytes: 30, inputs: 4 });
        assert_eq!(first, (vec!["a".to_owned()], 1000));
    }

    #[test]
    fn a_batch_keeps_the_way_in_which_it_was_begun() {
        let claimed = |open: Batch| match step(Some(&shard("", &[open])), "a", "me", &[], 200) {
            Step::Write(shard, Claimed::Work(batch)) => {
                assert_eq!(shard.open, std::slice::from_ref(&batch));
                batch.way
            }
            other => panic!("{other:?}"),
        };
        let begun = batch("x", "a", "other", 100);
        assert_eq!(claimed(begun.clone()), Some(way("then")));
        assert_eq!(claimed(Batch { way: None, ..begun }), Some(way("now")), "version 1 told none");
        let Step::Write(_, Claimed::Work(fresh)) = step(None, "abc", "me", &[], 0) else { panic!("nothing claimed") };
        assert_eq!((fresh.way, fresh.bytes, fresh.publishing), (Some(way("now")), 30, false));
    }

    #[test]
    fn inputs_that_cannot_be_read_leave_a_batch_until_it_is_being_published() {
        let mine = batch("x", "abc", "me", 100);
        let taken = Batch { taken_over: 1, ..mine.clone() };
        let publishing = |batch: &Batch| Batch { publishing: true, ..batch.clone() };
        let rest = publishing(&batch("x", "ac", "me", 100));
        let (none, b) = (BTreeSet::new(), BTreeSet::from(["b".to_owned()]));
        for (situation, open, back, expected) in [
            ("all are read", &mine, &none, Step::Write(publishing(&mine), Begun::Yes)),
            ("all are read, and were by another before", &publishing(&taken), &none, Step::Keep(Begun::Yes)),
            ("one is not", &mine, &b, Step::Write(rest.clone(), Begun::Yes)),
            ("that was written, and its reply lost", &rest, &b, Step::Keep(Begun::Yes)),
            ("taken over", &taken, &b, Step::Write(Batch { taken_over: 1, ..rest.clone() }, Begun::Yes)),
            ("taken over when it was being published", &publishing(&taken), &b, Step::Keep(Begun::Waits)),
            ("another's", &batch("x", "abc", "other", 100), &b, Step::Keep(Begun::Others)),
        ] {
            let expected = match expected {
                Step::Write(batch, begun) => Step::Write(shard("", &[batch]), begun),
                Step::Keep(begun) => Step::Keep(begun),
            };
            let before = shard("", std::slice::from_ref(open));
            assert_eq!(begin(Some(&before), &mine, back, &BTreeMap::new()), expected, "{situation}");
        }
        let all: BTreeSet<String> = mine.inputs.iter().cloned().collect();
        let step = |before: Shard, back| begin(Some(&before), &mine, back, &BTreeMap::new());
        assert_eq!(step(shard("", std::slice::from_ref(&mine)), &all), Step::Write(shard("", &[]), Begun::Yes), "none is");
        assert_eq!(step(shard("", &[]), &all), Step::Keep(Begun::Yes), "that was written, and its reply lost");
        for back in [&none, &b] {
            assert_eq!(step(shard("abc", &[]), back), Step::Keep(Begun::Others), "finished by another");
            assert_eq!(step(shard("", &[]), back), Step::Keep(Begun::Others), "given back by another, who could read none");
        }
        assert_eq!(begin(None, &mine, &none, &BTreeMap::new()), Step::Keep(Begun::Others));
    }

    #[test]
    fn an_input_that_nobody_can_ever_read_is_set_aside_whoever_publishes() {
        let aside = BTreeMap::from([("b".to_owned(), "cut off".to_owned())]);
        for publishing in [false, true] {
            let before = shard("", &[Batch { publishing, ..batch("x", "abc", "me", 100) }]);
            let rest = Batch { publishing: true, ..batch("x", "ac", "me", 100) };
            let after = Shard { open: vec![rest], ..set_aside("b") };
            let mine = batch("x", "abc", "me", 100);
            let step = |shard: &Shard| begin(Some(shard), &mine, &BTreeSet::new(), &aside);
            assert_eq!(step(&before), Step::Write(after.clone(), Begun::Yes));
            assert_eq!(step(&after), Step::Keep(Begun::Yes), "that was written, and its reply lost");
            let gone = Shard { open: Vec::new(), ..after };
            assert_eq!(step(&gone), Step::Keep(Begun::Others), "the others of it are somebody else's by now");
            let alone = batch("x", "b", "me", 100);
            assert_eq!(begin(Some(&gone), &alone, &BTreeSet::new(), &aside), Step::Keep(Begun::Yes), "it was all there was");
        }
    }

    #[test]
    fn a_commit_is_made_once() {
        let before = shard("z", &[batch("x", "ab", "me", 1), batch("y", "c", "you", 1)]);
        let after = shard("abz", &[batch("y", "c", "you", 1)]);
        assert_eq!(commit(Some(&before), "x"), Step::Write(after.clone(), ()));
        assert_eq!(commit(Some(&after), "x"), Step::Keep(()));
        assert_eq!(commit(None, "x"), Step::Keep(()));
    }

    #[test]
    fn what_is_gone_is_forgotten_only_when_it_is_done() {
        let gone = BTreeSet::from(["a".to_owned(), "c".to_owned()]);
        let before = shard("ab", &[batch("x", "c", "me", 1)]);
        assert_eq!(forget(Some(&before), &gone), Step::Write(shard("b", &[batch("x", "c", "me", 1)]), 1));
        assert_eq!(forget(Some(&shard("b", &[])), &gone), Step::Keep(0));
    }
}
