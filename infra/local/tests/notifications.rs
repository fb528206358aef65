//! From a change in a bucket to the message that a queue holds, through the cloud as it is assembled.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::embedded::Versioning;
use brigade::storage::{Delete, Location, Put, PutOptions, Store};
use brigade_local::clock::Clock;
use brigade_local::notify::{Configuration, Destination, DestinationCheck, Draft, NotifyFaults};
use brigade_local::{Envelope, LocalCloud, Options, Wire};
use bytes::Bytes;
use serde_json::{Value, json};
use time::macros::datetime;

const SOURCE: &str = "photos";
const QUEUE: &str = "thumbnail";

/// A cloud on a free port whose clock stands under Tokio's paused time, so that every run tells the same.
fn options() -> Options {
    LocalCloud::builder().port(0).seed(1).clock(Clock::starting_at(datetime!(2026-11-22 10:00:00.123 UTC), 1.0))
}

fn at(key: &str) -> Location {
    Location::new(BucketName::new(SOURCE), ObjectKey::new(key).unwrap())
}

async fn put(cloud: &LocalCloud, key: &str, body: &'static str) -> Put {
    cloud.store().put(&at(key), Bytes::from_static(body.as_bytes()), PutOptions::default()).await.unwrap()
}

/// Takes what a queue holds now, once all changes are announced.
async fn bodies(cloud: &LocalCloud, queue: &str) -> Vec<Value> {
    cloud.notifier().idle().await;
    let depth = cloud.queues().depth(queue).unwrap();
    let mut found = Vec::new();
    while found.len() < depth.visible {
        for message in cloud.queues().receive(queue, 10, Duration::ZERO).await.unwrap() {
            cloud.queues().delete(queue, &message.receipt_handle).unwrap();
            found.push(serde_json::from_str(&message.body).unwrap());
        }
    }
    found
}

fn keys(documents: &[Value]) -> Vec<&str> {
    documents.iter().filter_map(|d| d.pointer("/Records/0/s3/object/key")?.as_str()).collect()
}

fn rule(arn: &str, events: &[&str], prefix: &str, suffix: &str) -> Draft {
    Draft {
        id: None,
        destination: Destination::Queue(arn.to_owned()),
        events: events.iter().map(|e| (*e).to_owned()).collect(),
        filter: vec![("prefix".to_owned(), prefix.to_owned()), ("suffix".to_owned(), suffix.to_owned())],
    }
}

