//! S3 server access logs into partitioned Parquet.
//!
//! The pure core: bytes in, bytes out; no store, no clock, no environment.
//!
//! - [`record::parse`] reads one line into a [`record::Record`], or says why it is none ([`record::Reject`]).
//! - [`lines::LineReader`] splits any reader at line breaks, in bounded memory.
//! - [`source::LogKey`] tells from a log object's key where and when it was delivered.
//! - [`columns::Columns`] is `BRIGADE_COLUMNS`: what is dropped or hashed.

pub mod columns;
mod config;
pub mod lines;
pub mod record;
pub mod source;

pub use config::{COLUMNS, FILE_SIZE, PARTITION, VARIABLES};
