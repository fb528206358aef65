//! Claims of keys, in the heads of shards: what carries the plans out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};

use super::head::{Stage, TOO_MUCH};
use super::inquiry::{Inquiry, Question};
use super::past::Past;
use super::plan::{self, Against, Answer, Claiming, End, RULES, Rules, Terms, Wanted};
use super::segment::{self, Name, Segment};
use super::{Change, Documents, Head, Id, LedgerError, MAX_DEPTH, Mark, Replaced, Seen, Shard, Standing, Step};
use crate::config::Place;
use crate::event::{KeyError, ObjectKey};
use crate::storage::{Location, StoreError};

/// Attempts of one claim before others get their turn.
const MAX_ATTEMPTS: u32 = 16;
/// Rounds of finding out in one claim: each new one is somebody else's write in between.
const MAX_ROUNDS: u32 = 4;

/// Segments that one look into the past may read: 80 MB, shared out among the batch's shards.
const MAX_READ: usize = 1_024;
/// But so many of each shard: with more than 16 shards it is more in all.
const LEAST_READ: usize = 64;
/// Segments that are written at once: a backlog has changes of many hours.
const SEALS_AT_ONCE: usize = 16;

/// Looks at what a change left behind, when the ledger can't tell where it stands.
#[async_trait]
pub trait States: Send + Sync {
    /// The standing of the change with this index in the batch, by the object's state now.
    async fn standing(&self, index: usize) -> Result<Standing, StoreError>;
}

/// Where a ledger is and how far it may grow.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The prefix of all its objects.
    pub place: Place,
    /// Its name below that; another scope of changes is another ledger.
    pub name: String,
    /// The most shards: two to this power, at most two to the [`MAX_DEPTH`].
    pub depth: u8,
    /// How long segments are kept. Older changes are settled by the object's state alone.
    pub retention: Duration,
}

/// The claims of one ledger.
pub struct Claims {
    pub(super) documents: Documents,
    pub(super) layout: Layout,
    rules: Rules,
    /// Shards that are known to be split; they never grow together again.
    split: Mutex<BTreeSet<Shard>>,
    /// Shards that should split.
    due: Mutex<BTreeSet<Shard>>,
    read_only: bool,
}

/// A claim or a completion met a shard that has split.
type Moved<T> = Option<T>;

/// What could not be found out, by the place in the batch.
type Failed = BTreeMap<usize, LedgerError>;

impl Claims {
    /// The ledger at `layout`.
    pub fn new(documents: Documents, layout: Layout) -> Self {
        Self { documents, layout, rules: RULES, split: Mutex::default(), due: Mutex::default(), read_only: false }
    }

    /// A ledger that answers as it would, and writes nothing.
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// A nonce for the owner of an invocation's claims.
    pub fn owner(&self) -> String {
        self.documents.nonce()
    }

