//! The ports over the AWS SDK.

mod elements;
mod s3;
mod send;
mod sns;
mod sqs;

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use brigade::aws::{Clients, Failure, failure};

use crate::ports::{CloudError, Kind};

pub use send::Https;

/// S3, SNS and SQS, as the clients reach them.
#[derive(Debug)]
pub struct Aws {
    clients: Clients,
}

impl Aws {
    /// Over these clients.
    pub fn new(clients: Clients) -> Self {
        Self { clients }
    }
}

/// Codes that say: there is no such thing.
const MISSING: &[&str] =
    &["NotFound", "NoSuchBucket", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "ResourceNotFound"];
/// Codes that say: not with these permissions.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AuthorizationError",
    "InvalidClientTokenId",
    "ExpiredToken",
    "SignatureDoesNotMatch",
    "AccessDeniedException",
];

/// Codes that say: not while somebody else changes it. (S3 with status 409, SNS with 400.)
const CONFLICT: &[&str] = &["OperationAborted", "ConcurrentAccess", "ConcurrentAccessException"];
/// Codes that say: not so fast, or not in time. They come with any status, SQS's with 403.
const PASSING: &[&str] = &[
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "RequestThrottled",
    "RequestLimitExceeded",
    "RequestTimeout",
];

/// A failed request in the port's terms.
fn error<E>(doing: impl Into<String>, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    told(doing.into(), failure(error))
}

/// The same for a request about a bucket of a client in this region.
fn error_of_bucket<E>(doing: String, error: &SdkError<E, HttpResponse>, region: Option<&str>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    told_of_bucket(doing, failure(error), region)
}

/// S3 names the bucket's region in answers of every kind: only another one than the client's is the reason.
fn told_of_bucket(doing: String, failure: Failure, region: Option<&str>) -> CloudError {
    match failure.region.as_deref().filter(|bucket| Some(*bucket) != region) {
        Some(bucket) if matches!(failure.status, Some(301 | 307 | 400)) => CloudError {
            message: format!("the bucket is in {bucket}; its topic and queues must be there too: set AWS_REGION={bucket}"),
            kind: Kind::Refused,
            doing,
            code: failure.code,
        },
        _ => told(doing, failure),
    }
}

fn told(doing: String, failure: Failure) -> CloudError {
    let code = failure.code.as_deref().unwrap_or_default();
    let kind = match failure.status {
        _ if MISSING.contains(&code) => Kind::Missing,
        _ if DENIED.contains(&code) => Kind::Denied,
        _ if CONFLICT.contains(&code) => Kind::Conflict,
        _ if PASSING.contains(&code) => Kind::Unavailable,
        Some(403) => Kind::Denied,
        Some(404) => Kind::Missing,
        Some(409) => Kind::Conflict,
        Some(status) if (400..500).contains(&status) && status != 429 => Kind::Refused,
        _ => Kind::Unavailable,
    };
    CloudError { doing, kind, code: failure.code, message: failure.message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_is_refused() {
        let cases = [
            (409, "OperationAborted", Kind::Conflict),
            (400, "ConcurrentAccess", Kind::Conflict),
            (503, "SlowDown", Kind::Unavailable),
            (400, "Throttling", Kind::Unavailable),
            (403, "RequestThrottled", Kind::Unavailable),
            (429, "Throttled", Kind::Unavailable),
            (400, "RequestTimeout", Kind::Unavailable),
            (400, "InvalidArgument", Kind::Refused),
            (403, "AccessDenied", Kind::Denied),
            (400, "AWS.SimpleQueueService.NonExistentQueue", Kind::Missing),
            (404, "NoSuchBucket", Kind::Missing),
        ];
        for (status, code, kind) in cases {
            let failure = Failure {
                code: Some(code.to_owned()),
                status: Some(status),
                message: String::new(),
                unanswered: false,
                region: None,
                date: None,
            };
            assert_eq!(told("writing".to_owned(), failure).kind, kind, "{status} {code}");
        }
    }

    #[test]
    fn a_bucket_elsewhere_is_told_from_whatever_else_s3_refuses() {
        let refused = |status: u16, code: &str, region: Option<&str>| Failure {
            code: Some(code.to_owned()),
            status: Some(status),
            message: "S3's sentence".to_owned(),
            unanswered: false,
            region: region.map(str::to_owned),
            date: None,
        };
        let cases = [
            (refused(301, "PermanentRedirect", Some("eu-west-1")), "eu-west-1"),
            (refused(400, "AuthorizationHeaderMalformed", Some("eu-west-1")), "eu-west-1"),
            (refused(400, "InvalidArgument", Some("us-east-1")), "S3's sentence"),
            (refused(403, "AccessDenied", Some("eu-west-1")), "S3's sentence"),
            (refused(400, "InvalidArgument", None), "S3's sentence"),
        ];
        for (failure, said) in cases {
            let case = format!("{failure:?}");
            let error = told_of_bucket("the configuration".to_owned(), failure, Some("us-east-1"));
            assert!(error.message.contains(said), "{case}: {error}");
        }
    }
}
