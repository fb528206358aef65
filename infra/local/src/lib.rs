//! The local cloud: S3, SNS, SQS and the host of Lambda functions in one process, behind one port on loopback.
//!
//! [`LocalCloud`] assembles it: a bucket's changes go through `notify` to topics (`sns`), queues (`sqs`) and functions
//! (`lambda`); `front` tells on the port whose request it is; `s3` answers S3's protocol from the embedded store of
//! `brigade::storage`, and `access_log` writes the server access logs of buckets whose logging is on. What S3 and SNS send is
//! let in by the `policy` of the queue or topic, as in an account. Everything is in memory and gone with the process.
//! There is no AWS SDK in this crate's tree: what runs here is checked by clients that this project did not write
//! (`tests/clients`).

pub mod access_log;
pub mod clock;
mod cloud;
pub mod front;
pub mod http;
pub mod lambda;
pub mod notify;
mod policy;
mod query;
pub mod s3;
pub mod sns;
pub mod sqs;
mod sts;

pub use cloud::{Envelope, LocalCloud, NotIdle, Options, Wire, WireError, Wired};

/// The account that owns everything here.
pub const ACCOUNT: &str = "000000000000";

/// The region of whatever names none.
pub const REGION: &str = "us-east-1";
