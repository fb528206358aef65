//! One HTTPS request outside of AWS's own protocols: the answer to CloudFormation's address.

use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::stack::{Delivery, Undelivered};

/// For one attempt: the body has 4 KB at most.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The client of the SDK's clients: rustls with ring.
#[derive(Debug)]
pub struct Https(Connector);

impl Https {
    /// Makes connections when they are needed.
    pub fn new() -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(Duration::from_secs(3)).read_timeout(ATTEMPT).build();
        Self(Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).connector_settings(settings).build())
    }
}

impl Default for Https {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Delivery for Https {
    async fn put(&self, url: &str, body: &str) -> Result<(), Undelivered> {
        // Neither error tells the address: it is signed, and whoever has it can answer for the stack.
        let request = || {
            let mut request = HttpRequest::new(SdkBody::from(body.as_bytes()));
            request.set_method("PUT").ok()?;
            request.set_uri(url).ok()?;
            // The address is signed for a body without a type.
            request.headers_mut().try_insert("content-length", body.len().to_string()).ok()?;
            Some(request)
        };
        let request = request().ok_or(Undelivered::Address)?;
        let answer = tokio::time::timeout(ATTEMPT, self.0.call(request)).await;
        let answer = answer.map_err(|_| Undelivered::Again("no answer in time".to_owned()))?;
        let answer = answer.map_err(|_| Undelivered::Again("no connection".to_owned()))?;
        match answer.status().as_u16() {
            200..300 => Ok(()),
            status @ (429 | 500..600) => Err(Undelivered::Again(format!("status {status}"))),
            status => Err(Undelivered::Refused(status)),
        }
    }
}
