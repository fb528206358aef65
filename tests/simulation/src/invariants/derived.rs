//! Of derived objects: `f(source)` when all is quiet, and never a step back.

use std::collections::{BTreeMap, BTreeSet};

use brigade::event::{BucketName, Message, ObjectKey, Record};
use brigade::storage::{Get, List, Location, Result, Store};
use bytes::Bytes;
use futures::TryStreamExt;

/// Objects of one bucket, by key.
pub type Objects = BTreeMap<String, Bytes>;

/// Reads every object of a bucket whose key begins with `prefix`.
pub async fn read_all(store: &dyn Store, bucket: &BucketName, prefix: &str) -> Result<Objects> {
    let mut objects = Objects::new();
    let mut continuation = None;
    loop {
        let page = store.list(bucket, List { prefix: prefix.to_owned(), continuation, ..List::default() }).await?;
        for entry in page.objects {
            let at = Location::new(bucket.clone(), entry.key);
            let object = store.get(&at, Get::default()).await?;
            let bytes = object.body.try_collect::<Vec<Bytes>>().await?.concat();
            objects.insert(at.key.to_string(), bytes.into());
        }
        continuation = page.continuation;
        if continuation.is_none() {
            return Ok(objects);
        }
    }
}

/// At quiescence: the derived objects are `f(source)` of every live source byte for byte, and nothing else is there.
/// Answers what is not so.
pub fn derived_is_f_of_source(wanted: &Objects, found: &Objects) -> Vec<String> {
    let missing = wanted.keys().filter(|key| !found.contains_key(*key)).map(|key| format!("missing: {key}"));
    let extra = found.keys().filter(|key| !wanted.contains_key(*key)).map(|key| format!("not f of any source: {key}"));
    let differs = |key: &&String| found.get(*key).is_some_and(|bytes| Some(bytes) != wanted.get(*key));
    let other = wanted.keys().filter(differs).map(|key| format!("other bytes than f(source): {key}"));
    missing.chain(extra).chain(other).collect()
}

/// At quiescence: every live source that has no outputs was parked. `parked` are the bodies in the parking queue.
pub fn rejected_sources_are_parked<'b>(
    rejected: &BTreeSet<Location>,
    parked: impl IntoIterator<Item = &'b str>,
) -> Vec<String> {
    let named: BTreeSet<Location> = parked.into_iter().flat_map(named_sources).collect();
    rejected.difference(&named).map(|source| format!("rejected and never parked: {source}")).collect()
}

/// The objects that a message's body names.
fn named_sources(body: &str) -> Vec<Location> {
    let message = Message { body: Some(body.to_owned()), ..Message::default() };
    let named = |record: Record| match record {
        Record::Object(event) => Some(Location::new(event.bucket, event.key)),
        Record::Test(_) => None,
    };
    message.decode().into_iter().filter_map(|decoded| named(decoded.record.ok()?)).collect()
}

/// At every moment: an output of a newer source is never replaced by an output of an older one.
///
/// Contents are told apart by what `f` makes of them. One that comes back (A, B, A) may be replaced by the B between for a
/// moment, because no condition can tell the two As apart; so a replacement is a regress only where every occurrence of
/// the new output's content in the source's history is older than every occurrence of the old output's.
#[derive(Debug, Default)]
pub struct NoRegress {
    /// Of each source: its contents so far, oldest first.
    sources: BTreeMap<(BucketName, ObjectKey), Vec<usize>>,
    /// Of each derived object that is there: the content it was made from.
    derived: BTreeMap<Location, usize>,
}

impl NoRegress {
    /// The source has this content now.
    pub fn source_is(&mut self, source: &Location, content: usize) {
        self.sources.entry((source.bucket.clone(), source.key.clone())).or_default().push(content);
    }

    /// The derived object is gone.
    pub fn derived_is_gone(&mut self, at: &Location) {
        self.derived.remove(at);
    }

    /// The derived object was written, from this content of `source`. Answers the regress, if it is one.
    pub fn derived_is(&mut self, at: &Location, source: &Location, content: usize) -> Option<String> {
        let before = self.derived.insert(at.clone(), content)?;
        let history = self.sources.get(&(source.bucket.clone(), source.key.clone()))?;
        let last_of_new = history.iter().rposition(|c| *c == content);
        let first_of_old = history.iter().position(|c| *c == before)?;
        match last_of_new {
            Some(last) if last >= first_of_old => None,
            Some(last) => Some(format!("{at}: an output of change {first_of_old} was replaced by one of change {last}")),
            None => Some(format!("{at}: made from a content that {source} never had")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(key: &str) -> Location {
        Location::new(BucketName::new("photos"), ObjectKey::new(key).unwrap())
    }

    #[test]
    fn a_divergence_is_named() {
        let objects = |pairs: &[(&str, &'static str)]| {
            pairs.iter().map(|(key, text)| ((*key).to_owned(), Bytes::from_static(text.as_bytes()))).collect::<Objects>()
        };
        let wanted = objects(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let found = objects(&[("b", "2"), ("c", "4"), ("d", "5")]);
        let expected = ["missing: a", "not f of any source: d", "other bytes than f(source): c"];
        assert_eq!(derived_is_f_of_source(&wanted, &found), expected);
        assert!(derived_is_f_of_source(&wanted, &wanted).is_empty());
        assert_eq!(rejected_sources_are_parked(&[at("k")].into(), []), ["rejected and never parked: s3://photos/k"]);
    }

    #[test]
    fn a_regress_is_a_step_to_an_older_content() {
        // The source's history, what stood, what replaced it, whether that is a regress.
        let rows: [(&[usize], usize, usize, bool); 5] = [
            (&[0, 1], 0, 1, false),
            (&[0, 1], 1, 0, true),
            (&[0, 1, 0], 0, 1, false),
            (&[0, 1, 2], 2, 1, true),
            (&[0, 1], 1, 1, false),
        ];
        for (history, stood, replaced_by, regress) in rows {
            let mut check = NoRegress::default();
            history.iter().for_each(|content| check.source_is(&at("k"), *content));
            assert_eq!(check.derived_is(&at("out"), &at("k"), stood), None);
            assert_eq!(check.derived_is(&at("out"), &at("k"), replaced_by).is_some(), regress, "{history:?}");
        }
    }
}
