//! What sealed segments remember of changes that are older than a head.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use time::OffsetDateTime;

use super::claims::Claims;
use super::head::SKEW_MS;
use super::plan::relation;
use super::segment::{DAY_MS, HOUR_MS, Name, Segment, day, hour};
use super::state::SLACK_MS;
use super::transition::Relation;
use super::{Change, Id, LedgerError, Mark, Seen, Shard, Standing};
use crate::storage::List;

/// Changes that are closer are looked for together: dates of whole seconds, the slack that an object's state is given, and the
/// skew of S3's servers can't part them.
const MOMENT_MS: i64 = 1_000 + SLACK_MS + SKEW_MS;
/// Pages of one hour's listing: 10,000 segments, which is what 2,700 changes a second make.
const PAGES_OF_HOUR: usize = 10;
/// Pages that one walk through all that came since lists.
const PAGES_OF_WALK: usize = 64;
/// Segments that are read at once.
const READS_AT_ONCE: usize = 16;
/// Listings at once.
const LISTS_AT_ONCE: usize = 16;

/// What is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Remembered {
    /// Where the change stands, if a segment tells.
    pub(super) standing: Option<Standing>,
    /// The number that it was claimed with, where that claim was never completed.
    pub(super) token: Option<u64>,
}

type Names = Result<Vec<Name>, LedgerError>;

/// A segment: its hour, and its name there; in the order of time.
type Sealed = (String, Name);

/// The segments, as far as this claim has looked. What failed once is not asked again: the changes that needed it come back.
pub(super) struct Past<'a> {
    claims: &'a Claims,
    /// What the claim is about. Of what is read, the marks of these keys are kept.
    keys: BTreeSet<Id>,
    now: i64,
    /// Segments that one look may read.
    most: usize,
    listed: BTreeMap<String, Names>,
    read: BTreeSet<Sealed>,
    marks: BTreeMap<Id, Vec<Mark>>,
    failed: Vec<(Name, LedgerError)>,
}

impl<'a> Past<'a> {
    /// What `claims` has sealed, for a claim of these keys that may read so many segments in one look.
    pub(super) fn new(claims: &'a Claims, keys: BTreeSet<Id>, now: OffsetDateTime, most: usize) -> Self {
        let now = i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let (listed, read, marks) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { claims, keys, now, most, listed, read, marks, failed: Vec::new() }
    }

    /// There may be more segments than before. What has been read is read: segments never change.
    pub(super) fn list_again(&mut self) {
        self.listed.clear();
    }

    /// Looks for changes, and for what came at once after them: an answer for each, in order. One for which more
    /// segments would have to be read than may be comes back.
    pub(super) async fn at(&mut self, changes: &[&Change]) -> Vec<Result<Remembered, LedgerError>> {
        let spans: Vec<_> =
            changes.iter().map(|change| self.span(change.time?, change.time?.saturating_add(MOMENT_MS))).collect();
        let hours: BTreeSet<String> = spans.iter().flatten().flat_map(|(from, to)| [hour(*from), hour(*to)]).collect();
        self.list_hours(hours.clone()).await;
        let mut sought: Vec<(i64, i64, Id)> = std::iter::zip(changes, &spans)
            .filter_map(|(change, span)| span.map(|(from, to)| (from, to, change.key)))
            .collect();
        sought.sort_unstable();
        let listed = hours.iter().filter_map(|hour| Some((hour, self.listed.get(hour)?.as_ref().ok()?)));
        let names = listed.flat_map(|(hour, names)| names.iter().map(move |name| (hour, name)));
        let wanted =
            names.filter(|(_, name)| is_sought(&sought, name)).map(|(hour, name)| (hour.clone(), name.clone())).collect();
        let left = self.read_all(wanted, self.most).await;
        let answer = |(change, span): (&&Change, &Option<(i64, i64)>)| match span {
            Some(span) => self.remembered(change, *span, &left),
            None => Ok(Remembered::default()),
        };
        std::iter::zip(changes, &spans).map(answer).collect()
    }

