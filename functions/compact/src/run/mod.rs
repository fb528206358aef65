//! The requests of the protocol: thin, in its order, each decision taken by [`crate::protocol`].

mod after;
mod batch;
mod closed;
mod fetch;
mod forget;
mod pass;
mod shift;
mod work;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use brigade::budget::Memory;
use brigade::ledger::Documents;
use brigade::storage::{Encryption, Store};
use brigade::worker::{Lines, Pace};

pub use after::After;
pub(crate) use closed::Collected;
pub(crate) use pass::{Ends, Pass};
pub(crate) use shift::{Shift, late};

/// What all passes of a process share.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) documents: Documents,
    /// The bound on what inputs in flight hold together.
    pub(crate) memory: Memory,
    /// The bound on what batches in the making hold together.
    pub(crate) batches: Memory,
    /// Inputs that are fetched at once.
    pub(crate) fetches: usize,
    /// Of what is written.
    pub(crate) encryption: Encryption,
    /// How long batches have taken.
    pub(crate) pace: Pace,
    pub(crate) lines: Arc<dyn Lines>,
    /// Buckets that log into themselves, and of which that was told.
    pub(crate) warned: Mutex<BTreeSet<String>>,
}
