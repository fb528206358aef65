//! The contract suite on each store.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions alone, not what they share")]

use brigade::event::BucketName;
use brigade::storage::EmbeddedStore;
use brigade::storage::embedded::Versioning;
use brigade_tests::contract::quirks::MOTO;
use brigade_tests::contract::{CASES, Quirk, World, run};

/// A store with the two buckets that the suite asks for.
fn embedded() -> (EmbeddedStore, BucketName, BucketName) {
    let store = EmbeddedStore::new();
    let (unversioned, versioned) = (BucketName::new("contract-plain"), BucketName::new("contract-versioned"));
    store.create_bucket(&unversioned, "us-east-1").unwrap();
    store.create_bucket(&versioned, "us-east-1").unwrap();
    store.set_versioning(&versioned, Versioning::Enabled).unwrap();
    (store, unversioned, versioned)
}

#[tokio::test]
async fn embedded_store_keeps_the_contract() {
    let (store, unversioned, versioned) = embedded();
    let report = run(&World::new(&store, unversioned, versioned)).await;
    assert_eq!(report.failed, Vec::<String>::new());
    assert_eq!(report.passed.len(), CASES.len());
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
