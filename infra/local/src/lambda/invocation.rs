//! One invocation: what a function is handed and what comes back.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::oneshot;

/// The most bytes of a synchronous request's or response's payload: Lambda's 6 MB.
pub const MAX_PAYLOAD: usize = 6_291_556;
/// The most bytes of an asynchronous request's payload.
pub const MAX_ASYNC_PAYLOAD: usize = 1_048_576;

/// What an invocation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeResult {
    /// 200, also where the function failed: then `function_error` says so.
    pub status: u16,
    /// `Unhandled` where the function failed; the payload then describes the error.
    pub function_error: Option<String>,
    /// The function's answer.
    pub payload: Bytes,
    /// The end of what the process logged during the invocation, at most 4 KB.
    pub log_tail: String,
    /// The invocation's id.
    pub request_id: String,
    /// From hand-over to the end, in real time.
    pub duration: Duration,
}

impl InvokeResult {
    /// What the caller of an invocation sees of this answer.
    pub(super) fn new(answer: Result<Bytes, Failure>, request_id: String, log_tail: String, duration: Duration) -> Self {
        let (function_error, payload) = match answer {
            Ok(payload) => (None, payload),
            Err(failure) => (Some("Unhandled".to_owned()), failure.payload(&request_id)),
        };
        InvokeResult { status: 200, function_error, payload, log_tail, request_id, duration }
    }

    /// The `errorMessage` of a failed invocation, else its payload as it is.
    pub fn error_message(&self) -> String {
        serde_json::from_slice::<serde_json::Value>(&self.payload)
            .ok()
            .and_then(|value| value.get("errorMessage")?.as_str().map(str::to_owned))
            .unwrap_or_else(|| String::from_utf8_lossy(&self.payload).into_owned())
    }
}

/// What a caller wants done.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    pub(super) payload: Bytes,
    /// Messages in the batch; 0 for a direct invocation.
    pub(super) messages: usize,
    /// The trace to go on with, `Lambda-Runtime-Trace-Id`; the SDK hands it on, so that Lambda's loop detection can count
    /// passes. `None` starts one.
    pub(super) trace: Option<String>,
    /// The client context as JSON, where the caller gave one.
    pub(super) client_context: Option<String>,
    /// Whether the caller reads the end of the log, which may come a moment after the answer.
    pub(super) tail: bool,
}

impl Work {
    /// A direct invocation.
    pub(super) fn of(payload: Bytes) -> Self {
        Work { payload, ..Work::default() }
    }
}

/// An invocation on its way to a process.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) work: Work,
    pub(super) done: oneshot::Sender<InvokeResult>,
}

impl Invocation {
    /// Ends the invocation. Nobody may be waiting any more; the work is done all the same, as in Lambda.
    pub(super) fn finish(self, answer: Result<Bytes, Failure>, log_tail: String, duration: Duration) {
        let _ = self.done.send(InvokeResult::new(answer, self.request_id, log_tail, duration));
    }
}

/// How an invocation fails, in the words of Lambda's own error payloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The function reported an error: its own JSON document.
    Reported(Bytes),
    /// The function's time ran out; its process was killed.
    TimedOut(Duration),
    /// The process ended, with this status.
    Exited(String),
    /// The answer is larger than Lambda takes.
    AnswerTooLarge(usize),
    /// The function never starts; the end of its log.
    Broken(String),
    /// The process asked for more work instead of answering.
    Unanswered,
    /// The host was shut down meanwhile.
    ShutDown,
}

impl Failure {
    fn payload(&self, request_id: &str) -> Bytes {
        let document = |kind: &str, message: String| {
            Bytes::from(
                json!({"errorType": kind, "errorMessage": format!("RequestId: {request_id} Error: {message}")}).to_string(),
            )
        };
        match self {
            Failure::Reported(document) => document.clone(),
            Failure::TimedOut(_) => document("Sandbox.Timedout", self.to_string()),
            Failure::Exited(_) => document("Runtime.ExitError", self.to_string()),
            Failure::AnswerTooLarge(_) => document("Function.ResponseSizeTooLarge", self.to_string()),
            Failure::Broken(_) => document("Runtime.InitError", self.to_string()),
            Failure::Unanswered => document("Runtime.NoAnswer", self.to_string()),
            Failure::ShutDown => document("Sandbox.ShutDown", self.to_string()),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Reported(document) => f.write_str(&reported(document)),
            Failure::TimedOut(limit) => write!(f, "Task timed out after {:.2} seconds", limit.as_secs_f64()),
            Failure::Exited(status) => write!(f, "Runtime exited with error: {status}"),
            Failure::AnswerTooLarge(bytes) => {
                write!(f, "Response payload size ({bytes} bytes) exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes).")
            }
            Failure::Broken(message) => write!(f, "The function does not start: {message}"),
            Failure::Unanswered => f.write_str("Runtime asked for the next invocation before it answered this one"),
            Failure::ShutDown => f.write_str("The host was shut down"),
        }
    }
}

/// `errorType: errorMessage` of an error document, or the document itself, cut to one line's length.
fn reported(document: &[u8]) -> String {
    let said = serde_json::from_slice::<serde_json::Value>(document).ok().and_then(|value| {
        let message = value.get("errorMessage")?.as_str()?;
        Some(match value.get("errorType").and_then(|kind| kind.as_str()) {
            Some(kind) => format!("{kind}: {message}"),
            None => message.to_owned(),
        })
    });
    let said = said.unwrap_or_else(|| String::from_utf8_lossy(document).into_owned());
    said.chars().take(500).collect()
}

/// A random id in the form of a version 4 UUID, as Lambda's request ids are.
pub(super) fn request_id() -> String {
    let n = fastrand::u128(..);
    let n = (n & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
    let hex = format!("{n:032x}");
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// A fresh X-Ray trace header: time, 96 random bits and a parent.
pub(super) fn trace() -> String {
    let epoch_seconds = time::OffsetDateTime::now_utc().unix_timestamp();
    let root = fastrand::u128(..) & ((1 << 96) - 1);
    format!("Root=1-{epoch_seconds:08x}-{root:024x};Parent={:016x};Sampled=0", fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_version_4_uuids() {
        for _ in 0..100 {
            let id = request_id();
            let parts: Vec<&str> = id.split('-').collect();
            assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
            assert!(parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]), "{id}");
        }
    }

    #[test]
    fn failures_read_as_lambdas_do() {
        let text = |failure: Failure| {
            let value: serde_json::Value = serde_json::from_slice(&failure.payload("r-1")).expect("JSON");
            format!("{} | {}", value["errorType"].as_str().unwrap(), value["errorMessage"].as_str().unwrap())
        };
        for (failure, expected) in [
            (
                Failure::TimedOut(Duration::from_secs(3)),
                "Sandbox.Timedout | RequestId: r-1 Error: Task timed out after 3.00 seconds",
            ),
            (
                Failure::Exited("signal: 9 (SIGKILL)".into()),
                "Runtime.ExitError | RequestId: r-1 Error: Runtime exited with error: signal: 9 (SIGKILL)",
            ),
            (Failure::Reported(Bytes::from_static(br#"{"errorType":"T","errorMessage":"m"}"#)), "T | m"),
        ] {
            assert_eq!(text(failure), expected);
        }
    }

    #[test]
    fn an_error_document_that_is_no_json_is_shown_as_it_is() {
        assert_eq!(Failure::Reported(Bytes::from_static(b"oh no")).to_string(), "oh no");
    }
}
