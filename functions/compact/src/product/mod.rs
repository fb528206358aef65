//! What a batch's inputs become: a bundle that is collected, or parts of the table.

mod collected;
mod published;

use std::collections::BTreeSet;
use std::io;

use brigade::config::Place;
use brigade::event::KeyError;
use brigade::storage::{Location, Metadata};
use bytes::Bytes;

use crate::compactor::{CompactError, Settings};
use crate::places::Places;
use crate::protocol::way::Way;
use collected::Collecting;
use published::Parting;

/// Makes the outputs of batches, of each in its own way.
#[derive(Clone, Debug)]
pub(crate) struct Products {
    places: Places,
}

impl Products {
    /// The state is `places`'; where the table is, a batch's way tells.
    pub(crate) fn new(places: Places) -> Self {
        Self { places }
    }

    /// Begins with the batch of this name. `rows` are the bytes of rows that may wait until its end.
    pub(crate) fn begin(&self, way: &Way, batch: &str, rows: usize) -> Result<Box<dyn Making>, Unmade> {
        match way {
            Way::Collected { window } => Ok(Box::new(Collecting::new(&self.places, window, batch)?)),
            Way::Published { table, partition, columns } => {
                let places = self.places.with_table(&Place::parse(table).map_err(Unmade::Place)?);
                let (columns, interval) = (columns.clone(), *partition);
                let settings = Settings { columns, interval, memory: rows, ..Settings::default() };
                Ok(Box::new(Parting::new(places, settings, batch)?))
            }
        }
    }
}

/// The outputs of one batch, being made. It is given whole inputs, in any order; the work is the processor's alone.
pub(crate) trait Making: Send {
    /// Adds an input.
    fn add(&mut self, at: &Location, body: &[u8]) -> Result<(), Unmade>;
    /// Tells what is wrong with an input, as [`Making::add`] would, and makes nothing of it.
    fn check(&self, _at: &Location, _body: &[u8]) -> Result<(), Unmade> {
        Ok(())
    }
    /// The outputs.
    fn finish(self: Box<Self>) -> Result<Made, Unmade>;
}

/// The outputs of one batch.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) outputs: Vec<Output>,
    pub(crate) lines: u64,
    pub(crate) rejects: u64,
    /// Buckets whose log lies in the bucket itself.
    pub(crate) into_itself: BTreeSet<String>,
}

/// One object to be written.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) at: Location,
    pub(crate) body: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) metadata: Metadata,
}

/// An input of which nothing can be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It will never be readable.
    #[error("{0}: not a readable bundle: {1}")]
    Damaged(Location, String),
    /// A newer version wrote it.
    #[error("{0}: {1}")]
    Newer(Location, String),
}

impl Unreadable {
    /// Where it is.
    pub(crate) fn at(&self) -> &Location {
        let (Self::Damaged(at, _) | Self::Newer(at, _)) = self;
        at
    }
}

impl From<Unreadable> for Unmade {
    fn from(input: Unreadable) -> Self {
        Self::Unreadable(vec![input])
    }
}

/// Why a batch's outputs could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmade {
    /// Of a bundle.
    #[error("a bundle: {0}")]
    Bundle(#[from] io::Error),
    /// Of these inputs. What was made of the others is not to be used.
    #[error("{} inputs can't be read", .0.len())]
    Unreadable(Vec<Unreadable>),
    /// The thread that made them has failed.
    #[error("{0}")]
    Panic(#[from] tokio::task::JoinError),
    /// It was told before why not.
    #[error("an input could not be added")]
    Before,
    /// A batch's way names no place.
    #[error("a table's place: {0}")]
    Place(String),
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
