//! The store's errors as S3's: code, message, status and the headers that belong to them.

use brigade::storage::{ErrorKind, StoreError};
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderValue};
use s3s::{S3Error, S3ErrorCode};

use crate::notify::{ConfigurationError, PutConfigurationError};

/// The store names S3's code itself; a code without a status of its own gets its kind's.
pub(super) fn of_store(error: StoreError) -> S3Error {
    let code = S3ErrorCode::from_bytes(error.code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let status = code.status_code().is_none().then(|| status_of(error.kind));
    let mut out = S3Error::with_message(code, error.message);
    if let Some(status) = status {
        out.set_status_code(status);
    }
    out
}

fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::NotFound | ErrorKind::NoSuchBucket => StatusCode::NOT_FOUND,
        ErrorKind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::NotModified => StatusCode::NOT_MODIFIED,
        ErrorKind::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        ErrorKind::DeleteMarker => StatusCode::METHOD_NOT_ALLOWED,
        ErrorKind::Archived | ErrorKind::KmsDenied | ErrorKind::AccessDenied => StatusCode::FORBIDDEN,
        ErrorKind::Throttled => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::CustomerKey | ErrorKind::Invalid => StatusCode::BAD_REQUEST,
    }
}

/// A read that met a delete marker tells so: `x-amz-delete-marker`, and the marker's version where it is known.
pub(super) fn met_a_marker(mut error: S3Error, version_id: Option<&str>) -> S3Error {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Some(value) = version_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert("x-amz-version-id", value);
    }
    error.set_headers(headers);
    error
}

/// An error with one of S3's codes that has no name in the protocol crate, such as `NoSuchPublicAccessBlockConfiguration`.
pub(super) fn custom(code: &'static str, status: StatusCode, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}

pub(super) fn of_configuration(error: ConfigurationError) -> S3Error {
    let code = S3ErrorCode::from_bytes(error.code.as_bytes()).unwrap_or(S3ErrorCode::InvalidArgument);
    S3Error::with_message(code, error.message)
}

pub(super) fn of_put_configuration(error: PutConfigurationError) -> S3Error {
    match error {
        PutConfigurationError::Refused(error) => of_configuration(error),
        PutConfigurationError::Store(error) => of_store(error),
    }
}
