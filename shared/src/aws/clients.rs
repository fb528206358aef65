//! The AWS clients, made from the environment as the SDK reads it (`AWS_REGION`, `AWS_ENDPOINT_URL`, credentials, …).

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::config::{Credentials, ProvideCredentials};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::TraceHeader;
use super::failure::causes;
use crate::storage::S3Store;
use crate::worker::queue::SqsQueue;
#[cfg(feature = "sns")]
use crate::worker::topic::SnsTopic;

/// To make a connection. Within a region it takes milliseconds; a lost SYN is sent again after 1 s.
const CONNECT: Duration = Duration::from_secs(3);
/// From the request's first byte to the answer's. It is part of what connections are pooled by, so it is one value for
/// all requests, large enough for the slowest; the attempt's own timeout is what cuts in first.
const READ: Duration = Duration::from_secs(300);
/// One attempt of a small request. (A body that streams is read after the attempt; the SDK's protection against stalled
/// streams watches it.)
const ATTEMPT: Duration = crate::budget::LONGEST_REQUEST;
/// One attempt to send a body: 16 MiB at 0.3 MB/s.
const TRANSFER_ATTEMPT: Duration = Duration::from_secs(60);
/// One attempt of what S3 works on before it answers: a copy of up to 5 GB, the completion of an upload.
const SERVER_WORK_ATTEMPT: Duration = Duration::from_secs(290);
/// Attempts of one request, the first included, with the SDK's standard backoff. More is the queue's business.
const ATTEMPTS: u32 = 3;

/// Timeouts of every request that isn't named below.
pub fn timeouts() -> TimeoutConfig {
    attempt(ATTEMPT)
}

/// Timeouts of a request with a large body.
pub fn transfer_timeouts() -> TimeoutConfig {
    attempt(TRANSFER_ATTEMPT)
}

/// Timeouts of a request that S3 works on before it answers.
pub fn server_work_timeouts() -> TimeoutConfig {
    attempt(SERVER_WORK_ATTEMPT)
}

fn attempt(timeout: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).operation_attempt_timeout(timeout).build()
}

/// The clients of one process. What isn't asked for isn't made: a cold start pays for what its function uses.
#[derive(Debug)]
pub struct Clients {
    config: SdkConfig,
    path_style: bool,
    s3: OnceLock<aws_sdk_s3::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    #[cfg(feature = "sns")]
    sns: OnceLock<aws_sdk_sns::Client>,
}

/// What the environment does not say.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// No region.
    #[error("no region: set AWS_REGION, or name a profile that has one with AWS_PROFILE")]
    Region,
    /// No credentials, or none that could be got.
    #[error(
        "no credentials ({0}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; \
         a local cloud takes any (`brigade up` prints some)"
    )]
    Credentials(String),
}

impl Clients {
    /// Region and credentials by the SDK's default chain. A missing one shows in the first request's error.
    ///
    /// With a custom endpoint (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`, or a profile's `endpoint_url`) S3 is addressed
    /// path style: bucket names as hosts resolve at AWS alone.
    pub async fn from_env() -> Self {
        let config = aws_config::defaults(behavior())
            .http_client(http_client())
            .retry_config(retries())
            .timeout_config(timeouts())
            .load()
            .await;
        let path_style = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        Self::new(config, path_style)
    }

    /// As [`Self::from_env`], for a person at a terminal: what is missing is said before the first request is made.
    ///
    /// # Errors
    /// What no request could do without.
    pub async fn checked_from_env() -> Result<Self, Missing> {
        let clients = Self::from_env().await;
        clients.region().ok_or(Missing::Region)?;
        let provider = clients.config.credentials_provider().ok_or_else(|| Missing::Credentials("no source".to_owned()))?;
        match provider.provide_credentials().await {
            Ok(_) => Ok(clients),
            Err(error) => Err(Missing::Credentials(causes(&error))),
        }
    }

