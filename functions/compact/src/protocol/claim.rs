//! The compare-and-swap steps on a shard: claim, give back, commit, forget. Each finds its own earlier decision in what it is
//! shown, since a write whose reply was lost may land before the step is asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use brigade::event::BucketName;
use brigade::hex;
use brigade::ledger::Step;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::shard::{Batch, Shard};

/// Who claims, and how much at once.
#[derive(Clone, Debug)]
pub struct Claimant<'a> {
    /// A nonce that is made for this one pass over the shard.
    pub owner: &'a str,
    /// How long it may work at most; then its process is dead, and so is every request that it sent.
    pub lease: Duration,
    /// Of a fresh batch.
    pub limits: Limits,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its lines are published.
    Done,
    /// It is in an open batch, whose lease ends then (seconds since 1970). Its message must come back.
    Open {
        /// In seconds since 1970.
        until: i64,
    },
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
        let batch = batch.clone();
        return Step::Write(shard, Claimed::Work(batch));
    }
    let inputs = fresh(&shard, wanted, claimant.limits);
    if inputs.is_empty() {
        return Step::Keep(Claimed::Rest(standings(&shard, wanted)));
    }
    let id = name(claimant.owner, &inputs);
    let batch = Batch { id, inputs, owner: claimant.owner.to_owned(), lease, taken_over: 0 };
    shard.open.push(batch.clone());
    Step::Write(shard, Claimed::Work(batch))
}

/// Wanted inputs that are neither done nor in an open batch, as many as fit; at least one, whatever its size.
fn fresh(shard: &Shard, wanted: &BTreeMap<String, u64>, limits: Limits) -> Vec<String> {
    let open: BTreeSet<&str> = shard.open.iter().flat_map(|batch| batch.inputs.iter().map(String::as_str)).collect();
    let free = wanted.iter().filter(|(name, _)| !shard.done.contains(*name) && !open.contains(name.as_str()));
    let mut bytes = 0_u64;
    let fits = |(n, (_, size)): &(usize, (&String, &u64))| {
        bytes = bytes.saturating_add(**size);
        *n == 0 || (*n < limits.inputs && bytes <= limits.bytes)
    };
    free.enumerate().take_while(fits).map(|(_, (name, _))| name.clone()).collect()
}

fn standings(shard: &Shard, wanted: &BTreeMap<String, u64>) -> BTreeMap<String, Standing> {
    let leases: BTreeMap<&str, i64> =
        shard.open.iter().flat_map(|batch| batch.inputs.iter().map(|input| (input.as_str(), batch.lease))).collect();
    let standing = |name: &String| leases.get(name.as_str()).map_or(Standing::Done, |until| Standing::Open { until: *until });
    wanted.keys().map(|name| (name.clone(), standing(name))).collect()
}

/// A batch's name. The nonce is in it, so that a name never comes again, whatever inputs meet again.
fn name(owner: &str, inputs: &[String]) -> String {
    let digest =
        inputs.iter().fold(Sha256::new().chain_update(owner), |digest, input| digest.chain_update([0]).chain_update(input));
    hex(digest.finalize().iter().take(16))
}

/// Gives inputs back to be claimed by anybody. Answers whether they are: only by the batch's first owner, and only before it
/// has published anything of the batch (which is for the caller to hold).
pub fn give_back(shard: Option<&Shard>, id: &str, owner: &str, inputs: &BTreeSet<String>) -> Step<Shard, bool> {
    let Some(mut shard) = shard.cloned() else { return Step::Keep(false) };
    let Some(batch) = shard.open.iter_mut().find(|batch| batch.id == id) else {
        // This step's own write has landed, and nothing was left of the batch; or somebody else has finished it.
        return Step::Keep(!inputs.iter().any(|input| shard.done.contains(input)));
    };
    if batch.owner != owner || batch.taken_over > 0 {
        return Step::Keep(false);
    }
    let before = batch.inputs.len();
    batch.inputs.retain(|input| !inputs.contains(input));
    if batch.inputs.len() == before {
        return Step::Keep(true);
    }
    shard.open.retain(|batch| !batch.inputs.is_empty());
    Step::Write(shard, true)
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
        Batch { id: id.to_owned(), inputs, owner: owner.to_owned(), lease, taken_over: 0 }
    }

    fn shard(done: &str, open: &[Batch]) -> Shard {
        Shard {
            done: done.chars().map(String::from).collect(),
            open: open.to_vec(),
            ..Shard::new(&BucketName::new("logs"), "s-")
        }
    }

    /// Inputs are single letters of 10 bytes.
    fn step(shard: Option<&Shard>, wanted: &str, owner: &str, tried: &[&str], now: i64) -> Step<Shard, Claimed> {
        let tried = tried.iter().map(|id| (*id).to_owned()).collect();
        let limits = Limits { bytes: 30, inputs: 4 };
        let claimant = Claimant { owner, lease: LEASE, limits, tried: &tried };
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
        assert_eq!(first, ["a"]);
    }

    #[test]
    fn only_the_first_owner_gives_back() {
        let mine = batch("x", "abc", "me", 100);
        let taken = Batch { taken_over: 1, ..mine.clone() };
        let b = BTreeSet::from(["b".to_owned()]);
        let rest = shard("", &[batch("x", "ac", "me", 100)]);
        for (situation, before, expected) in [
            ("mine", shard("", std::slice::from_ref(&mine)), Step::Write(rest.clone(), true)),
            ("given back before", rest, Step::Keep(true)),
            ("another's", shard("", &[batch("x", "abc", "other", 100)]), Step::Keep(false)),
            ("taken over by me", shard("", &[taken]), Step::Keep(false)),
            ("finished by another", shard("abc", &[]), Step::Keep(false)),
        ] {
            assert_eq!(give_back(Some(&before), "x", "me", &b), expected, "{situation}");
        }
        let all = mine.inputs.iter().cloned().collect();
        assert_eq!(give_back(Some(&shard("", &[mine])), "x", "me", &all), Step::Write(shard("", &[]), true));
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