    /// Looks for what has passed changes since the times beside them, in all that was sealed from `horizon` backwards: an
    /// answer for each, in order. Beyond the bounds nothing is remembered.
    pub(super) async fn since(&mut self, changes: &[(&Change, i64)], horizon: i64) -> Vec<Result<Remembered, LedgerError>> {
        let spans: Vec<_> = changes.iter().map(|(_, since)| self.span(*since, horizon)).collect();
        let first = spans.iter().flatten().map(|(from, _)| *from).min();
        let last = spans.iter().flatten().map(|(_, to)| *to).max();
        if let (Some(first), Some(last)) = (first, last) {
            self.walk(changes, first, last).await;
        }
        let answer = |((change, _), span): (&(&Change, i64), &Option<(i64, i64)>)| match span {
            Some(span) => self.remembered(change, *span, &[]),
            None => Ok(Remembered::default()),
        };
        std::iter::zip(changes, &spans).map(answer).collect()
    }

    /// From a little before `from`, as far as segments are kept, until `to`, but no further than now: no event is of the
    /// future.
    fn span(&self, from: i64, to: i64) -> Option<(i64, i64)> {
        let kept = i64::try_from(self.claims.layout.retention.as_millis()).unwrap_or(i64::MAX);
        let from = from.saturating_sub(MOMENT_MS).max(self.now.saturating_sub(kept));
        let to = to.min(self.now.saturating_add(HOUR_MS));
        (from <= to).then_some((from, to))
    }

    /// Day by day, the newest first, so that what the bounds leave out is the oldest; until all stand.
    async fn walk(&mut self, changes: &[(&Change, i64)], first: i64, last: i64) {
        let (mut pages, mut reads) = (PAGES_OF_WALK, self.most);
        for index in (first.div_euclid(DAY_MS)..=last.div_euclid(DAY_MS)).rev() {
            if changes.iter().all(|(change, _)| self.known(change).standing.is_some()) {
                break;
            }
            let begins = index.saturating_mul(DAY_MS);
            self.list_day(begins, &mut pages).await;
            let ends = begins.saturating_add(DAY_MS - 1);
            // Shards are few, names and keys are many.
            let related: BTreeSet<Shard> = self.names(begins, ends).map(|(_, name)| name.shard.clone()).collect();
            let related: BTreeSet<Shard> = related.into_iter().filter(|s| self.keys.iter().any(|key| s.holds(*key))).collect();
            let names = self.names(first.max(begins), last.min(ends)).filter(|(_, name)| related.contains(&name.shard));
            let wanted: BTreeSet<Sealed> = names.map(|(hour, name)| (hour.clone(), name.clone())).collect();
            let before = self.read.len();
            let left = self.read_all(wanted, reads).await;
            reads = reads.saturating_sub(self.read.len() - before);
            if pages == 0 || !left.is_empty() {
                break;
            }
        }
    }

    /// A quiet day is one page; a busy one is listed by the hour, the newest first.
    async fn list_day(&mut self, begins: i64, pages: &mut usize) {
        let hours: Vec<String> = (0..24).map(|n| hour(begins.saturating_add(n * HOUR_MS))).collect();
        if hours.iter().all(|hour| self.listed.contains_key(hour)) {
            return;
        }
        *pages = pages.saturating_sub(1);
        match self.list(&day(begins), 1).await {
            Ok((names, true)) => {
                let mut found: BTreeMap<String, Vec<Name>> = hours.into_iter().map(|hour| (hour, Vec::new())).collect();
                for (hour, name) in names {
                    found.entry(hour).or_default().push(name);
                }
                self.listed.extend(found.into_iter().map(|(hour, names)| (hour, Ok(names))));
            }
            Ok((_, false)) => {
                for hour in hours.into_iter().rev() {
                    if *pages == 0 {
                        break;
                    }
                    self.list_hours(BTreeSet::from([hour.clone()])).await;
                    let names = self.listed.get(&hour).and_then(|names| names.as_ref().ok()).map_or(0, Vec::len);
                    *pages = pages.saturating_sub(1 + names / 1_000);
                }
            }
            Err(error) => self.listed.extend(hours.into_iter().map(|hour| (hour, Err(error.clone())))),
        }
    }

