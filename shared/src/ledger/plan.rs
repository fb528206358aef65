//! What a batch makes of a shard's head: pure, so that it can be drawn, searched and asked again.

use std::time::Duration;

use super::head::{Forgotten, MAX_MARKS, TOO_MUCH};
use super::transition::{Decision, Lies, Relation, Standing, decide};
use super::{Change, Head, Id, Mark, Open, Order};

/// A change to be claimed, with what was found out about it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The change.
    pub change: &'a Change,
    /// The answer to an earlier [`Answer::Ask`].
    pub found_out: Option<FoundOut>,
}

/// The answer to an [`Answer::Ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOut {
    /// Where the change stands.
    pub standing: Standing,
    /// What lay there when it was asked.
    pub against: Against,
    /// The number that the change was claimed with before, where a segment has it.
    pub token: Option<u64>,
}

impl FoundOut {
    /// It is still true. What was found out in the light of another mark may not be; and where there is none, the head may
    /// have forgotten one since.
    fn holds(&self, head: &Head, mark: Option<&Mark>) -> bool {
        match (self.against, mark) {
            (Against::Mark(number), Some(mark)) => number == mark.token,
            (Against::Nothing { forgotten, at }, None) => {
                forgotten == head.forgotten()
                    || match self.standing {
                        // Only what was made after the look can have passed it.
                        Standing::Current => !head.is_beyond(Some(at)),
                        Standing::Fits => false,
                        Standing::Overtaken | Standing::Forwarded => true,
                    }
            }
            (Against::Mark(_), None) | (Against::Nothing { .. }, Some(_)) => false,
        }
    }
}

/// What lay in a head for a key when something was to be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The mark with this number.
    Mark(u64),
    /// No mark.
    Nothing {
        /// What the head had forgotten.
        forgotten: Forgotten,
        /// S3's date, in milliseconds since 1970.
        at: i64,
    },
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is this owner's to forward, under this number.
    Claimed(u64),
    /// It was forwarded.
    Duplicate,
    /// A newer change of the key was claimed.
    Superseded,
    /// Another holds the key, for so long at most.
    Wait(Duration),
    /// Find out its standing to what lies there.
    Ask(Against),
    /// No room: the shard holds as many open claims as it can.
    Full,
    /// Others' writes always came first.
    Contended,
}

/// Who claims, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// A nonce of the invocation.
    pub owner: &'a str,
    /// How long a request of its can still take effect, from now on.
    pub lease: Duration,
}

/// A head after a batch's claims.
#[derive(Clone, Debug)]
pub(super) struct Claiming {
    pub(super) head: Head,
    /// For each change, in order.
    pub(super) answers: Vec<Answer>,
    /// To be sealed before the head may be replaced.
    pub(super) sealed: Vec<Mark>,
    /// There is something to write.
    pub(super) changed: bool,
}

/// A claim's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The change's key.
    pub key: Id,
    /// The number that it was claimed with.
    pub token: u64,
    /// How it ended.
    pub ending: Ending,
}

/// How a claim ended. A claim whose end is not known is left to its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was forwarded, or settled for good in another way.
    Settled,
    /// It certainly was not forwarded: the next may try at once.
    GivenBack,
}

/// The two decisions that order and single delivery rest on. Only the tests of this module can have others.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) decide: fn(Lies, Relation, Option<Standing>) -> Decision,
    /// Whether a claim with the second number may be ended by whoever holds the first.
    pub(super) is_of: fn(u64, u64) -> bool,
}

pub(super) const RULES: Rules = Rules { decide, is_of: |held, there| held == there };

