//! Parts of the table: log objects, or bundles of them, parsed, and written by partition.

use std::collections::BTreeSet;
use std::io::Cursor;

use brigade::storage::{Location, Metadata};
use bytes::Bytes;

use super::{Made, Making, Output, Product, Unmade};
use crate::bundle::read_bundle;
use crate::compactor::{Compactor, Settings};
use crate::config::Config;
use crate::parts::{InMemory, Table};
use crate::places::Places;

/// Makes parts as the configuration asks for.
pub(crate) struct Parts {
    places: Places,
    settings: Settings,
}

struct Parting {
    places: Places,
    batch: String,
    compactor: Compactor<InMemory>,
}

impl Parts {
    pub(crate) fn new(config: &Config) -> Self {
        let settings = Settings {
            columns: config.columns.clone(),
            interval: config.interval,
            // One part of a partition in each batch, whatever is in it: where a part ends must not depend on which inputs were
            // found, or two who publish the same batch would cut it differently, and lines would be twice or nowhere. The
            // batch is what is bounded.
            whole: true,
            ..Settings::default()
        };
        Self { places: config.places.clone(), settings }
    }
}

impl Product for Parts {
    fn begin(&self, batch: &str) -> Result<Box<dyn Making>, Unmade> {
        let compactor = Compactor::new(self.settings.clone(), batch, InMemory::default())?;
        Ok(Box::new(Parting { places: self.places.clone(), batch: batch.to_owned(), compactor }))
    }
}

impl Making for Parting {
    fn add(&mut self, at: &Location, body: &[u8]) -> Result<(), Unmade> {
        let collected = at.bucket == *self.places.state_bucket() && at.key.as_str().starts_with(&self.places.collected());
        if !collected {
            return Ok(self.compactor.read(&at.to_string(), Cursor::new(body))?);
        }
        let compactor = &mut self.compactor;
        Ok(read_bundle(body, |place, reader| compactor.read(&format!("s3://{place}"), reader).map_err(std::io::Error::other))?)
    }

    fn finish(self: Box<Self>) -> Result<Made, Unmade> {
        let Self { places, batch, compactor } = *self;
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
            made.sources.extend(source.map(str::to_owned));
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
    use crate::invariants::lines_of;

    fn parts(whole: bool) -> Parts {
        let place = |text| Place::parse(text).unwrap();
        let places = Places::new(&place("s3://tables/t/"), &place("s3://state/"));
        Parts { places, settings: Settings { whole, memory: 64 << 10, file_size: 1, ..Settings::default() } }
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

    fn made(parts: &Parts, order: &[usize]) -> Result<Made, Unmade> {
        let mut making = parts.begin("B")?;
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
        let one = made(&parts(true), &[0, 1, 2]).unwrap();
        let lines = published(&one);
        assert_eq!(lines.len(), one.outputs.len(), "no two have one place");
        assert_eq!(lines.len(), 2, "{:?}", lines.keys());
        assert_eq!(lines.values().map(BTreeSet::len).sum::<usize>(), 6_000);
        // Another who finishes the batch gets its log objects in another order, and names the same lines the same.
        assert_eq!(published(&made(&parts(true), &[2, 0, 1]).unwrap()), lines);
    }

    #[test]
    fn two_parts_of_one_place_are_an_error() {
        let error = made(&parts(false), &[0, 1]).unwrap_err();
        assert!(matches!(error, Unmade::Twice(_)), "{error}");
    }
}
