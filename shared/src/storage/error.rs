//! Errors of the storage core, named by what the caller should do, and the one table that classifies S3's codes.

use std::fmt;

use time::OffsetDateTime;

use super::Location;

/// The result of a request to a store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What went wrong, by what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No such key, version or upload: the state is "gone".
    NotFound,
    /// The bucket does not exist: a configuration mistake, or a bucket that is being made.
    NoSuchBucket,
    /// A condition did not hold (412): look at the state again.
    PreconditionFailed,
    /// A concurrent write was in the way (409): nothing is decided yet, look and try again.
    Conflict,
    /// If-None-Match on a read: the caller's copy is current (304).
    NotModified,
    /// The range lies outside of the object (416).
    RangeNotSatisfiable,
    /// The named version is a delete marker (405).
    DeleteMarker,
    /// The object is in an archive class and must be restored first.
    Archived,
    /// The object is encrypted with a customer's key (SSE-C) that the store does not have.
    CustomerKey,
    /// KMS refused the key.
    KmsDenied,
    /// S3 refused (403). Without ListBucket this is also what a missing key looks like.
    AccessDenied,
    /// S3 asks for less (503 SlowDown and its kin).
    Throttled,
    /// A timeout, a lost connection or a 5xx: a write may or may not have landed.
    Unavailable,
    /// The request cannot succeed as it stands: a bad argument, a key too long, an entity too large.
    Invalid,
}

impl ErrorKind {
    /// Trying the same again later may succeed.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Conflict | Self::Throttled | Self::Unavailable)
    }

    /// For a write: it may have landed although it was reported as failed.
    pub fn may_have_landed(self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

/// A failed request: its kind, S3's code and message, and where it went.
#[derive(Clone, Debug, thiserror::Error)]
pub struct StoreError {
    /// What the caller can do about it.
    pub kind: ErrorKind,
    /// The request's name in S3's words, such as `PutObject`.
    pub operation: &'static str,
    /// The bucket, or the bucket and key, that it named.
    pub place: String,
    /// S3's error code, such as `SlowDown`, or the HTTP status where there was no code.
    pub code: String,
    /// S3's message, or the cause of the failure.
    pub message: String,
    /// The server's clock when it refused (`Date`), to the second, where it answered.
    pub date: Option<OffsetDateTime>,
}

impl StoreError {
    /// An error of `operation` at `place`.
    pub fn new(
        kind: ErrorKind,
        operation: &'static str,
        place: impl fmt::Display,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, operation, place: place.to_string(), code: code.into(), message: message.into(), date: None }
    }

    /// The same error, answered at `date`.
    pub fn dated(self, date: Option<OffsetDateTime>) -> Self {
        Self { date, ..self }
    }

    /// The key, version or upload is not there.
    pub fn not_found(operation: &'static str, at: &Location) -> Self {
        Self::new(ErrorKind::NotFound, operation, at, "NoSuchKey", "The specified key does not exist.")
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} ({})", self.operation, self.place, self.message, self.code)
    }
}

/// The one table: S3's error code, the HTTP status where there is no code (a HEAD has no body), and the message where
/// one code has two meanings.
///
/// Source: S3 API reference, "Error responses"; the SSE-C and KMS rows are told apart by message because S3 gives them
/// the codes `InvalidRequest` and `AccessDenied`.
pub fn kind_of(code: Option<&str>, status: Option<u16>, message: &str) -> ErrorKind {
    use ErrorKind::*;
    match code.unwrap_or_default() {
        "NoSuchKey" | "NoSuchVersion" | "NoSuchUpload" | "NotFound" => NotFound,
        "NoSuchBucket" => NoSuchBucket,
        "PreconditionFailed" => PreconditionFailed,
        "ConditionalRequestConflict" | "OperationAborted" => Conflict,
        "NotModified" => NotModified,
        "InvalidRange" => RangeNotSatisfiable,
        "MethodNotAllowed" => DeleteMarker,
        "InvalidObjectState" => Archived,
        "InvalidRequest" if message.contains("Server Side Encryption") => CustomerKey,
        "ServerSideEncryptionConfigurationNotFoundError" => CustomerKey,
        "AccessDenied" if message.to_ascii_lowercase().contains("kms") => KmsDenied,
        code if code.starts_with("KMS.") || code.starts_with("Kms") => KmsDenied,
        "AccessDenied"
        | "AllAccessDisabled"
        | "AccountProblem"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "Forbidden" => AccessDenied,
        "SlowDown" | "ThrottlingException" | "Throttling" | "RequestLimitExceeded" | "TooManyRequests" | "RequestThrottled" => {
            Throttled
        }
        // A redirect to another region that could not be followed: the next try knows the region.
        "PermanentRedirect" | "TemporaryRedirect" | "Redirect" | "AuthorizationHeaderMalformed" => Unavailable,
        "InternalError" | "ServiceUnavailable" | "RequestTimeout" | "RequestTimeTooSkewed" | "IncompleteBody" => Unavailable,
        // S3's code for more than 10 tags.
        "BadRequest" if message.contains("tags") => Invalid,
        "" | "Unknown" | "BadRequest" => kind_of_status(status),
        _ if status.is_some_and(|s| s >= 500) => Unavailable,
        _ => Invalid,
    }
}

fn kind_of_status(status: Option<u16>) -> ErrorKind {
    use ErrorKind::*;
    match status {
        Some(304) => NotModified,
        Some(301 | 307) => Unavailable,
        Some(403) => AccessDenied,
        Some(404) => NotFound,
        Some(405) => DeleteMarker,
        Some(409) => Conflict,
        Some(412) => PreconditionFailed,
        Some(416) => RangeNotSatisfiable,
        Some(429) => Throttled,
        // A HEAD of an SSE-C object without its key is a 400 with no body; a HEAD has no other reason for a bare 400.
        Some(400) => CustomerKey,
        Some(s) if s < 500 => Invalid,
        // No status at all: the request was not answered.
        _ => Unavailable,
    }
}
