//! Functions killed in the middle of their work.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_local::lambda::HostEvent;
use brigade_tests::rig::{DLQ, FUNCTION, PARKED, QUEUE, Rig, Setting};

use crate::world::{event, hurried, photo, put_all, small_sizes};

/// Invocations that are killed.
const KILLS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_is_killed_again_and_again_loses_nothing() {
    let setting = Setting {
        options: hurried(400.0),
        environment: small_sizes(),
        // Three seconds of real time: what a killed process held comes back soon.
        visibility: Duration::from_secs(1200),
        max_receive_count: 100,
        batch_size: 5,
        ..Setting::default()
    };
    let rig = Rig::start_unmapped(setting).await;
    let mut events = rig.cloud.host().events();
    let mut sources: BTreeMap<_, _> = (0..5).map(|n| (format!("{n:02}.jpg"), photo(200 + n))).collect();
    put_all(&rig, &sources).await;
    rig.map();
    let undisturbed = event(&rig, &mut events, "a reply", |event| matches!(event, HostEvent::Replied { .. })).await;
    let HostEvent::Replied { duration: usual, .. } = undisturbed else { panic!("{undisturbed:?}") };
    rig.rest().await;

    sources.extend((5..35).map(|n| (format!("{n:02}.jpg"), photo(200 + n))));
    let uploads = put_all(&rig, &sources);
    let kills = async {
        let mut killed = 0;
        for n in 0..KILLS {
            event(&rig, &mut events, "an invocation", |event| matches!(event, HostEvent::Invoked { .. })).await;
            // At another moment each time, from the first request on to the last.
            tokio::time::sleep(usual * n / KILLS).await;
            rig.cloud.host().kill(FUNCTION).unwrap();
            let end = event(&rig, &mut events, "its end", |event| {
                matches!(event, HostEvent::Failed { .. } | HostEvent::Replied { .. })
            });
            killed += u32::from(matches!(end.await, HostEvent::Failed { cause, .. } if cause.contains("SIGKILL")));
        }
        killed
    };
    let ((), killed) = tokio::join!(uploads, kills);
    assert!(killed >= KILLS / 3, "only {killed} of {KILLS} kills hit an invocation");
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    rig.empty(&[QUEUE, DLQ, PARKED]);
    rig.end().await;
}
