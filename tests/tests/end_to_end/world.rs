//! Photos for these tests, and the documents that tell of them.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_local::clock::Clock;
use brigade_local::lambda::{HostEvent, HostEvents};
use brigade_local::{LocalCloud, Options};
use brigade_tests::rig::{Rig, SOURCE};
use brigade_thumbnail::samples::{Kind, Light, jpeg, scene};
use bytes::Bytes;
use serde_json::json;

/// A small photo; each width makes another one.
pub(crate) fn photo(width: u32) -> Bytes {
    jpeg(scene((width, 160), Light::Day), 1, Kind::Baseline).unwrap().into()
}

/// A cloud whose queues' time runs so many times as fast: a late look's 900 s pass in a few.
pub(crate) fn hurried(factor: f64) -> Options {
    LocalCloud::builder().clock(Clock::scaled(factor))
}

/// Hours, for visibility timeouts that a hurried clock would let pass in the middle of honest work.
pub(crate) fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// What is tried, by the number of changes: `BRIGADE_TEST_CHANGES=1000` is the whole of it.
pub(crate) struct Size {
    pub(crate) changes: u32,
    pub(crate) keys: u32,
}

/// As many changes as the environment asks for, or so many as are usual.
pub(crate) fn size(usual: u32) -> Size {
    let changes = std::env::var("BRIGADE_TEST_CHANGES").ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    Size { changes, keys: (changes / 20).clamp(4, 50) }
}

/// Small sizes, so that a test spends its time on messages.
pub(crate) fn small_sizes() -> Vec<(&'static str, String)> {
    vec![("BRIGADE_SIZES", "32,64".to_owned())]
}

/// S3's document of a creation; the key is form-encoded as S3 does it.
pub(crate) fn created(encoded_key: &str) -> String {
    let record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T10:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": SOURCE, "arn": format!("arn:aws:s3:::{SOURCE}")},
            "object": {"key": encoded_key, "size": 1, "eTag": "0fb50bcb35ec44c7c0596cc776e5329d"},
        },
    });
    json!({"Records": [record]}).to_string()
}

/// Uploads all of these.
pub(crate) async fn put_all(rig: &Rig, sources: &BTreeMap<String, Bytes>) {
    for (key, bytes) in sources {
        rig.put(key, bytes.clone()).await;
    }
}

/// The next event of the host that satisfies the condition.
pub(crate) async fn event(rig: &Rig, events: &mut HostEvents, what: &str, wanted: impl Fn(&HostEvent) -> bool) -> HostEvent {
    let next = async {
        loop {
            let event = events.next().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    };
    rig.within(what, next).await
}
