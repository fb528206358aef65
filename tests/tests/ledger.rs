//! The ledger's contract on each store.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of tests fail like tests do")]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use brigade::aws::Clients;
use brigade::event::{BucketName, ObjectKey};
use brigade::ledger::{Answer, Change, Claims};
use brigade::storage::{Condition, EmbeddedStore, Location, PutOptions, Store};
use brigade_local::LocalCloud;
use brigade_tests::claims::{LEASE, Nobody, change, claims, ends};
use bytes::Bytes;
use futures::future::join_all;

const CLAIMERS: usize = 16;

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

async fn claim(ledger: &Claims, changes: &[Change], owner: &str, lease: Duration) -> Vec<Answer> {
    brigade_tests::claims::claim(ledger, changes, &Nobody, owner, lease).await
}

/// Before anything rests on them: of 16 writers under the same condition, one wins, each time.
async fn conditional_writes_are_real(store: &Arc<dyn Store>, bucket: &BucketName) {
    for round in 0..5 {
        let at = Location::new(bucket.clone(), ObjectKey::new(format!("race/{round}")).unwrap());
        let mut condition = Condition::IfAbsent;
        for body in ["a", "b", "c"] {
            let put = |writer: usize| {
                let options = PutOptions { condition: condition.clone(), ..PutOptions::default() };
                store.put(&at, Bytes::from(format!("{body}{writer}")), options)
            };
            let results = join_all((0..CLAIMERS).map(put)).await;
            let won: Vec<_> = results.iter().flatten().collect();
            assert_eq!(won.len(), 1, "{condition:?}: {results:?}");
            condition = Condition::IfMatch(won[0].etag.clone());
        }
    }
}

async fn keeps_the_contract(store: Arc<dyn Store>, bucket: BucketName) {
    conditional_writes_are_real(&store, &bucket).await;
    let time = now();
    let keys: Vec<Change> = (0..20).map(|key| change(&key.to_string(), 1, time)).collect();
    let all: Vec<Claims> = (0..CLAIMERS as u64).map(|seed| claims(&store, &bucket, seed)).collect();

    // 16 claimers at once over the same keys: one owner each; the others wait. A claimer that always came second tries again.
    let claimed = join_all(all.iter().enumerate().map(|(n, one)| {
        let keys = &keys;
        async move {
            let owner = format!("owner-{n}");
            let mut answers = claim(one, keys, &owner, LEASE).await;
            while answers.contains(&Answer::Contended) {
                answers = claim(one, keys, &owner, LEASE).await;
            }
            (owner, answers)
        }
    }))
    .await;
    for (place, key) in keys.iter().enumerate() {
        let of_key = claimed.iter().map(|(_, answers)| answers[place]);
        assert_eq!(of_key.filter(|answer| matches!(answer, Answer::Claimed(_))).count(), 1, "{key:?}: {claimed:?}");
    }
    let waits = claimed.iter().flat_map(|(_, answers)| answers).filter(|answer| matches!(answer, Answer::Wait(_))).count();
    assert_eq!(waits, (CLAIMERS - 1) * keys.len());

    // Each owner ends its own; then all is known to all, the newer passes and the older does not.
    for (one, (owner, answers)) in all.iter().zip(&claimed) {
        one.complete(&ends(&keys, answers), owner).await.unwrap();
    }
    let again = join_all(all.iter().map(|one| claim(one, &keys, "later", LEASE))).await;
    assert!(again.iter().flatten().all(|answer| *answer == Answer::Duplicate), "{again:?}");
    let answers = claim(&all[0], &[change("0", 3, time)], "me", Duration::ZERO).await;
    assert_eq!(answers, [Answer::Claimed(21)]);
    assert_eq!(claim(&all[1], &[change("0", 2, time)], "you", LEASE).await, [Answer::Superseded]);

    // The lease of nothing runs out with its second, on the store's own clock; the same change keeps its number.
    let mut taken = claim(&all[1], &[change("0", 3, time)], "you", LEASE).await;
    while let [Answer::Wait(left)] = taken.as_slice() {
        tokio::time::sleep((*left).min(Duration::from_millis(200))).await;
        taken = claim(&all[1], &[change("0", 3, time)], "you", LEASE).await;
    }
    assert_eq!(taken, [Answer::Claimed(21)]);
}

#[tokio::test]
async fn the_embedded_store_keeps_the_ledgers_contract() {
    let store = EmbeddedStore::new();
    let bucket = BucketName::new("state");
    store.create_bucket(&bucket, "us-east-1").unwrap();
    keeps_the_contract(Arc::new(store), bucket).await;
}

#[tokio::test]
async fn the_local_cloud_keeps_the_ledgers_contract_over_http() {
    let cloud = LocalCloud::builder().port(0).start().await.unwrap();
    let bucket = BucketName::new("state");
    cloud.store().create_bucket(&bucket, "us-east-1").unwrap();
    let store = Clients::at(&cloud.endpoint(), "us-east-1", "test", "test").s3_store(None);
    keeps_the_contract(Arc::new(store), bucket).await;
    cloud.shutdown().await;
}

/// As for the store's contract: `BRIGADE_TEST_ENDPOINT` is a service that this project did not write.
#[tokio::test]
async fn an_independent_emulator_keeps_the_ledgers_contract() {
    let Ok(endpoint) = std::env::var("BRIGADE_TEST_ENDPOINT") else {
        eprintln!("BRIGADE_TEST_ENDPOINT is not set: the ledger was not tried against an independent emulator");
        return;
    };
    let clients = Clients::at(&endpoint, "us-east-1", "test", "test");
    let bucket = format!("ledger-{}", now());
    clients.s3().create_bucket().bucket(&bucket).send().await.unwrap();
    keeps_the_contract(Arc::new(clients.s3_store(None)), BucketName::new(bucket)).await;
}
