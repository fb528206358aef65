//! Lambda's Invoke over plain HTTP, to a running `brigade up`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brigade_local::lambda::MAX_PAYLOAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper::{HeaderMap, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::failure::Failure;

/// Lambda's longest invocation, and somewhat more.
const WITHIN: Duration = Duration::from_secs(910);
/// The reply's body: a payload, or the description of an error.
const MAX_BODY: usize = MAX_PAYLOAD + 64 * 1024;

/// What came back.
pub(crate) struct Reply {
    /// Whether Lambda reports a function error.
    pub(crate) failed: bool,
    pub(crate) payload: Bytes,
    /// What the function logged, line by line.
    pub(crate) log: Vec<String>,
}

/// Invokes a function and waits for its reply.
///
/// # Errors
/// `Usage`: the endpoint is no plain HTTP address. `Environment`: nobody answers there, or not with a reply.
pub(crate) async fn invoke(endpoint: &str, function: &str, payload: Bytes) -> Result<Reply, Failure> {
    let plain = || Failure::Usage(format!("--endpoint-url: expected http://HOST:PORT of a `brigade up`, not {endpoint:?}"));
    let uri: Uri = endpoint.parse().map_err(|_| plain())?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(plain)?;
    let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
    let request = Request::post(format!("/2015-03-31/functions/{function}/invocations"))
        .header("host", authority.as_str())
        .header("x-amz-log-type", "Tail")
        .body(Full::new(payload))
        .map_err(|error| Failure::environment(endpoint, error))?;
    let (status, headers, body) = tokio::time::timeout(WITHIN, send(&address, request))
        .await
        .map_err(|_| Failure::Environment(format!("{endpoint}: no reply within {WITHIN:?}")))?
        .map_err(|error| Failure::Environment(format!("{endpoint}: {error}; a `brigade up` has to run there")))?;
    if status == StatusCode::NOT_FOUND {
        return Err(Failure::Environment(format!(
            "{endpoint}: {function} does not run there, or it is no `brigade up`: {status}: {}",
            String::from_utf8_lossy(&body)
        )));
    }
    if status != StatusCode::OK {
        return Err(Failure::Environment(format!("{endpoint}: {status}: {}", String::from_utf8_lossy(&body))));
    }
    let log = headers.get("x-amz-log-result").and_then(|tail| STANDARD.decode(tail).ok()).unwrap_or_default();
    let log = String::from_utf8_lossy(&log).lines().map(str::to_owned).collect();
    Ok(Reply { failed: headers.contains_key("x-amz-function-error"), payload: body, log })
}

type Problem = Box<dyn std::error::Error + Send + Sync>;

async fn send(address: &str, request: Request<Full<Bytes>>) -> Result<(StatusCode, HeaderMap, Bytes), Problem> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Its end shows as an error of the request, too.
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
    connection.abort();
    Ok((head.status, head.headers, body))
}