    /// Claims a batch's changes: an answer for each, in order, but never [`Answer::Ask`]. Of one key there is one change.
    ///
    /// It costs one read-modify-write for each shard that the batch touches, and what is asked of segments and `states`. What
    /// can't be found out of one change fails that change alone.
    /// What is claimed must be forwarded within the lease or not at all, and then be [completed](Claims::complete).
    pub async fn claim(&self, changes: &[&Change], states: &dyn States, terms: Terms<'_>) -> Vec<Result<Answer, LedgerError>> {
        let mut answers: Vec<Option<Result<Answer, LedgerError>>> = vec![None; changes.len()];
        let mut open: Vec<usize> = (0..changes.len()).collect();
        // A claim that meets a split goes on in a half, which may be split again.
        for _ in 0..=MAX_DEPTH {
            let groups = self.group(&open, |index| changes.get(*index).map(|change| change.key));
            let reads = (MAX_READ / groups.len().max(1)).max(LEAST_READ);
            let claims = groups.iter().map(|(shard, of)| self.claim_in((shard, reads), of, changes, states, terms));
            let results = join_all(claims).await;
            open.clear();
            for ((_, of), result) in groups.iter().zip(results) {
                match result {
                    Ok(None) => open.extend(of),
                    Ok(Some(told)) => of.iter().zip(told).for_each(|(index, answer)| set(&mut answers, *index, answer)),
                    Err(error) => of.iter().for_each(|index| set(&mut answers, *index, Err(error.clone()))),
                }
            }
            if open.is_empty() {
                break;
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or(Ok(Answer::Contended))).collect()
    }

    /// Ends claims. What could not be ended is left to its lease: its change may be forwarded once more.
    pub async fn complete(&self, ends: &[End], owner: &str) -> Result<(), LedgerError> {
        let mut open: Vec<usize> = (0..ends.len()).collect();
        let mut failed = None;
        for _ in 0..=MAX_DEPTH {
            let groups = self.group(&open, |index| ends.get(*index).map(|end| end.key));
            let results = join_all(groups.iter().map(|(shard, of)| self.complete_in(shard, of, ends, owner))).await;
            open.clear();
            for ((_, of), result) in groups.iter().zip(results) {
                match result {
                    Ok(None) => open.extend(of),
                    Ok(Some(())) => {}
                    Err(error) => failed = Some(error),
                }
            }
            if open.is_empty() {
                break;
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Splits the shards that lose too much to contention, or are too full. Best called when nothing else is urgent.
    pub async fn split_where_due(&self) -> Result<(), LedgerError> {
        let due = std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner));
        let results = join_all(due.iter().map(|shard| self.split(shard))).await;
        results.into_iter().collect()
    }

    async fn claim_in(
        &self,
        (shard, reads): (&Shard, usize),
        of: &[usize],
        changes: &[&Change],
        states: &dyn States,
        terms: Terms<'_>,
    ) -> Result<Moved<Vec<Result<Answer, LedgerError>>>, LedgerError> {
        let at = self.head_at(shard)?;
        let mut wanted: Vec<Wanted<'_>> =
            of.iter().filter_map(|index| changes.get(*index)).map(|change| Wanted { change, found_out: None }).collect();
        let mut seen: Seen<Head> = self.documents.read(&at).await?;
        let keys: BTreeSet<Id> = wanted.iter().map(|wanted| wanted.change.key).collect();
        let mut inquiry = Inquiry::new(Past::new(self, keys, seen.date, reads));
        let (mut sealed, mut lost, mut rounds) = (BTreeSet::new(), 0, 0);
        let mut failed = Failed::new();
        while lost < MAX_ATTEMPTS {
            if self.has_moved(shard, &seen).await? {
                return Ok(None);
            }
            let mut head = seen.value.clone().unwrap_or_default();
            head.feel(wanted.len(), lost);
            let mut planned = plan::claim(self.rules, &head, &wanted, terms, seen.date.unix_timestamp());
            let mut asked = questions(&planned.answers);
            asked.retain(|(position, _)| !failed.contains_key(position));
            if !asked.is_empty() && rounds < MAX_ROUNDS {
                rounds += 1;
                let mut questions: Vec<Question<'_>> = asked
                    .into_iter()
                    .filter_map(|(position, against)| {
                        Some(Question::new(position, *of.get(position)?, wanted.get(position)?.change, against))
                    })
                    .collect();
                inquiry.find_out(&mut questions, &head, states).await;
                failed.extend(take_answers(questions, &mut wanted));
                continue;
            }
            let answers = std::mem::take(&mut planned.answers).into_iter().enumerate();
            let told = answers.map(|(position, answer)| settled(answer, failed.get(&position))).collect();
            if !planned.changed || self.read_only {
                return Ok(Some(told));
            }
            self.seal(shard, &planned, &mut sealed).await?;
            let pressure = planned.head.pressure;
            match self.documents.replace(&at, &seen, planned.head).await? {
                Replaced::Written(_) => {
                    self.note_pressure(shard, pressure);
                    return Ok(Some(told));
                }
                Replaced::Contended(_) => {
                    lost += 1;
                    self.documents.step_aside(lost).await;
                    // What was there a pause ago is likely not there any more.
                    seen = self.documents.read(&at).await?;
                }
            }
        }
        self.note_pressure(shard, if wanted.len() <= 4 { TOO_MUCH } else { 0 });
        Ok(Some(vec![Ok(Answer::Contended); wanted.len()]))
    }

    /// Writes what is evicted into segments, but what this claim has sealed already in an attempt that was lost.
    async fn seal(&self, shard: &Shard, planned: &Claiming, sealed: &mut BTreeSet<(Id, u64, bool)>) -> Result<(), LedgerError> {
        let of = |mark: &Mark| (mark.key, mark.token, mark.open.is_some());
        let fresh: Vec<Mark> = planned.sealed.iter().filter(|mark| !sealed.contains(&of(mark))).cloned().collect();
        sealed.extend(fresh.iter().map(of));
        let writes = segment::by_hour(fresh).into_iter().map(async |(hour, marks)| {
            let name = Name::of(&marks, shard, self.documents.nonce());
            let at = self.at(&format!("{}{}", self.segments_of(&hour), name.render()))?;
            // A name with a nonce is nobody else's.
            self.documents.create(&at, Segment { marks }).await.map(drop)
        });
        stream::iter(writes).buffer_unordered(SEALS_AT_ONCE).try_collect().await
    }

    async fn complete_in(&self, shard: &Shard, of: &[usize], ends: &[End], owner: &str) -> Result<Moved<()>, LedgerError> {
        let at = self.head_at(shard)?;
        let ends: Vec<End> = of.iter().filter_map(|index| ends.get(*index)).copied().collect();
        let mut lost = 0;
        let step = |head: Option<&Head>, _| {
            let whole = head.filter(|head| head.stage == Stage::Whole);
            let next = whole.and_then(|head| plan::complete(self.rules, head, &ends, owner));
            lost += 1;
            match next {
                Some(mut head) => {
                    head.feel(ends.len(), lost - 1);
                    Step::Write(head, ())
                }
                None => Step::Keep(()),
            }
        };
        let updated = self.documents.update(&at, None, step).await?;
        if self.has_moved(shard, &updated.seen).await? {
            return Ok(None);
        }
        self.note_pressure(shard, updated.seen.value.as_ref().map_or(0, |head| head.pressure));
        match updated.answer {
            Some(()) => Ok(Some(())),
            None => Err(LedgerError::Contended { place: at.to_string() }),
        }
    }

    /// The shard is no longer one. Where its split is under way, it is carried to its end first.
    async fn has_moved(&self, shard: &Shard, seen: &Seen<Head>) -> Result<bool, LedgerError> {
        match seen.value.as_ref().map(|head| head.stage).unwrap_or_default() {
            Stage::Whole => return Ok(false),
            Stage::Splitting if self.read_only => {}
            Stage::Splitting => self.make_halves(shard, seen).await?,
            Stage::Split => {}
        }
        self.split.lock().unwrap_or_else(PoisonError::into_inner).insert(shard.clone());
        Ok(true)
    }

    async fn split(&self, shard: &Shard) -> Result<(), LedgerError> {
        let stop = |head: Option<&Head>, _| match head {
            // It has faded a little since it was felt.
            Some(head) if head.stage == Stage::Whole && head.pressure >= TOO_MUCH / 2 => {
                Step::Write(Head { stage: Stage::Splitting, ..head.clone() }, ())
            }
            _ => Step::Keep(()),
        };
        let updated = self.documents.update(&self.head_at(shard)?, None, stop).await?;
        self.has_moved(shard, &updated.seen).await.map(drop)
    }

    /// From a head in which nothing changes any more. Whoever does it makes the same halves; the first one's stay, since
    /// they are created under `If-None-Match: *` and never removed.
    async fn make_halves(&self, shard: &Shard, seen: &Seen<Head>) -> Result<(), LedgerError> {
        let Some(head) = &seen.value else { return Ok(()) };
        for bit in [false, true] {
            let at = self.head_at(&shard.half(bit))?;
            self.documents.create(&at, head.half(shard.depth(), bit)).await?;
        }
        let split = Head { stage: Stage::Split, marks: BTreeMap::new(), ..head.clone() };
        self.documents.replace(&self.head_at(shard)?, seen, split).await.map(drop)
    }

    fn note_pressure(&self, shard: &Shard, pressure: u32) {
        if pressure >= TOO_MUCH && shard.depth() < usize::from(self.layout.depth.min(MAX_DEPTH)) {
            self.due.lock().unwrap_or_else(PoisonError::into_inner).insert(shard.clone());
        }
    }

    /// What lies in which shard, as far as splits are known.
    fn group(&self, of: &[usize], key: impl Fn(&usize) -> Option<Id>) -> BTreeMap<Shard, Vec<usize>> {
        let split = self.split.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups: BTreeMap<Shard, Vec<usize>> = BTreeMap::new();
        for index in of {
            let Some(key) = key(index) else { continue };
            let mut shard = Shard::whole();
            while split.contains(&shard) {
                shard = shard.half_of(key);
            }
            groups.entry(shard).or_default().push(*index);
        }
        groups
    }

    fn head_at(&self, shard: &Shard) -> Result<Location, LedgerError> {
        self.at(&format!("{}heads/{}/{shard}.json", self.layout.place.prefix, self.layout.name))
    }

    /// The prefix of all segments.
    pub(super) fn segments(&self) -> String {
        format!("{}segments/{}/", self.layout.place.prefix, self.layout.name)
    }

    pub(super) fn segments_of(&self, hour: &str) -> String {
        format!("{}{hour}/", self.segments())
    }

    pub(super) fn at(&self, key: &str) -> Result<Location, LedgerError> {
        let bucket = self.layout.place.bucket.clone();
        let place = format!("s3://{bucket}/{key}");
        let bad = |error: KeyError| LedgerError::Damaged { place, reason: error.to_string() };
        Ok(Location::new(bucket, ObjectKey::new(key).map_err(bad)?))
    }
}

fn set(answers: &mut [Option<Result<Answer, LedgerError>>], index: usize, answer: Result<Answer, LedgerError>) {
    if let Some(slot) = answers.get_mut(index) {
        *slot = Some(answer);
    }
}

/// What is told of a change when nothing more is asked: a question that stayed open, why it did.
fn settled(answer: Answer, failed: Option<&LedgerError>) -> Result<Answer, LedgerError> {
    match (answer, failed) {
        (Answer::Ask(_), Some(error)) => Err(error.clone()),
        (Answer::Ask(_), None) => Ok(Answer::Contended),
        (answer, _) => Ok(answer),
    }
}

/// Gives the changes what was found out about them; tells what could not be.
fn take_answers(questions: Vec<Question<'_>>, wanted: &mut [Wanted<'_>]) -> Failed {
    let mut failed = Failed::new();
    for question in questions {
        let position = question.position;
        match (question.answer(), wanted.get_mut(position)) {
            (Ok(found), Some(wanted)) => wanted.found_out = Some(found),
            (Err(error), _) => drop(failed.insert(position, error)),
            (Ok(_), None) => {}
        }
    }
    failed
}

/// What is asked, by the place in the plan.
fn questions(answers: &[Answer]) -> Vec<(usize, Against)> {
    let asked = |(position, answer): (usize, &Answer)| match answer {
        Answer::Ask(against) => Some((position, *against)),
        _ => None,
    };
    answers.iter().enumerate().filter_map(asked).collect()
}

#[cfg(test)]
mod tests;
