//! Parts of the table: log objects, or bundles of them, parsed, and written by partition.

use std::collections::BTreeSet;
use std::io::Cursor;

use brigade::storage::{Location, Metadata};
use bytes::Bytes;

use super::{Made, Making, Output, Unmade, Unreadable};
use crate::bundle::{BundleError, read_bundle};
use crate::compactor::{CompactError, Compactor, Settings};
use crate::parts::{InMemory, Table};
use crate::places::Places;

/// A batch's lines in parts.
pub(super) struct Parting {
    places: Places,
    batch: String,
    compactor: Compactor<InMemory>,
    /// The buckets that the log objects lie in.
    buckets: BTreeSet<String>,
}

impl Parting {
    /// One part of a partition in each batch, whatever is in it and whatever `settings` say: where a part ends must not depend
    /// on which inputs were found, or two who publish the same batch would cut it differently, and lines would be twice or
    /// nowhere. The batch is what is bounded.
    pub(super) fn new(places: Places, settings: Settings, batch: &str) -> Result<Self, Unmade> {
        let compactor = Compactor::new(Settings { whole: true, ..settings }, batch, InMemory::default())?;
        Ok(Self { places, batch: batch.to_owned(), compactor, buckets: BTreeSet::new() })
    }

    fn is_bundle(&self, at: &Location) -> bool {
        at.bucket == *self.places.state_bucket() && at.key.as_str().starts_with(&self.places.collected())
    }
}

fn unmade(at: &Location, error: BundleError<CompactError>) -> Unmade {
    match error {
        // A bundle lies in memory: what its reader says is said of the bundle.
        BundleError::Damaged(error) | BundleError::Each(CompactError::Read { error, .. }) => {
            Unreadable::Damaged(at.clone(), error.to_string()).into()
        }
        BundleError::Newer(_) => Unreadable::Newer(at.clone(), error.to_string()).into(),
        BundleError::Each(error) => error.into(),
    }
}

impl Making for Parting {
    fn add(&mut self, at: &Location, body: &[u8]) -> Result<(), Unmade> {
        if !self.is_bundle(at) {
            self.buckets.insert(at.bucket.to_string());
            return Ok(self.compactor.read(&at.to_string(), Cursor::new(body))?);
        }
        let Self { compactor, buckets, .. } = self;
        let read = read_bundle(body, |place, reader| {
            buckets.extend(place.split_once('/').map(|(bucket, _)| bucket.to_owned()));
            compactor.read(&format!("s3://{place}"), reader)
        });
        read.map_err(|error| unmade(at, error))
    }

    fn check(&self, at: &Location, body: &[u8]) -> Result<(), Unmade> {
        if !self.is_bundle(at) {
            return Ok(());
        }
        read_bundle(body, |_, _| Ok(())).map_err(|error| unmade(at, error))
    }

