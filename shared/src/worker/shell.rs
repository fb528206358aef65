//! The Lambda shell: the only place that names `lambda_runtime`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use time::OffsetDateTime;

use super::queue::SqsQueue;
use super::{Lines, Pace, Setup, StandardOutput, Worker, run_direct, run_job, run_messages, run_schedule};
use crate::aws::{Clients, with_trace};
use crate::budget::Deadline;
use crate::config::Common;
use crate::event::Invocation;

struct Process<W> {
    worker: W,
    common: Common,
    queue: SqsQueue,
    endpoint: Option<String>,
    pace: Pace,
}

/// Serves a function's invocations until Lambda ends the process; several at once where Lambda asks for it
/// (`AWS_LAMBDA_MAX_CONCURRENCY`).
pub async fn serve(worker: impl Worker + 'static, common: Common, clients: &Clients) -> ExitCode {
    let (queue, endpoint) = (clients.queue(), clients.endpoint().map(str::to_owned));
    let process = Arc::new(Process { worker, common, queue, endpoint, pace: Pace::new() });
    // The payload is taken as any JSON: a type that could refuse it would fail the whole batch before the first record.
    let handler = service_fn(move |invocation: LambdaEvent<Value>| {
        let process = Arc::clone(&process);
        async move {
            let trace = invocation.context.xray_trace_id.clone();
            let work = async { invoke(&process, invocation).await.map_err(|error| unanswered(&error)) };
            match trace {
                Some(id) => with_trace(id, work).await,
                None => work.await,
            }
        }
    });
    match lambda_runtime::run_concurrent(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_start(&error),
    }
}

/// Serves invocations that are no events of buckets: each payload goes to `handle` as it is, with the time that is left.
pub async fn serve_payloads<H, F>(handle: H) -> ExitCode
where
    H: Fn(Value, Duration) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Value, String>> + Send,
{
    let handle = Arc::new(handle);
    let handler = service_fn(move |invocation: LambdaEvent<Value>| {
        let handle = Arc::clone(&handle);
        async move {
            let left = left(invocation.context.deadline);
            handle(invocation.payload, left).await.map_err(|error| unanswered(&error))
        }
    });
    match lambda_runtime::run_concurrent(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_start(&error),
    }
}

/// Says why the process can't go on, and gives the exit code for it.
pub fn fail_start(error: &impl std::fmt::Display) -> ExitCode {
    StandardOutput.line(&serde_json::json!({"level": "error", "message": error.to_string()}));
    eprintln!("{error}");
    ExitCode::FAILURE
}

/// The error document of an invocation: Lambda shows its type beside its message.
fn unanswered(error: &impl std::fmt::Display) -> Diagnostic {
    Diagnostic { error_type: "Unanswered".to_owned(), error_message: error.to_string() }
}

async fn invoke(process: &Process<impl Worker>, invocation: LambdaEvent<Value>) -> Result<Value, Error> {
    let Process { worker, common, queue, endpoint, pace } = process;
    let setup = Setup { worker, common, queue, endpoint: endpoint.as_deref(), pace, lines: &StandardOutput };
    let deadline = Deadline::after(left(invocation.context.deadline));
    match Invocation::from_value(&invocation.payload) {
        Invocation::Messages(messages) => {
            let failures = run_messages(setup, &messages, deadline, wall_clock).await.failures?;
            let items: Vec<Value> = failures.into_iter().map(|id| serde_json::json!({"itemIdentifier": id})).collect();
            Ok(serde_json::json!({"batchItemFailures": items}))
        }
        Invocation::Batch(job) => Ok(serde_json::to_value(run_job(setup, &job, deadline, wall_clock).await)?),
        Invocation::Direct(records) => Ok(run_direct(setup, &invocation.payload, &records, deadline, wall_clock).await?),
        Invocation::Scheduled => Ok(run_schedule(setup, deadline, wall_clock).await?),
        Invocation::Refused(malformed) => Err(format!("the invocation cannot be answered: {malformed}").into()),
    }
}

/// A deadline before this (in 1973) is no point in time.
const FIRST_DEADLINE_MS: u64 = 100_000_000_000;

/// What an invocation gets from a host that knows no timeout of the function: no function of ours needs more for a sample.
const UNKNOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// The time until `deadline_ms`, Lambda's deadline in milliseconds since 1970. (cargo-lambda's host sends the milliseconds
/// that are left instead, and always ten minutes.)
fn left(deadline_ms: u64) -> Duration {
    let deadline = Duration::from_millis(deadline_ms);
    if deadline_ms < FIRST_DEADLINE_MS {
        return deadline.min(UNKNOWN_TIMEOUT);
    }
    deadline.saturating_sub(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn wall_clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_is_known_under_each_host() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let in_a_minute = u64::try_from(now.as_millis()).unwrap() + 60_000;
        assert!(left(in_a_minute) <= Duration::from_secs(60) && left(in_a_minute) > Duration::from_secs(40));
        assert_eq!(left(600_000), UNKNOWN_TIMEOUT, "as cargo-lambda's host tells it");
        assert_eq!(left(5_000), Duration::from_secs(5));
        assert_eq!(left(in_a_minute - 60_001), Duration::ZERO);
    }
}
