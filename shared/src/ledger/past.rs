//! What sealed segments remember of a change that is older than a head.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::claims::Claims;
use super::plan::relation;
use super::segment::{MOMENT_MS, Name, Segment, hour};
use super::transition::Relation;
use super::{Change, LedgerError, Mark, Seen, Standing};
use crate::storage::List;

/// Pages of one hour's listing: 10,000 segments, which is what 2,700 changes a second make.
const MAX_PAGES: usize = 10;
/// Segments that are read for one change. Beyond it, the object's state decides.
const MAX_READ: usize = 64;
/// Segments that are kept in memory during one claim.
const MAX_KEPT: usize = 256;

/// What is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Remembered {
    /// Where the change stands, if a segment tells.
    pub(super) standing: Option<Standing>,
    /// The number that it was claimed with, where that claim was never completed.
    pub(super) token: Option<u64>,
}

/// The segments, as far as this claim has looked. What failed once is not asked again: the changes that needed it come back.
pub(super) struct Past<'a> {
    claims: &'a Claims,
    now: OffsetDateTime,
    listed: BTreeMap<String, Result<Vec<Name>, LedgerError>>,
    read: BTreeMap<String, Result<Vec<Mark>, LedgerError>>,
}

impl<'a> Past<'a> {
    pub(super) fn new(claims: &'a Claims, now: OffsetDateTime) -> Self {
        Self { claims, now, listed: BTreeMap::new(), read: BTreeMap::new() }
    }

    /// Looks for a change in the segments of its hour, and of the moment after it.
    pub(super) async fn of(&mut self, change: &Change) -> Result<Remembered, LedgerError> {
        let Some(time) = change.time.filter(|time| self.reaches_back_to(*time)) else { return Ok(Remembered::default()) };
        let hours = [hour(time), hour(time.saturating_add(MOMENT_MS))];
        let [first, next] = &hours;
        let mut remembered = Remembered::default();
        for hour in if first == next { &hours[..1] } else { &hours[..] } {
            let names = self.names(hour).await?;
            for name in names.iter().filter(|name| name.may_hold(change.key, time)).take(MAX_READ) {
                for mark in self.marks(hour, name).await?.iter().filter(|mark| mark.key == change.key) {
                    remembered = remembered.and(change, mark);
                }
            }
        }
        Ok(remembered)
    }

    /// Segments of this time are still there.
    fn reaches_back_to(&self, time: i64) -> bool {
        let now = i64::try_from(self.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let kept = i64::try_from(self.claims.layout.retention.as_millis()).unwrap_or(i64::MAX);
        time >= now.saturating_sub(kept)
    }

    async fn names(&mut self, hour: &str) -> Result<Vec<Name>, LedgerError> {
        if let Some(names) = self.listed.get(hour) {
            return names.clone();
        }
        let names = self.list(hour).await;
        self.listed.insert(hour.to_owned(), names.clone());
        names
    }

    async fn list(&self, hour: &str) -> Result<Vec<Name>, LedgerError> {
        let prefix = self.claims.segments_of(hour);
        let (mut names, mut continuation) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let list = List { prefix: prefix.clone(), continuation, ..List::default() };
            let page = self.claims.documents.store().list(&self.claims.layout.place.bucket, list).await?;
            names.extend(page.objects.iter().filter_map(|o| Name::parse(o.key.as_str().strip_prefix(&prefix)?)));
            continuation = page.continuation;
            if continuation.is_none() {
                break;
            }
        }
        Ok(names)
    }

    async fn marks(&mut self, hour: &str, name: &Name) -> Result<&[Mark], LedgerError> {
        let key = format!("{}{}", self.claims.segments_of(hour), name.render());
        if !self.read.contains_key(&key) {
            if self.read.len() >= MAX_KEPT {
                self.read.pop_first();
            }
            let marks = self.read(&key).await;
            self.read.insert(key.clone(), marks);
        }
        match self.read.get(&key) {
            Some(Ok(marks)) => Ok(marks),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(&[]),
        }
    }

    /// One that has expired since it was listed remembers nothing.
    async fn read(&self, key: &str) -> Result<Vec<Mark>, LedgerError> {
        let segment: Seen<Segment> = self.claims.documents.read(&self.claims.at(key)?).await?;
        Ok(segment.value.map(|segment| segment.marks).unwrap_or_default())
    }
}

impl Remembered {
    /// With what one more mark of the change's key says. What is certain stays.
    fn and(self, change: &Change, mark: &Mark) -> Self {
        match (relation(change, mark), &mark.open) {
            (Relation::Same, None) => Self { standing: Some(Standing::Forwarded), token: None },
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
