//! One batch, every way a message can end.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::*;
use crate::config::{Environment, Span, read};
use crate::event::{EventKind, ObjectEvent};
use crate::verdict::{Outcome, Reason};
use crate::worker::queue::{Outgoing, Queue, QueueError};
use crate::worker::{Lines, Pace, Together, Worker};

/// Does what the key says.
struct Obedient(Vec<Span>, Mutex<Vec<String>>);

#[async_trait]
impl Worker for Obedient {
    fn name(&self) -> &'static str {
        "obedient"
    }

    fn input(&self) -> &[Span] {
        &self.0
    }

    fn refuses(&self, kind: &EventKind) -> Option<Reason> {
        kind.as_str().starts_with("ObjectTagging:").then(|| Reason::new("not-its-business", ""))
    }

    async fn handle(&self, event: &ObjectEvent, _: Deadline) -> Outcome {
        self.1.lock().unwrap().push(event.key.to_string());
        match event.key.as_str() {
            "panic" => panic!("the hook"),
            "park" => Verdict::park("corrupt", "the figure").into(),
            "retry" => Verdict::retry("throttled", "").into(),
            "slow" => std::future::pending().await,
            "uncertain" => Outcome { look_again: true, ..Verdict::Done.into() },
            _ => Verdict::Done.into(),
        }
    }
}

/// Handles a batch together; `Err` is how it fails as a whole.
struct Gathering(Vec<Span>, Result<(), &'static str>);

#[async_trait]
impl Worker for Gathering {
    fn name(&self) -> &'static str {
        "gathering"
    }

    fn input(&self) -> &[Span] {
        &self.0
    }

    async fn handle(&self, _: &ObjectEvent, _: Deadline) -> Outcome {
        panic!("the batch loop handles a batch of this function together")
    }

    fn together(&self) -> Option<&dyn Together> {
        Some(self)
    }

    async fn on_schedule(&self, _: Deadline) -> Outcome {
        match self.1 {
            Ok(()) => Outcome { figures: vec![("closed", 2)], ..Verdict::Done.into() },
            Err(why) => Verdict::retry(why, "").into(),
        }
    }
}

#[async_trait]
impl Together for Gathering {
    async fn handle_all(&self, events: &[&ObjectEvent], _: Deadline) -> Vec<Outcome> {
        match self.1 {
            Err("panic") => panic!("the hook"),
            Err(_) => std::future::pending().await,
            // It answers all but the last.
            Ok(()) => events.iter().skip(1).map(|_| Verdict::Done.into()).collect(),
        }
    }
}

#[derive(Default)]
struct Recorder {
    sent: Mutex<Vec<(String, Outgoing)>>,
    visibility: Mutex<Vec<(String, u32)>>,
    refuse: bool,
    lines: Mutex<Vec<Value>>,
}

#[async_trait]
impl Queue for Recorder {
    async fn send(&self, url: &str, message: Outgoing) -> Result<(), QueueError> {
        if self.refuse {
            return Err(QueueError::later("SendMessage", url, "ServiceUnavailable", "down"));
        }
        self.sent.lock().unwrap().push((url.to_owned(), message));
        Ok(())
    }

    async fn set_visibility(&self, _: &str, entries: Vec<(String, u32)>) -> Vec<Result<(), QueueError>> {
        let ends = entries.iter().map(|_| Ok(())).collect();
        self.visibility.lock().unwrap().extend(entries);
        ends
    }
}

impl Lines for Recorder {
    fn line(&self, line: &Value) {
        self.lines.lock().unwrap().push(line.clone());
    }
}

const PARKED: (&str, &str) = ("BRIGADE_PARKED", "https://sqs/1/parked");

async fn run(recorder: &Recorder, extra: &[(&str, &str)], messages: &[Message]) -> (BatchResult, Vec<String>) {
    run_at(&Pace::new(), recorder, extra, messages).await
}

