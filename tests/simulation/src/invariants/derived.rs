//! Of derived objects: `f(source)` when all is quiet, and at every moment neither a step back nor a removal of what is new.

use std::collections::{BTreeMap, BTreeSet};

use brigade::event::{BucketName, Message, Record};
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

#[cfg(test)]
mod tests {
    use brigade::event::ObjectKey;

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
}
