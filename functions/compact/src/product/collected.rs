//! Logs that are collected until their window closes, in bundles.

use brigade::storage::{Location, Metadata};
use bytes::Bytes;

use super::{Made, Making, Output, Product, Unmade};
use crate::bundle::BundleWriter;
use crate::places::Places;

/// Collects a batch's inputs in one bundle.
pub(crate) struct Collect {
    pub(crate) places: Places,
    /// The window that they wait for.
    pub(crate) window: String,
}

struct Collecting {
    at: Location,
    bundle: BundleWriter,
    empty: bool,
}

impl Product for Collect {
    fn begin(&self, batch: &str) -> Result<Box<dyn Making>, Unmade> {
        let at = self.places.bundle(&self.window, batch)?;
        Ok(Box::new(Collecting { at, bundle: BundleWriter::new()?, empty: true }))
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
