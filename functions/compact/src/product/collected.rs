//! Logs that are collected until their window closes, in bundles.

use brigade::storage::{Location, Metadata};
use bytes::Bytes;

use super::{Made, Making, Output, Unmade};
use crate::bundle::BundleWriter;
use crate::places::Places;

/// A batch's inputs in one bundle.
pub(super) struct Collecting {
    at: Location,
    bundle: BundleWriter,
    empty: bool,
}

impl Collecting {
    pub(super) fn new(places: &Places, window: &str, batch: &str) -> Result<Self, Unmade> {
        Ok(Self { at: places.bundle(window, batch)?, bundle: BundleWriter::new()?, empty: true })
    }
}

impl Making for Collecting {
    fn add(&mut self, at: &Location, body: &[u8]) -> Result<(), Unmade> {
        self.empty &= body.is_empty();
        Ok(self.bundle.add(&format!("{}/{}", at.bucket, at.key), body)?)
    }

    fn finish(self: Box<Self>) -> Result<Made, Unmade> {
        if self.empty {
            return Ok(Made::default());
        }
        let body = Bytes::from(self.bundle.finish()?);
        let output = Output { at: self.at, body, content_type: "application/zstd", metadata: Metadata::new() };
        Ok(Made { outputs: vec![output], ..Made::default() })
    }
}
