//! The whole path with a real function binary: a change in a bucket becomes an invocation.

use std::collections::BTreeMap;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Location, PutOptions, Store};
use brigade_local::lambda::{HostEvent, HostEvents, MappingSpec};
use brigade_local::notify::{Configuration, Destination, DestinationCheck, Draft};
use brigade_local::{LocalCloud, Wire};
use bytes::Bytes;

use crate::world::{PATIENCE, PROBE, probe};

const SOURCE: &str = "photos";

async fn put(cloud: &LocalCloud, key: &str) {
    let at = Location::new(BucketName::new(SOURCE), ObjectKey::new(key).expect("a key"));
    cloud.store().put(&at, Bytes::from_static(b"x"), PutOptions::default()).await.expect("a put");
}

/// How many messages the next invocation holds.
async fn invoked(events: &mut HostEvents) -> usize {
    let next = async {
        loop {
            if let HostEvent::Invoked { messages, .. } = events.next().await.expect("the host lives") {
                return messages;
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("an invocation")
}

#[tokio::test]
async fn a_put_reaches_the_function_through_topic_and_queue() {
    let cloud = LocalCloud::builder().port(0).start().await.expect("a cloud");
    let wired = cloud.connect(&Wire::new(SOURCE, "photos-changed", "probe")).await.expect("a path");
    cloud.queues().purge("probe").expect("without the test event");
    let mut events = cloud.host().events();
    cloud.run(probe(), MappingSpec::new(&wired.queue_arn, PROBE), PATIENCE).await.expect("the probe runs");
    put(&cloud, "a.jpg").await;
    assert_eq!(invoked(&mut events).await, 1);
    cloud.idle(&["probe", "probe-dlq"], PATIENCE).await.expect("the function acknowledged it");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_topic_invokes_a_function_that_has_subscribed() {
    let cloud = LocalCloud::builder().port(0).start().await.expect("a cloud");
    let wired = cloud.connect(&Wire::new(SOURCE, "photos-changed", "unread")).await.expect("a path");
    let mut events = cloud.host().events();
    cloud.host().start(probe()).expect("a valid spec");
    cloud.host().ready(PROBE, PATIENCE).await.expect("the probe starts");
    let function = format!("arn:aws:lambda:us-east-1:000000000000:function:{PROBE}");
    cloud.topics().subscribe(&wired.topic_arn, "lambda", &function, &BTreeMap::new()).expect("a subscription");
    put(&cloud, "a.jpg").await;
    assert_eq!(invoked(&mut events).await, 0, "a direct invocation");
    assert_eq!(cloud.topics().counts().failed, 0);
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_function_can_be_the_destination_itself() {
    let cloud = LocalCloud::builder().port(0).start().await.expect("a cloud");
    let bucket = BucketName::new(SOURCE);
    cloud.store().create_bucket(&bucket, "us-east-1").expect("a bucket");
    let draft = Draft {
        id: None,
        destination: Destination::Function(format!("arn:aws:lambda:us-east-1:000000000000:function:{PROBE}")),
        events: vec!["s3:ObjectCreated:*".to_owned()],
        filter: Vec::new(),
    };
    let configuration = Configuration::new(vec![draft], false, || "id".to_owned()).expect("a configuration");
    let early = cloud.notifier().put_configuration(&bucket, configuration.clone(), DestinationCheck::Ask).await;
    early.expect_err("there is no such function yet");
    let mut events = cloud.host().events();
    cloud.host().start(probe()).expect("a valid spec");
    cloud.host().ready(PROBE, PATIENCE).await.expect("the probe starts");
    cloud.notifier().put_configuration(&bucket, configuration, DestinationCheck::Ask).await.expect("it is there now");
    put(&cloud, "a.jpg").await;
    assert_eq!(invoked(&mut events).await, 0, "a direct invocation");
    cloud.shutdown().await;
}
