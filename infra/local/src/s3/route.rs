//! The S3 service behind the port, with what the protocol crate leaves to whoever serves it.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, DATE, HOST, HeaderValue};
use s3s::service::S3Service;
use sha2::{Digest, Sha384};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::access_log::{AccessLogs, Asked};
use crate::http::{Body, Request, Response, Route, reply};

/// S3, to be called with HTTP requests.
pub struct S3Route {
    service: S3Service,
    logs: AccessLogs,
    requests: AtomicU64,
}

/// HTTP's date (RFC 9110, 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// In a response's extensions: its status. The protocol crate passes extensions on, and only for errors a status.
#[derive(Clone, Copy)]
pub(super) struct Status(pub(super) StatusCode);

impl S3Route {
    pub(super) fn new(service: S3Service, logs: AccessLogs) -> Self {
        Self { service, logs, requests: AtomicU64::new(0) }
    }

    /// Each reply gets a request id and a host id, which S3's always have and clients show, and the date that the cloud's
    /// clock shows: that clock may run faster than the machine's.
    fn identify(&self, response: &mut Response) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let request_id = format!("{number:016X}");
        let host_id = BASE64_STANDARD.encode(Sha384::digest(&request_id));
        let date = self.logs.now().format(HTTP_DATE).unwrap_or_default();
        for (name, id) in [("x-amz-request-id", request_id), ("x-amz-id-2", host_id), (DATE.as_str(), date)] {
            if let Ok(id) = HeaderValue::from_str(&id) {
                response.headers_mut().insert(name, id);
            }
        }
    }
}

#[async_trait]
impl Route for S3Route {
    async fn call(&self, mut request: Request) -> Response {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        let asked = Asked::of(&mut request, super::host::bucket_of(&host), self.logs.now());
        let mut response = self
            .service
            .call(request)
            .await
            .unwrap_or_else(|error| reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", format!("{error:?}")));
        if let Some(Status(status)) = response.extensions().get().copied() {
            *response.status_mut() = status;
        }
        self.identify(&mut response);
        let (response, bytes, code) = read_error(response).await;
        self.logs.record(&asked, &response, bytes, code);
        response
    }
}

/// The reply, its length, and the code of the error that it tells. Bodies are whole, and those of errors are small.
async fn read_error(response: Response) -> (Response, u64, Option<String>) {
    let length = hyper::body::Body::size_hint(response.body()).exact().unwrap_or_default();
    if response.status().is_success() || response.status().is_redirection() {
        return (response, length, None);
    }
    let (head, body) = response.into_parts();
    let body: Bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let code = code_of(&body);
    let body = code.as_deref().and_then(|code| with_message(&body, code)).unwrap_or(body);
    let mut response = Response::from_parts(head, Body::from(body.clone()));
    if response.headers().contains_key(CONTENT_LENGTH) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    (response, u64::try_from(body.len()).unwrap_or(u64::MAX), code)
}

/// The error with S3's sentence, where the protocol crate leaves it out.
fn with_message(body: &[u8], code: &str) -> Option<Bytes> {
    let message = match code {
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing method. \
             The local cloud's key is AWS_SECRET_ACCESS_KEY=test."
        }
        "InvalidBucketName" => "The specified bucket is not valid.",
        _ => return None,
    };
    let text = std::str::from_utf8(body).ok().filter(|text| !text.contains("<Message>"))?;
    let (before, behind) = text.split_once("</Code>")?;
    Some(format!("{before}</Code><Message>{message}</Message>{behind}").into())
}

fn code_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_read_from_the_error() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>m</Message></Error>";
        assert_eq!(code_of(body).as_deref(), Some("NoSuchKey"));
        assert_eq!(code_of(b"<Error></Error>"), None);
        assert_eq!(code_of(b"\xff"), None);
    }

    #[test]
    fn an_error_without_a_message_gets_s3s_own() {
        let told = |body: &str| with_message(body.as_bytes(), "InvalidBucketName");
        assert_eq!(
            told("<Error><Code>InvalidBucketName</Code></Error>").as_deref(),
            Some(
                b"<Error><Code>InvalidBucketName</Code><Message>The specified bucket is not valid.</Message></Error>"
                    .as_slice()
            )
        );
        assert_eq!(told("<Error><Code>InvalidBucketName</Code><Message>m</Message></Error>"), None);
    }
}