#[tokio::test(start_paused = true)]
async fn a_put_arrives_through_topic_and_queue_as_s3_writes_it() {
    let cloud = options().start().await.unwrap();
    let wired = cloud.connect(&Wire::new(SOURCE, "photos-changed", QUEUE)).await.unwrap();
    cloud.store().set_versioning(&BucketName::new(SOURCE), Versioning::Enabled).unwrap();
    let test = bodies(&cloud, QUEUE).await;
    let test: Value = serde_json::from_str(test[0]["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&test["Event"], &test["Bucket"]), (&json!("s3:TestEvent"), &json!(SOURCE)));
    assert_eq!(test["Time"], "2026-11-22T10:00:00.123Z");

    let made = put(&cloud, "in/a b+é.jpg", "hello").await;
    let envelopes = bodies(&cloud, QUEUE).await;
    assert_eq!(envelopes.len(), 1);
    assert_eq!(envelopes[0]["Type"], "Notification");
    assert_eq!(envelopes[0]["Subject"], "Amazon S3 Notification");
    assert_eq!(envelopes[0]["TopicArn"], wired.topic_arn.as_str());
    let mut document: Value = serde_json::from_str(envelopes[0]["Message"].as_str().unwrap()).unwrap();
    let sequencer = document["Records"][0]["s3"]["object"]["sequencer"].take();
    let sequencer = sequencer.as_str().unwrap();
    assert!(sequencer.len() == 18 && sequencer.starts_with("00"), "{sequencer}");
    let expected = json!({"Records": [{
        "eventVersion": "2.5",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T10:00:00.123Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:000000000000"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": sequencer, "x-amz-id-2": "local"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "photos-changed",
            "bucket": {
                "name": "photos",
                "ownerIdentity": {"principalId": "000000000000"},
                "arn": "arn:aws:s3:::photos",
            },
            "object": {
                "key": "in/a+b%2B%C3%A9.jpg",
                "size": 5,
                "eTag": "5d41402abc4b2a76b9719d911017c592",
                "versionId": made.version_id,
                "sequencer": null,
            },
        },
    }]});
    assert_eq!(document, expected);
    cloud.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn raw_delivery_leaves_the_document_alone_and_a_removal_tells_no_size() {
    let cloud = options().start().await.unwrap();
    let wire = Wire { envelope: Envelope::Raw, ..Wire::new(SOURCE, "photos-changed", QUEUE) };
    cloud.connect(&wire).await.unwrap();
    bodies(&cloud, QUEUE).await;
    put(&cloud, "a.jpg", "x").await;
    cloud.store().delete(&at("a.jpg"), Delete::default()).await.unwrap();
    let documents = bodies(&cloud, QUEUE).await;
    let names: Vec<_> = documents.iter().map(|d| d["Records"][0]["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["ObjectCreated:Put", "ObjectRemoved:Delete"]);
    let removed = &documents[1]["Records"][0]["s3"]["object"];
    assert!(removed.get("size").is_none() && removed.get("eTag").is_none(), "{removed}");
    cloud.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn each_rule_gets_the_keys_and_events_that_it_asks_for() {
    let cloud = options().start().await.unwrap();
    let bucket = BucketName::new(SOURCE);
    cloud.store().create_bucket(&bucket, "us-east-1").unwrap();
    let arn = |name: &str| {
        let arn = cloud.queues().create(name, &BTreeMap::new()).unwrap();
        cloud.admit_bucket(&Destination::Queue(arn.clone()), &bucket).unwrap();
        arn
    };
    let (jpg, png, gone) = (arn("jpg"), arn("png"), arn("gone"));
    let drafts = vec![
        rule(&jpg, &["s3:ObjectCreated:*"], "in+put/", ".jpg"),
        rule(&png, &["s3:ObjectCreated:Put"], "in+put/", ".png"),
        rule(&gone, &["s3:ObjectRemoved:*"], "", ""),
    ];
    let mut ids = 0;
    let configuration = Configuration::new(drafts, false, || {
        ids += 1;
        format!("rule-{ids}")
    });
    cloud.notifier().put_configuration(&bucket, configuration.unwrap(), DestinationCheck::Ask).await.unwrap();
    for queue in ["jpg", "png", "gone"] {
        assert_eq!(bodies(&cloud, queue).await[0]["Event"], "s3:TestEvent", "{queue}");
    }
    for key in ["in put/a.jpg", "in put/b.png", "in+put/c.jpg", "out/d.jpg", "in put/e.gif"] {
        put(&cloud, key, "x").await;
    }
    cloud.store().delete(&at("out/d.jpg"), Delete::default()).await.unwrap();
    assert_eq!(keys(&bodies(&cloud, "jpg").await), ["in+put/a.jpg"]);
    assert_eq!(keys(&bodies(&cloud, "png").await), ["in+put/b.png"]);
    assert_eq!(keys(&bodies(&cloud, "gone").await), ["out/d.jpg"]);
    let counts = cloud.notifier().counts();
    assert_eq!((counts.changes, counts.settled, counts.delivered, counts.lost), (6, 6, 3, 0));
    cloud.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_destination_is_refused_and_nothing_is_written() {
    let cloud = options().start().await.unwrap();
    let bucket = BucketName::new(SOURCE);
    cloud.store().create_bucket(&bucket, "us-east-1").unwrap();
    let draft = rule("arn:aws:sqs:us-east-1:000000000000:nobody", &["s3:ObjectCreated:*"], "", "");
    let configuration = Configuration::new(vec![draft], false, || "id".to_owned()).unwrap();
    let put = cloud.notifier().put_configuration(&bucket, configuration.clone(), DestinationCheck::Ask).await;
    let said = put.unwrap_err().to_string();
    assert!(said.contains("Unable to validate the following destination configurations"), "{said}");
    assert!(cloud.notifier().configuration(&bucket).is_empty());
    cloud.notifier().put_configuration(&bucket, configuration, DestinationCheck::Skip).await.unwrap();
    put_and_count_refused(&cloud).await;
    cloud.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_whose_policy_keeps_the_bucket_out_gets_nothing() {
    let cloud = options().start().await.unwrap();
    let (bucket, other) = (BucketName::new(SOURCE), BucketName::new("scans"));
    cloud.store().create_bucket(&bucket, "us-east-1").unwrap();
    let arn = cloud.queues().create(QUEUE, &BTreeMap::new()).unwrap();
    let queue = Destination::Queue(arn.clone());
    cloud.admit_bucket(&queue, &other).unwrap();
    let draft = rule(&arn, &["s3:ObjectCreated:*"], "", "");
    let configuration = Configuration::new(vec![draft], false, || "id".to_owned()).unwrap();
    let put = cloud.notifier().put_configuration(&bucket, configuration.clone(), DestinationCheck::Ask).await;
    let said = put.unwrap_err().to_string();
    assert!(said.contains("Permissions on the destination queue do not allow S3"), "{said}");
    cloud.notifier().put_configuration(&bucket, configuration, DestinationCheck::Skip).await.unwrap();
    put_and_count_refused(&cloud).await;
    assert_eq!(cloud.queues().depth(QUEUE).unwrap().total(), 0);
    cloud.admit_bucket(&queue, &bucket).unwrap();
    put_and_count_refused(&cloud).await;
    assert_eq!(cloud.queues().depth(QUEUE).unwrap().total(), 1);
    cloud.shutdown().await;
}

async fn put_and_count_refused(cloud: &LocalCloud) {
    put(cloud, "k", "x").await;
    cloud.notifier().idle().await;
    assert_eq!(cloud.notifier().counts().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_path_shares_the_bucket_and_the_topic() {
    let cloud = options().start().await.unwrap();
    cloud.connect(&Wire::new(SOURCE, "photos-changed", "thumbnail")).await.unwrap();
    cloud.connect(&Wire::new(SOURCE, "photos-changed", "cleanup")).await.unwrap();
    assert_eq!(cloud.notifier().configuration(&BucketName::new(SOURCE)).rules().len(), 1);
    bodies(&cloud, "thumbnail").await;
    put(&cloud, "k", "x").await;
    for queue in ["thumbnail", "cleanup"] {
        assert_eq!(bodies(&cloud, queue).await.len(), 1, "{queue}");
    }
    cloud.idle(&["thumbnail", "cleanup"], Duration::from_secs(60)).await.unwrap();
    put(&cloud, "k", "y").await;
    let busy = cloud.idle(&["thumbnail"], Duration::from_secs(60)).await.unwrap_err();
    assert!(busy.to_string().contains("thumbnail"), "{busy}");
    cloud.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn faults_repeat_and_reorder_and_lose_nothing() {
    let delay_max = Duration::from_secs(5);
    let deliver = |reorder: bool| async move {
        let faults = NotifyFaults { seed: 3, duplicate: 0.3, delay_max, reorder };
        let cloud = options().notify_faults(faults).start().await.unwrap();
        let wire = Wire { envelope: Envelope::Raw, ..Wire::new(SOURCE, "photos-changed", QUEUE) };
        cloud.connect(&wire).await.unwrap();
        cloud.queues().purge(QUEUE).unwrap();
        for n in 0..50 {
            put(&cloud, &format!("{n:02}"), "x").await;
        }
        let documents = bodies(&cloud, QUEUE).await;
        let found = keys(&documents).into_iter().map(str::to_owned).collect::<Vec<_>>();
        cloud.shutdown().await;
        found
    };
    let in_order = deliver(false).await;
    assert!(in_order.is_sorted() && in_order.len() > 50, "{in_order:?}");
    let mixed = deliver(true).await;
    assert!(!mixed.is_sorted() && mixed.len() > 50, "{mixed:?}");
    for mut found in [in_order, mixed.clone()] {
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 50);
    }
    assert_eq!(mixed, deliver(true).await, "the same seed delivers the same");
}
