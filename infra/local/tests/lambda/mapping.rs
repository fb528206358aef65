//! Queues feeding functions: batches, partial failures, redelivery, redrive.

use std::time::Duration;

use brigade_local::lambda::{Faults, HostError, HostEvent, MappingSpec};
use brigade_local::sqs::Outgoing;

use crate::world::{PROBE, World, within};

/// Cloud time in which a visibility timeout of 60 s takes 0.6 s.
const FAST: f64 = 100.0;

fn mapping() -> MappingSpec {
    MappingSpec::new("q", PROBE)
}

fn replied(event: &HostEvent) -> bool {
    matches!(event, HostEvent::Replied { .. })
}

fn failed(event: &HostEvent) -> bool {
    matches!(event, HostEvent::Failed { .. })
}

async fn started(factor: f64, faults: Faults, attributes: &[(&str, &str)]) -> World {
    let world = World::new(factor, faults).await;
    world.start(|_| {}).await;
    world.queue("q", attributes);
    world
}

#[tokio::test]
async fn a_partial_failure_deletes_only_the_rest() {
    let mut world = started(1.0, Faults::default(), &[]).await;
    world.send("q", &["item 1", "fail", "item 2"]);
    world.map(mapping());
    let event = world.event("a reply", replied).await;
    assert!(matches!(event, HostEvent::Replied { failures: 1, .. }), "{event:?}");
    let depth = world.queues.depth("q").expect("the queue");
    assert_eq!((depth.visible, depth.in_flight), (0, 1), "the failed message stays in flight until its visibility ends");
}

#[tokio::test]
async fn a_reply_that_names_an_unknown_message_fails_the_whole_batch() {
    let mut world = started(1.0, Faults::default(), &[]).await;
    world.send("q", &["item 1", "fail-unknown"]);
    world.map(mapping());
    let event = world.event("a failure", failed).await;
    let HostEvent::Failed { messages: 2, cause, .. } = &event else { panic!("{event:?}") };
    assert!(cause.contains("\"nobody\" is not in the batch"), "{cause}");
    assert_eq!(world.queues.depth("q").expect("the queue").in_flight, 2);
}

#[tokio::test]
async fn without_reported_failures_every_reply_deletes_the_batch() {
    let world = started(1.0, Faults::default(), &[]).await;
    world.send("q", &["item 1", "fail", "fail-unknown"]);
    world.map(MappingSpec { report_batch_item_failures: false, ..mapping() });
    world.drained("q").await;
}

#[tokio::test]
async fn messages_of_a_killed_process_come_back_after_their_visibility() {
    let mut world = started(FAST, Faults::default(), &[]).await;
    world.send("q", &["hang-first"]);
    world.map(mapping());
    world.line("hanging").await;
    world.lambda.kill(PROBE).expect("the function is there");
    let event = world.event("the failure", failed).await;
    assert!(matches!(&event, HostEvent::Failed { messages: 1, cause, .. } if cause.contains("SIGKILL")), "{event:?}");
    world.event("the second try", replied).await;
    world.drained("q").await;
}

#[tokio::test]
async fn a_poison_message_ends_in_the_dead_letter_queue() {
    let world = World::new(FAST, Faults::default()).await;
    world.start(|_| {}).await;
    world.queue("dlq", &[]);
    let arn = world.queues.arn("dlq").expect("the queue");
    let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}"#);
    world.queue("q", &[("RedrivePolicy", &redrive)]);
    world.send("q", &["error"]);
    world.map(mapping());
    within("the message is dead-lettered", world.queues.wait_for("dlq", |depth| depth.visible == 1)).await.expect("the queue");
    world.drained("q").await;
    let dead = world.queues.receive("dlq", 1, Duration::ZERO).await.expect("the queue");
    assert_eq!(dead[0].body, "error");
}

#[tokio::test]
async fn a_lost_reply_brings_the_batch_back_although_its_work_was_done() {
    let mut world = started(FAST, Faults { seed: 1, kill_during: 0.0, reply_lost: 1.0 }, &[]).await;
    world.send("q", &["item 1"]);
    world.map(mapping());
    for _ in 0..2 {
        world.line("message item 1").await;
        let event = world.event("a failure", failed).await;
        assert!(matches!(&event, HostEvent::Failed { messages: 1, cause, .. } if cause.contains("lost")), "{event:?}");
    }
    assert!(world.lambda.fault_counts().replies_lost >= 2);
}

#[tokio::test]
async fn every_message_is_worked_on_in_spite_of_faults() {
    let world = World::new(FAST, Faults { seed: 11, kill_during: 0.3, reply_lost: 0.3 }).await;
    world.start(|spec| spec.concurrency = 2).await;
    world.queue("q", &[]);
    let bodies: Vec<String> = (0..20).map(|n| format!("nap {n}")).collect();
    world.send("q", &bodies.iter().map(String::as_str).collect::<Vec<_>>());
    world.map(MappingSpec { batch_size: 1, ..mapping() });
    world.drained("q").await;
    let counts = world.lambda.fault_counts();
    assert!(counts.killed > 0 && counts.replies_lost > 0, "a fault never fired: {counts:?}");
}

