//! Parts of the table: log objects, or bundles of them, parsed, and written by partition.

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
            file_size: u64::MAX,
            partitions: usize::MAX,
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
        for (part, bytes) in sink.parts {
            let at = match part.name.table {
                Table::Records => places.part(&part.name.folder, &batch)?,
                Table::Rejects => places.rejects(&part.name.folder, &batch)?,
            };
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
