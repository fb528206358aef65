//! One request, in the bucket's region, with the SDK's error turned into the store's.

use std::fmt::Display;
use std::future::Future;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::S3Store;
use crate::aws::{Failure, failure};
use crate::event::BucketName;
use crate::storage::{ErrorKind, Result, StoreError, kind_of};

impl S3Store {
    /// Sends a request. Where S3 says that the bucket is in another region, it is sent there once.
    pub(super) async fn call<T, E, F>(
        &self,
        operation: &'static str,
        bucket: &BucketName,
        place: &(impl Display + Sync),
        send: impl Fn(Client) -> F + Send,
    ) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = std::result::Result<T, SdkError<E>>> + Send,
    {
        let client = self.regions.client(bucket);
        let asked = client.config().region().cloned();
        let mut failed = match send(client).await {
            Ok(answer) => {
                self.has_answered(bucket);
                return Ok(answer);
            }
            Err(error) => failure(&error),
        };
        // Compared with where this request went: another one may have learnt the region in the meantime.
        let elsewhere = failed.region.as_ref().filter(|region| asked.as_ref().map(AsRef::as_ref) != Some(region.as_str()));
        if is_elsewhere(&failed) && elsewhere.is_some_and(|region| self.regions.learn(bucket, region)) {
            failed = match send(self.regions.client(bucket)).await {
                Ok(answer) => {
                    self.has_answered(bucket);
                    return Ok(answer);
                }
                Err(error) => failure(&error),
            };
        }
        Err(store_error(operation, place, failed))
    }
}

/// S3 answers a request to the wrong region with a redirect, or with a 400 about the signature's region.
fn is_elsewhere(failed: &Failure) -> bool {
    matches!(failed.status, Some(301 | 307 | 400))
}

fn store_error(operation: &'static str, place: &impl Display, failed: Failure) -> StoreError {
    let kind = match failed.unanswered {
        true => ErrorKind::Unavailable,
        false if failed.status.is_none() => ErrorKind::Invalid,
        false => kind_of(failed.code.as_deref(), failed.status, &failed.message),
    };
    let code = failed.code.or_else(|| failed.status.map(|status| status.to_string())).unwrap_or_default();
    StoreError::new(kind, operation, place, code, failed.message).dated(failed.date)
}
