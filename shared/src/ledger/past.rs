//! What sealed segments remember of changes that are older than a head.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use time::OffsetDateTime;

use super::claims::Claims;
use super::plan::relation;
use super::segment::{HOUR_MS, MOMENT_MS, Name, Segment, hour};
use super::transition::Relation;
use super::{Change, Id, LedgerError, Mark, Seen, Standing};
use crate::storage::List;

/// Pages that are listed in one claim of a shard: the names of 32,000 segments.
const MAX_PAGES: usize = 32;
/// Segments that are read in one claim of a shard: some 80 MB, in two or three seconds.
const MAX_READ: usize = 1_024;
const READS_AT_ONCE: usize = 16;

/// How far after a change's time to look.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reach {
    /// A moment: the change itself, and what came at once after it.
    Moment,
    /// All that came after it and after the first time, up to the second; in milliseconds since 1970.
    Since(i64, i64),
}

/// What is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Remembered {
    /// Where the change stands, if a segment tells.
    pub(super) standing: Option<Standing>,
    /// The number that it was claimed with, where that claim was never completed.
    pub(super) token: Option<u64>,
}

/// The segments, as far as this claim has looked. What failed once is not asked again: the changes that needed it come back.
/// Beyond the bounds nothing is remembered.
pub(super) struct Past<'a> {
    claims: &'a Claims,
    /// What the claim is about. Of what is read, the marks of these keys are kept.
    keys: BTreeSet<Id>,
    now: i64,
    pages: usize,
    /// By hour.
    listed: BTreeMap<String, Result<Vec<Name>, LedgerError>>,
    read: BTreeMap<String, Result<Vec<Mark>, LedgerError>>,
}

impl<'a> Past<'a> {
    pub(super) fn new(claims: &'a Claims, keys: BTreeSet<Id>, now: OffsetDateTime) -> Self {
        let now = i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
        Self { claims, keys, now, pages: 0, listed: BTreeMap::new(), read: BTreeMap::new() }
    }

    /// There may be more segments than before. What has been read is read: segments never change.
    pub(super) fn list_again(&mut self) {
        self.listed.clear();
        self.pages = 0;
    }

    /// Looks for changes, and for what has passed them, in the segments of their times: an answer for each, in order.
    pub(super) async fn of(&mut self, sought: &[(&Change, Reach)]) -> Vec<Result<Remembered, LedgerError>> {
        let spans: Vec<Option<(i64, i64)>> = sought.iter().map(|(change, reach)| self.span(change, *reach)).collect();
        // The newest first: where a bound is met, those that many others wait with have been looked for.
        let hours = |(from, to): (i64, i64)| (from.div_euclid(HOUR_MS), to.div_euclid(HOUR_MS));
        let by_age: BTreeSet<(i64, i64)> = spans.iter().copied().flatten().map(hours).collect();
        for (first, last) in by_age.into_iter().rev() {
            self.list(first, last).await;
        }
        let needed: BTreeSet<String> = std::iter::zip(sought, &spans)
            .filter_map(|((change, _), span)| span.map(|span| self.segments(change.key, span)))
            .flat_map(Result::unwrap_or_default)
            .collect();
        self.read_all(needed).await;
        std::iter::zip(sought, spans).map(|((change, _), span)| self.remembered(change, span)).collect()
    }

    /// The times at which it, or what passed it, may have been sealed, as far as segments are kept.
    fn span(&self, change: &Change, reach: Reach) -> Option<(i64, i64)> {
        let time = change.time?;
        let kept = i64::try_from(self.claims.layout.retention.as_millis()).unwrap_or(i64::MAX);
        let (from, until) = match reach {
            Reach::Moment => (time, time.saturating_add(MOMENT_MS)),
            Reach::Since(from, until) => (from.max(time), until),
        };
        // No event is of the future.
        let until = until.min(self.now.saturating_add(HOUR_MS));
        let from = from.saturating_sub(MOMENT_MS).max(self.now.saturating_sub(kept));
        (from <= until).then_some((from, until))
    }

