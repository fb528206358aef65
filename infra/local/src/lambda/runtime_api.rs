//! The Lambda runtime API: how a function process gets its work and hands in its answers.
//!
//! Every process has a base path of its own, `/{function}@{sandbox}`, so that the host knows who is calling. Below it are the
//! four routes of the Lambda runtime API, version 2018-06-01. (The extensions API is not served: `lambda_runtime` calls it
//! only for its optional graceful shutdown.)

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use super::invocation::MAX_PAYLOAD;

/// Calls of one process that may wait; it makes one at a time.
pub(super) const CALLS: usize = 8;

/// What a process says to its sandbox.
#[derive(Debug)]
pub(super) enum Call {
    /// It is ready for work.
    Next(oneshot::Sender<Handed>),
    /// It has done the work (or, with [`Err`], failed).
    Answer {
        request_id: String,
        answer: Result<Bytes, Bytes>,
        /// Whether that was the work it had been given.
        accepted: oneshot::Sender<bool>,
    },
    /// It can't start, and says why.
    InitError(Bytes),
}

/// An invocation as `next` hands it over.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) request_id: String,
    /// Milliseconds since 1970.
    pub(super) deadline_ms: u128,
    pub(super) arn: String,
    pub(super) trace: String,
    pub(super) client_context: Option<String>,
    pub(super) payload: Bytes,
}

type Address = (String, String);
type Doors = HashMap<Address, mpsc::Sender<Call>>;

/// The processes that may call, by function and sandbox.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry(Arc<Mutex<Doors>>);

impl Registry {
    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the door of one process; it closes when the guard goes.
    pub(super) fn open(&self, function: &str, sandbox: &str, calls: mpsc::Sender<Call>) -> Door {
        let address = (function.to_owned(), sandbox.to_owned());
        self.doors().insert(address.clone(), calls);
        Door { registry: self.clone(), address }
    }

    async fn call(&self, route: &Route, call: Call) -> bool {
        let door = self.doors().get(&(route.function.clone(), route.sandbox.clone())).cloned();
        match door {
            Some(door) => door.send(call).await.is_ok(),
            None => false,
        }
    }
}

/// An open door.
#[derive(Debug)]
pub(super) struct Door {
    registry: Registry,
    address: Address,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.registry.doors().remove(&self.address);
    }
}

/// Who calls, and what for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    function: String,
    sandbox: String,
    action: Action,
}

#[derive(Debug, PartialEq, Eq)]
enum Action {
    Next,
    Answer { request_id: String, failed: bool },
    InitError,
}

impl Route {
    /// The route of a request; `None` where it is not for the runtime API.
    pub(super) fn of(method: &Method, path: &str) -> Option<Route> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let (function, sandbox) = parts.next()?.split_once('@')?;
        let rest: Vec<&str> = parts.collect();
        let action = match (method.as_str(), rest.as_slice()) {
            ("GET", ["2018-06-01", "runtime", "invocation", "next"]) => Action::Next,
            ("POST", ["2018-06-01", "runtime", "invocation", id, "response"]) => {
                Action::Answer { request_id: (*id).to_owned(), failed: false }
            }
            ("POST", ["2018-06-01", "runtime", "invocation", id, "error"]) => {
                Action::Answer { request_id: (*id).to_owned(), failed: true }
            }
            ("POST", ["2018-06-01", "runtime", "init", "error"]) => Action::InitError,
            _ => return None,
        };
        Some(Route { function: function.to_owned(), sandbox: sandbox.to_owned(), action })
    }
}

/// Serves one call of a process. `next` returns when there is work, however long that takes.
pub(super) async fn serve(registry: &Registry, route: Route, request: Request<Bytes>) -> Response<Bytes> {
    let body = request.into_body();
    match &route.action {
        Action::Next => {
            let (give, work) = oneshot::channel();
            registry.call(&route, Call::Next(give)).await;
            match work.await {
                Ok(handed) => handed.into_response(),
                Err(_) => gone(),
            }
        }
        Action::Answer { request_id, failed } => {
            let too_large = body.len() > MAX_PAYLOAD;
            let answer = if *failed { Err(body) } else { Ok(body) };
            let (accepted, verdict) = oneshot::channel();
            registry.call(&route, Call::Answer { request_id: request_id.clone(), answer, accepted }).await;
            match verdict.await {
                Ok(true) if too_large => {
                    let message = format!("Exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes).");
                    refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
                }
                Ok(true) => accepted_response(),
                Ok(false) => refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
                Err(_) => gone(),
            }
        }
        Action::InitError => {
            registry.call(&route, Call::InitError(body)).await;
            accepted_response()
        }
    }
}

impl Handed {
    fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.payload);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        insert(&mut response, "lambda-runtime-aws-request-id", &self.request_id);
        insert(&mut response, "lambda-runtime-deadline-ms", &self.deadline_ms.to_string());
        insert(&mut response, "lambda-runtime-invoked-function-arn", &self.arn);
        insert(&mut response, "lambda-runtime-trace-id", &self.trace);
        if let Some(context) = &self.client_context {
            insert(&mut response, "lambda-runtime-client-context", context);
        }
        response
    }
}

/// Adds a header; a value that no header can carry is left out.
pub(super) fn insert(response: &mut Response<Bytes>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

/// A JSON response.
pub(super) fn json(status: StatusCode, document: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn accepted_response() -> Response<Bytes> {
    json(StatusCode::ACCEPTED, &serde_json::json!({"status": "OK"}))
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<Bytes> {
    json(status, &serde_json::json!({"errorType": kind, "errorMessage": message}))
}

/// For a process that the host has given up: nothing that it says counts any more.
fn gone() -> Response<Bytes> {
    refusal(StatusCode::FORBIDDEN, "SandboxGone", "This process has been replaced.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let answer = |failed| Some(Action::Answer { request_id: "r-1".into(), failed });
        let cases: [(&str, &str, Option<Action>); 8] = [
            ("GET", "/f@0-1/2018-06-01/runtime/invocation/next", Some(Action::Next)),
            ("POST", "/f@0-1/2018-06-01/runtime/invocation/r-1/response", answer(false)),
            ("POST", "/f@0-1/2018-06-01/runtime/invocation/r-1/error", answer(true)),
            ("POST", "/f@0-1/2018-06-01/runtime/init/error", Some(Action::InitError)),
            ("POST", "/f@0-1/2018-06-01/runtime/invocation/next", None),
            ("GET", "/f@0-1/2018-06-01/runtime/invocation/next/more", None),
            ("GET", "/f/2018-06-01/runtime/invocation/next", None),
            ("GET", "/bucket/key", None),
        ];
        for (method, path, expected) in cases {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(Route::of(&method, path).map(|route| route.action), expected, "{method} {path}");
        }
    }

    #[tokio::test]
    async fn a_process_without_a_door_is_turned_away() {
        let registry = Registry::default();
        for (method, path) in [("GET", "next"), ("POST", "r-1/response")] {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let path = format!("/f@0-1/2018-06-01/runtime/invocation/{path}");
            let route = Route::of(&method, &path).expect("a route");
            let response = serve(&registry, route, Request::new(Bytes::new())).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
        }
    }
}
