//! `brigade invoke`: one payload through a function, as Lambda's Invoke hands it over.

use std::path::{Path, PathBuf};
use std::time::Duration;

use brigade::event::{BucketName, ObjectEvent, Record, decode_document};
use brigade::storage::{Location, PutOptions, Store};
use brigade_local::LocalCloud;
use brigade_local::lambda::{HostEvent, HostEvents};
use serde_json::{Value, json};

use crate::binary::Binaries;
use crate::call::Reply;
use crate::failure::Failure;
use crate::functions::{Function, parser};
use crate::live::{self, Verdict};
use crate::{call, decode, print, stage};

/// The last lines of the log may arrive a moment after the reply.
const LAST_LINES: Duration = Duration::from_secs(2);
/// A bucket of its own, so that it can't be one of the event's.
const DERIVED: &str = "brigade-invoke-derived";
/// Where the function's queues hang; nothing is put there.
const UNUSED: &str = "brigade-invoke-unused";

/// Invoke a function with an event, and show its verdicts and its reply.
///
/// Without --endpoint-url, a cloud is started for this one invocation, with the buckets that the event names and the queue
/// that dedupe forwards to. The reply is printed as the function gave it. The exit code is 0 if the function succeeded without
/// failures, 1 if it answered with an error or named failures.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade invoke thumbnail events/sqs-sns-put.json --with cat.jpg\n  \
    brigade invoke thumbnail events/s3-put.json --endpoint-url http://127.0.0.1:4566")]
pub(crate) struct Arguments {
    /// The function.
    #[arg(value_parser = parser())]
    function: &'static Function,
    /// The payload, as JSON; `-` is standard input.
    #[arg(value_name = "EVENT.json")]
    event: PathBuf,
    /// Upload this file to the event's first key before.
    #[arg(long, value_name = "FILE", conflicts_with = "endpoint_url")]
    with: Option<PathBuf>,
    /// Invoke the function of a running `brigade up` instead.
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    #[command(flatten)]
    binaries: Binaries,
    /// Print one document with the verdicts and the reply.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let text = decode::read(&arguments.event).map_err(|error| Failure::environment(arguments.event.display(), error))?;
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        return Err(Failure::Findings(format!("{}: Lambda takes one JSON document: {error}", arguments.event.display())));
    }
    let reply = match &arguments.endpoint_url {
        Some(endpoint) => call::invoke(endpoint, arguments.function.package, text.into()).await?,
        None => invoke_here(arguments, text).await?,
    };
    show(&reply, arguments.json)
}

async fn invoke_here(arguments: &Arguments, text: String) -> Result<Reply, Failure> {
    let function = arguments.function;
    let events: Vec<ObjectEvent> = decode_document(&text).into_iter().filter_map(object).collect();
    let variables = stage::variables(function, &places(function, &events));
    stage::environment(function, &variables)?;
    let program = arguments.binaries.of(function).await?;
    let cloud = stage::cloud(0).await?;
    let replied = async {
        prepare(&cloud, &events, arguments.with.as_deref()).await?;
        let wired = stage::connect(&cloud, function, BucketName::new(UNUSED), Some(BucketName::new(DERIVED))).await?;
        stage::start(&cloud, function, program, variables, &wired).await?;
        let log = cloud.host().events();
        let result = cloud.host().invoke(function.package, text.into()).await;
        let result = result.map_err(|error| Failure::Environment(error.to_string()))?;
        let failed = result.function_error.is_some();
        Ok(Reply { failed, payload: result.payload, log: lines(log, failed).await })
    };
    let replied = replied.await;
    cloud.shutdown().await;
    replied
}

fn object(decoded: brigade::event::Decoded) -> Option<ObjectEvent> {
    match decoded.record {
        Ok(Record::Object(event)) => Some(event),
        _ => None,
    }
}

