//! Every event one to four times, in random groups; three workers, killed again and again: each line once, at every moment,
//! whichever way they are published in, and whatever becomes of the log objects.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{EmbeddedStore, List, Location, PutOptions, Store, paging};
use brigade_compact::invariants;
use brigade_local::clock::Clock;
use brigade_local::lambda::{FunctionSpec, HostEvent, HostEvents, MappingSpec};
use brigade_local::sqs::Outgoing;
use brigade_local::{LocalCloud, REGION};
use brigade_tests::rig::compact;
use bytes::Bytes;
use futures::TryStreamExt;
use time::macros::datetime;
use tokio::sync::watch;

use crate::table::{LOGS, STATE, TABLES, Table, created, log_line};

/// What the schedule sends.
const SCHEDULED: &[u8] = include_bytes!("../../../events/other-scheduled.json");
const FUNCTION: &str = "brigade-compact";
const QUEUE: &str = "compact";
/// Queues and S3's dates run so many times as fast: visibility timeouts and leases pass in seconds.
const HURRY: f64 = 30.0;
/// What is sent in one after the other; the workers are killed in each.
const WAVES: usize = 3;

/// What is killed.
#[derive(Clone, Copy)]
struct Case {
    flush: &'static str,
    raw: &'static str,
    /// Log objects.
    objects: usize,
}

