//! S3 server access logs into partitioned Parquet, each line exactly once.
//!
//! The core is pure: readers and values in, bytes out; no store, no clock, no environment.
//!
//! - [`Compactor`] is one batch: [`read`](Compactor::read) each log object, then [`finish`](Compactor::finish). Parts go to a
//!   [`Sink`], such as [`InMemory`], under names that are told by the batch's id alone; the same sources in the same order
//!   with the same id and settings give the same bytes.
//! - [`source::LogKey`] tells from a log object's key where it belongs and when it was delivered.
//! - [`record::parse`] reads one line into a [`record::Record`], or says why it is none ([`record::Reject`]).
//! - [`lines::LineReader`] splits any reader at line breaks, in bounded memory.
//! - [`durable`] is how [`Directory`] gives files their names.
//! - [`samples`] writes logs by seed, and what they say.
//! - [`Columns`] is `BRIGADE_COLUMNS`, [`Interval`] is `BRIGADE_PARTITION`.
//!
//! The function is [`Compact`]: [`protocol`] is the order of requests by which each line is published once, and decides; `run`
//! makes the requests; `product` is what comes of a batch.
//!
//! ```
//! use brigade_compact::{Compactor, InMemory, Settings};
//!
//! let log: &[u8] = b"owner bucket [06/Feb/2019:00:00:38 +0000] - - ID OP key - 204 - - 57 - - - - v\nno record\n";
//! let mut batch = Compactor::new(Settings::default(), "batch-id", InMemory::default())?;
//! batch.read("s3://logs/2019-02-06-01-00-00-ABCDEF", log)?;
//! let (counts, sink) = batch.finish()?;
//! assert_eq!((counts.lines, counts.rejects), (2, 1));
//! let paths: Vec<String> = sink.parts.iter().map(|(part, _)| part.name.path()).collect();
//! assert_eq!(paths, ["bucket=bucket/dt=2019-02-06/batch-id.parquet", "batch-id.parquet"]);
//! # Ok::<(), brigade_compact::CompactError>(())
//! ```

mod bundle;
mod columns;
mod compactor;
mod config;
mod directory;
pub mod durable;
mod encode;
pub mod invariants;
pub mod lines;
mod partition;
mod parts;
mod places;
mod product;
pub mod protocol;
pub mod record;
mod room;
mod run;
pub mod samples;
pub mod source;
mod table;
mod window;
mod worker;

pub use columns::{Columns, Treatment};
pub use compactor::{CompactError, Compactor, Counts, FORMAT, Settings};
pub use config::{COLUMNS, Config, FILE_SIZE, PARTITION, VARIABLES};
pub use directory::{Directory, Unnamed};
pub use partition::Interval;
pub use parts::{InMemory, Part, PartName, Sink, Table};
pub use places::Places;
pub use run::After;
pub use window::Flush;
pub use worker::Compact;

/// The families of events that the function takes: a log object is new once, and is never rewritten.
pub const EVENTS: &[&str] = &["ObjectCreated"];
