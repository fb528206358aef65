//! What a batch's inputs become: a bundle that is collected, or parts of the table.

mod collected;
mod published;

use std::collections::BTreeSet;
use std::io;

use brigade::event::KeyError;
use brigade::storage::{Location, Metadata};
use bytes::Bytes;

use crate::compactor::CompactError;

pub(crate) use collected::Collect;
pub(crate) use published::Parts;

/// Makes outputs from the inputs of batches.
pub(crate) trait Product: Send + Sync {
    /// Begins with the batch of this name.
    fn begin(&self, batch: &str) -> Result<Box<dyn Making>, Unmade>;
}

/// The outputs of one batch, being made. It is given whole inputs, in any order; the work is the processor's alone.
pub(crate) trait Making: Send {
    /// Adds an input.
    fn add(&mut self, at: &Location, body: &[u8]) -> Result<(), Unmade>;
    /// The outputs.
    fn finish(self: Box<Self>) -> Result<Made, Unmade>;
}

/// The outputs of one batch.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) outputs: Vec<Output>,
    pub(crate) lines: u64,
    pub(crate) rejects: u64,
    /// The buckets that the records are of.
    pub(crate) sources: BTreeSet<String>,
}

/// One object to be written.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) at: Location,
    pub(crate) body: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) metadata: Metadata,
}

/// Why a batch's outputs could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmade {
    /// Of a bundle.
    #[error("a bundle: {0}")]
    Bundle(#[from] io::Error),
    /// A place has no key.
    #[error("an output's key: {0}")]
    Key(#[from] KeyError),
    /// Two outputs have one place.
    #[error("two parts are called {0}")]
    Twice(Location),
    /// Of a part.
    #[error(transparent)]
    Part(#[from] CompactError),
}