/// The event's buckets as the function's input, and a place for what it makes.
fn places(function: &Function, events: &[ObjectEvent]) -> Vec<(String, String)> {
    let mut spans: Vec<String> = events.iter().map(|event| format!("s3://{}/*", event.bucket)).collect();
    spans.sort();
    spans.dedup();
    // What the function could not have as its input is skipped by it, as in an account.
    spans.retain(|span| brigade::config::parse_spans(span).is_ok());
    let local = function.local.iter().map(|(name, value)| match *name {
        "BRIGADE_INPUT" if !spans.is_empty() => ((*name).to_owned(), spans.join(",")),
        "BRIGADE_OUTPUT" => ((*name).to_owned(), value.replacen("s3://derived/", &format!("s3://{DERIVED}/"), 1)),
        _ => ((*name).to_owned(), (*value).to_owned()),
    });
    local.collect()
}

/// Makes the event's buckets and uploads the file.
async fn prepare(cloud: &LocalCloud, events: &[ObjectEvent], with: Option<&Path>) -> Result<(), Failure> {
    let store = cloud.store();
    for event in events {
        if let Err(error) = store.create_bucket(&event.bucket, brigade_local::REGION)
            && error.code != "BucketAlreadyOwnedByYou"
        {
            eprintln!("brigade: {error}");
        }
    }
    let Some(file) = with else { return Ok(()) };
    let first = events.first().ok_or_else(|| Failure::Usage("--with: the event names no object".to_owned()))?;
    let bytes = std::fs::read(file).map_err(|error| Failure::environment(file.display(), error))?;
    let at = Location::new(first.bucket.clone(), first.key.clone());
    let put = store.put(&at, bytes.into(), PutOptions::default()).await;
    put.map(drop).map_err(|error| Failure::Environment(error.to_string()))
}

/// The log of the one invocation, up to the metrics that end it; a failed one may end without.
async fn lines(mut events: HostEvents, failed: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let follow = async {
        while let Some(event) = events.next().await {
            match event {
                HostEvent::Log { line, .. } if live::is_metric(&line) => return,
                HostEvent::Log { line, .. } => lines.push(line),
                HostEvent::Failed { .. } if failed => return,
                _ => {}
            }
        }
    };
    let _ = tokio::time::timeout(LAST_LINES, follow).await;
    lines
}

fn show(reply: &Reply, as_json: bool) -> Result<(), Failure> {
    let payload: Option<Value> = serde_json::from_slice(&reply.payload).ok();
    if as_json {
        let records = reply.log.iter().filter(|line| Verdict::of(line).is_some());
        let records: Vec<Value> = records.filter_map(|line| serde_json::from_str(line).ok()).collect();
        let text = || Value::from(String::from_utf8_lossy(&reply.payload));
        let payload = payload.clone().unwrap_or_else(text);
        print::line(json!({"function_error": reply.failed, "records": records, "reply": payload}))?;
    } else {
        for line in reply.log.iter().filter(|line| !live::is_metric(line)) {
            print::line(Verdict::of(line).map_or_else(|| live::printable(line), |verdict| verdict.text()))?;
        }
        print::line(String::from_utf8_lossy(&reply.payload))?;
    }
    match payload {
        _ if reply.failed => Err(Failure::Findings("the function failed".to_owned())),
        Some(payload) => match failures(&payload) {
            0 => Ok(()),
            1 => Err(Failure::Findings("the function reported a failure".to_owned())),
            several => Err(Failure::Findings(format!("the function reported {several} failures"))),
        },
        None => Ok(()),
    }
}

/// Messages that come back, and tasks of a batch job that did not succeed.
fn failures(reply: &Value) -> usize {
    let list = |name: &str| reply.get(name).and_then(Value::as_array);
    let items = list("batchItemFailures").map_or(0, Vec::len);
    let unsuccessful = |task: &&Value| task.get("resultCode").is_none_or(|code| code != "Succeeded");
    items + list("results").map_or(0, |tasks| tasks.iter().filter(unsuccessful).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_in_both_kinds_of_reply() {
        for (reply, expected) in [
            (json!({"batchItemFailures": []}), 0),
            (json!({"batchItemFailures": [{"itemIdentifier": "a"}]}), 1),
            (json!({"results": [{"resultCode": "Succeeded"}, {"resultCode": "PermanentFailure"}]}), 1),
            (json!({"verdicts": []}), 0),
            (Value::Null, 0),
        ] {
            assert_eq!(failures(&reply), expected, "{reply}");
        }
    }
}
