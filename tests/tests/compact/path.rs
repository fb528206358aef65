//! The cloud's own traffic, logged by the cloud, announced to the function, found in the table.

use std::time::Duration;

use brigade::aws::Clients;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Get, Location, PutOptions, Store};
use brigade_local::lambda::{FunctionSpec, MappingSpec};
use brigade_local::{LocalCloud, REGION, Wire};
use brigade_tests::rig::{PATIENCE, compact};
use bytes::Bytes;

use crate::table::{LOGS, STATE, TABLES, Table};

#[tokio::test]
async fn requests_on_a_logged_bucket_become_rows() {
    let cloud = LocalCloud::builder().port(0).log_delivery(Duration::from_secs(3600)).start().await.unwrap();
    let wired = cloud.connect(&Wire::new(LOGS, "logs-changes", "compact")).await.unwrap();
    for bucket in ["photos", TABLES, STATE] {
        cloud.store().create_bucket(&BucketName::new(bucket), REGION).unwrap();
    }
    cloud.access_logs().turn_on(&BucketName::new("photos"), &BucketName::new(LOGS), "photos/").unwrap();
    let environment = [
        ("BRIGADE_INPUT", format!("s3://{LOGS}/*")),
        ("BRIGADE_OUTPUT", format!("s3://{TABLES}/access_logs/")),
        ("BRIGADE_STATE", format!("s3://{STATE}/brigade/")),
        ("BRIGADE_PARKED", wired.parked_url.clone()),
    ];
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let spec = FunctionSpec { environment, memory_mb: 1024, ..FunctionSpec::new("brigade-compact", compact()) };
    cloud.run(spec, MappingSpec::new(&wired.queue_arn, "brigade-compact"), PATIENCE).await.unwrap();

    let store = Clients::at(&cloud.endpoint(), REGION, "test", "test").s3_store(None);
    let cat = Location::new(BucketName::new("photos"), ObjectKey::new("cat.jpg").unwrap());
    store.put(&cat, Bytes::from_static(b"0123456789"), PutOptions::default()).await.unwrap();
    store.get(&cat, Get::default()).await.unwrap();
    assert_eq!(cloud.access_logs().deliver().await, 1);
    cloud.idle(&[&wired.queue_arn], PATIENCE).await.unwrap();

    let mut table = Table::new(cloud.store());
    let lines = table.glob().await;
    assert_eq!(lines.len(), 2, "the upload and the download: {lines:?}");
    for queue in [&wired.dlq_arn, &wired.parked_arn] {
        assert!(cloud.queues().depth(queue).unwrap().is_empty());
    }
    cloud.shutdown().await;
}
