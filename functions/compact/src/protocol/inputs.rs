//! From events to shards: which log objects are named, and where their claims lie.

use std::collections::BTreeMap;

use brigade::config::Span;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::verdict::Verdict;

use crate::source::LogKey;

/// The log objects of one source and delivery hour that the events of a batch name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Where they are.
    pub bucket: BucketName,
    /// What all their keys begin with: the source's prefix and the hour.
    pub stem: String,
    /// `YYYY-MM-DD-hh`.
    pub hour: String,
    /// Their bytes as the events tell them, by what the key has after the stem.
    pub wanted: BTreeMap<String, u64>,
}

impl Group {
    /// The source's prefix: the stem without the hour and its dash.
    pub fn folder(&self) -> &str {
        self.stem.get(..self.stem.len().saturating_sub(self.hour.len() + 1)).unwrap_or_default()
    }
}

/// What events of a batch name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// By bucket and stem.
    pub groups: Vec<Group>,
    /// What each event names, in their order: an end that needs no look at any state, or inputs (group and name).
    pub events: Vec<Result<Vec<(usize, String)>, Verdict>>,
}

/// What the size of a log object is taken for where its event doesn't tell.
const USUAL_SIZE: u64 = 256 * 1024;

/// Sorts events by what they name. An event whose key has two readings names the log objects of both: what does not exist is
/// found to be gone.
pub fn named(events: &[&ObjectEvent], input: &[Span]) -> Named {
    let mut named = Named::default();
    let mut places: BTreeMap<(BucketName, String), usize> = BTreeMap::new();
    for event in events {
        let end = at_once(event).map_or_else(|| Ok(inputs_of(event, input, &mut places, &mut named.groups)), Err);
        named.events.push(match end {
            Ok(inputs) if inputs.is_empty() => Err(Verdict::skip("not-a-log", "its key is not a log object's")),
            end => end,
        });
    }
    named
}

fn at_once(event: &ObjectEvent) -> Option<Verdict> {
    if event.kind.is_created() || event.kind.as_str() == EventKind::BATCH_TASK {
        return None;
    }
    Some(Verdict::skip("not-created", event.kind.as_str()))
}

fn inputs_of(
    event: &ObjectEvent,
    input: &[Span],
    places: &mut BTreeMap<(BucketName, String), usize>,
    groups: &mut Vec<Group>,
) -> Vec<(usize, String)> {
    let readings = std::iter::once(&event.key).chain(&event.other_key);
    let taken = readings.filter(|key| input.iter().any(|span| span.contains(&event.bucket, key)));
    let mut found = Vec::new();
    for (stem, hour, name) in taken.filter_map(parts_of) {
        let at = *places.entry((event.bucket.clone(), stem.to_owned())).or_insert(groups.len());
        if at == groups.len() {
            let (stem, hour) = (stem.to_owned(), hour.to_owned());
            groups.push(Group { bucket: event.bucket.clone(), stem, hour, wanted: BTreeMap::new() });
        }
        if let Some(group) = groups.get_mut(at) {
            group.wanted.insert(name.to_owned(), event.size.unwrap_or(USUAL_SIZE));
            found.push((at, name.to_owned()));
        }
    }
    found
}

/// Stem, hour and name of a log object's key.
fn parts_of(key: &ObjectKey) -> Option<(&str, &str, &str)> {
    let log = LogKey::parse(key.as_str())?;
    // The hour is followed by a dash.
    let (stem, name) = key.as_str().split_at_checked(log.folder.len() + log.hour.len() + 1)?;
    Some((stem, log.hour, name))
}

#[cfg(test)]
mod tests {
    use brigade::config::parse_spans;

    use super::*;

    fn event(kind: &str, key: &str) -> ObjectEvent {
        ObjectEvent {
            size: Some(10),
            ..ObjectEvent::new(EventKind::new(kind), BucketName::new("logs"), ObjectKey::new(key).unwrap())
        }
    }

    #[test]
    fn events_of_one_source_and_hour_share_a_shard() {
        let created = |key| event("ObjectCreated:Put", key);
        let events = [
            created("photos/2026-11-22-10-05-09-A1"),
            created("photos/2026-11-22-10-59-59-B2"),
            created("photos/2026-11-22-11-00-00-C3"),
            created("films/2026-11-22-10-05-09-A1"),
            created("photos/2026-11-22-10-05-09-A1"),
        ];
        let named = named(&events.iter().collect::<Vec<_>>(), &parse_spans("s3://logs/*").unwrap());
        let groups: Vec<String> = named
            .groups
            .iter()
            .map(|group| {
                format!("{} {} {}", group.stem, group.hour, group.wanted.keys().cloned().collect::<Vec<_>>().join(","))
            })
            .collect();
        assert_eq!(
            groups,
            [
                "photos/2026-11-22-10- 2026-11-22-10 05-09-A1,59-59-B2",
                "photos/2026-11-22-11- 2026-11-22-11 00-00-C3",
                "films/2026-11-22-10- 2026-11-22-10 05-09-A1",
            ]
        );
        assert_eq!(named.groups.iter().map(Group::folder).collect::<Vec<_>>(), ["photos/", "photos/", "films/"]);
        let of: Vec<usize> = named.events.iter().map(|event| event.as_ref().unwrap().first().unwrap().0).collect();
        assert_eq!(of, [0, 0, 1, 2, 0]);
    }

    #[test]
    fn what_is_no_new_log_object_is_skipped() {
        for (kind, key, expected) in [
            ("ObjectRemoved:Delete", "photos/2026-11-22-10-05-09-A1", "not-created"),
            ("ObjectTagging:Put", "photos/2026-11-22-10-05-09-A1", "not-created"),
            ("ObjectCreated:Put", "photos/readme.txt", "not-a-log"),
            ("ObjectCreated:Put", "photos/", "not-a-log"),
        ] {
            let named = named(&[&event(kind, key)], &parse_spans("s3://logs/*").unwrap());
            let verdict = named.events.into_iter().next().unwrap().unwrap_err();
            assert_eq!(verdict.reason().unwrap().code, expected, "{kind} {key}");
            assert!(named.groups.is_empty());
        }
    }

    #[test]
    fn both_readings_of_a_key_are_looked_at() {
        let other = ObjectKey::new("a b/2026-11-22-10-05-09-A1").unwrap();
        let event = ObjectEvent { other_key: Some(other), ..event("ObjectCreated:Put", "a+b/2026-11-22-10-05-09-A1") };
        let named = named(&[&event], &parse_spans("s3://logs/*").unwrap());
        let stems: Vec<&str> = named.groups.iter().map(|group| group.stem.as_str()).collect();
        assert_eq!(stems, ["a+b/2026-11-22-10-", "a b/2026-11-22-10-"]);
        assert_eq!(named.events.first().unwrap().as_ref().unwrap().len(), 2);
    }
}
