//! The contract suite on each store, and the lost reply over real HTTP.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions alone, not what they share")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use brigade::aws::Clients;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::embedded::Versioning;
use brigade::storage::{Condition, EmbeddedStore, ErrorKind, Head, Location, OwnWrites, Put, PutOptions, Result, Store};
use brigade_local::LocalCloud;
use brigade_local::front::{LostReply, Target};
use brigade_tests::contract::quirks::MOTO;
use brigade_tests::contract::{CASES, Quirk, World, run};
use bytes::Bytes;

/// Makes the two buckets that the suite asks for.
fn make_buckets(store: &EmbeddedStore) -> (BucketName, BucketName) {
    let (unversioned, versioned) = (BucketName::new("contract-plain"), BucketName::new("contract-versioned"));
    store.create_bucket(&unversioned, "us-east-1").unwrap();
    store.create_bucket(&versioned, "us-east-1").unwrap();
    store.set_versioning(&versioned, Versioning::Enabled).unwrap();
    (unversioned, versioned)
}

/// A store with the two buckets.
fn embedded() -> (EmbeddedStore, BucketName, BucketName) {
    let store = EmbeddedStore::new();
    let (unversioned, versioned) = make_buckets(&store);
    (store, unversioned, versioned)
}

/// The suite on a store, without quirks.
async fn keeps_the_contract(store: &dyn Store, unversioned: BucketName, versioned: BucketName) {
    let report = run(&World::new(store, unversioned, versioned)).await;
    assert_eq!(report.failed, Vec::<String>::new());
    assert_eq!(report.passed.len(), CASES.len());
}

/// A local cloud on a free port, and clients of it.
async fn cloud(lost: Option<LostReply>) -> (LocalCloud, Clients) {
    let options = LocalCloud::builder().port(0);
    let options = match lost {
        Some(lost) => options.lost_reply(lost),
        None => options,
    };
    let cloud = options.start().await.unwrap();
    let clients = Clients::at(&cloud.endpoint(), "us-east-1", "test", "test");
    (cloud, clients)
}

#[tokio::test]
async fn embedded_store_keeps_the_contract() {
    let (store, unversioned, versioned) = embedded();
    keeps_the_contract(&store, unversioned, versioned).await;
}

#[tokio::test]
async fn s3_store_keeps_the_contract_against_the_local_cloud() {
    let (cloud, clients) = cloud(None).await;
    let (unversioned, versioned) = make_buckets(&cloud.store());
    keeps_the_contract(&clients.s3_store(None), unversioned, versioned).await;
    cloud.shutdown().await;
}

#[tokio::test]
async fn own_writes_keep_the_contract_against_the_local_cloud() {
    let (cloud, clients) = cloud(None).await;
    let (unversioned, versioned) = make_buckets(&cloud.store());
    let store = OwnWrites::new(clients.s3_store(None), fastrand::Rng::with_seed(1));
    keeps_the_contract(&store, unversioned, versioned).await;
    cloud.shutdown().await;
}

/// `BRIGADE_TEST_ENDPOINT` is a service that speaks S3 and that this project did not write; `BRIGADE_TEST_EMULATOR` names
/// it where it has quirks that are known.
#[tokio::test]
async fn s3_store_keeps_the_contract_against_an_independent_emulator() {
    let Ok(endpoint) = std::env::var("BRIGADE_TEST_ENDPOINT") else {
        eprintln!("BRIGADE_TEST_ENDPOINT is not set: the contract was not tried against an independent emulator");
        return;
    };
    let emulator = std::env::var("BRIGADE_TEST_EMULATOR").unwrap_or_default();
    let quirks = match emulator.as_str() {
        "" => &[],
        "moto" => MOTO,
        other => panic!("BRIGADE_TEST_EMULATOR={other}: only moto has a list of quirks"),
    };
    let clients = Clients::at(&endpoint, "us-east-1", "test", "test");
    let (unversioned, versioned) = (emulator_bucket(&clients, false).await, emulator_bucket(&clients, true).await);
    let store = clients.s3_store(None);
    let report = run(&World::new(&store, unversioned, versioned).with_quirks(quirks)).await;
    assert_eq!(report.failed, Vec::<String>::new());
    assert_eq!(report.passed.len() + report.quirks.len(), CASES.len());
}

/// A bucket with a name that no other run has used.
async fn emulator_bucket(clients: &Clients, versioned: bool) -> BucketName {
    use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let bucket = format!("contract-{}-{nanos}", if versioned { "versioned" } else { "plain" });
    clients.s3().create_bucket().bucket(&bucket).send().await.unwrap();
    if versioned {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        clients.s3().put_bucket_versioning().bucket(&bucket).versioning_configuration(enabled).send().await.unwrap();
    }
    BucketName::new(bucket)
}

#[tokio::test]
async fn a_quirk_that_is_not_there_fails_the_run() {
    let (store, unversioned, versioned) = embedded();
    let quirk = |case| Quirk { case, documented: "works", here: "works too" };
    let quirks = [quirk("objects::what_was_put_is_read"), quirk("objects::no_such_case")];
    let report = run(&World::new(&store, unversioned, versioned).with_quirks(&quirks)).await;
    assert_eq!(report.failed, ["objects::what_was_put_is_read: stale quirk", "objects::no_such_case: a quirk of no case"]);
}

#[test]
fn every_known_quirk_names_a_case() {
    for quirk in MOTO {
        assert!(CASES.iter().any(|(name, _)| *name == quirk.case), "{}", quirk.case);
    }
}

/// A cloud that loses the reply of the first successful PUT to a key that contains `contested`, and counts the PUTs.
async fn forgetful_cloud() -> (LocalCloud, Clients, Location, Arc<AtomicU32>) {
    let puts = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&puts);
    let lost: LostReply = Arc::new(move |request| {
        let contested = request.target == Target::S3 && request.method == "PUT" && request.path.contains("contested");
        contested && seen.fetch_add(1, Ordering::SeqCst) == 0
    });
    let (cloud, clients) = cloud(Some(lost)).await;
    let (unversioned, _) = make_buckets(&cloud.store());
    (cloud, clients, Location::new(unversioned, ObjectKey::new("contested").unwrap()), puts)
}

async fn put_once(store: &dyn Store, at: &Location) -> Result<Put> {
    let options = PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() };
    store.put(at, Bytes::from_static(b"mine"), options).await
}

#[tokio::test]
async fn a_lost_reply_makes_a_plain_store_meet_its_own_write() {
    let (cloud, clients, at, puts) = forgetful_cloud().await;
    let error = put_once(&clients.s3_store(None), &at).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::PreconditionFailed, "{error}");
    assert_eq!(puts.load(Ordering::SeqCst), 2, "the client sent it again");
    let landed = cloud.store().head(&at, Head::default()).await.unwrap();
    assert_eq!(landed.size, 4, "the write that was answered 412 is there");
    cloud.shutdown().await;
}

#[tokio::test]
async fn a_lost_reply_is_a_success_for_own_writes() {
    let (cloud, clients, at, puts) = forgetful_cloud().await;
    let store = OwnWrites::new(clients.s3_store(None), fastrand::Rng::with_seed(2));
    let put = put_once(&store, &at).await.unwrap();
    assert_eq!(puts.load(Ordering::SeqCst), 2, "the client sent it again");
    assert_eq!(put.etag, cloud.store().head(&at, Head::default()).await.unwrap().etag);
    let other = put_once(&store, &at).await.unwrap_err();
    assert_eq!(other.kind, ErrorKind::PreconditionFailed, "another write's object is not taken for ours");
    cloud.shutdown().await;
}