    /// For a cloud at `endpoint`, such as the local one: nothing is read from the environment.
    pub fn at(endpoint: &str, region: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        let credentials = Credentials::new(access_key_id, secret_access_key, None, None, "given");
        let config = SdkConfig::builder()
            .behavior_version(behavior())
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(credentials))
            .http_client(http_client())
            .retry_config(retries())
            .timeout_config(timeouts())
            .build();
        Self::new(config, true)
    }

    fn new(config: SdkConfig, path_style: bool) -> Self {
        Self {
            config,
            path_style,
            s3: OnceLock::new(),
            sqs: OnceLock::new(),
            #[cfg(feature = "sns")]
            sns: OnceLock::new(),
        }
    }

    /// A store on S3. `owner`: see [`S3Store::new`].
    pub fn s3_store(&self, owner: Option<String>) -> S3Store {
        S3Store::new(self.s3_config().build(), self.path_style, owner)
    }

    /// The S3 client itself, in the environment's region.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| aws_sdk_s3::Client::from_conf(self.s3_config().build()))
    }

    /// The queue port over SQS.
    pub fn queue(&self) -> SqsQueue {
        SqsQueue::new(self.sqs().clone())
    }

    /// The queue port over SQS, for queues of this region: another region's SQS knows none of them.
    pub fn queue_in(&self, region: &str) -> SqsQueue {
        if self.region() == Some(region) {
            return self.queue();
        }
        let config = self.sqs_config().region(Region::new(region.to_owned())).build();
        SqsQueue::new(aws_sdk_sqs::Client::from_conf(config))
    }

    /// The SQS client itself.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::from_conf(self.sqs_config().build()))
    }

    /// The SNS client itself.
    #[cfg(feature = "sns")]
    pub fn sns(&self) -> &aws_sdk_sns::Client {
        self.sns.get_or_init(|| aws_sdk_sns::Client::from_conf(self.sns_config().build()))
    }

    /// The topic port over SNS.
    #[cfg(feature = "sns")]
    pub fn topic(&self) -> SnsTopic {
        SnsTopic::new(self.sns().clone())
    }

    /// The topic port over SNS, for topics of this region.
    #[cfg(feature = "sns")]
    pub fn topic_in(&self, region: &str) -> SnsTopic {
        if self.region() == Some(region) {
            return self.topic();
        }
        let config = self.sns_config().region(Region::new(region.to_owned())).build();
        SnsTopic::new(aws_sdk_sns::Client::from_conf(config))
    }

    /// The region that clients are made for by default.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// The custom endpoint of all services, where there is one.
    pub fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    fn s3_config(&self) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Builder::from(&self.config).force_path_style(self.path_style).interceptor(TraceHeader)
    }

    fn sqs_config(&self) -> aws_sdk_sqs::config::Builder {
        aws_sdk_sqs::config::Builder::from(&self.config).interceptor(TraceHeader)
    }

    #[cfg(feature = "sns")]
    fn sns_config(&self) -> aws_sdk_sns::config::Builder {
        aws_sdk_sns::config::Builder::from(&self.config).interceptor(TraceHeader)
    }
}

/// Pinned, so that an update of the SDK changes no retry, timeout or checksum on its own.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

/// rustls with ring: it builds with a C compiler alone, and its part of a cold start is small. It speaks plain HTTP too.
fn http_client() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::Scripted;
    use crate::worker::Queue;
    use crate::worker::queue::Outgoing;

    #[tokio::test]
    async fn a_queue_is_asked_for_in_its_own_region() {
        let (answer, body) = (Some((200, vec![], "{}")), Outgoing { body: "b".to_owned(), ..Outgoing::default() });
        let http = Scripted::new([answer.clone(), answer]);
        let config = SdkConfig::builder()
            .behavior_version(behavior())
            .region(Region::new("eu-west-1"))
            .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(Credentials::new(
                "id", "secret", None, None, "test",
            )))
            .http_client(http.client())
            .build();
        let clients = Clients::new(config, false);
        for region in ["eu-west-1", "us-east-2"] {
            clients.queue_in(region).send("https://q", body.clone()).await.unwrap();
        }
        let hosts: Vec<String> = http.asked().into_iter().map(|asked| asked.url).collect();
        assert_eq!(hosts, ["https://sqs.eu-west-1.amazonaws.com/", "https://sqs.us-east-2.amazonaws.com/"]);
    }
}
