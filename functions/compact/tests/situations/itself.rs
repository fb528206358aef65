//! A bucket that logs into itself.

use std::time::Duration;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Location, PutOptions, Store};

use crate::stage::{Stage, codes, handle, on_schedule};

#[tokio::test]
async fn a_bucket_that_logs_into_itself_is_warned_of_once() {
    for flush in ["arrival", "hour"] {
        for (source, expected) in [("logs", 1), ("photos", 0)] {
            let stage = Stage::new();
            let function = stage.function(&[("BRIGADE_FLUSH", flush)], 1);
            for (hour, name) in [(10, "A"), (10, "B"), (11, "C")] {
                let event = stage.log(hour, name, &[]).await;
                let line = format!("o {source} [22/Nov/2026:09:30:00 +0000] - - {name} OP k - 204 - - 57 - - - - v\n");
                let at = Location::new(BucketName::new("logs"), ObjectKey::new(event.key.as_str()).unwrap());
                stage.store.put(&at, line.into(), PutOptions::default()).await.unwrap();
                assert_eq!(codes(&handle(&function, &[event]).await), ["done"]);
            }
            stage.let_pass(Duration::from_secs(26 * 3600));
            on_schedule(&function).await;
            assert_eq!(stage.lines().await, ["A", "B", "C"]);
            assert_eq!(stage.told.lines("logs-into-itself").len(), expected, "{flush}, the logs of {source}");
        }
    }
}
