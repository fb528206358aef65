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
use brigade::aws::{Clients, failure};

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

/// A failed request in the port's terms.
fn error<E>(doing: impl Into<String>, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = failure(error);
    let doing = doing.into();
    if let Some(region) = failure.region.filter(|_| matches!(failure.status, Some(301 | 307 | 400))) {
        let message = format!("the bucket is in {region}; its topic and queues must be there too: set AWS_REGION={region}");
        return CloudError { doing, kind: Kind::Refused, code: failure.code, message };
    }
    let code = failure.code.as_deref().unwrap_or_default();
    let kind = match failure.status {
        _ if MISSING.contains(&code) => Kind::Missing,
        _ if DENIED.contains(&code) => Kind::Denied,
        Some(403) => Kind::Denied,
        Some(404) => Kind::Missing,
        Some(status) if (400..500).contains(&status) && status != 429 => Kind::Refused,
        _ => Kind::Unavailable,
    };
    CloudError { doing, kind, code: failure.code, message: failure.message }
}
