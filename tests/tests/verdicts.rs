//! The corpus of sample events through the functions themselves, on the embedded store: the verdict of every record.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade::budget::Deadline;
use brigade::config::Common;
use brigade::event::{BucketName, Decoded, Invocation, Message, ObjectEvent, Record};
use brigade::storage::{Delete, EmbeddedStore, Location, PutOptions, Store};
use brigade::worker::queue::{Outgoing, QueueError};
use brigade::worker::{Lines, Pace, Queue, Setup, Topic, Worker, run_direct, run_job, run_messages, run_schedule};
use brigade_cleanup::Cleanup;
use brigade_thumbnail::samples::{Kind, Light, jpeg, scene};
use brigade_thumbnail::{Config, Thumbnail};
use bytes::Bytes;
use serde_json::Value;
use time::macros::datetime;

/// The buckets of the corpus: by name, by access point and by its alias.
const INPUT: &str = "s3://photos/*,s3://arn:aws:s3:eu-central-1:123456789012:accesspoint/uploaders/*,\
                     s3://uploaders-x7k2m9q4w8e1r5t3y6u0i2o4p8a1seuc1b-s3alias/*";
const DERIVED: &str = "derived";

/// Queues that take everything, and remember where messages went.
#[derive(Default)]
struct Recorded(Mutex<Vec<String>>);

#[async_trait]
impl Queue for Recorded {
    async fn send(&self, queue_url: &str, message: Outgoing) -> Result<(), QueueError> {
        message.check(queue_url)?;
        let name = queue_url.rsplit('/').next().unwrap_or_default();
        let line = match message.delay_seconds {
            0 => format!("  sent to {name}"),
            seconds => format!("  sent to {name}, in {seconds} s"),
        };
        self.0.lock().unwrap().push(line);
        Ok(())
    }

    async fn set_visibility(&self, _: &str, entries: Vec<(String, u32)>) -> Vec<Result<(), QueueError>> {
        entries.iter().map(|_| Ok(())).collect()
    }
}

#[async_trait]
impl Topic for Recorded {
    async fn publish(&self, topic_arn: &str, message: Outgoing) -> Result<(), QueueError> {
        message.check(topic_arn)?;
        let name = topic_arn.rsplit(':').next().unwrap_or_default();
        self.0.lock().unwrap().push(format!("  announced to {name}"));
        Ok(())
    }
}

/// One line for each record: verdict, reason, event, key, and how much was written and removed.
#[derive(Default)]
struct Verdicts(Mutex<Vec<String>>);

impl Lines for Verdicts {
    fn line(&self, line: &Value) {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let Some(verdict) = text("verdict") else { return };
        let figure = |name: &str| line.get(name).and_then(Value::as_u64).filter(|n| *n > 0).map(|n| format!("({name} {n})"));
        let (wrote, removed) = (figure("wrote"), figure("removed"));
        let words = [Some(verdict), text("reason"), text("event"), text("key"), wrote.as_deref(), removed.as_deref()];
        self.0.lock().unwrap().push(format!("  {}", words.into_iter().flatten().collect::<Vec<_>>().join(" ")));
    }
}

fn corpus() -> BTreeMap<String, Value> {
    let mut files = BTreeMap::new();
    for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.insert(name, serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap());
        }
    }
    files
}

fn objects(decoded: &[Decoded]) -> Vec<ObjectEvent> {
    let object = |item: &Decoded| match &item.record {
        Ok(Record::Object(event)) => Some(event.clone()),
        _ => None,
    };
    decoded.iter().filter_map(object).collect()
}

fn events(invocation: &Invocation) -> Vec<ObjectEvent> {
    match invocation {
        Invocation::Messages(messages) => messages.iter().flat_map(|message| objects(&message.decode())).collect(),
        Invocation::Direct(decoded) => objects(decoded),
        Invocation::Batch(job) => job.tasks.iter().filter_map(|task| task.record.clone().ok()).collect(),
        Invocation::Refused(_) | Invocation::Scheduled => Vec::new(),
    }
}

/// A world in which every object that the file tells of is there, unless its last event says that it is gone; where they are
/// `made`, with its thumbnails.
async fn store(events: &[ObjectEvent], made: bool) -> EmbeddedStore {
    let store = EmbeddedStore::new();
    store.create_bucket(&BucketName::new(DERIVED), "eu-central-1").unwrap();
    let image = Bytes::from(jpeg(scene((96, 64), Light::Day), 1, Kind::Baseline).unwrap());
    for event in events {
        // Some of these buckets exist by then; and the embedded store has no access points, so that there is no such
        // bucket for the function either.
        let _ = store.create_bucket(&event.bucket, "eu-central-1");
        let at = Location::new(event.bucket.clone(), event.key.clone());
        if made && !event.bucket.as_str().starts_with("arn:") {
            store.put(&at, image.clone(), PutOptions::default()).await.unwrap();
            let thumbnail = Thumbnail::new(&config(), Arc::new(store.clone()));
            thumbnail.handle(event, Deadline::after(Duration::from_secs(60))).await;
        }
        if event.kind.is_removed() {
            store.delete(&at, Delete::default()).await.unwrap();
        } else if !event.bucket.as_str().starts_with("arn:") {
            let body = if event.key.as_str().ends_with('/') { Bytes::new() } else { image.clone() };
            store.put(&at, body, PutOptions::default()).await.unwrap();
        }
    }
    store
}