/// How many log objects: few in a test run, 5,000 in the full one.
fn objects() -> usize {
    std::env::var("BRIGADE_TEST_LOG_OBJECTS").ok().map_or(240, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_is_there_once_at_every_moment_and_in_the_end() {
    kill_while(Case { flush: "arrival", raw: "delete", objects: objects() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_collected_is_published_once_though_the_schedule_is_killed() {
    kill_while(Case { flush: "hour", raw: "delete", objects: objects() / 4 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_objects_that_are_kept_are_published_once() {
    kill_while(Case { flush: "arrival", raw: "keep", objects: objects() / 4 }).await;
}

async fn kill_while(case: Case) {
    // A day after the logs: the windows of their delivery are closed.
    let clock = Clock::starting_at(datetime!(2026-11-23 12:00 UTC), HURRY);
    let cloud = LocalCloud::builder().port(0).clock(clock).start().await.unwrap();
    for bucket in [LOGS, TABLES, STATE] {
        cloud.store().create_bucket(&BucketName::new(bucket), REGION).unwrap();
    }
    let mut random = fastrand::Rng::with_seed(6);
    let (truth, mut events) = write_logs(&cloud.store(), case.objects, &mut random).await;
    random.shuffle(&mut events);
    cloud.queues().create(QUEUE, &BTreeMap::from([("VisibilityTimeout".to_owned(), "300".to_owned())])).unwrap();
    start(&cloud, case).await;

    let last = Arc::new(Mutex::new(VecDeque::new()));
    tokio::spawn(keep_lines(cloud.host().events(), Arc::clone(&last)));
    let mut table = Table::new(cloud.store());
    let (done, finished) = watch::channel(false);
    let (lying_in_wait, mut ambushes) = watch::channel(0);
    let send = async {
        // In waves, each sent into an ambush: however fast the machine is, work is killed in each of them.
        for (nth, wave) in events.chunks(events.len().div_ceil(WAVES)).enumerate() {
            ambushes.wait_for(|laid| *laid > nth).await.unwrap();
            // In groups: what is delivered together is random, and a duplicate comes while its first is under way.
            for group in wave.chunks(random.usize(20..60)) {
                for event in group {
                    cloud.queues().send(QUEUE, event.clone(), Outgoing::default()).unwrap();
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        cloud.queues().wait_for(QUEUE, |depth| depth.total() == 0).await.unwrap();
        while !below(&cloud.store(), STATE, "brigade/compact/v1/_open/").await.is_empty() {
            // One that is killed is none; the next comes soon.
            let _ = cloud.host().invoke(FUNCTION, Bytes::from_static(SCHEDULED)).await;
        }
        done.send_replace(true);
    };
    let mut kills = 0;
    let kill = async {
        let mut finished = finished.clone();
        tokio::select! {
            _ = finished.wait_for(|done| *done) => {}
            () = kill_again_and_again(&cloud, &lying_in_wait, &mut kills) => {}
        }
    };
    let watch = async {
        loop {
            let over = *finished.borrow();
            let lines = table.glob().await;
            invariants::at_most_once(&lines).unwrap();
            if over {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let patience = Duration::from_secs(120 + case.objects as u64 / 10);
    let ended = tokio::time::timeout(patience, async { tokio::join!(send, kill, watch) }).await;
    let ((), (), lines) = ended.unwrap_or_else(|_| {
        let last = lines_of_the_function(last.as_ref());
        panic!("not at rest: {:?}\n{last}", cloud.queues().depth(QUEUE))
    });
    invariants::exactly_once(&lines, &truth, |_| false).unwrap();
    let left = below(&cloud.store(), LOGS, "").await.len();
    assert_eq!(left, if case.raw == "keep" { case.objects } else { 0 }, "log objects that are there");
    table.tell(&truth);
    let (globs, parts) = (table.globs, table.parts());
    eprintln!(
        "{}, {}: {} objects, {} lines, {} events, {kills} kills, {globs} globs, {parts} parts",
        case.flush,
        case.raw,
        case.objects,
        truth.len(),
        events.len()
    );
    // The last one's work may be done before its moment has come.
    assert!(kills >= WAVES - 1, "the workers were hardly disturbed: {kills} kills");
    cloud.shutdown().await;
}

/// Small log objects; answers their lines and S3's documents about them, each one to four times.
async fn write_logs(store: &EmbeddedStore, objects: usize, random: &mut fastrand::Rng) -> (Vec<String>, Vec<String>) {
    let (mut truth, mut events) = (Vec::new(), Vec::new());
    for n in 0..objects {
        let (hour, unique) = (8 + n % 3, random.u64(..));
        let key = ObjectKey::new(format!("photos/2026-11-22-{hour:02}-{:02}-00-{unique:016X}", n % 60)).unwrap();
        let lines: Vec<String> = (0..random.usize(1..6)).map(|line| format!("{n:08X}{line:08X}")).collect();
        let text: String = lines.iter().map(|id| log_line(id, 20 + n % 3)).collect();
        events.extend(std::iter::repeat_n(created(&key, text.len()), random.usize(1..=4)));
        store.put(&Location::new(BucketName::new(LOGS), key), text.into(), PutOptions::default()).await.unwrap();
        truth.extend(lines);
    }
    (truth, events)
}

/// The keys of a bucket that begin with `prefix`.
async fn below(store: &EmbeddedStore, bucket: &str, prefix: &str) -> Vec<ObjectKey> {
    let options = List { prefix: prefix.to_owned(), ..List::default() };
    let bucket = BucketName::new(bucket);
    paging::list_all(store, &bucket, options).map_ok(|entry| entry.key).try_collect().await.unwrap()
}

/// Keeps the last things that the host told.
async fn keep_lines(mut events: HostEvents, last: Arc<Mutex<VecDeque<String>>>) {
    while let Some(event) = events.next().await {
        let mut last = last.lock().unwrap();
        last.push_back(format!("{event:?}"));
        if last.len() > 30 {
            last.pop_front();
        }
    }
}

fn lines_of_the_function(last: &Mutex<VecDeque<String>>) -> String {
    last.lock().unwrap().iter().cloned().collect::<Vec<_>>().join("\n")
}

/// In the middle of work, at another moment each time; tells `lying_in_wait` how often it has waited for work. A process that
/// is killed before it asks for work, again and again, would be given up by the host for a misconfigured one.
async fn kill_again_and_again(cloud: &LocalCloud, lying_in_wait: &watch::Sender<usize>, kills: &mut usize) {
    let mut events = cloud.host().events();
    loop {
        // One that was given up all the same is tried again by the kill.
        if cloud.host().ready(FUNCTION, Duration::from_secs(60)).await.is_ok() {
            lying_in_wait.send_modify(|times| *times += 1);
            while !matches!(events.next().await, Some(HostEvent::Invoked { .. })) {}
            tokio::time::sleep(Duration::from_millis((*kills as u64 + 1) % 7 * 150)).await;
            *kills += 1;
        }
        cloud.host().kill(FUNCTION).unwrap();
        // Some seconds in which work can end.
        tokio::time::sleep(Duration::from_secs(3)).await;
        events = cloud.host().events();
    }
}

/// Three processes of the real binary, fed by the queue.
async fn start(cloud: &LocalCloud, case: Case) {
    let environment = [
        ("BRIGADE_INPUT", format!("s3://{LOGS}/*")),
        ("BRIGADE_OUTPUT", format!("s3://{TABLES}/access_logs/")),
        ("BRIGADE_STATE", format!("s3://{STATE}/brigade/")),
        ("BRIGADE_FLUSH", case.flush.to_owned()),
        ("BRIGADE_RAW", case.raw.to_owned()),
        ("BRIGADE_FILE_SIZE", "16MB".to_owned()),
    ];
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let timeout = Duration::from_secs(20);
    let spec = FunctionSpec { environment, timeout, concurrency: 3, memory_mb: 1024, ..FunctionSpec::new(FUNCTION, compact()) };
    cloud.host().start(spec).unwrap();
    cloud.host().ready(FUNCTION, Duration::from_secs(60)).await.unwrap();
    let mapping = MappingSpec { batch_size: 40, window: Duration::from_secs(10), ..MappingSpec::new(QUEUE, FUNCTION) };
    cloud.host().map(mapping).unwrap();
}
