//! The local cloud.

pub mod clock;
pub mod front;
pub mod lambda;
pub mod notify;
mod query;
pub mod s3;
pub mod sns;
pub mod sqs;
mod sts;

/// The account that owns everything here.
pub const ACCOUNT: &str = "000000000000";

/// The region of whatever names none.
pub const REGION: &str = "us-east-1";