fn config() -> Config {
    let variables = [
        ("BRIGADE_INPUT", INPUT),
        ("BRIGADE_OUTPUT", "s3://derived/thumbnails/{bucket}/{key}/{size}.{ext}"),
        ("BRIGADE_SIZES", "32"),
        ("BRIGADE_PARKED", "https://sqs.eu-central-1.amazonaws.com/123456789012/brigade-thumbnail-parked"),
        ("BRIGADE_CONCURRENCY", "1"),
        ("BRIGADE_LOG", "all"),
    ];
    Config::read(&variables.into_iter().collect()).unwrap()
}

/// A function on its world.
struct Subject {
    worker: Box<dyn Worker>,
    common: Common,
    sent: Arc<Recorded>,
}

async fn thumbnail(events: &[ObjectEvent]) -> Subject {
    let config = config();
    let worker = Thumbnail::new(&config, Arc::new(store(events, false).await));
    Subject { worker: Box::new(worker), common: config.common, sent: Arc::default() }
}

async fn cleanup(events: &[ObjectEvent]) -> Subject {
    let variables = [
        ("BRIGADE_INPUT", INPUT),
        ("BRIGADE_OUTPUT", "s3://derived/thumbnails/{bucket}/{key}/{size}.{ext}"),
        ("BRIGADE_ANNOUNCE", "arn:aws:sns:eu-central-1:123456789012:photos"),
        ("BRIGADE_PARKED", "https://sqs.eu-central-1.amazonaws.com/123456789012/brigade-cleanup-parked"),
        ("BRIGADE_CONCURRENCY", "1"),
        ("BRIGADE_LOG", "all"),
    ];
    let config = brigade_cleanup::Config::read(&variables.into_iter().collect()).unwrap();
    let sent = Arc::<Recorded>::default();
    let worker = Cleanup::new(&config, Arc::new(store(events, true).await), sent.clone());
    Subject { worker: Box::new(worker), common: config.common, sent }
}

/// What became of each record, what was sent, and what was answered.
async fn verdicts(payload: &serde_json::Value, invocation: &Invocation, subject: Subject) -> String {
    let Subject { worker, common, sent } = subject;
    let (lines, pace) = (Verdicts::default(), Pace::new());
    let setup =
        Setup { worker: worker.as_ref(), common: &common, queue: sent.as_ref(), endpoint: None, pace: &pace, lines: &lines };
    let deadline = Deadline::after(Duration::from_secs(60));
    let now = || datetime!(2026-11-22 10:00:00 UTC);
    let answer = match invocation {
        Invocation::Messages(messages) => failures(messages, run_messages(setup, messages, deadline, now).await.failures),
        Invocation::Batch(job) => {
            let reply = run_job(setup, job, deadline, now).await;
            let codes: Vec<String> = reply.results.iter().map(|result| format!("{:?}", result.result_code)).collect();
            codes.join(" ")
        }
        Invocation::Direct(decoded) => match run_direct(setup, payload, decoded, deadline, now).await {
            Ok(_) => "ok".to_owned(),
            Err(error) => format!("error: {error}"),
        },
        Invocation::Scheduled => format!("scheduled: {}", run_schedule(setup, deadline, now).await.unwrap()),
        Invocation::Refused(malformed) => format!("refused: {malformed}"),
    };
    let sent = std::mem::take(&mut *sent.0.lock().unwrap());
    let lines = lines.0.into_inner().unwrap().into_iter().chain(sent);
    lines.chain([format!("  = {answer}")]).collect::<Vec<_>>().join("\n")
}

fn failures(messages: &[Message], failures: Result<Vec<String>, String>) -> String {
    match failures {
        Ok(ids) if ids.is_empty() => format!("{} acknowledged", messages.len()),
        Ok(ids) => format!("{} of {} given back", ids.len(), messages.len()),
        Err(error) => format!("error: {error}"),
    }
}

fn snapshot(name: &str, all: String) {
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, all);
    });
}

#[tokio::test]
async fn every_record_of_the_corpus_has_its_verdict() {
    let mut all = String::new();
    for (name, payload) in corpus() {
        let invocation = Invocation::from_value(&payload);
        let subject = thumbnail(&events(&invocation)).await;
        writeln!(all, "{name}\n{}", verdicts(&payload, &invocation, subject).await).unwrap();
    }
    snapshot("verdicts", all);
}

#[tokio::test]
async fn every_record_of_the_corpus_has_its_verdict_of_cleanup() {
    let mut all = String::new();
    for (name, payload) in corpus() {
        let invocation = Invocation::from_value(&payload);
        let subject = cleanup(&events(&invocation)).await;
        writeln!(all, "{name}\n{}", verdicts(&payload, &invocation, subject).await).unwrap();
    }
    snapshot("verdicts-cleanup", all);
}
