//! The raw stream made clean for a FIFO consumer, while the function is killed again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade::event::{BucketName, ObjectEvent, ObjectKey, to_notification};
use brigade::storage::embedded::Change;
use brigade::storage::{Delete, EmbeddedStore, Location, PutOptions, Store};
use brigade_local::clock::Clock;
use brigade_local::lambda::{FunctionSpec, HostEvent, HostEvents, MappingSpec};
use brigade_local::notify::NotifyFaults;
use brigade_local::sqs::Receive;
use brigade_local::{LocalCloud, REGION, Wire, Wired};
use brigade_simulation::invariants::{
    Forwarded, consumer_sees_only_newer, newest_is_forwarded, nothing_is_left, repeated_only_after_a_death,
};
use brigade_tests::rig;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::world::{Size, size};

const FUNCTION: &str = "brigade-dedupe";
const QUEUE: &str = "dedupe";
const TARGET: &str = "photos-once.fifo";
/// In real time. What a killed process held comes back when its lease has run out.
const PATIENCE: Duration = Duration::from_secs(300);

/// Cloud time runs three times as fast: leases of 30 s (10 of the function, 15 of a request, 5 of slack) run out in 10 s, which
/// is as long as the function can live.
fn cloud() -> brigade_local::Options {
    let faults = NotifyFaults { seed: 5, duplicate: 0.5, delay_max: Duration::from_secs(4), reorder: true };
    LocalCloud::builder().port(0).clock(Clock::scaled(3.0)).notify_faults(faults)
}

async fn lay(cloud: &LocalCloud) -> Wired {
    let wire = Wire {
        visibility: Duration::from_secs(45),
        max_receive_count: 1_000,
        ..Wire::new(rig::SOURCE, "photos-changed", QUEUE)
    };
    let wired = cloud.connect(&wire).await.unwrap();
    cloud.store().create_bucket(&BucketName::new("state"), REGION).unwrap();
    cloud.queues().create(TARGET, &BTreeMap::from([("FifoQueue".to_owned(), "true".to_owned())])).unwrap();
    let variables = [
        ("BRIGADE_INPUT", "s3://photos/*".to_owned()),
        ("BRIGADE_STATE", "s3://state/brigade/".to_owned()),
        ("BRIGADE_TARGET", format!("arn:aws:sqs:{REGION}:{}:{TARGET}", brigade_local::ACCOUNT)),
        ("BRIGADE_PARKED", wired.parked_url.clone()),
    ];
    let environment = variables.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    let timeout = Duration::from_secs(10);
    let spec = FunctionSpec { environment, timeout, ..FunctionSpec::new(FUNCTION, rig::dedupe()) };
    cloud.host().start(spec).unwrap();
    cloud.host().ready(FUNCTION, rig::PATIENCE).await.unwrap();
    wired
}

/// Keys that two transports write differently, and that a second decoding would change.
fn key(number: u32) -> ObjectKey {
    ObjectKey::new(format!("{}{number:02}", ["k", "a b+", "100%2B", "é/", "~&=*"][number as usize % 5])).unwrap()
}