async fn run_gathering(recorder: &Recorder, end: Result<(), &'static str>, messages: &[Message]) -> BatchResult {
    let environment: Environment = [("BRIGADE_INPUT", "s3://photos/*"), PARKED].into_iter().collect();
    let common = read(&environment, &[], |_, common| common).unwrap();
    let worker = Gathering(common.input.clone(), end);
    let setup =
        Setup { worker: &worker, common: &common, queue: recorder, endpoint: None, pace: &Pace::new(), lines: recorder };
    run_messages(setup, messages, Deadline::after(Duration::from_secs(10)), || OffsetDateTime::UNIX_EPOCH).await
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_handled_together_keeps_each_records_end() {
    let mut messages: Vec<Message> = vec![on("a"), message("poison", "{".to_owned()), on("a"), on("b")];
    messages.iter_mut().for_each(|message| message.receive_count = 2);
    let rows: [(_, &[&str]); 3] = [(Ok(()), &["b"]), (Err("panic"), &["a", "a", "b"]), (Err("never ends"), &["a", "a", "b"])];
    for (end, given_back) in rows {
        let recorder = Recorder::default();
        let result = run_gathering(&recorder, end, &messages).await;
        assert_eq!(ids(&result), given_back, "{end:?}");
        assert_eq!((result.tally.received, result.tally.parked), (4, 1), "{end:?}");
        // The parked copy alone: who claims what it does needs no late look.
        assert_eq!(recorder.sent.lock().unwrap().len(), 1, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_answered_with_its_verdict() {
    let recorder = Recorder::default();
    let environment: Environment = [("BRIGADE_INPUT", "s3://photos/*")].into_iter().collect();
    let common = read(&environment, &[], |_, common| common).unwrap();
    let pace = Pace::new();
    let answer = async |worker: &dyn Worker| {
        let setup = Setup { worker, common: &common, queue: &recorder, endpoint: None, pace: &pace, lines: &recorder };
        crate::worker::run_schedule(setup, Deadline::after(Duration::from_secs(10)), || OffsetDateTime::UNIX_EPOCH).await
    };
    let done = answer(&Gathering(vec![], Ok(()))).await.unwrap();
    assert_eq!((done["verdict"].as_str(), done["closed"].as_u64()), (Some("done"), Some(2)));
    assert_eq!(answer(&Gathering(vec![], Err("throttled"))).await.unwrap_err(), "retry: throttled");
    let none = answer(&Obedient(vec![], Mutex::default())).await.unwrap();
    assert_eq!((none["verdict"].as_str(), none["reason"].as_str()), (Some("skip"), Some("no-schedule")));
}

/// A batch of a process that has had others.
async fn run_at(pace: &Pace, recorder: &Recorder, extra: &[(&str, &str)], messages: &[Message]) -> (BatchResult, Vec<String>) {
    let environment: Environment =
        [("BRIGADE_INPUT", "s3://photos/*"), ("BRIGADE_LOG", "all")].into_iter().chain(extra.iter().copied()).collect();
    let common = read(&environment, &[], |_, common| common).unwrap();
    let worker = Obedient(common.input.clone(), Mutex::default());
    let setup = Setup { worker: &worker, common: &common, queue: recorder, endpoint: None, pace, lines: recorder };
    let result = run_messages(setup, messages, Deadline::after(Duration::from_secs(10)), || OffsetDateTime::UNIX_EPOCH).await;
    let seen = worker.1.lock().unwrap().clone();
    (result, seen)
}

fn message(id: &str, body: String) -> Message {
    Message {
        id: Some(id.to_owned()),
        receipt_handle: Some(format!("handle-{id}")),
        body: Some(body),
        queue_arn: Some("arn:aws:sqs:eu-west-1:123456789012:work".to_owned()),
        ..Message::default()
    }
}

fn record(key: &str) -> String {
    format!(
        r#"{{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{{"bucket":{{"name":"photos"}},"object":{{"key":"{key}"}}}}}}"#
    )
}

fn on(key: &str) -> Message {
    message(key, format!(r#"{{"Records":[{}]}}"#, record(key)))
}

const TEST_EVENT: &str =
    r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-22T10:00:00.000Z","Bucket":"photos"}"#;

fn ids(result: &BatchResult) -> Vec<&str> {
    result.failures.as_ref().unwrap().iter().map(String::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn a_mixed_batch_names_exactly_its_failures() {
    let recorder = Recorder::default();
    let mut messages: Vec<Message> = ["a", "b", "c", "d", "park", "retry", "panic"].map(on).into();
    messages.push(message("poison", "{".to_owned()));
    messages.push(message("test", TEST_EVENT.to_owned()));
    messages.push(message("other", on("x").body.unwrap().replace("photos", "elsewhere")));
    let (result, _) = run(&recorder, &[PARKED], &messages).await;
    assert_eq!(ids(&result), ["retry", "panic"]);
    let tally = result.tally;
    assert_eq!((tally.received, tally.done, tally.skipped, tally.retried, tally.parked), (10, 4, 2, 2, 2));
    let sent = recorder.sent.lock().unwrap();
    let reasons: BTreeMap<&str, &str> = sent
        .iter()
        .map(|(_, m)| (m.attributes["brigade-message-id"].as_str(), m.attributes["brigade-reason"].as_str()))
        .collect();
    assert_eq!(reasons, BTreeMap::from([("park", "corrupt"), ("poison", "malformed")]));
    let visibility = recorder.visibility.lock().unwrap();
    assert_eq!(visibility.iter().map(|(handle, _)| handle.as_str()).collect::<Vec<_>>(), ["handle-retry", "handle-panic"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_parking_queue_a_park_is_a_retry() {
    let recorder = Recorder::default();
    let (result, _) = run(&recorder, &[], &[on("park"), on("a")]).await;
    assert_eq!(ids(&result), ["park"]);
    assert_eq!((result.tally.parked, result.tally.retried), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_parking_queue_that_is_down_makes_a_park_a_retry() {
    let recorder = Recorder { refuse: true, ..Recorder::default() };
    let (result, _) = run(&recorder, &[PARKED], &[on("park")]).await;
    assert_eq!(ids(&result), ["park"]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_parks_nothing() {
    let recorder = Recorder::default();
    let (result, _) =
        run(&recorder, &[PARKED, ("BRIGADE_MODE", "plan")], &[on("park"), message("poison", "{".to_owned())]).await;
    assert!(ids(&result).is_empty());
    assert!(recorder.sent.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn records_are_started_in_the_order_of_arrival() {
    let (_, seen) = run(
        &Recorder::default(),
        &[("BRIGADE_CONCURRENCY", "1")],
        &[on("z"), on("m"), on("a"), message("2", on("z").body.unwrap())],
    )
    .await;
    assert_eq!(seen, ["z", "m", "a"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_parked_while_a_sibling_must_be_retried() {
    let recorder = Recorder::default();
    let both = message("both", format!(r#"{{"Records":[{},{}]}}"#, record("park"), record("retry")));
    let (result, _) = run(&recorder, &[PARKED], &[both]).await;
    assert_eq!(ids(&result), ["both"]);
    assert!(recorder.sent.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn records_of_one_object_are_handled_once() {
    let (result, seen) = run(&Recorder::default(), &[], &[on("a"), message("again", on("a").body.unwrap()), on("b")]).await;
    assert!(ids(&result).is_empty());
    assert_eq!(seen, ["a", "b"]);
    assert_eq!(result.tally.done, 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_function_refuses_stands_for_no_other_record_of_the_object() {
    let tagged = record("a").replace("ObjectCreated:Put", "ObjectTagging:Put");
    let timed = |record: String, time: &str| record.replacen('{', &format!(r#"{{"eventTime":"{time}","#), 1);
    let older = timed(record("a"), "2026-11-22T10:00:00.000Z");
    let newer = timed(tagged, "2026-11-22T10:00:01.000Z");
    for records in [[&older, &newer], [&newer, &older]] {
        let [first, second] = records;
        let both = message("both", format!(r#"{{"Records":[{first},{second}]}}"#));
        let recorder = Recorder::default();
        let (result, seen) = run(&recorder, &[("BRIGADE_LOG", "all")], &[both]).await;
        assert_eq!((ids(&result).len(), seen), (0, vec!["a".to_owned()]));
        assert_eq!((result.tally.done, result.tally.skipped), (1, 1));
        assert!(recorder.lines.lock().unwrap().iter().any(|line| line["reason"] == "not-its-business"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_dropped_in_time_and_what_waited_is_given_back_at_once() {
    let recorder = Recorder::default();
    let (result, seen) = run(&recorder, &[("BRIGADE_CONCURRENCY", "1")], &[on("a"), on("slow"), on("z")]).await;
    assert_eq!(ids(&result), ["slow", "z"]);
    assert_eq!(seen, ["a", "slow"]);
    assert_eq!(result.tally.unstarted, 1);
    assert_eq!(recorder.visibility.lock().unwrap().last(), Some(&("handle-z".to_owned(), 0)));
}

#[tokio::test(start_paused = true)]
async fn a_received_again_or_uncertain_key_is_looked_at_once_more() {
    let recorder = Recorder::default();
    let again = Message { receive_count: 2, ..on("again") };
    let (result, _) = run(&recorder, &[], &[on("a"), on("uncertain"), again]).await;
    assert!(ids(&result).is_empty());
    let sent = recorder.sent.lock().unwrap();
    let keys: Vec<String> =
        sent.iter().map(|(_, m)| crate::event::decode(&m.body)).map(|d| format!("{:?}", d[0].record)).collect();
    assert_eq!(keys.len(), 2);
    assert!(keys[0].contains("uncertain") && keys[1].contains("again"), "{keys:?}");
    assert!(sent.iter().all(|(url, m)| url.ends_with("/123456789012/work") && m.delay_seconds == 900));
}

#[tokio::test(start_paused = true)]
async fn a_late_look_that_is_received_twice_queues_no_other() {
    let recorder = Recorder::default();
    let attributes = BTreeMap::from([("brigade-late-look".to_owned(), "1".to_owned())]);
    let (result, _) = run(&recorder, &[], &[Message { receive_count: 2, attributes, ..on("a") }]).await;
    assert!(ids(&result).is_empty());
    assert!(recorder.sent.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_slow_record_does_not_keep_the_process_from_working_on() {
    let pace = Pace::new();
    let (first, _) = run_at(&pace, &Recorder::default(), &[], &[on("slow")]).await;
    assert_eq!(ids(&first), ["slow"]);
    let (second, seen) = run_at(&pace, &Recorder::default(), &[], &[on("a"), on("b")]).await;
    assert!(ids(&second).is_empty());
    assert_eq!(seen, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_started_again_waits_before_it_comes_back() {
    let recorder = Recorder::default();
    let again = Message { receive_count: 3, ..on("z") };
    run(&recorder, &[("BRIGADE_CONCURRENCY", "1")], &[on("slow"), again]).await;
    assert!(recorder.visibility.lock().unwrap().iter().any(|(handle, seconds)| handle == "handle-z" && *seconds >= 15));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_back_is_counted_as_that() {
    let recorder = Recorder { refuse: true, ..Recorder::default() };
    let (result, _) = run(&recorder, &[PARKED], &[on("uncertain")]).await;
    assert_eq!((result.tally.done, result.tally.retried), (0, 1));
    assert!(recorder.lines.lock().unwrap().iter().any(|line| line["reason"] == "late-look-failed"));
}

#[tokio::test(start_paused = true)]
async fn a_late_look_that_cannot_be_queued_brings_the_message_back() {
    let recorder = Recorder { refuse: true, ..Recorder::default() };
    let (result, _) = run(&recorder, &[], &[on("uncertain")]).await;
    assert_eq!(ids(&result), ["uncertain"]);
}

#[tokio::test(start_paused = true)]
async fn in_a_fifo_group_what_follows_a_failure_is_given_back() {
    let fifo = |key: &str, group: &str| Message {
        queue_arn: Some("arn:aws:sqs:eu-west-1:123456789012:work.fifo".to_owned()),
        group_id: Some(group.to_owned()),
        ..on(key)
    };
    let messages = [fifo("a", "1"), fifo("retry", "1"), fifo("b", "2"), fifo("c", "1")];
    let (result, _) = run(&Recorder::default(), &[], &messages).await;
    assert_eq!(ids(&result), ["retry", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_named_fails_the_whole_batch() {
    let nameless = Message { id: None, ..on("retry") };
    let (result, _) = run(&Recorder::default(), &[], &[on("a"), nameless.clone()]).await;
    assert!(result.failures.is_err());
    let (result, _) = run(&Recorder::default(), &[], &[on("a"), Message { id: None, ..on("b") }]).await;
    assert_eq!(result.failures, Ok(vec![]));
}

#[tokio::test(start_paused = true)]
async fn lines_tell_the_verdict_and_the_metrics() {
    let recorder = Recorder::default();
    run(&recorder, &[PARKED], &[on("a"), on("park")]).await;
    let lines = recorder.lines.lock().unwrap();
    insta::assert_json_snapshot!(*lines);
}
