//! The caller's side over HTTP: `aws lambda invoke`, and the reads that tools make before it.
//!
//! Paths and headers: Lambda API reference, `Invoke`, `GetFunction`, `GetFunctionConfiguration`, `ListFunctions`,
//! `ListEventSourceMappings`. Functions have one version, `$LATEST`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::HostError;
use super::function::{Function, FunctionState};
use super::host::Lambda;
use super::invocation::{InvokeResult, MAX_ASYNC_PAYLOAD, Work, request_id};
use super::runtime_api::{Route as RuntimeRoute, insert, json as json_response, serve};
use crate::http;

/// Pauses before the two retries of a failed asynchronous invocation, in cloud time.
const ASYNC_RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// The most bytes of a body that are read. Somewhat more than [`MAX_PAYLOAD`](super::MAX_PAYLOAD), so that a payload that is
/// too large is refused as such, with its size.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// A call of the Lambda API.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Invoke(String),
    Get(String),
    GetConfiguration(String),
    List,
    ListMappings,
}

impl Route {
    fn of(method: &Method, path: &str) -> Option<Route> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let name = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some(match (method.as_str(), parts.as_slice()) {
            ("POST", ["2015-03-31", "functions", function, "invocations"]) => Route::Invoke(name(function)),
            ("GET", ["2015-03-31", "functions"]) => Route::List,
            ("GET", ["2015-03-31", "functions", function]) => Route::Get(name(function)),
            ("GET", ["2015-03-31", "functions", function, "configuration"]) => Route::GetConfiguration(name(function)),
            ("GET", ["2015-03-31", "event-source-mappings"]) => Route::ListMappings,
            _ => return None,
        })
    }
}

/// The function's name in a name, a partial or a full ARN, each with or without a version; `None` for a version that isn't
/// there.
fn function_name(given: &str) -> Option<&str> {
    let (name, version) = match given.rsplit_once("function:") {
        Some((_, rest)) => rest.split_once(':').unwrap_or((rest, "$LATEST")),
        None => given.split_once(':').unwrap_or((given, "$LATEST")),
    };
    (version == "$LATEST").then_some(name)
}

#[async_trait]
impl http::Route for Lambda {
    async fn call(&self, request: http::Request) -> http::Response {
        let (parts, body) = request.into_parts();
        let response = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => self.handle(Request::from_parts(parts, body.to_bytes())).await,
            Err(error) => {
                let message = format!("the body is not readable within {MAX_BODY} bytes: {error}");
                refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &message)
            }
        };
        response.map(http::Body::from)
    }
}