/// Claims what can be claimed. `now` is S3's clock, in seconds since 1970.
pub(super) fn claim(rules: Rules, head: &Head, wanted: &[Wanted<'_>], terms: Terms<'_>, now: i64) -> Claiming {
    let mut next = head.clone();
    let mut room = MAX_MARKS.saturating_sub(next.marks.values().filter(|mark| mark.is_held(now)).count());
    let mut changed = false;
    let answers = wanted
        .iter()
        .map(|wanted| {
            let mark = next.marks.get(&wanted.change.key);
            let decision = decide_one(rules, &next, mark, wanted, terms, now);
            let token = match decision {
                Decision::Hold => return Answer::Claimed(mark.map_or(0, |mark| mark.token)),
                Decision::Duplicate => return Answer::Duplicate,
                Decision::Superseded => return Answer::Superseded,
                Decision::Wait => return Answer::Wait(left(mark, now)),
                Decision::Ask => {
                    let nothing = Against::Nothing { forgotten: next.forgotten(), at: now.saturating_mul(1_000) };
                    return Answer::Ask(mark.map_or(nothing, |mark| Against::Mark(mark.token)));
                }
                Decision::Claim | Decision::TakeOver if room == 0 => return Answer::Full,
                Decision::TakeOver => mark.map(|mark| mark.token),
                Decision::Claim => wanted.found_out.and_then(|found| found.token),
            };
            let token = token.unwrap_or(next.token.saturating_add(1));
            next.token = next.token.max(token);
            next.marks.insert(wanted.change.key, opened(wanted.change, token, terms, now));
            (changed, room) = (true, room - 1);
            Answer::Claimed(token)
        })
        .collect::<Vec<_>>();
    if answers.contains(&Answer::Full) {
        next.pressure = TOO_MUCH;
        changed |= head.pressure < TOO_MUCH;
    }
    let sealed = next.evict(now);
    if !sealed.is_empty() && next.is_short(now) {
        next.pressure = TOO_MUCH;
    }
    Claiming { head: next, answers, sealed, changed }
}

/// Ends claims; `None` where nothing is left to write. What is no longer under its number is somebody else's by now.
pub(super) fn complete(rules: Rules, head: &Head, ends: &[End], owner: &str) -> Option<Head> {
    let mut next = head.clone();
    let mut changed = false;
    for end in ends {
        let Some(mark) = next.marks.get_mut(&end.key).filter(|mark| (rules.is_of)(end.token, mark.token)) else { continue };
        match (&mut mark.open, end.ending) {
            (None, _) => {}
            (Some(_), Ending::Settled) => {
                mark.open = None;
                changed = true;
            }
            (Some(open), Ending::GivenBack) if open.owner == owner && open.until > 0 => {
                open.until = 0;
                changed = true;
            }
            (Some(_), Ending::GivenBack) => {}
        }
    }
    changed.then_some(next)
}

fn decide_one(rules: Rules, head: &Head, mark: Option<&Mark>, wanted: &Wanted<'_>, terms: Terms<'_>, now: i64) -> Decision {
    let change = wanted.change;
    let lies = match mark {
        None if head.is_beyond(change.time) => Lies::Forgotten,
        None => Lies::Nothing,
        Some(Mark { open: None, .. }) => Lies::Done,
        Some(mark) if !mark.is_held(now) => Lies::Left,
        Some(Mark { open: Some(open), .. }) if open.owner == terms.owner => Lies::Mine,
        Some(_) => Lies::Held,
    };
    let relation = mark.map_or(Relation::Unknown, |mark| relation(change, mark));
    let found_out = wanted.found_out.filter(|found| found.holds(head, mark));
    (rules.decide)(lies, relation, found_out.map(|found| found.standing))
}

/// Where `change` stands to what lies there.
pub(super) fn relation(change: &Change, mark: &Mark) -> Relation {
    relate((change.id, &change.order), (mark.change, &mark.order))
}

/// Where one change of a key stands to another.
pub(super) fn relate((id, order): (Id, &Order), (other, others_order): (Id, &Order)) -> Relation {
    match order.compare(others_order) {
        _ if id == other => Relation::Same,
        // One sequencer is one change, even where two transports named its kind or its version otherwise.
        Some(std::cmp::Ordering::Equal) => Relation::Same,
        Some(std::cmp::Ordering::Greater) => Relation::Newer,
        Some(std::cmp::Ordering::Less) => Relation::Older,
        None => Relation::Unknown,
    }
}

fn opened(change: &Change, token: u64, terms: Terms<'_>, now: i64) -> Mark {
    let lease = i64::try_from(terms.lease.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
    Mark {
        key: change.key,
        change: change.id,
        order: change.order.clone(),
        time: change.time.unwrap_or_default(),
        token,
        open: Some(Open { owner: terms.owner.to_owned(), until: now.saturating_add(lease) }),
    }
}

/// How long the lease still runs: dates have whole seconds, so one more.
fn left(mark: Option<&Mark>, now: i64) -> Duration {
    let until = mark.and_then(|mark| mark.open.as_ref()).map_or(now, |open| open.until);
    Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or_default() + 1)
}

#[cfg(test)]
mod search;
#[cfg(test)]
mod tests;
