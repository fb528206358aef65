//! S3 server access logs into partitioned Parquet, each line exactly once.
//!
//! The pure core: bytes in, bytes out; no store, no clock, no environment.
//!
//! - [`record::parse`] reads one line into a [`record::Record`], or says why it is none ([`record::Reject`]).
//! - [`lines::LineReader`] splits any reader at line breaks, in bounded memory.
//! - [`source::LogKey`] tells from a log object's key where and when it was delivered.
//! - [`columns::Columns`] is `BRIGADE_COLUMNS`: what is dropped or hashed.
//!
//! The function: [`Compact`]. [`protocol`] is the order of requests by which each line is published once, and decides;
//! `run` makes the requests; `product` is what comes of a batch.

mod bundle;
pub mod columns;
mod config;
pub mod invariants;
pub mod lines;
mod places;
mod product;
pub mod protocol;
pub mod record;
mod run;
pub mod source;
mod worker;

pub use config::{COLUMNS, Config, FILE_SIZE, PARTITION, Partition, VARIABLES};
pub use places::Places;
pub use run::{After, Flush};
pub use worker::Compact;

/// The families of events that the function takes: a log object is new once, and is never rewritten.
pub const EVENTS: &[&str] = &["ObjectCreated"];
