//! What the notifier needs of topics, queues and functions.

use async_trait::async_trait;
use brigade::event::BucketName;

use super::Destination;

/// Why a destination does not take messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DestinationProblem(pub String);

/// The other side of a notification: who takes the documents.
#[async_trait]
pub trait Destinations: Send + Sync + 'static {
    /// The destination exists and takes messages from S3 for this bucket. S3 asks this when a configuration is written.
    async fn check(&self, bucket: &BucketName, destination: &Destination) -> Result<(), DestinationProblem>;

    /// Hands a document over. An error means that it is not delivered, and S3 does not try for ever.
    async fn deliver(&self, bucket: &BucketName, destination: &Destination, document: &str) -> Result<(), DestinationProblem>;
}
