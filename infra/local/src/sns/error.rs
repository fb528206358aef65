//! What SNS refuses, under the names its clients know.

use thiserror::Error;

/// A refused request; none changes a topic. All are the caller's to fix.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SnsError {
    /// No topic or subscription has this ARN.
    #[error("{0}")]
    NotFound(String),
    /// A parameter is missing, unknown or out of range.
    #[error("Invalid parameter: {0}")]
    InvalidParameter(String),
    /// The action is none that this cloud implements.
    #[error("{0}")]
    InvalidAction(String),
    /// A batch without entries.
    #[error("The batch request doesn't contain any entries.")]
    EmptyBatchRequest,
    /// A batch of more than ten.
    #[error("The batch request contains more entries than permissible.")]
    TooManyEntriesInBatchRequest,
    /// Two entries of a batch share an id.
    #[error("Two or more batch entries in the request have the same Id.")]
    BatchEntryIdsNotDistinct,
    /// The topic has as many subscriptions as this cloud allows.
    #[error("{0}")]
    SubscriptionLimitExceeded(String),
}

impl SnsError {
    /// The error's code in a reply.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "NotFound",
            Self::InvalidParameter(_) => "InvalidParameter",
            Self::InvalidAction(_) => "InvalidAction",
            Self::EmptyBatchRequest => "EmptyBatchRequest",
            Self::TooManyEntriesInBatchRequest => "TooManyEntriesInBatchRequest",
            Self::BatchEntryIdsNotDistinct => "BatchEntryIdsNotDistinct",
            Self::SubscriptionLimitExceeded(_) => "SubscriptionLimitExceeded",
        }
    }

    /// The HTTP status of a reply.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound(_) => 404,
            Self::SubscriptionLimitExceeded(_) => 403,
            _ => 400,
        }
    }
}
