//! Messages that come twice, late and out of order.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_local::sqs::Faults;
use brigade_tests::rig::{DLQ, PARKED, QUEUE, Rig, Setting};

use crate::world::{hours, hurried, photo, put_all, small_sizes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_delays_and_disorder_change_nothing() {
    let faults = Faults { seed: 5, duplicate: 0.5, delay_max: Duration::from_secs(60), reorder: true };
    let options = hurried(300.0).queue_faults(faults);
    let rig = Rig::start(Setting { options, environment: small_sizes(), visibility: hours(10), ..Setting::default() }).await;
    let mut sources: BTreeMap<_, _> = (0..12).map(|n| (format!("{n:02}.jpg"), photo(200 + n))).collect();
    put_all(&rig, &sources).await;
    for n in 0..4 {
        sources.insert(format!("{n:02}.jpg"), photo(300 + n));
    }
    put_all(&rig, &sources).await;
    for n in 2..6 {
        let key = format!("{n:02}.jpg");
        rig.remove(&key).await;
        sources.remove(&key);
    }
    // One of those that are gone comes back as it was.
    rig.put("05.jpg", photo(205)).await;
    sources.insert("05.jpg".to_owned(), photo(205));
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    rig.empty(&[QUEUE, DLQ, PARKED]);
    let counts = rig.cloud.queues().fault_counts();
    assert!(counts.duplicated_new_id > 0 && counts.duplicated_same_id > 0 && counts.delayed > 0, "{counts:?}");
    assert!(counts.reordered > 0, "{counts:?}");
    rig.end().await;
}
