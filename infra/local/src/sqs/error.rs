//! What SQS refuses, under the names its clients know.

use thiserror::Error;

/// A refused request. All are the caller's to fix (HTTP 400); none changes a queue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SqsError {
    /// No queue has this name, URL or ARN.
    #[error("The specified queue does not exist: {0}")]
    QueueDoesNotExist(String),
    /// The queue exists with other attributes.
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueNameExists(String),
    /// A parameter of the request is out of its range.
    #[error("{0}")]
    InvalidParameterValue(String),
    /// A required parameter is absent.
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(&'static str),
    /// SQS has no such queue attribute.
    #[error("Unknown Attribute {0}.")]
    InvalidAttributeName(String),
    /// A queue attribute's value is out of its range.
    #[error("Invalid value for the parameter {name}. Reason: {reason}")]
    InvalidAttributeValue {
        /// The attribute.
        name: String,
        /// What it should be.
        reason: String,
    },
    /// The body holds a character that XML 1.0 can't carry.
    #[error(
        "Invalid characters found in the message body. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    InvalidMessageContents,
    /// The handle was not made by this queue.
    #[error("The input receipt handle \"{0}\" is not a valid receipt handle.")]
    ReceiptHandleIsInvalid(String),
    /// The message is visible (or gone), so there is no visibility timeout to change.
    #[error("Message does not exist or is not available for visibility timeout change.")]
    MessageNotInflight,
    /// 120,000 messages of the queue are in flight already.
    #[error("Too many messages in flight: {0}")]
    OverLimit(String),
    /// A batch without entries.
    #[error("There should be at least one {0} in the request.")]
    EmptyBatchRequest(&'static str),
    /// A batch of more than ten.
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntriesInBatchRequest(usize),
    /// Two entries of a batch share an id.
    #[error("Id {0} repeated.")]
    BatchEntryIdsNotDistinct(String),
    /// An entry's id breaks the rules for ids.
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
    )]
    InvalidBatchEntryId,
    /// The entries together exceed 1 MiB.
    #[error("Batch requests cannot be longer than {limit} bytes. You have sent {sent} bytes.")]
    BatchRequestTooLong {
        /// The limit in bytes.
        limit: usize,
        /// What was sent, in bytes.
        sent: usize,
    },
    /// What the task or redrive names is not there.
    #[error("{0}")]
    ResourceNotFound(String),
    /// This cloud does not implement the action.
    #[error("{0}")]
    UnsupportedOperation(String),
    /// The request's body is no document of the protocol.
    #[error("{0}")]
    Malformed(String),
}

impl SqsError {
    /// The error's name in AWS JSON 1.0: the `__type` of the reply, in the namespace that SQS uses for it.
    #[must_use]
    pub fn json_type(&self) -> &'static str {
        match self {
            Self::QueueDoesNotExist(_) => "com.amazonaws.sqs#QueueDoesNotExist",
            Self::QueueNameExists(_) => "com.amazonaws.sqs#QueueNameExists",
            Self::InvalidParameterValue(_) => "com.amazon.coral.service#InvalidParameterValueException",
            Self::MissingParameter(_) => "com.amazon.coral.service#MissingRequiredParameterException",
            Self::InvalidAttributeName(_) => "com.amazonaws.sqs#InvalidAttributeName",
            Self::InvalidAttributeValue { .. } => "com.amazonaws.sqs#InvalidAttributeValue",
            Self::InvalidMessageContents => "com.amazonaws.sqs#InvalidMessageContents",
            Self::ReceiptHandleIsInvalid(_) => "com.amazonaws.sqs#ReceiptHandleIsInvalid",
            Self::MessageNotInflight => "com.amazonaws.sqs#MessageNotInflight",
            Self::OverLimit(_) => "com.amazonaws.sqs#OverLimit",
            Self::EmptyBatchRequest(_) => "com.amazonaws.sqs#EmptyBatchRequest",
            Self::TooManyEntriesInBatchRequest(_) => "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
            Self::BatchEntryIdsNotDistinct(_) => "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
            Self::InvalidBatchEntryId => "com.amazonaws.sqs#InvalidBatchEntryId",
            Self::BatchRequestTooLong { .. } => "com.amazonaws.sqs#BatchRequestTooLong",
            Self::ResourceNotFound(_) => "com.amazonaws.sqs#ResourceNotFoundException",
            Self::UnsupportedOperation(_) => "com.amazonaws.sqs#UnsupportedOperation",
            Self::Malformed(_) => "com.amazon.coral.service#SerializationException",
        }
    }

    /// The error's name in the query protocol. JSON replies carry it in `x-amzn-query-error`, where older clients look.
    #[must_use]
    pub fn query_code(&self) -> &'static str {
        match self {
            Self::QueueDoesNotExist(_) => "AWS.SimpleQueueService.NonExistentQueue",
            Self::QueueNameExists(_) => "QueueAlreadyExists",
            Self::InvalidParameterValue(_) => "InvalidParameterValue",
            Self::MissingParameter(_) => "MissingParameter",
            Self::InvalidAttributeName(_) => "InvalidAttributeName",
            Self::InvalidAttributeValue { .. } => "InvalidAttributeValue",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::ReceiptHandleIsInvalid(_) => "ReceiptHandleIsInvalid",
            Self::MessageNotInflight => "AWS.SimpleQueueService.MessageNotInflight",
            Self::OverLimit(_) => "OverLimit",
            Self::EmptyBatchRequest(_) => "AWS.SimpleQueueService.EmptyBatchRequest",
            Self::TooManyEntriesInBatchRequest(_) => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            Self::BatchEntryIdsNotDistinct(_) => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            Self::InvalidBatchEntryId => "AWS.SimpleQueueService.InvalidBatchEntryId",
            Self::BatchRequestTooLong { .. } => "AWS.SimpleQueueService.BatchRequestTooLong",
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::UnsupportedOperation(_) => "AWS.SimpleQueueService.UnsupportedOperation",
            Self::Malformed(_) => "MalformedInput",
        }
    }
}

/// An [`SqsError::InvalidParameterValue`] in SQS's own wording.
pub(crate) fn invalid_parameter(name: &str, value: impl std::fmt::Display, reason: &str) -> SqsError {
    SqsError::InvalidParameterValue(format!("Value {value} for parameter {name} is invalid. Reason: {reason}."))
}