#[tokio::test]
async fn a_messages_trace_goes_on_in_the_function() {
    let mut world = started(1.0, Faults::default(), &[]).await;
    let trace_header = "Root=1-65f00000-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0;Lineage=1:abcdef01:3";
    let outgoing = Outgoing { trace_header: Some(trace_header.to_owned()), ..Outgoing::default() };
    world.queues.send("q", "trace", outgoing).expect("a valid message");
    world.map(mapping());
    world.line(&format!("trace {trace_header}")).await;
}

#[tokio::test]
async fn a_window_gathers_one_large_batch() {
    let mut world = started(1.0, Faults::default(), &[]).await;
    let bodies: Vec<String> = (0..25).map(|n| format!("item {n}")).collect();
    world.send("q", &bodies.iter().map(String::as_str).collect::<Vec<_>>());
    world.map(MappingSpec { batch_size: 25, window: Duration::from_secs(30), ..mapping() });
    let event = world.event("an invocation", |event| matches!(event, HostEvent::Invoked { .. })).await;
    assert!(matches!(event, HostEvent::Invoked { messages: 25, .. }), "{event:?}");
    world.drained("q").await;
}

#[tokio::test]
async fn a_fifo_queues_group_arrives_in_order() {
    let mut world = World::new(1.0, Faults::default()).await;
    world.start(|spec| spec.concurrency = 2).await;
    world.queue("q.fifo", &[("ContentBasedDeduplication", "true")]);
    for n in 0..25 {
        let outgoing = Outgoing { group_id: Some("g".into()), ..Outgoing::default() };
        world.queues.send("q.fifo", format!("item {n}"), outgoing).expect("a valid message");
    }
    world.map(MappingSpec::new("q.fifo", PROBE));
    let mut seen = Vec::new();
    while seen.len() < 25 {
        let message = |event: &HostEvent| matches!(event, HostEvent::Log { line, .. } if line.starts_with("message "));
        if let HostEvent::Log { line, .. } = world.event("a message", message).await {
            seen.push(line);
        }
    }
    assert_eq!(seen, (0..25).map(|n| format!("message item {n}")).collect::<Vec<_>>());
    world.drained("q.fifo").await;
}

#[tokio::test]
async fn a_paused_function_gets_no_messages_until_it_is_resumed() {
    let mut world = started(1.0, Faults::default(), &[]).await;
    world.map(mapping());
    world.send("q", &["item 1"]);
    world.event("the first reply", replied).await;
    world.lambda.pause(PROBE).expect("the function is there");
    world.send("q", &["item 2"]);
    // Direct invocations still work; by their answer a poller would have had its turn.
    within("a direct invocation", world.lambda.invoke(PROBE, "{}".into())).await.expect("an invocation");
    assert_eq!(world.queues.depth("q").expect("the queue").visible, 1);
    world.lambda.resume(PROBE).expect("the function is there");
    world.drained("q").await;
}

#[tokio::test]
async fn mappings_that_lambda_refuses() {
    let mut world = started(1.0, Faults::default(), &[]).await;
    world.queue("short", &[("VisibilityTimeout", "9")]);
    world.queue("tight", &[("VisibilityTimeout", "59")]);
    let refusal = |queue: &str, function: &str| match world.lambda.map(MappingSpec::new(queue, function)) {
        Ok(()) => String::new(),
        Err(HostError::Mapping { problem, .. }) => problem,
        Err(other) => other.to_string(),
    };
    assert_eq!(refusal("q", PROBE), "");
    assert_eq!(refusal("q", PROBE), "feeds this function already");
    assert!(refusal("short", PROBE).contains("exceeds the queue's visibility timeout"));
    assert!(refusal("nowhere", PROBE).contains("does not exist"));
    assert_eq!(refusal("q", "nobody"), "no function nobody");
    assert_eq!(refusal("tight", PROBE), "");
    let warned = |event: &HostEvent| matches!(event, HostEvent::Warning { message, .. } if message.contains("queue tight"));
    world.event("a warning about visibility", warned).await;
}

#[tokio::test]
async fn a_function_that_does_not_start_uses_up_no_receives() {
    let mut world = World::new(FAST, Faults::default()).await;
    world.queue("q", &[]);
    world.send("q", &["item 1"]);
    let mut spec = crate::world::probe();
    spec.environment.insert("PROBE_INIT".into(), "exit".into());
    world.lambda.start(spec).expect("a valid spec");
    world.map(mapping());
    world.event("broken", |event| matches!(event, HostEvent::Broken { .. })).await;
    let received = within("a receive", world.queues.receive("q", 1, Duration::from_secs(1))).await.expect("the queue");
    assert_eq!(received[0].attributes["ApproximateReceiveCount"], "1");
}
