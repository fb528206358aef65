//! The local cloud's server access logs, over HTTP: what the requests were, where their records go, and that log objects are
//! announced like any other.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it by panicking")]

use std::time::Duration;

use brigade::aws::Clients;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{
    Copy, CopySource, Delete, Get, Head, List, Location, ObjectEntry, PutOptions, Range, S3Store, Store, paging,
};
use brigade_local::clock::Clock;
use brigade_local::{LocalCloud, REGION, Wire};
use bytes::Bytes;
use futures::TryStreamExt;
use time::macros::datetime;

const LOGS: &str = "logs";

/// Delivery happens when the test asks for it.
async fn cloud(buckets: &[&str]) -> (LocalCloud, S3Store) {
    let clock = Clock::starting_at(datetime!(2026-11-22 10:00:00 UTC), 1.0);
    let cloud = LocalCloud::builder().port(0).seed(1).clock(clock).log_delivery(Duration::from_secs(3600));
    let cloud = cloud.start().await.unwrap();
    for bucket in buckets {
        cloud.store().create_bucket(&BucketName::new(*bucket), REGION).unwrap();
    }
    let store = Clients::at(&cloud.endpoint(), REGION, "test", "test").s3_store(None);
    (cloud, store)
}

fn log(cloud: &LocalCloud, bucket: &str, prefix: &str, format: &str) {
    let document = format!(
        "<BucketLoggingStatus><LoggingEnabled><TargetBucket>{LOGS}</TargetBucket><TargetPrefix>{prefix}</TargetPrefix>{format}\
         </LoggingEnabled></BucketLoggingStatus>"
    );
    cloud.store().set_config(&BucketName::new(bucket), "logging", Some(document)).unwrap();
}

fn at(bucket: &str, key: &str) -> Location {
    Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap())
}

async fn objects(cloud: &LocalCloud) -> Vec<ObjectEntry> {
    cloud.access_logs().deliver().await;
    paging::list_all(&cloud.store(), &BucketName::new(LOGS), List::default()).try_collect().await.unwrap()
}