impl Lambda {
    /// Serves a request to the runtime API of a function, or to the Lambda API. A process's `next` is answered when there is
    /// work for it.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        if let Some(route) = RuntimeRoute::of(request.method(), path) {
            return serve(&self.shared().registry, route, request).await;
        }
        let Some(route) = Route::of(request.method(), path) else {
            return refusal(StatusCode::NOT_FOUND, "UnknownOperationException", &format!("{} {path}", request.method()));
        };
        let response = match route {
            Route::Invoke(function) => self.invoke_over_http(&function, request).await,
            Route::Get(function) => self.named(&function).map(|f| {
                let document = json!({"Configuration": configuration(&f), "Code": {"Location": ""}, "Tags": {}});
                json_response(StatusCode::OK, &document)
            }),
            Route::GetConfiguration(function) => {
                self.named(&function).map(|f| json_response(StatusCode::OK, &configuration(&f)))
            }
            Route::List => {
                let all: Vec<Value> = self.all_functions().iter().map(|f| configuration(f)).collect();
                Ok(json_response(StatusCode::OK, &json!({"Functions": all})))
            }
            Route::ListMappings => Ok(json_response(StatusCode::OK, &json!({"EventSourceMappings": self.mappings_json()}))),
        };
        response.unwrap_or_else(|error| refused(&error))
    }

    fn named(&self, given: &str) -> Result<Arc<Function>, HostError> {
        let name = function_name(given).ok_or_else(|| HostError::UnknownFunction(given.to_owned()))?;
        self.function(name)
    }

    async fn invoke_over_http(&self, given: &str, request: Request<Bytes>) -> Result<Response<Bytes>, HostError> {
        let function = self.named(given)?;
        let header = |name: &str| text(request.headers(), name);
        let kind = header("x-amz-invocation-type").unwrap_or("RequestResponse").to_owned();
        let tail = header("x-amz-log-type") == Some("Tail");
        let client_context = header("x-amz-client-context").and_then(|c| String::from_utf8(STANDARD.decode(c).ok()?).ok());
        let payload = match request.into_body() {
            empty if empty.is_empty() => Bytes::from_static(b"{}"),
            payload => payload,
        };
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
            let message = format!("Could not parse request body into json: {error}");
            return Ok(refusal(StatusCode::BAD_REQUEST, "InvalidRequestContentException", &message));
        }
        let work = Work { client_context, tail, ..Work::of(payload) };
        match kind.as_str() {
            "RequestResponse" => {
                let result = self.invoker.invoke_directly(&function, work).await?;
                Ok(answer(result, tail))
            }
            "Event" => self.invoke_later(function, work).map(|()| empty(StatusCode::ACCEPTED)),
            "DryRun" => Ok(empty(StatusCode::NO_CONTENT)),
            other => {
                let message = format!("InvocationType {other}: must be RequestResponse, Event or DryRun");
                Ok(refusal(StatusCode::BAD_REQUEST, "InvalidParameterValueException", &message))
            }
        }
    }

    /// Invokes a function, by name or ARN, without waiting for its end, as S3 and SNS do.
    ///
    /// # Errors
    /// [`HostError::UnknownFunction`], [`HostError::PayloadTooLarge`], [`HostError::Throttled`].
    pub fn invoke_async(&self, function: &str, payload: Bytes) -> Result<(), HostError> {
        self.invoke_later(self.named(function)?, Work::of(payload))
    }

    /// An asynchronous invocation: accepted now, tried up to three times.
    fn invoke_later(&self, function: Arc<Function>, work: Work) -> Result<(), HostError> {
        if work.payload.len() > MAX_ASYNC_PAYLOAD {
            return Err(HostError::PayloadTooLarge { bytes: work.payload.len(), limit: MAX_ASYNC_PAYLOAD });
        }
        let throttled = |_| HostError::Throttled(function.spec.name.clone());
        let slot = Arc::clone(&self.async_slots).try_acquire_owned().map_err(throttled)?;
        let (invoker, clock) = (self.invoker.clone(), self.queues.clock());
        self.spawn(async move {
            let _slot = slot;
            for pause in ASYNC_RETRIES.into_iter().map(Some).chain([None]) {
                let result = invoker.invoke_directly(&function, work.clone()).await;
                if result.is_ok_and(|result| result.function_error.is_none()) {
                    return;
                }
                if let Some(pause) = pause {
                    clock.sleep(pause).await;
                }
            }
        });
        Ok(())
    }

    fn mappings_json(&self) -> Vec<Value> {
        let describe = |mapping: super::MappingSpec| {
            let function = self.function(&mapping.function).ok()?;
            let state = if *function.paused.borrow() { "Disabled" } else { "Enabled" };
            let types: &[&str] = if mapping.report_batch_item_failures { &["ReportBatchItemFailures"] } else { &[] };
            Some(json!({
                "EventSourceArn": self.queues.arn(&mapping.queue).ok()?,
                "FunctionArn": function.arn,
                "BatchSize": mapping.batch_size,
                "MaximumBatchingWindowInSeconds": mapping.window.as_secs(),
                "FunctionResponseTypes": types,
                "State": state,
            }))
        };
        self.all_mappings().into_iter().filter_map(describe).collect()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The reply to a synchronous invocation.
fn answer(result: InvokeResult, tail: bool) -> Response<Bytes> {
    let mut response = Response::new(result.payload);
    *response.status_mut() = StatusCode::from_u16(result.status).unwrap_or(StatusCode::OK);
    insert(&mut response, "content-type", "application/json");
    insert(&mut response, "x-amzn-requestid", &result.request_id);
    insert(&mut response, "x-amz-executed-version", "$LATEST");
    if let Some(error) = &result.function_error {
        insert(&mut response, "x-amz-function-error", error);
    }
    if tail {
        insert(&mut response, "x-amz-log-result", &STANDARD.encode(&result.log_tail));
    }
    response
}

fn configuration(function: &Function) -> Value {
    let spec = &function.spec;
    let (state, reason) = match &*function.state.borrow() {
        FunctionState::Starting => ("Pending", None),
        FunctionState::Ready => ("Active", None),
        FunctionState::Failed(message) => ("Failed", Some(message.clone())),
    };
    json!({
        "FunctionName": spec.name,
        "FunctionArn": function.arn,
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "PackageType": "Zip",
        "Version": "$LATEST",
        "MemorySize": spec.memory_mb,
        "Timeout": spec.timeout.as_secs(),
        "Environment": {"Variables": spec.environment},
        "State": state,
        "StateReason": reason,
    })
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    insert(&mut response, "x-amzn-requestid", &request_id());
    response
}

/// An error in the form that AWS clients read: its name in a header, its message in the body.
fn refusal(status: StatusCode, name: &'static str, message: &str) -> Response<Bytes> {
    let kind = if status.is_server_error() { "Service" } else { "User" };
    let mut response = json_response(status, &json!({"Type": kind, "Message": message}));
    insert(&mut response, "x-amzn-errortype", name);
    insert(&mut response, "x-amzn-requestid", &request_id());
    response
}

fn refused(error: &HostError) -> Response<Bytes> {
    let (status, name) = match error {
        HostError::UnknownFunction(_) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        HostError::PayloadTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException"),
        HostError::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
        HostError::Exists(_) => (StatusCode::CONFLICT, "ResourceConflictException"),
        HostError::Spec { .. } | HostError::Mapping { .. } => (StatusCode::BAD_REQUEST, "InvalidParameterValueException"),
        HostError::Broken { .. } | HostError::NotReady { .. } | HostError::ShutDown => {
            (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException")
        }
    };
    refusal(status, name, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let cases: [(&str, &str, Option<Route>); 8] = [
            ("POST", "/2015-03-31/functions/f/invocations", Some(Route::Invoke("f".into()))),
            ("POST", "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations", Some(Route::Invoke("arn:aws:lambda".into()))),
            ("GET", "/2015-03-31/functions/", Some(Route::List)),
            ("GET", "/2015-03-31/functions/f", Some(Route::Get("f".into()))),
            ("GET", "/2015-03-31/functions/f/configuration", Some(Route::GetConfiguration("f".into()))),
            ("GET", "/2015-03-31/event-source-mappings/", Some(Route::ListMappings)),
            ("GET", "/2015-03-31/functions/f/invocations", None),
            ("PUT", "/bucket/key", None),
        ];
        for (method, path, expected) in cases {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(Route::of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn names_and_arns() {
        for (given, expected) in [
            ("f", Some("f")),
            ("f:$LATEST", Some("f")),
            ("f:7", None),
            ("123456789012:function:f", Some("f")),
            ("arn:aws:lambda:us-east-1:000000000000:function:f", Some("f")),
            ("arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST", Some("f")),
            ("arn:aws:lambda:us-east-1:000000000000:function:f:live", None),
        ] {
            assert_eq!(function_name(given), expected, "{given}");
        }
    }
}