/// Overwrites, some with the same bytes again, removals, and keys that come back.
async fn change_all(store: &EmbeddedStore, size: &Size, mut random: fastrand::Rng) -> Vec<ObjectEvent> {
    let told_of: Arc<Mutex<Vec<ObjectEvent>>> = Arc::default();
    let listener = Arc::clone(&told_of);
    store.subscribe(Arc::new(move |change: &Change| {
        if change.bucket.as_str() == rig::SOURCE {
            listener.lock().unwrap().push(change.event());
        }
    }));
    // Removing what is not there changes nothing, and nothing is told of it.
    while told_of.lock().unwrap().len() < size.changes as usize {
        let at = Location::new(BucketName::new(rig::SOURCE), key(random.u32(..size.keys)));
        match random.u32(..5) {
            0 => drop(store.delete(&at, Delete::default()).await.unwrap()),
            n => drop(store.put(&at, vec![b'x'; n as usize].into(), PutOptions::default()).await.unwrap()),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::mem::take(&mut *told_of.lock().unwrap())
}

/// The event as EventBridge tells of it: the key as it is, the time in whole seconds, an etag even of a removal.
fn to_eventbridge(event: &ObjectEvent) -> Value {
    let (detail_type, reason) =
        if event.kind.is_created() { ("Object Created", "PutObject") } else { ("Object Deleted", "DeleteObject") };
    let time = event.time.unwrap().replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap();
    let sequencer = event.sequencer.as_ref().unwrap().as_str().to_lowercase();
    let etag = event.etag.as_deref().unwrap_or("d41d8cd98f00b204e9800998ecf8427e");
    json!({
        "version": "0", "id": "1", "detail-type": detail_type, "source": "aws.s3", "time": time, "region": REGION,
        "detail": {
            "version": "0", "bucket": {"name": event.bucket.as_str()}, "reason": reason, "deletion-type": "Permanently Deleted",
            "object": {"key": event.key.as_str(), "etag": etag, "size": event.size, "sequencer": sequencer},
        },
    })
}

/// One change in the words of one of three transports.
fn told(event: &ObjectEvent, transport: u32) -> Value {
    match transport {
        0 => to_notification(event),
        1 => json!({"Type": "Notification", "TopicArn": "arn:aws:sns:t", "Message": to_notification(event).to_string()}),
        _ => to_eventbridge(event),
    }
}

/// Delivers some changes up to twice more, in any order: with S3's own one or two, each comes one to four times.
fn deliver_again(cloud: &LocalCloud, events: &[ObjectEvent], mut random: fastrand::Rng) {
    let mut copies: Vec<&ObjectEvent> = events.iter().flat_map(|event| std::iter::repeat_n(event, random.usize(..3))).collect();
    random.shuffle(&mut copies);
    for event in copies {
        cloud.queues().send(QUEUE, told(event, random.u32(..3)).to_string(), Default::default()).unwrap();
    }
}

/// Reads the target until the cloud has come to rest; after every message, what was read so far must be in order.
async fn consume(cloud: &LocalCloud, delivered: &mut Vec<Forwarded>) {
    let receive = Receive { max: 10, wait: Some(Duration::ZERO), visibility: None };
    for message in cloud.queues().receive_with(TARGET, receive).await.unwrap() {
        let id = message.attributes.get("MessageDeduplicationId").map(String::as_str);
        delivered.push(Forwarded::read(&message.body, id).unwrap());
        assert_eq!(consumer_sees_only_newer(delivered), Vec::<String>::new());
        cloud.queues().delete(TARGET, &message.receipt_handle).unwrap();
    }
}

async fn kill_again_and_again(cloud: &LocalCloud, kills: u32, mut events: HostEvents) -> u32 {
    let mut killed = 0;
    for n in 0..kills {
        while !matches!(events.next().await.unwrap(), HostEvent::Invoked { .. }) {}
        // At another moment each time, from before the claim to after the completion.
        tokio::time::sleep(Duration::from_millis(4) * (n % 10)).await;
        cloud.host().kill(FUNCTION).unwrap();
        loop {
            match events.next().await.unwrap() {
                HostEvent::Failed { cause, .. } => break killed += u32::from(cause.contains("SIGKILL")),
                HostEvent::Replied { .. } => break,
                _ => {}
            }
        }
    }
    killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_consumer_gets_each_newest_change_once_whatever_is_killed() {
    let size = size(400);
    let wanted = size.changes / 40;
    let cloud = cloud().start().await.unwrap();
    let wired = lay(&cloud).await;
    let hosted = cloud.host().events();
    let mapping =
        MappingSpec { batch_size: 60, window: Duration::from_secs(1), ..MappingSpec::new(&wired.queue_arn, FUNCTION) };
    cloud.host().map(mapping).unwrap();

    // All at once: changes, kills, and the consumer.
    let (changed, all_changed) = tokio::sync::oneshot::channel();
    let changes = async {
        let events = change_all(&cloud.store(), &size, fastrand::Rng::with_seed(7)).await;
        deliver_again(&cloud, &events, fastrand::Rng::with_seed(8));
        changed.send(()).unwrap();
        events
    };
    let mut delivered = Vec::new();
    let rest = async {
        let mut all_changed = all_changed;
        while all_changed.try_recv().is_err() {
            consume(&cloud, &mut delivered).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while cloud.idle(&[QUEUE], Duration::from_millis(200)).await.is_err() {
            consume(&cloud, &mut delivered).await;
        }
    };
    let kills = tokio::time::timeout(PATIENCE, kill_again_and_again(&cloud, wanted, hosted));
    let (events, rested, killed) = tokio::join!(changes, tokio::time::timeout(PATIENCE, rest), kills);
    let depths: Vec<_> = [QUEUE, "dedupe-dlq", "dedupe-parked", TARGET].map(|q| cloud.queues().depth(q).unwrap()).into();
    assert!(rested.is_ok(), "not at rest: {depths:?}");
    let killed = killed.unwrap();
    assert!(killed >= wanted / 3, "only {killed} of {wanted} kills hit an invocation");
    consume(&cloud, &mut delivered).await;
    while !cloud.queues().depth(TARGET).unwrap().is_empty() {
        consume(&cloud, &mut delivered).await;
    }

    let newest: BTreeMap<String, ObjectEvent> = events.into_iter().map(|event| (event.key.to_string(), event)).collect();
    assert_eq!(newest.len(), size.keys as usize);
    assert_eq!(newest_is_forwarded(&newest, &delivered), Vec::<String>::new());
    let changes: BTreeSet<_> =
        delivered.iter().map(|one| (&one.event.key, one.event.sequencer.as_ref().unwrap().as_str().to_uppercase())).collect();
    assert_eq!(changes.len(), delivered.len(), "whatever told of a change, it is one");
    assert_eq!(repeated_only_after_a_death(&delivered, 0), Vec::<String>::new(), "a FIFO queue drops what comes again");
    let left = |queue: &str| cloud.queues().depth(queue).unwrap().total();
    assert_eq!(nothing_is_left(left(QUEUE), left("dedupe-dlq")), Vec::<String>::new());
    assert_eq!(left("dedupe-parked"), 0);
    println!("{} of {} changes over {} keys forwarded, {killed} invocations killed", delivered.len(), size.changes, size.keys);
    cloud.shutdown().await;
}
