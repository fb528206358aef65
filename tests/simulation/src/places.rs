//! Where things are in the world.

/// The bucket of the sources.
pub(super) const SOURCES: &str = "photos";
/// The bucket of what is derived from them.
pub(super) const DERIVED: &str = "derived";
/// The bucket of the access logs.
pub(super) const LOGS: &str = "logs";
/// The bucket of the table that they become.
pub(super) const TABLES: &str = "tables";
/// The bucket of what functions keep for themselves.
pub(super) const STATE: &str = "state";
/// The key that some buckets encrypt with.
pub(super) const KMS_KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/simulated";

/// The topic of the sources' changes.
pub(super) const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:000000000000:photos";

const ACCOUNT: &str = "us-east-1:000000000000";

/// The ARN of a function's queue.
pub(super) fn queue_arn(function: &str) -> String {
    format!("arn:aws:sqs:{ACCOUNT}:{function}")
}

/// The URL of a function's queue.
pub(super) fn queue_url(function: &str) -> String {
    format!("https://sqs.us-east-1.amazonaws.com/000000000000/{function}")
}

/// The URL of a function's parking queue.
pub(super) fn parked_url(function: &str) -> String {
    queue_url(function) + "-parked"
}
