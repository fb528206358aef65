//! Server access logs, as S3 delivers them: a record for each request on a bucket whose logging is on.
//!
//! - `operation` names a request in the log's words, `exchange` takes from it what a record tells, `record` writes the line,
//!   `target` reads a bucket's logging status and names the log objects. All pure.
//! - `delivery` gathers lines and puts them into the target bucket, some seconds later and many in an object.
//!
//! Best effort, as in S3: what the cloud still holds at its end is lost, and so is what finds the buffer full
//! ([`LogCounts`]). Deliveries are made by the service itself and are not requests, so that they are never logged.
//!
//! Source: S3 user guide, "Amazon S3 server access log format", "Log object key format", "How do I enable log delivery".

mod delivery;
mod exchange;
mod operation;
mod record;
mod target;

pub use delivery::{AccessLogs, LogCounts, LogSettings};
pub(crate) use exchange::{Asked, Noted};
pub(crate) use target::CONFIG_NAME;
