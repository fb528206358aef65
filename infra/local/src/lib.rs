//! The local cloud.

pub mod clock;
mod cloud;
pub mod front;
pub mod lambda;
pub mod notify;
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
