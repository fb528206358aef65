//! Who may ask: one pair of keys, always signed, and the account that a request expects.

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use super::ACCESS_KEY;

/// Knows one access key; its secret is the same word.
pub(super) struct OneKey;

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == ACCESS_KEY {
            return Ok(SecretKey::from(ACCESS_KEY));
        }
        Err(s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records. The local cloud knows one: set \
             AWS_ACCESS_KEY_ID=test and AWS_SECRET_ACCESS_KEY=test."
        ))
    }
}

/// Refuses unsigned requests, and those that expect another account to own the bucket.
pub(super) struct Gate {
    pub(super) account: String,
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Access Denied: the request is not signed."));
        }
        for name in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
            if cx.headers().get(name).is_some_and(|owner| owner.as_bytes() != self.account.as_bytes()) {
                return Err(s3_error!(AccessDenied, "Access Denied: the bucket's owner is not the account that is expected."));
            }
        }
        Ok(())
    }
}
