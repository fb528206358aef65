//! A batch of ten with one poison, one too large, one that panics and one test event: the reply names exactly the failures.

use std::collections::BTreeMap;

use brigade_local::lambda::HostEvent;
use brigade_tests::rig::{DLQ, PARKED, QUEUE, Rig, SOURCE, Setting, defective, sqs_event};
use bytes::Bytes;
use serde_json::json;

use crate::world::{created, event, hurried, photo, put_all};

const POISON: usize = 2;
const TOO_LARGE: usize = 4;
const PANICS: usize = 6;
const LIMIT: usize = 30_000;

fn sources() -> BTreeMap<String, Bytes> {
    let large = photo(1600);
    assert!(large.len() > LIMIT && photo(204).len() < LIMIT, "{} bytes", large.len());
    let mut sources: BTreeMap<_, _> = (0..5).map(|n| (format!("{n}.jpg"), photo(200 + n))).collect();
    sources.insert("large.jpg".to_owned(), large);
    sources
}

fn bodies() -> Vec<String> {
    let test = json!({
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T10:00:00.000Z", "Bucket": SOURCE,
        "RequestId": "RAQZ5Q60N93FW6NE", "HostId": "local",
    });
    let wrapped = json!({
        "Type": "Notification", "MessageId": "0b2e1d5c", "TopicArn": "arn:aws:sns:us-east-1:000000000000:photos-changed",
        "Message": created("4.jpg"), "Timestamp": "2026-11-22T10:00:00.000Z",
    });
    let bodies = vec![
        created("0.jpg"),
        created("1.jpg"),
        "this was never JSON".to_owned(),
        created("2.jpg"),
        created("large.jpg"),
        test.to_string(),
        created("panic.jpg"),
        created("gone.jpg"),
        created("3.jpg"),
        wrapped.to_string(),
    ];
    assert_eq!(bodies.len(), 10);
    assert!(bodies[POISON].starts_with("this") && bodies[TOO_LARGE].contains("large") && bodies[PANICS].contains("panic"));
    bodies
}

/// The defective function with all sources in place; no message flows.
async fn rig(parking: bool) -> Rig {
    let environment = vec![("BRIGADE_SIZES", "32,64".to_owned()), ("BRIGADE_LIMITS", format!("bytes={LIMIT}B"))];
    let setting = Setting { options: hurried(50.0), program: defective(), environment, parking, ..Setting::default() };
    let rig = Rig::start_unmapped(setting).await;
    put_all(&rig, &sources()).await;
    rig.cloud.notifier().idle().await;
    rig.cloud.queues().purge(QUEUE).unwrap();
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reply_names_exactly_the_failures() {
    for (parking, expected) in [
        (true, r#"{"batchItemFailures":[{"itemIdentifier":"message-6"}]}"#),
        (
            false,
            r#"{"batchItemFailures":[{"itemIdentifier":"message-2"},{"itemIdentifier":"message-4"},{"itemIdentifier":"message-6"}]}"#,
        ),
    ] {
        let rig = rig(parking).await;
        let answer = rig.invoke(&sqs_event(&rig.wired.queue_arn, &bodies())).await;
        assert!(answer.head.starts_with("HTTP/1.1 200"), "{}", answer.head);
        assert!(!answer.head.to_lowercase().contains("x-amz-function-error"), "{}", answer.head);
        assert_eq!(answer.body, expected, "with a parking queue: {parking}");
        rig.derived_is_f_of(&sources()).await;
        let parked = rig.take(PARKED).await;
        let mut reasons: Vec<_> =
            parked.iter().filter_map(|message| message.message_attributes.get("brigade-reason")?.text()).collect();
        reasons.sort_unstable();
        assert_eq!(reasons, if parking { vec!["malformed", "too-many-bytes"] } else { Vec::new() });
        rig.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_gives_up_exactly_the_failures() {
    for (parking, failures) in [(true, vec![PANICS]), (false, vec![POISON, TOO_LARGE, PANICS])] {
        let rig = rig(parking).await;
        let bodies = bodies();
        for body in &bodies {
            rig.cloud.queues().send(QUEUE, body.clone(), Default::default()).unwrap();
        }
        let mut events = rig.cloud.host().events();
        rig.map();
        let replied = event(&rig, &mut events, "a reply", |event| matches!(event, HostEvent::Replied { .. })).await;
        assert!(matches!(replied, HostEvent::Replied { failures: n, .. } if n == failures.len()), "{replied:?}");
        rig.rest().await;
        rig.derived_is_f_of(&sources()).await;
        let mut dead: Vec<String> = rig.take(DLQ).await.into_iter().map(|message| message.body).collect();
        dead.sort_unstable();
        let mut expected: Vec<String> = failures.iter().map(|at| bodies[*at].clone()).collect();
        expected.sort_unstable();
        assert_eq!(dead, expected);
        assert_eq!(rig.take(PARKED).await.len(), if parking { 2 } else { 0 });
        rig.empty(&[QUEUE, DLQ, PARKED]);
        rig.end().await;
    }
}
