//! The local cloud.

pub mod clock;
pub mod sns;
pub mod sqs;

/// The account that owns everything here.
pub const ACCOUNT: &str = "000000000000";

/// The region of whatever names none.
pub const REGION: &str = "us-east-1";