/// All lines of all log objects, in the order of the objects' keys.
async fn lines(cloud: &LocalCloud) -> Vec<String> {
    let mut lines = Vec::new();
    for object in objects(cloud).await {
        let found = cloud.store().get(&at(LOGS, object.key.as_str()), Get::default()).await.unwrap();
        let chunks: Vec<Bytes> = found.body.try_collect().await.unwrap();
        let text = String::from_utf8(chunks.concat()).unwrap();
        assert!(text.ends_with('\n'));
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

/// From the operation to the object's size: what the request was and what came of it.
fn story(line: &str) -> String {
    let from = line.find("REST.").or_else(|| line.find("BATCH.")).unwrap();
    let story = line.get(from..).unwrap();
    // The uri may hold spaces; sizes are the third and fourth field after it.
    let (head, tail) = match story.split_once(" HTTP/1.1\" ") {
        Some((head, tail)) => (format!("{head}\""), tail),
        None => {
            let (operation_and_key, tail) = story.split_at(story.match_indices(' ').nth(1).unwrap().0);
            (format!("{operation_and_key} -"), tail.strip_prefix(" - ").unwrap())
        }
    };
    format!("{head} {}", tail.split(' ').take(4).collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn each_request_on_a_logged_bucket_becomes_a_record() {
    let (cloud, store) = cloud(&["photos", "derived", LOGS]).await;
    log(&cloud, "photos", "photos/", "");
    let cat = at("photos", "a cat+.jpg");
    store.put(&cat, Bytes::from_static(b"0123456789"), PutOptions::default()).await.unwrap();
    store.get(&cat, Get::default()).await.unwrap();
    store.get(&cat, Get { range: Some(Range::FromTo(2, 4)), ..Get::default() }).await.unwrap();
    store.head(&cat, Head::default()).await.unwrap();
    store.head(&at("photos", "none"), Head::default()).await.unwrap_err();
    store.get(&at("photos", "none"), Get::default()).await.err().unwrap();
    store.list(&cat.bucket, List::default()).await.unwrap();
    let source = CopySource { at: cat.clone(), version_id: None, if_match: None };
    store.copy(&at("derived", "copy"), Copy { source, replace: None }).await.unwrap();
    store.delete(&cat, Delete::default()).await.unwrap();
    // Not logged: the bucket's logging is off.
    store.get(&at("derived", "copy"), Get::default()).await.unwrap();
    let told: Vec<String> = lines(&cloud).await.iter().map(|line| story(line)).collect();
    let error = |told: &str| told.split(' ').rev().nth(1).unwrap().parse::<u64>().unwrap();
    let (missing, listed) = (error(told.get(5).unwrap()), error(told.get(6).unwrap()));
    assert_eq!(
        told,
        [
            "REST.PUT.OBJECT a%2520cat%252B.jpg \"PUT /photos/a%20cat%2B.jpg?x-id=PutObject\" 200 - - 10".to_owned(),
            "REST.GET.OBJECT a%2520cat%252B.jpg \"GET /photos/a%20cat%2B.jpg?x-id=GetObject\" 200 - 10 10".to_owned(),
            "REST.GET.OBJECT a%2520cat%252B.jpg \"GET /photos/a%20cat%2B.jpg?x-id=GetObject\" 206 - 3 10".to_owned(),
            "REST.HEAD.OBJECT a%2520cat%252B.jpg \"HEAD /photos/a%20cat%2B.jpg\" 200 - - 10".to_owned(),
            "REST.HEAD.OBJECT none \"HEAD /photos/none\" 404 NoSuchKey - -".to_owned(),
            format!("REST.GET.OBJECT none \"GET /photos/none?x-id=GetObject\" 404 NoSuchKey {missing} -"),
            format!("REST.GET.BUCKET - \"GET /photos/?list-type=2&encoding-type=url\" 200 - {listed} -"),
            "REST.COPY.OBJECT_GET a%2520cat%252B.jpg - 200 - - 10".to_owned(),
            "REST.DELETE.OBJECT a%2520cat%252B.jpg \"DELETE /photos/a%20cat%2B.jpg?x-id=DeleteObject\" 204 - - -".to_owned(),
        ]
    );
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_batch_delete_is_one_request_and_a_record_for_each_object() {
    let (cloud, store) = cloud(&["photos", LOGS]).await;
    log(&cloud, "photos", "", "");
    let keys = ["a b", "c"].map(|key| (ObjectKey::new(key).unwrap(), Delete::default()));
    store.delete_many(&BucketName::new("photos"), keys.to_vec()).await.unwrap();
    let lines = lines(&cloud).await;
    let told: Vec<String> = lines.iter().map(|line| story(line)).collect();
    assert!(told.first().unwrap().starts_with("REST.POST.MULTI_OBJECT_DELETE - \"POST /photos/?delete\" 200 - "), "{told:?}");
    assert_eq!(told.get(1..).unwrap(), ["BATCH.DELETE.OBJECT a%20b - 204 - - -", "BATCH.DELETE.OBJECT c - 204 - - -"]);
    let request_ids: Vec<&str> = lines.iter().map(|line| line.split(' ').nth(6).unwrap()).collect();
    assert!(request_ids.windows(2).all(|pair| pair.first() == pair.last()), "one request, one id: {request_ids:?}");
    cloud.shutdown().await;
}

#[tokio::test]
async fn log_objects_are_named_as_the_target_asks_and_are_announced() {
    let (cloud, store) = cloud(&["photos", "films", LOGS]).await;
    let wired = cloud.connect(&Wire::new(LOGS, "logs-changes", "compact")).await.unwrap();
    let by_event = "<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource>\
                    </PartitionedPrefix></TargetObjectKeyFormat>";
    log(&cloud, "photos", "simple/", "");
    log(&cloud, "films", "sorted/", by_event);
    for bucket in ["photos", "films"] {
        store.put(&at(bucket, "a"), Bytes::new(), PutOptions::default()).await.unwrap();
    }
    let keys: Vec<String> = objects(&cloud).await.into_iter().map(|object| object.key.to_string()).collect();
    let shapes: Vec<&str> = keys.iter().map(|key| key.get(..key.len() - 26).unwrap()).collect();
    assert_eq!(shapes, ["simple/2026-11-22", "sorted/000000000000/us-east-1/films/2026/11/22/2026-11-22"]);
    assert!(keys.last().unwrap().contains("/2026-11-22-00-00-00-"), "{keys:?}");
    cloud.notifier().idle().await;
    assert_eq!(cloud.queues().depth(&wired.queue_arn).unwrap().visible, 2 + 1, "two objects, and the test event");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_bucket_that_logs_into_itself_does_not_log_its_deliveries() {
    let (cloud, store) = cloud(&[LOGS]).await;
    log(&cloud, LOGS, "own/", "");
    store.put(&at(LOGS, "a"), Bytes::new(), PutOptions::default()).await.unwrap();
    assert_eq!(cloud.access_logs().deliver().await, 1);
    assert_eq!(cloud.access_logs().deliver().await, 0, "a delivery is no request");
    assert_eq!(cloud.access_logs().counts().delivered, 1);
    cloud.shutdown().await;
}

#[tokio::test]
async fn records_whose_target_is_gone_are_counted_as_lost() {
    let (cloud, store) = cloud(&["photos", LOGS]).await;
    log(&cloud, "photos", "", "");
    cloud.store().delete_bucket(&BucketName::new(LOGS)).unwrap();
    store.put(&at("photos", "a"), Bytes::new(), PutOptions::default()).await.unwrap();
    assert_eq!(cloud.access_logs().deliver().await, 0);
    assert_eq!(cloud.access_logs().counts().lost, 1);
    cloud.shutdown().await;
}
