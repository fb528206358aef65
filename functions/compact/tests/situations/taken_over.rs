//! Batches whose owner died, or was thought dead: finished by another, as they were begun, without what can't be read.

use std::time::Duration;

use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::stage::{Stage, after_a_bundle, before_a_part, before_the_ledger, codes, handle, on_schedule};

/// Longer than any lease here.
const LATER: Duration = Duration::from_secs(1_000);
const ONE_DAY_LATER: Duration = Duration::from_secs(26 * 3600);

/// How many of the table's columns each part has.
async fn columns(stage: &Stage) -> Vec<usize> {
    let parts = stage.below("tables", "").await.into_values();
    parts.map(|part| SerializedFileReader::new(part).unwrap().metadata().file_metadata().schema_descr().num_columns()).collect()
}

#[tokio::test]
async fn a_batch_is_finished_as_it_was_begun_whatever_is_configured_by_then() {
    let none: &[(&str, &str)] = &[];
    for (begun, finished, in_state) in [
        (none, &[("BRIGADE_FLUSH", "hour")], false),
        (none, &[("BRIGADE_FLUSH", "day")], false),
        (none, &[("BRIGADE_PARTITION", "hour")], false),
        (&[("BRIGADE_PARTITION", "hour")], &[("BRIGADE_PARTITION", "day")], false),
        (none, &[("BRIGADE_OUTPUT", "s3://tables/another/")], false),
        (none, &[("BRIGADE_COLUMNS", "-hostid,#remoteip")], false),
        (none, &[("BRIGADE_FILE_SIZE", "1MB")], false),
        (&[("BRIGADE_FLUSH", "hour")], &[("BRIGADE_FLUSH", "arrival")], true),
        (&[("BRIGADE_FLUSH", "hour")], &[("BRIGADE_FLUSH", "day")], true),
        (&[("BRIGADE_FLUSH", "day")], &[("BRIGADE_FLUSH", "hour")], true),
        (&[("BRIGADE_FLUSH", "hour")], &[("BRIGADE_OUTPUT", "s3://tables/another/")], true),
    ] {
        let situation = format!("{begun:?}, then {finished:?}");
        let stage = Stage::new();
        let events = [stage.log(10, "A", &["a1", "a2"]).await, stage.log(10, "B", &["b1", "b2"]).await];
        let held = match in_state {
            false => stage.held(begun, &events, 2, before_a_part).await,
            true => stage.held(begun, &events, 1, after_a_bundle).await,
        };
        held.die().await;
        assert_eq!(stage.below("tables", "").await.len(), usize::from(!in_state), "{situation}: one of two parts");
        stage.let_pass(LATER);

        let function = stage.function(finished, 2);
        assert_eq!(codes(&handle(&function, &events).await), ["done", "done"], "{situation}");
        stage.let_pass(ONE_DAY_LATER);
        for _ in 0..2 {
            on_schedule(&function).await;
        }
        assert_eq!(stage.lines().await, ["a1", "a2", "b1", "b2"], "{situation}");
        let columns = columns(&stage).await;
        assert!(columns.iter().all(|count| *count == columns[0]), "{situation}: {columns:?}");
        assert_eq!(codes(&handle(&function, &events).await), ["duplicate", "duplicate"], "{situation}");
        assert_eq!(stage.lines().await.len(), 4, "{situation}");
    }
}

#[tokio::test]
async fn a_batch_of_bundles_is_finished_as_it_was_begun() {
    let hourly = [("BRIGADE_FLUSH", "hour")];
    let elsewhere = [("BRIGADE_FLUSH", "hour"), ("BRIGADE_OUTPUT", "s3://tables/another/"), ("BRIGADE_PARTITION", "hour")];
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a1", "a2"]).await];
    assert_eq!(codes(&handle(&stage.function(&hourly, 1), &events).await), ["done"]);
    stage.let_pass(ONE_DAY_LATER);
    stage.held_on_schedule(&hourly, 2, before_a_part).await.die().await;
    assert_eq!(stage.lines().await.len(), 1);
    stage.let_pass(LATER);
    on_schedule(&stage.function(&elsewhere, 2)).await;
    assert_eq!(stage.lines().await, ["a1", "a2"]);
    assert!(stage.below("tables", "another/").await.is_empty());
}

/// An archived object can't be read, and its bytes are the same.
#[tokio::test]
async fn what_cannot_be_read_leaves_a_batch_that_nobody_has_begun_to_publish() {
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a1", "a2"]).await, stage.log(10, "B", &["b1", "b2"]).await];
    // The first write of the ledger is the claim, the second one the mark.
    stage.held(&[], &events, 2, before_the_ledger).await.die().await;
    stage.write(&events[1].key, &["b1", "b2"], Some("GLACIER")).await;
    assert_eq!(codes(&handle(&stage.function(&[], 2), &events).await), ["claimed", "claimed"]);
    stage.let_pass(LATER);
    assert_eq!(codes(&handle(&stage.function(&[], 3), &events).await), ["done", "archived"]);
    assert_eq!(stage.lines().await, ["a1", "a2"]);
    stage.write(&events[1].key, &["b1", "b2"], None).await;
    assert_eq!(codes(&handle(&stage.function(&[], 4), &events).await), ["duplicate", "done"]);
    assert_eq!(stage.lines().await, ["a1", "a2", "b1", "b2"]);
}

#[tokio::test]
async fn what_cannot_be_read_keeps_a_batch_waiting_that_may_be_published_in_part() {
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a1", "a2"]).await, stage.log(10, "B", &["b1", "b2"]).await];
    stage.held(&[], &events, 2, before_a_part).await.die().await;
    stage.write(&events[1].key, &["b1", "b2"], Some("GLACIER")).await;
    for seed in 2..4 {
        stage.let_pass(LATER);
        assert_eq!(codes(&handle(&stage.function(&[], seed), &events).await), ["archived", "archived"]);
    }
    assert_eq!(stage.lines().await, ["a1", "b1"], "the part that was there");
    stage.write(&events[1].key, &["b1", "b2"], None).await;
    stage.let_pass(LATER);
    assert_eq!(codes(&handle(&stage.function(&[], 4), &events).await), ["done", "done"]);
    assert_eq!(stage.lines().await, ["a1", "a2", "b1", "b2"]);
}

#[tokio::test]
async fn who_was_thought_dead_publishes_nothing_of_what_was_given_back_meanwhile() {
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a1", "a2"]).await, stage.log(10, "B", &["b1", "b2"]).await];
    let slow = stage.held(&[], &events, 2, before_the_ledger).await;
    stage.write(&events[1].key, &["b1", "b2"], Some("GLACIER")).await;
    stage.let_pass(LATER);
    assert_eq!(codes(&handle(&stage.function(&[], 2), &events).await), ["done", "archived"]);
    // He has read both log objects, and wants to publish both.
    assert_eq!(slow.go_on().await, ["claimed", "claimed"]);
    assert_eq!(stage.lines().await, ["a1", "a2"]);
    stage.write(&events[1].key, &["b1", "b2"], None).await;
    assert_eq!(codes(&handle(&stage.function(&[], 3), &events).await), ["duplicate", "done"]);
    assert_eq!(stage.lines().await, ["a1", "a2", "b1", "b2"]);
}