    async fn list_hours(&mut self, hours: BTreeSet<String>) {
        let this = &*self;
        let lists = hours.into_iter().filter(|hour| !this.listed.contains_key(hour)).map(|hour| async move {
            let names = this.list(&hour, PAGES_OF_HOUR).await;
            (hour, names.map(|(names, _)| names.into_iter().map(|(_, name)| name).collect()))
        });
        let listed: Vec<(String, Names)> = stream::iter(lists).buffer_unordered(LISTS_AT_ONCE).collect().await;
        self.listed.extend(listed);
    }

    /// The names of a day or an hour, and whether these are all.
    async fn list(&self, of: &str, pages: usize) -> Result<(Vec<(String, Name)>, bool), LedgerError> {
        let (all, bucket) = (self.claims.segments(), &self.claims.layout.place.bucket);
        let (mut names, mut continuation) = (Vec::new(), None);
        for _ in 0..pages {
            let list = List { prefix: format!("{all}{of}"), continuation, ..List::default() };
            let page = self.claims.documents.store().list(bucket, list).await?;
            let parsed = page.objects.iter().filter_map(|object| {
                let (hour, name) = object.key.as_str().strip_prefix(&all)?.split_once('/')?;
                Some((hour.to_owned(), Name::parse(name)?))
            });
            names.extend(parsed);
            continuation = page.continuation;
            if continuation.is_none() {
                return Ok((names, true));
            }
        }
        Ok((names, false))
    }

    /// What is known to lie between these times.
    fn names(&self, from: i64, to: i64) -> impl Iterator<Item = (&String, &Name)> {
        let hours = self.listed.range(hour(from)..=hour(to));
        let names = hours.flat_map(|(hour, names)| names.iter().flatten().map(move |name| (hour, name)));
        names.filter(move |(_, name)| name.is_within(from, to))
    }

    fn place(&self, (hour, name): &Sealed) -> String {
        format!("{}{}", self.claims.segments_of(hour), name.render())
    }

    /// Reads so many of these segments at most, the newest first; tells which are left.
    async fn read_all(&mut self, wanted: BTreeSet<Sealed>, most: usize) -> Vec<Sealed> {
        let mut wanted: Vec<Sealed> = wanted.into_iter().rev().filter(|one| !self.read.contains(one)).collect();
        let left = wanted.split_off(most.min(wanted.len()));
        let this = &*self;
        let reads = wanted.into_iter().map(|one| async move { (this.read(&one).await, one) });
        let read: Vec<_> = stream::iter(reads).buffer_unordered(READS_AT_ONCE).collect().await;
        for (marks, one) in read {
            match marks {
                Ok(marks) => marks.into_iter().for_each(|mark| self.marks.entry(mark.key).or_default().push(mark)),
                Err(error) => self.failed.push((one.1.clone(), error)),
            }
            self.read.insert(one);
        }
        left
    }

    /// The marks of the claim's keys. A segment that has expired since it was listed remembers nothing.
    async fn read(&self, one: &Sealed) -> Result<Vec<Mark>, LedgerError> {
        let segment: Seen<Segment> = self.claims.documents.read(&self.claims.at(&self.place(one))?).await?;
        let marks = segment.value.map(|segment| segment.marks).unwrap_or_default();
        Ok(marks.into_iter().filter(|mark| self.keys.contains(&mark.key)).collect())
    }

