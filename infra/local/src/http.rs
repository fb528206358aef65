//! Requests and replies, as every part of the cloud sees them.

use async_trait::async_trait;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};

/// Bodies of requests and replies, as `s3s` has them: streamed, or whole.
pub type Body = s3s::Body;
/// A request whose body has not been read.
pub type Request = hyper::Request<Body>;
/// A reply.
pub type Response = hyper::Response<Body>;

/// Serves one part of the port: the S3 service, the Lambda host.
#[async_trait]
pub trait Route: Send + Sync + 'static {
    /// Answers a request. Errors are replies too.
    async fn call(&self, request: Request) -> Response;
}

/// What a request says about its caller, besides the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The region that the request is signed for, or the default one.
    pub(crate) region: String,
    /// The endpoint as the caller reaches it: queue URLs start with it.
    pub(crate) base: String,
    /// `X-Amzn-Trace-Id`, which the SDKs send from inside a function.
    pub(crate) trace_header: Option<String>,
}

/// A whole reply.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
