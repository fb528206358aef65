//! The queues, under tokio's paused clock: timeouts pass as soon as everybody waits for them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::clock::Clock;

const NOW: Duration = Duration::ZERO;

fn attributes<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn queues() -> Queues {
    Queues::new(Clock::real(), Settings { seed: Some(7), ..Settings::default() })
}

fn with_queue<const N: usize>(name: &str, pairs: [(&str, &str); N]) -> Queues {
    let queues = queues();
    queues.create(name, &attributes(pairs)).unwrap();
    queues
}

fn in_group(group: &str) -> Outgoing {
    Outgoing { group_id: Some(group.into()), ..Outgoing::default() }
}

async fn bodies(queues: &Queues, queue: &str, max: usize) -> Vec<String> {
    queues.receive(queue, max, NOW).await.unwrap().into_iter().map(|r| r.body).collect()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn a_received_message_is_invisible_until_its_timeout() {
    let q = with_queue("q", [("VisibilityTimeout", "30")]);
    q.send("q", "m", Outgoing::default()).unwrap();
    let first = q.receive("q", 10, NOW).await.unwrap().remove(0);
    assert_eq!(q.depth("q").unwrap(), Depth { visible: 0, in_flight: 1, delayed: 0 });
    q.clock().sleep(seconds(29)).await;
    assert_eq!(q.receive("q", 10, NOW).await.unwrap(), []);
    let second = q.receive("q", 10, seconds(5)).await.unwrap().remove(0);
    assert_eq!(
        (first.attributes["ApproximateReceiveCount"].as_str(), second.attributes["ApproximateReceiveCount"].as_str()),
        ("1", "2")
    );
    assert_eq!(first.message_id, second.message_id);
    assert_eq!(first.attributes["ApproximateFirstReceiveTimestamp"], second.attributes["ApproximateFirstReceiveTimestamp"]);
    assert!(!q.delete("q", &first.receipt_handle).unwrap(), "a stale handle deletes nothing");
    assert_eq!(q.depth("q").unwrap().in_flight, 1);
    assert!(q.delete("q", &second.receipt_handle).unwrap());
    assert!(!q.delete("q", &second.receipt_handle).unwrap(), "deleting twice succeeds");
    assert!(q.depth("q").unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_message_can_be_deleted_until_it_is_received_again() {
    let q = with_queue("q", [("VisibilityTimeout", "1")]);
    q.send("q", "m", Outgoing::default()).unwrap();
    let first = q.receive("q", 1, NOW).await.unwrap().remove(0);
    q.clock().sleep(seconds(2)).await;
    assert_eq!(q.depth("q").unwrap().visible, 1);
    assert!(q.delete("q", &first.receipt_handle).unwrap());
    assert!(bodies(&q, "q", 1).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn changing_visibility_shortens_lengthens_and_has_limits() {
    let q = with_queue("q", []);
    q.send("q", "m", Outgoing::default()).unwrap();
    let one = q.receive("q", 1, NOW).await.unwrap().remove(0);
    q.change_visibility("q", &one.receipt_handle, NOW).unwrap();
    assert_eq!(q.depth("q").unwrap().visible, 1);
    assert_eq!(q.change_visibility("q", &one.receipt_handle, seconds(5)), Err(SqsError::MessageNotInflight));
    let two = q.receive("q", 1, NOW).await.unwrap().remove(0);
    q.change_visibility("q", &two.receipt_handle, seconds(43_200)).unwrap();
    q.clock().sleep(seconds(43_000)).await;
    assert_eq!(q.depth("q").unwrap().in_flight, 1);
    assert!(q.change_visibility("q", &two.receipt_handle, seconds(600)).is_err(), "twelve hours in all");
    assert!(matches!(q.change_visibility("q", &one.receipt_handle, NOW), Err(SqsError::InvalidParameterValue(_))), "stale");
    assert!(matches!(q.change_visibility("q", "garbage", NOW), Err(SqsError::ReceiptHandleIsInvalid(_))));
}

#[tokio::test(start_paused = true)]
async fn delays_come_from_the_queue_or_the_message() {
    let q = with_queue("q", [("DelaySeconds", "10")]);
    q.send("q", "queue's", Outgoing::default()).unwrap();
    q.send("q", "own", Outgoing { delay: Some(seconds(900)), ..Outgoing::default() }).unwrap();
    q.send("q", "none", Outgoing { delay: Some(NOW), ..Outgoing::default() }).unwrap();
    assert_eq!(q.depth("q").unwrap(), Depth { visible: 1, in_flight: 0, delayed: 2 });
    assert_eq!(bodies(&q, "q", 10).await, ["none"]);
    q.clock().sleep(seconds(10)).await;
    assert_eq!(bodies(&q, "q", 10).await, ["queue's"]);
    q.clock().sleep(seconds(889)).await;
    assert_eq!(q.depth("q").unwrap().delayed, 1);
    q.clock().sleep(seconds(2)).await;
    assert_eq!(q.depth("q").unwrap().delayed, 0);
    let late = Outgoing { delay: Some(seconds(901)), ..Outgoing::default() };
    assert!(matches!(q.send("q", "m", late), Err(SqsError::InvalidParameterValue(_))));
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_wakes_on_a_send_and_ends_by_itself() {
    let q = with_queue("q", []);
    let before = q.clock().now();
    assert_eq!(q.receive("q", 1, seconds(20)).await.unwrap(), []);
    assert!(q.clock().now() - before >= seconds(20));

    let waiting = tokio::spawn({
        let q = q.clone();
        async move { q.receive("q", 1, seconds(20)).await }
    });
    let before = q.clock().now();
    q.clock().sleep(seconds(3)).await;
    q.send("q", "m", Outgoing::default()).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap()[0].body, "m");
    assert!(q.clock().now() - before < seconds(4));
}

#[tokio::test(start_paused = true)]
async fn deleting_the_queue_ends_a_long_poll_even_if_it_is_created_again() {
    let q = with_queue("q", []);
    let waiting = tokio::spawn({
        let q = q.clone();
        async move { q.receive("q", 1, seconds(20)).await }
    });
    q.clock().sleep(seconds(1)).await;
    q.delete_queue("q").unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(SqsError::QueueDoesNotExist(_))));
}

#[tokio::test(start_paused = true)]
async fn exhausted_messages_move_to_the_dead_letter_queue_as_they_are() {
    let q = with_queue("dead", []);
    let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"2"}}"#, q.arn("dead").unwrap());
    let source = q.create("q", &attributes([("RedrivePolicy", &policy), ("VisibilityTimeout", "0")])).unwrap();
    let outgoing = Outgoing {
        attributes: BTreeMap::from([("reason".to_owned(), MessageAttribute::string("r"))]),
        trace_header: Some("Root=1".into()),
        ..Outgoing::default()
    };
    let sent = q.send("q", "poison", outgoing).unwrap();
    assert_eq!((bodies(&q, "q", 10).await.len(), bodies(&q, "q", 10).await.len()), (1, 1));
    assert_eq!(q.depth("dead").unwrap().total(), 0, "it moves on the next receive");
    assert!(bodies(&q, "q", 10).await.is_empty());
    assert!(q.depth("q").unwrap().is_empty());
    let dead = q.receive("dead", 1, NOW).await.unwrap().remove(0);
    assert_eq!((dead.body.as_str(), &dead.message_id), ("poison", &sent.message_id));
    assert_eq!(dead.attributes["DeadLetterQueueSourceArn"], source);
    assert_eq!(dead.attributes["AWSTraceHeader"], "Root=1");
    assert_eq!(dead.attributes["ApproximateReceiveCount"], "3");
    assert_eq!(dead.message_attributes["reason"].text(), Some("r"));
    assert_eq!(q.dead_letter_sources("dead").unwrap(), ["q"]);

    q.change_visibility("dead", &dead.receipt_handle, NOW).unwrap();
    assert_eq!(q.move_messages("dead", None).unwrap(), 1);
    let back = q.receive("q", 1, NOW).await.unwrap().remove(0);
    assert_eq!((back.body.as_str(), back.attributes["ApproximateReceiveCount"].as_str()), ("poison", "1"));
    assert!(!back.attributes.contains_key("DeadLetterQueueSourceArn"));
    assert!(q.move_messages("q", None).is_err(), "nobody's dead-letter queue");
}

#[tokio::test(start_paused = true)]
async fn without_its_dead_letter_queue_a_queue_goes_on_delivering() {
    let q = with_queue("dead", []);
    let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":1}}"#, q.arn("dead").unwrap());
    q.create("q", &attributes([("RedrivePolicy", &policy), ("VisibilityTimeout", "0")])).unwrap();
    q.delete_queue("dead").unwrap();
    q.send("q", "m", Outgoing::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(bodies(&q, "q", 1).await, ["m"]);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_end_with_their_retention() {
    let q = with_queue("q", [("MessageRetentionPeriod", "60")]);
    q.send("q", "old", Outgoing::default()).unwrap();
    q.clock().sleep(seconds(59)).await;
    q.send("q", "young", Outgoing::default()).unwrap();
    q.clock().sleep(seconds(2)).await;
    assert_eq!(bodies(&q, "q", 10).await, ["young"]);
}

#[tokio::test(start_paused = true)]
async fn a_fifo_group_waits_for_its_message_in_flight() {
    let q = with_queue("q.fifo", [("ContentBasedDeduplication", "true"), ("VisibilityTimeout", "30")]);
    for (body, group) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a"), ("b2", "b")] {
        q.send("q.fifo", body, in_group(group)).unwrap();
    }
    let first = q.receive("q.fifo", 2, NOW).await.unwrap();
    assert_eq!(first.iter().map(|r| r.body.as_str()).collect::<Vec<_>>(), ["a1", "b1"], "in order of arrival");
    assert!(bodies(&q, "q.fifo", 10).await.is_empty(), "both groups wait");
    q.delete("q.fifo", &first[1].receipt_handle).unwrap();
    assert_eq!(bodies(&q, "q.fifo", 10).await, ["b2"]);
    q.clock().sleep(seconds(31)).await;
    assert!(matches!(q.delete("q.fifo", &first[0].receipt_handle), Err(SqsError::InvalidParameterValue(_))), "expired");
    assert_eq!(bodies(&q, "q.fifo", 10).await, ["a1", "a2", "a3", "b2"], "from the start of the group again");
    let numbers: Vec<String> = {
        q.clock().sleep(seconds(31)).await;
        q.receive("q.fifo", 3, NOW).await.unwrap().iter().map(|r| r.attributes["SequenceNumber"].clone()).collect()
    };
    assert!(numbers.is_sorted() && numbers.len() == 3, "{numbers:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_accepts_a_repeated_id_once_in_five_minutes() {
    let q = with_queue("q.fifo", []);
    let with_id = |id: &str| Outgoing { dedup_id: Some(id.into()), ..in_group("g") };
    let first = q.send("q.fifo", "m", with_id("1")).unwrap();
    assert_eq!(q.send("q.fifo", "other", with_id("1")).unwrap().message_id, first.message_id);
    assert_ne!(q.send("q.fifo", "m", with_id("2")).unwrap().message_id, first.message_id);
    assert_eq!(q.depth("q.fifo").unwrap().total(), 2);
    q.clock().sleep(seconds(301)).await;
    q.send("q.fifo", "m", with_id("1")).unwrap();
    assert_eq!(q.depth("q.fifo").unwrap().total(), 3);
    assert!(matches!(q.send("q.fifo", "m", in_group("g")), Err(SqsError::InvalidParameterValue(_))), "no id");
    assert_eq!(q.send("q.fifo", "m", Outgoing::default()), Err(SqsError::MissingParameter("MessageGroupId")));
}

#[tokio::test(start_paused = true)]
async fn a_fifo_dead_letter_queue_frees_the_group() {
    let q = with_queue("dead.fifo", []);
    let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":1}}"#, q.arn("dead.fifo").unwrap());
    let pairs = [("RedrivePolicy", policy.as_str()), ("VisibilityTimeout", "1"), ("ContentBasedDeduplication", "true")];
    q.create("q.fifo", &attributes(pairs)).unwrap();
    for body in ["poison", "fine"] {
        q.send("q.fifo", body, in_group("g")).unwrap();
    }
    assert_eq!(bodies(&q, "q.fifo", 1).await, ["poison"]);
    q.clock().sleep(seconds(2)).await;
    assert_eq!(bodies(&q, "q.fifo", 1).await, ["fine"]);
    assert_eq!(bodies(&q, "dead.fifo", 1).await, ["poison"]);
}

#[test]
fn what_a_queue_refuses() {
    let q = with_queue("q", [("MaximumMessageSize", "1024")]);
    let attribute =
        |name: &str, value| Outgoing { attributes: BTreeMap::from([(name.to_owned(), value)]), ..Outgoing::default() };
    let text = MessageAttribute::string;
    q.send("q", "x".repeat(1024), Outgoing::default()).unwrap();
    let cases: Vec<(&str, String, Outgoing)> = vec![
        ("empty", String::new(), Outgoing::default()),
        ("one byte too long", "x".repeat(1025), Outgoing::default()),
        ("too long with attributes", "x".repeat(1020), attribute("name", text("v"))),
        ("a character XML can't carry", "\u{1}".into(), Outgoing::default()),
        ("attribute name", "m".into(), attribute("a b", text("v"))),
        ("empty attribute", "m".into(), attribute("a", text(""))),
        ("number that is none", "m".into(), attribute("a", MessageAttribute::number("x"))),
        (
            "unknown type",
            "m".into(),
            attribute("a", MessageAttribute { data_type: "Date".into(), value: AttributeValue::Text("x".into()) }),
        ),
        ("deduplication id on a standard queue", "m".into(), Outgoing { dedup_id: Some("1".into()), ..Outgoing::default() }),
    ];
    for (what, body, outgoing) in cases {
        assert!(q.send("q", body, outgoing).is_err(), "{what}");
    }
    let eleven = (0..11).map(|i| (format!("a{i}"), text("v"))).collect();
    assert!(q.send("q", "m", Outgoing { attributes: eleven, ..Outgoing::default() }).is_err());
    assert_eq!(q.depth("q").unwrap().total(), 1);
    assert!(matches!(q.send("none", "m", Outgoing::default()), Err(SqsError::QueueDoesNotExist(_))));
}

#[test]
fn a_full_queue_says_so() {
    let q = Queues::new(Clock::real(), Settings { max_messages: 2, max_bytes: 100, ..Settings::default() });
    q.create("q", &BTreeMap::new()).unwrap();
    q.create("bytes", &BTreeMap::new()).unwrap();
    q.send("q", "1", Outgoing::default()).unwrap();
    q.send("q", "2", Outgoing::default()).unwrap();
    let error = q.send("q", "3", Outgoing::default()).unwrap_err();
    assert!(error.to_string().contains("queue q is full: it holds 2 messages"), "{error}");
    assert!(matches!(q.send("bytes", "x".repeat(101), Outgoing::default()), Err(SqsError::OverLimit(_))));
}

#[test]
fn creating_again_needs_the_same_attributes() {
    let q = with_queue("q", [("DelaySeconds", "5")]);
    assert_eq!(q.create("q", &attributes([("DelaySeconds", "5")])).unwrap(), q.arn("q").unwrap());
    assert_eq!(q.create("q", &BTreeMap::new()).unwrap(), q.arn("q").unwrap(), "unnamed attributes may differ");
    assert_eq!(q.create("q", &attributes([("DelaySeconds", "6")])), Err(SqsError::QueueNameExists("DelaySeconds".into())));
    for (name, value) in
        [("DelaySeconds", "901"), ("VisibilityTimeout", "x"), ("RedrivePolicy", "{}"), ("FifoQueue", "true"), ("Nope", "1")]
    {
        assert!(q.create("other", &attributes([(name, value)])).is_err(), "{name}={value}");
    }
    let dangling = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:none","maxReceiveCount":3}"#;
    assert!(q.set_attributes("q", &attributes([("DelaySeconds", "7"), ("RedrivePolicy", dangling)])).is_err());
    assert_eq!(q.attributes("q").unwrap()["DelaySeconds"], "5", "all or nothing");
    for name in ["", "a b", "a/b", ".fifo"] {
        assert!(q.create(name, &BTreeMap::new()).is_err(), "{name:?}");
    }
}

#[test]
fn queues_are_found_by_name_url_and_arn() {
    let q = with_queue("q", []);
    let url = q.url("q", "http://127.0.0.1:4566/").unwrap();
    assert_eq!(url, "http://127.0.0.1:4566/000000000000/q");
    assert_eq!(q.arn(&url).unwrap(), "arn:aws:sqs:us-east-1:000000000000:q");
    assert!(q.arn("arn:aws:sqs:eu-west-1:000000000000:q").is_err(), "another region's");
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_valid_in_its_own_queue_only() {
    let q = with_queue("q", []);
    q.create("other", &BTreeMap::new()).unwrap();
    q.send("q", "m", Outgoing::default()).unwrap();
    let handle = q.receive("q", 1, NOW).await.unwrap().remove(0).receipt_handle;
    assert!(matches!(q.delete("other", &handle), Err(SqsError::ReceiptHandleIsInvalid(_))));
    q.delete_queue("q").unwrap();
    q.create("q", &BTreeMap::new()).unwrap();
    assert!(matches!(q.delete("q", &handle), Err(SqsError::ReceiptHandleIsInvalid(_))), "created again");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_an_empty_queue_wakes_on_the_delete() {
    let q = with_queue("q", []);
    q.send("q", "m", Outgoing::default()).unwrap();
    let empty = tokio::spawn({
        let q = q.clone();
        async move { q.wait_for("q", Depth::is_empty).await }
    });
    let received = q.receive("q", 1, NOW).await.unwrap().remove(0);
    q.clock().sleep(seconds(5)).await;
    assert!(!empty.is_finished());
    q.delete("q", &received.receipt_handle).unwrap();
    assert!(empty.await.unwrap().unwrap().is_empty());
    q.send("q", "m", Outgoing { delay: Some(seconds(60)), ..Outgoing::default() }).unwrap();
    assert_eq!(q.wait_for("q", |d| d.visible == 1).await.unwrap().visible, 1, "wakes on the timeout too");
}

#[tokio::test(start_paused = true)]
async fn purging_takes_messages_in_every_state() {
    let q = with_queue("q", []);
    q.send("q", "in flight", Outgoing::default()).unwrap();
    let handle = q.receive("q", 1, NOW).await.unwrap().remove(0).receipt_handle;
    q.send("q", "visible", Outgoing::default()).unwrap();
    q.send("q", "delayed", Outgoing { delay: Some(seconds(9)), ..Outgoing::default() }).unwrap();
    q.purge("q").unwrap();
    assert!(q.depth("q").unwrap().is_empty());
    assert!(!q.delete("q", &handle).unwrap());
    assert!(bodies(&q, "q", 10).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn too_many_in_flight_are_refused() {
    let q = Queues::new(Clock::real(), Settings { max_in_flight: 3, ..Settings::default() });
    q.create("q", &BTreeMap::new()).unwrap();
    for i in 0..5 {
        q.send("q", i.to_string(), Outgoing::default()).unwrap();
    }
    let received = q.receive("q", 10, NOW).await.unwrap();
    assert_eq!(received.len(), 3);
    assert!(matches!(q.receive("q", 1, NOW).await, Err(SqsError::OverLimit(_))));
    assert_eq!(q.receive("q", 1, seconds(1)).await.unwrap(), [], "a long poll gets nothing instead");
    q.delete("q", &received[0].receipt_handle).unwrap();
    assert_eq!(q.receive("q", 10, NOW).await.unwrap().len(), 1);
}

async fn faulty_run(seed: u64) -> (FaultCounts, Vec<(String, String)>) {
    let faults = Faults { seed, duplicate: 0.3, delay_max: seconds(60), reorder: true };
    let q = Queues::new(Clock::real(), Settings { seed: Some(seed), faults: Some(faults), ..Settings::default() });
    q.create("q", &BTreeMap::new()).unwrap();
    for i in 0..200 {
        q.send("q", i.to_string(), Outgoing::default()).unwrap();
    }
    q.wait_for("q", |d| d.delayed == 0).await.unwrap();
    let received = q.receive("q", 1000, NOW).await.unwrap();
    (q.fault_counts(), received.into_iter().map(|r| (r.message_id, r.body)).collect())
}

#[tokio::test(start_paused = true)]
async fn faults_happen_by_seed_and_lose_nothing() {
    let (counts, received) = faulty_run(11).await;
    assert_eq!(faulty_run(11).await, (counts, received.clone()), "the same seed replays it");
    assert_ne!(faulty_run(12).await.1, received);
    assert!(
        counts.duplicated_new_id > 0 && counts.duplicated_same_id > 0 && counts.delayed > 0 && counts.reordered > 0,
        "{counts:?}"
    );
    let bodies: std::collections::BTreeSet<&str> = received.iter().map(|(_, body)| body.as_str()).collect();
    let ids: std::collections::BTreeSet<&str> = received.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(bodies.len(), 200);
    assert_eq!(received.len() as u64, 200 + counts.duplicated_new_id + counts.duplicated_same_id);
    assert_eq!(ids.len() as u64, 200 + counts.duplicated_new_id);
    assert!(!received.iter().map(|(_, body)| body.parse::<u32>().unwrap()).is_sorted());
}

/// Digests as boto3 computes them for the same values (it refuses a reply whose digest differs).
#[test]
fn digests_follow_the_guide() {
    assert_eq!(md5_of_body("hello"), "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(md5_of_attributes(&BTreeMap::new()), None);
    let attributes = BTreeMap::from([(
        "timestamp".to_owned(),
        MessageAttribute { data_type: "Number".into(), value: AttributeValue::Text("1493147359900".into()) },
    )]);
    assert_eq!(md5_of_attributes(&attributes).as_deref(), Some("235c5c510d26fb653d073faed50ae77c"));
}