    /// Lists what has not been listed of these hours, counted since 1970.
    async fn list(&mut self, first: i64, last: i64) {
        let hours = (first..=last).map(|index| hour(index.saturating_mul(HOUR_MS)));
        let missing: Vec<String> = hours.filter(|hour| !self.listed.contains_key(hour)).collect();
        let (Some(first), Some(last)) = (missing.first(), missing.last()) else { return };
        if let Err(error) = self.list_hours(&missing, first, last).await {
            self.listed.extend(missing.into_iter().map(|hour| (hour, Err(error.clone()))));
        }
    }

    async fn list_hours(&mut self, missing: &[String], first: &str, last: &str) -> Result<(), LedgerError> {
        let (all, bucket) = (self.claims.segments(), self.claims.layout.place.bucket.clone());
        let mut found: BTreeMap<&str, Vec<Name>> = missing.iter().map(|hour| (hour.as_str(), Vec::new())).collect();
        let (mut start_after, mut continuation) = (Some(self.claims.segments_of(first)), None);
        while self.pages < MAX_PAGES {
            self.pages += 1;
            let list = List { prefix: all.clone(), start_after: start_after.take(), continuation, ..List::default() };
            let page = self.claims.documents.store().list(&bucket, list).await?;
            let of_page = page.objects.iter().filter_map(|object| object.key.as_str().strip_prefix(&all)?.split_once('/'));
            let mut is_last = page.continuation.is_none();
            for (hour, name) in of_page {
                is_last |= hour > last;
                if let (Some(names), Some(name)) = (found.get_mut(hour), Name::parse(name)) {
                    names.push(name);
                }
            }
            continuation = page.continuation;
            if is_last {
                break;
            }
        }
        self.listed.extend(found.into_iter().map(|(hour, names)| (hour.to_owned(), Ok(names))));
        Ok(())
    }

    /// The keys of the segments of a span in which an object's marks may be.
    fn segments(&self, key: Id, (from, to): (i64, i64)) -> Result<Vec<String>, LedgerError> {
        let mut segments = Vec::new();
        for (hour, names) in self.listed.range(hour(from)..=hour(to)) {
            let names = names.as_ref().map_err(Clone::clone)?;
            let may_hold = names.iter().filter(|name| name.may_hold(key, from, to));
            segments.extend(may_hold.map(|name| format!("{}{}", self.claims.segments_of(hour), name.render())));
        }
        Ok(segments)
    }

    async fn read_all(&mut self, needed: BTreeSet<String>) {
        let room = MAX_READ.saturating_sub(self.read.len());
        let this = &*self;
        let reads = needed.into_iter().rev().filter(|key| !this.read.contains_key(key)).take(room);
        let reads = reads.map(|key| async move {
            let marks = this.read(&key).await;
            (key, marks)
        });
        let read: Vec<_> = stream::iter(reads).buffer_unordered(READS_AT_ONCE).collect().await;
        self.read.extend(read);
    }

    /// The marks of the claim's keys. A segment that has expired since it was listed remembers nothing.
    async fn read(&self, key: &str) -> Result<Vec<Mark>, LedgerError> {
        let segment: Seen<Segment> = self.claims.documents.read(&self.claims.at(key)?).await?;
        let marks = segment.value.map(|segment| segment.marks).unwrap_or_default();
        Ok(marks.into_iter().filter(|mark| self.keys.contains(&mark.key)).collect())
    }

    fn remembered(&self, change: &Change, span: Option<(i64, i64)>) -> Result<Remembered, LedgerError> {
        let mut remembered = Remembered::default();
        let Some(span) = span else { return Ok(remembered) };
        for segment in self.segments(change.key, span)? {
            let marks = match self.read.get(&segment) {
                Some(marks) => marks.as_ref().map_err(Clone::clone)?,
                None => continue,
            };
            for mark in marks.iter().filter(|mark| mark.key == change.key) {
                remembered = remembered.and(change, mark);
            }
        }
        Ok(remembered)
    }
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