    fn finish(self: Box<Self>) -> Result<Made, Unmade> {
        let Self { places, batch, compactor, buckets } = *self;
        let (counts, sink) = compactor.finish()?;
        let mut made = Made { lines: counts.lines, rejects: counts.rejects, ..Made::default() };
        let mut places_taken = BTreeSet::new();
        for (part, bytes) in sink.parts {
            let at = match part.name.table {
                Table::Records => places.part(&part.name.folder, &batch)?,
                Table::Rejects => places.rejects(&part.name.folder, &batch)?,
            };
            // The second would be taken for the first one, written before: its lines would be lost.
            if !places_taken.insert(at.clone()) {
                return Err(Unmade::Twice(at));
            }
            let source = part.name.folder.split('/').find_map(|segment| segment.strip_prefix("bucket="));
            made.into_itself.extend(source.filter(|source| buckets.contains(*source)).map(str::to_owned));
            let metadata = Metadata::from([("brigade-version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
            made.outputs.push(Output {
                at,
                body: Bytes::from(bytes),
                content_type: "application/vnd.apache.parquet",
                metadata,
            });
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use brigade::config::Place;
    use brigade::event::{BucketName, ObjectKey};

    use super::*;
    use crate::bundle::BundleWriter;
    use crate::invariants::lines_of;

    fn parting() -> Parting {
        let place = |text| Place::parse(text).unwrap();
        let places = Places::new(&place("s3://tables/t/"), &place("s3://state/"));
        Parting::new(places, Settings { memory: 64 << 10, file_size: 1, ..Settings::default() }, "B").unwrap()
    }

    /// Log objects of the same two hours; those of one have their own request ids. One line in ten is of a bucket whose
    /// name makes no folder, or of none.
    fn log(of: usize) -> String {
        let bucket = |n| match n % 20 {
            0 => "-".to_owned(),
            10 => "b".repeat(300),
            _ => "photos".to_owned(),
        };
        let line = |n| {
            let (bucket, minute, second) = (bucket(n), n / 60 % 60, n % 60);
            format!("o {bucket} [22/Nov/2026:10:{minute:02}:{second:02} +0000] - - R{of}N{n} OP k - 204 - - 57 - - - - v\n")
        };
        (0..2_000).map(line).collect()
    }

    fn made(making: Parting, order: &[usize]) -> Result<Made, Unmade> {
        let mut making = Box::new(making);
        for of in order {
            let key = ObjectKey::new(format!("2026-11-22-11-00-0{of}-A"))?;
            making.add(&Location::new(BucketName::new("logs"), key), log(*of).as_bytes())?;
        }
        making.finish()
    }

    /// Its lines by each part's place.
    fn published(made: &Made) -> BTreeMap<String, BTreeSet<String>> {
        let one = |output: &Output| (output.at.to_string(), lines_of(output.body.clone()).unwrap().into_iter().collect());
        made.outputs.iter().map(one).collect()
    }

    #[test]
    fn log_objects_that_overlap_in_time_make_one_part_whatever_the_memory_and_their_order() {
        let one = made(parting(), &[0, 1, 2]).unwrap();
        let lines = published(&one);
        assert_eq!(lines.len(), one.outputs.len(), "no two have one place");
        assert_eq!(lines.len(), 2, "{:?}", lines.keys());
        assert_eq!(lines.values().map(BTreeSet::len).sum::<usize>(), 6_000);
        // Another who finishes the batch gets its log objects in another order, and names the same lines the same.
        assert_eq!(published(&made(parting(), &[2, 0, 1]).unwrap()), lines);
    }

    #[test]
    fn a_bucket_whose_log_lies_in_it_is_told() {
        for (bucket, expected) in [("logs", &[][..]), ("photos", &["photos"])] {
            let mut making = Box::new(parting());
            let at = |key| Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap());
            making.add(&at("2026-11-22-11-00-00-A"), log(0).as_bytes()).unwrap();
            assert_eq!(making.finish().unwrap().into_itself.into_iter().collect::<Vec<_>>(), expected, "at once");

            let mut bundle = BundleWriter::new().unwrap();
            bundle.add(&format!("{bucket}/2026-11-22-11-00-00-A"), log(0).as_bytes()).unwrap();
            let bundle = bundle.finish().unwrap();
            let mut making = Box::new(parting());
            let open = making.places.bundle("2026-11-22-11", "A").unwrap();
            making.add(&open, &bundle).unwrap();
            assert_eq!(making.finish().unwrap().into_itself.into_iter().collect::<Vec<_>>(), expected, "collected before");
        }
    }

    #[test]
    fn two_parts_of_one_place_are_an_error() {
        let mut making = parting();
        let settings = Settings { memory: 64 << 10, file_size: 1, ..Settings::default() };
        making.compactor = Compactor::new(settings, "B", InMemory::default()).unwrap();
        let error = made(making, &[0, 1]).unwrap_err();
        assert!(matches!(error, Unmade::Twice(_)), "{error}");
    }
}
