//! Parts of the table: log objects, or bundles of them, parsed, and written by partition.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use brigade::storage::{Location, Metadata};
use bytes::Bytes;

use super::plain::{RejectRows, Rows};
use super::{Made, Making, Output, Product, Unmade};
use crate::bundle::read_bundle;
use crate::columns::Columns;
use crate::config::{Config, Partition};
use crate::lines::{LineReader, Piece, split};
use crate::places::Places;
use crate::record::{Day, Reject, Text, hour, is_blank, parse};
use crate::source::{LogKey, Origin};

/// Makes parts as the configuration asks for.
#[derive(Clone)]
pub(crate) struct Parts {
    places: Places,
    partition: Partition,
    columns: Columns,
}

struct Parting {
    parts: Parts,
    batch: String,
    tables: BTreeMap<String, Rows>,
    rejects: RejectRows,
    sources: BTreeSet<String>,
    inputs: u64,
    lines: u64,
}

impl Parts {
    pub(crate) fn new(config: &Config) -> Self {
        Self { places: config.places.clone(), partition: config.partition, columns: config.columns.clone() }
    }

    /// The folders of a record's partition, each with a slash behind it.
    fn folders(&self, origin: Option<Origin<'_>>, bucket: &str, time: i64) -> String {
        let mut folders = String::new();
        if let Some(Origin { account, region, .. }) = origin {
            folders.push_str(&format!("account={account}/region={region}/"));
        }
        folders.push_str(&format!("bucket={bucket}/dt={}/", Day::of(time)));
        if self.partition == Partition::Hour {
            folders.push_str(&format!("hour={:02}/", hour(time)));
        }
        folders
    }
}

impl Product for Parts {
    fn begin(&self, batch: &str) -> Result<Box<dyn Making>, Unmade> {
        Ok(Box::new(Parting {
            parts: self.clone(),
            batch: batch.to_owned(),
            tables: BTreeMap::new(),
            rejects: RejectRows::default(),
            sources: BTreeSet::new(),
            inputs: 0,
            lines: 0,
        }))
    }
}

impl Making for Parting {
    fn add(&mut self, at: &Location, body: &[u8]) -> Result<(), Unmade> {
        let collected =
            at.bucket == *self.parts.places.state_bucket() && at.key.as_str().starts_with(&self.parts.places.collected());
        if collected {
            return Ok(read_bundle(body, |place, reader| self.add_log(place, reader))?);
        }
        Ok(self.add_log(&format!("{}/{}", at.bucket, at.key), &mut &*body)?)
    }

    fn finish(self: Box<Self>) -> Result<Made, Unmade> {
        let mut outputs = Vec::new();
        let output = |at, bytes: Vec<u8>| Output {
            at,
            body: Bytes::from(bytes),
            content_type: "application/vnd.apache.parquet",
            metadata: Metadata::from([("brigade-version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        };
        let rejects = self.rejects.len();
        let notes = vec![
            ("brigade.v".to_owned(), "1".to_owned()),
            ("brigade.batch".to_owned(), self.batch.clone()),
            ("brigade.inputs".to_owned(), self.inputs.to_string()),
        ];
        for (folders, rows) in self.tables {
            let bytes = rows.write(&self.parts.columns, &notes).map_err(|error| Unmade::Part(error.to_string()))?;
            outputs.push(output(self.parts.places.part(&folders, &self.batch)?, bytes));
        }
        if rejects > 0 {
            let bytes = self.rejects.write(&notes).map_err(|error| Unmade::Part(error.to_string()))?;
            outputs.push(output(self.parts.places.rejects("", &self.batch)?, bytes));
        }
        Ok(Made { outputs, lines: self.lines, rejects, sources: self.sources })
    }
}

impl Parting {
    fn add_log(&mut self, place: &str, reader: &mut dyn Read) -> io::Result<()> {
        self.inputs += 1;
        let key = place.split_once('/').map_or(place, |(_, key)| key);
        let origin = LogKey::parse(key).and_then(|key| key.origin);
        let mut number = 0;
        LineReader::default().read(reader, |piece| -> io::Result<()> {
            match piece {
                Piece::Lines(lines) => split(lines).for_each(|line| {
                    number += 1;
                    self.add_line(place, origin, number, line);
                }),
                Piece::TooLong(line) => {
                    number += 1;
                    self.rejects.push(place, number, Reject::TooLong.code(), line);
                }
            }
            Ok(())
        })
    }

    fn add_line(&mut self, place: &str, origin: Option<Origin<'_>>, number: u64, line: &[u8]) {
        if is_blank(line) {
            return;
        }
        match parse(line) {
            Ok(record) => {
                let bucket = record.text(Text::Bucket).map(String::from_utf8_lossy).unwrap_or_default();
                let folders = self.parts.folders(origin, &bucket, record.time);
                if !self.sources.contains(bucket.as_ref()) {
                    self.sources.insert(bucket.into_owned());
                }
                self.lines += 1;
                self.tables.entry(folders).or_default().push(&record);
            }
            Err(reject) => self.rejects.push(place, number, reject.code(), line),
        }
    }
}
