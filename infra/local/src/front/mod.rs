//! The one port of the local cloud.
//!
//! A request belongs to the Lambda host, SQS, SNS, STS or S3; [`classify`] decides by path, headers and the service that
//! the request is signed for. Only form bodies are read before the decision, because the query protocol names the action
//! there; S3 bodies stream through untouched. The port is on loopback: nothing here checks a signature but S3.

mod classify;
mod health;
mod serve;

use std::sync::Arc;

use hyper::header::HOST;
use hyper::{HeaderMap, Method, StatusCode};

use crate::http::{Body, Caller, Request, Response, Route, reply};
use crate::query::{self, Form};
use crate::sns::Topics;
use crate::sqs::Queues;
use crate::{sns, sqs, sts};

pub use classify::{Target, classify, scope};
pub use serve::{DEFAULT_PORT, Front};

/// The most bytes of a body that the SQS, SNS and STS endpoints read. A message of 1 MiB takes up to three times that when
/// it is escaped: `\u00e9` for two bytes in JSON, `%C3` for one in a form.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// What a fault hook knows about a request that was just handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestInfo {
    /// Whose request it was.
    pub target: Target,
    /// The method.
    pub method: Method,
    /// The path, as sent.
    pub path: String,
    /// The query string, as sent; empty if there is none.
    pub query: String,
    /// The action of SQS, SNS and STS requests, such as `SendMessage`.
    pub action: Option<String>,
    /// The status of the reply.
    pub status: StatusCode,
}

/// Decides after a request was handled whether its reply is lost: `true` closes the connection without a reply.
pub type LostReply = Arc<dyn Fn(&RequestInfo) -> bool + Send + Sync>;

/// What stands behind the port.
#[derive(Clone)]
pub struct Routes {
    /// Everything that nobody else takes.
    pub s3: Arc<dyn Route>,
    /// The runtime API and the invoke API; without it these paths are 404.
    pub lambda: Option<Arc<dyn Route>>,
    /// SQS.
    pub queues: Queues,
    /// SNS.
    pub topics: Topics,
    /// Loses replies; `None` loses none.
    pub lost_reply: Option<LostReply>,
}

impl Routes {
    /// Answers one request; `None` closes the connection without a reply.
    async fn answer(&self, request: Request) -> Option<Response> {
        let target = classify(request.method(), request.uri(), request.headers());
        let mut info = RequestInfo {
            target,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            action: None,
            status: StatusCode::OK,
        };
        let response = match target {
            Target::S3 => self.s3.call(request).await,
            Target::Lambda => match &self.lambda {
                Some(lambda) => lambda.call(request).await,
                None => reply(StatusCode::NOT_FOUND, "text/plain", "this cloud hosts no functions".to_owned()),
            },
            Target::Brigade => health::answer(request.uri().path(), &self.queues, &self.topics),
            Target::Sqs => self.sqs(request, &mut info).await,
            Target::Query => self.query(request, &mut info).await,
        };
        info.status = response.status();
        match &self.lost_reply {
            Some(lose) if lose(&info) => None,
            _ => Some(response),
        }
    }

    async fn sqs(&self, request: Request, info: &mut RequestInfo) -> Response {
        let (parts, body) = request.into_parts();
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let action = target.rsplit('.').next().unwrap_or_default();
        info.action = Some(action.to_owned());
        match read(body).await {
            Ok(body) => sqs::json::answer(&self.queues, &caller(&parts.headers), action, &body).await,
            Err(too_long) => too_long,
        }
    }

    /// The query protocol of SNS, STS and older SQS clients. What names no action is S3's after all.
    async fn query(&self, request: Request, info: &mut RequestInfo) -> Response {
        let (parts, body) = request.into_parts();
        let body = match read(body).await {
            Ok(body) => body,
            Err(too_long) => return too_long,
        };
        let text = if body.is_empty() { parts.uri.query().unwrap_or_default().as_bytes() } else { &body };
        let form = Form::parse(text);
        let Some(action) = form.get("Action").map(str::to_owned) else {
            info.target = Target::S3;
            return self.s3.call(Request::from_parts(parts, body.into())).await;
        };
        info.action = Some(action.clone());
        let caller = caller(&parts.headers);
        match form.get("Version") {
            Some("2012-11-05") => sqs::query::answer(&self.queues, &caller, parts.uri.path(), &action, &form).await,
            Some("2011-06-15") => sts::answer(self.topics.account(), &action),
            // The link in an envelope has no version.
            Some("2010-03-31") | None => sns::protocol::answer(&self.topics, &caller, &action, &form),
            Some(other) => {
                query::error_reply(StatusCode::BAD_REQUEST, "", "InvalidAction", &format!("no service has version {other}"))
            }
        }
    }
}

/// Who has sent a request with these headers.
fn caller(headers: &HeaderMap) -> Caller {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1:4566");
    Caller {
        region: scope(headers, "").map_or_else(|| crate::REGION.to_owned(), |scope| scope.region.to_owned()),
        base: format!("http://{host}"),
        trace_header: text("x-amzn-trace-id"),
    }
}

/// Reads a body of at most [`MAX_BODY`] bytes; the error is the reply to a longer or broken one.
async fn read(body: Body) -> Result<bytes::Bytes, Response> {
    use http_body_util::{BodyExt, Limited};
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(reply(
            StatusCode::PAYLOAD_TOO_LARGE,
            "text/plain",
            format!("the body is not readable within {MAX_BODY} bytes: {error}"),
        )),
    }
}

#[cfg(test)]
mod tests;