    /// What has been read of it.
    fn known(&self, change: &Change) -> Remembered {
        let marks = self.marks.get(&change.key).into_iter().flatten();
        marks.fold(Remembered::default(), |known, mark| known.and(change, mark))
    }

    /// What is known; if that is nothing, what kept others of that time from being read.
    fn remembered(&self, change: &Change, (from, to): (i64, i64), left: &[Sealed]) -> Result<Remembered, LedgerError> {
        let remembered = self.known(change);
        if remembered.standing.is_some() {
            return Ok(remembered);
        }
        let may_hold = |name: &Name| name.shard.holds(change.key) && name.is_within(from, to);
        let unlisted = self.listed.range(hour(from)..=hour(to)).find_map(|(_, names)| names.as_ref().err());
        let unread = self.failed.iter().find(|(name, _)| may_hold(name)).map(|(_, error)| error);
        if let Some(error) = unlisted.or(unread) {
            return Err(error.clone());
        }
        match left.iter().find(|(_, name)| may_hold(name)) {
            Some(one) => Err(LedgerError::Unread { place: self.place(one) }),
            None => Ok(remembered),
        }
    }
}

/// A change that is sought may be in it. `sought`: from, to and key, in order; where from is later, to is not earlier.
fn is_sought(sought: &[(i64, i64, Id)], name: &Name) -> bool {
    let first = sought.partition_point(|(_, to, _)| *to < name.from);
    let within = sought.iter().skip(first).take_while(|(from, ..)| *from <= name.to);
    within.into_iter().any(|(.., key)| name.shard.holds(*key))
}

impl Remembered {
    pub(super) fn of(standing: Standing) -> Self {
        Self { standing: Some(standing), token: None }
    }

    /// With what one more mark of the change's key says. What is certain stays.
    fn and(self, change: &Change, mark: &Mark) -> Self {
        match (relation(change, mark), &mark.open) {
            (Relation::Same, None) => Self::of(Standing::Forwarded),
            (Relation::Same, Some(_)) if self.standing != Some(Standing::Forwarded) => {
                Self { token: self.token.or(Some(mark.token)), ..self }
            }
            (Relation::Older, _) => Self { standing: self.standing.or(Some(Standing::Overtaken)), ..self },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Sequencer;
    use crate::ledger::{Digest, Open, Order};

    fn order(text: &str) -> Order {
        Order::of_sequencer(Sequencer::new(text).as_ref())
    }

    fn mark(id: &str, at: &str, open: bool) -> Mark {
        let open = open.then(|| Open { owner: String::new(), until: 0 });
        let (key, change) = (Digest::of(&["k"]).id(), Digest::of(&[id]).id());
        Mark { key, change, order: order(at), time: 1, token: 7, open }
    }

    #[test]
    fn what_marks_remember_of_a_change() {
        let digest = Digest::of(&["c"]);
        let change = Change {
            object: digest,
            identity: digest,
            key: Digest::of(&["k"]).id(),
            id: digest.id(),
            order: order("05"),
            time: Some(1),
            of_content: true,
        };
        let (done, open) = (mark("c", "05", false), mark("c", "05", true));
        let (newer, older, other) = (mark("d", "06", false), mark("a", "04", false), mark("e", "0006", false));
        let rows: [(&[&Mark], Option<Standing>, Option<u64>); 8] = [
            (&[], None, None),
            (&[&done], Some(Standing::Forwarded), None),
            (&[&open], None, Some(7)),
            (&[&open, &done], Some(Standing::Forwarded), None),
            (&[&done, &open], Some(Standing::Forwarded), None),
            (&[&newer], Some(Standing::Overtaken), None),
            (&[&newer, &done], Some(Standing::Forwarded), None),
            (&[&older, &other], None, None),
        ];
        for (marks, standing, token) in rows {
            let remembered = marks.iter().fold(Remembered::default(), |known, mark| known.and(&change, mark));
            assert_eq!(remembered, Remembered { standing, token }, "{marks:?}");
        }
    }
}
