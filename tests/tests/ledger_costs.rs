//! What the ledger costs, and what becomes of it in 18 days.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of tests fail like tests do")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade::event::BucketName;
use brigade::ledger::{Answer, Change, Claims, Standing, States};
use brigade::storage::faulty::{Faults, Moment};
use brigade::storage::{Delete, EmbeddedStore, FaultyStore, List, Location, Store, StoreError};
use brigade_tests::claims::{LEASE, Nobody, change, claims, ends};
use futures::future::join_all;
use time::OffsetDateTime;

async fn claim(ledger: &Claims, changes: &[Change], states: &dyn States, owner: &str) -> Vec<Answer> {
    brigade_tests::claims::claim(ledger, changes, states, owner, LEASE).await
}

/// Requests by price: those that S3 bills as writes, and those that it bills as reads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bill {
    writes: u64,
    reads: u64,
}

/// A look at the object of a change that the ledger has no more memory of: a HEAD of 25 ms.
struct Looked(Arc<Mutex<Bill>>);

#[async_trait]
impl States for Looked {
    async fn standing(&self, _: usize) -> Result<Standing, StoreError> {
        self.0.lock().unwrap().reads += 1;
        tokio::time::sleep(Duration::from_millis(25)).await;
        Ok(Standing::Current)
    }
}

/// S3's list prices in us-east-1, in US dollars for a million requests: PUT and LIST, GET and HEAD.
const WRITE: f64 = 5.0;
const READ: f64 = 0.4;

/// A store whose requests take time (a read 15 to 35 ms, a write 30 to 70 ms) and are counted.
fn slow(inside: EmbeddedStore) -> (Arc<dyn Store>, Arc<Mutex<Bill>>) {
    let bill: Arc<Mutex<Bill>> = Arc::default();
    let (counted, random) = (Arc::clone(&bill), Mutex::new(fastrand::Rng::with_seed(3)));
    let store = FaultyStore::new(inside, Faults::default(), 1).with_pause(Arc::new(move |point| {
        let write = matches!(point.operation, "PutObject" | "ListObjectsV2");
        if point.moment == Moment::BeforeEffect {
            let mut bill = counted.lock().unwrap();
            if write { bill.writes += 1 } else { bill.reads += 1 }
        }
        let half = if write { 15_000..35_000 } else { 7_500..17_500 };
        let pause = Duration::from_micros(random.lock().unwrap().u64(half));
        Box::pin(tokio::time::sleep(pause))
    }));
    (Arc::new(store), bill)
}

fn embedded(clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> (EmbeddedStore, BucketName) {
    let bucket = BucketName::new("state");
    let store = EmbeddedStore::new().with_seed(1).with_clock(Arc::new(clock));
    store.create_bucket(&bucket, "us-east-1").unwrap();
    (store, bucket)
}

/// A busy function: `workers` at once, each with batch after batch of `size` keys that no other has. US dollars for a million
/// changes, without what the target and Lambda cost.
async fn cost(size: usize, workers: usize) -> f64 {
    let begun = tokio::time::Instant::now();
    let time = move || OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap() + begun.elapsed();
    let (inside, bucket) = embedded(time);
    let (store, bill) = slow(inside);
    let batches = if size == 1_000 { 2 } else { 200 / size.max(20) + 1 };
    let work = |worker: usize| {
        let claims = claims(&store, &bucket, worker as u64);
        let looked = Looked(Arc::clone(&bill));
        async move {
            let owner = worker.to_string();
            for batch in 0..batches {
                let ms = 1_800_000_000_000 + i64::try_from(begun.elapsed().as_millis()).unwrap();
                let mut open: Vec<Change> = (0..size).map(|key| change(&format!("{worker}-{batch}-{key}"), 1, ms)).collect();
                while !open.is_empty() {
                    let answers = claim(&claims, &open, &looked, &owner).await;
                    // Ten messages in a request, eight requests at a time, 30 ms each.
                    tokio::time::sleep(Duration::from_millis(30) * u32::try_from(size.div_ceil(80)).unwrap()).await;
                    // What could not be ended in so many attempts is ended in more.
                    while claims.complete(&ends(&open, &answers), &owner).await.is_err() {}
                    claims.split_where_due().await.unwrap();
                    let claimed = |place: usize| matches!(answers[place], Answer::Claimed(_));
                    open = open.into_iter().enumerate().filter(|(place, _)| !claimed(*place)).map(|(_, c)| c).collect();
                }
            }
        }
    };
    join_all((0..workers).map(work)).await;
    let bill = *bill.lock().unwrap();
    let changes = (size * workers * batches) as f64;
    (bill.writes as f64 * WRITE + bill.reads as f64 * READ) / changes
}

/// Each size with each number of workers by itself, in a thread and with a clock of its own.
fn costs(sizes: [usize; 3], workers: [usize; 3]) -> [[f64; 3]; 3] {
    let run = |size, workers| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(cost(size, workers))
    };
    std::thread::scope(|scope| {
        let begun = sizes.map(|size| workers.map(|workers| scope.spawn(move || run(size, workers))));
        begun.map(|row| row.map(|cell| cell.join().unwrap()))
    })
}

#[test]
fn what_a_million_changes_cost_is_what_the_readme_says() {
    let (sizes, workers) = ([10, 100, 1_000], [1, 5, 20]);
    let mut table =
        vec!["| changes in a batch | 1 worker | 5 workers | 20 workers |".to_owned(), "|---|---|---|---|".to_owned()];
    for (size, row) in sizes.into_iter().zip(costs(sizes, workers)) {
        for (workers, usd) in workers.into_iter().zip(row) {
            assert!(size < 1_000 || workers > 5 || usd < 0.5, "{size} changes, {workers} workers: ${usd:.3} for a million");
            println!("{size} changes, {workers} workers: ${usd:.3} for a million");
        }
        let cells: String = row.iter().map(|usd| format!(" ${usd:.2} |")).collect();
        table.push(format!("| {size} |{cells}"));
    }
    let table = table.join("\n");
    let readme = include_str!("../../functions/dedupe/README.md");
    assert!(readme.contains(&table), "functions/dedupe/README.md: its table of costs is\n{table}");
}

/// A hundred changes a second for 18 days: each sixth hour begins with half a minute of them.
#[tokio::test]
async fn after_18_days_at_100_changes_a_second_the_ledger_is_as_small_as_on_the_first() {
    let clock = Arc::new(Mutex::new(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()));
    let reader = Arc::clone(&clock);
    let (inside, bucket) = embedded(move || *reader.lock().unwrap());
    let counted = FaultyStore::new(inside.clone(), Faults::default(), 1);
    let store: Arc<dyn Store> = Arc::new(counted.clone());
    let ledger = claims(&store, &bucket, 1);
    let (mut largest, mut most, mut shards, mut changes, mut key) = (0, 0, 0, 0, 0_u64);
    let mut first: Option<Change> = None;
    for _ in (0..18 * 24).step_by(6) {
        for _ in 0..3 {
            let ms = i64::try_from(clock.lock().unwrap().unix_timestamp_nanos() / 1_000_000).unwrap();
            let batch: Vec<Change> = (0..1_000).map(|n| change(&(key + n).to_string(), 1, ms + (n as i64) * 10)).collect();
            (key, changes) = (key + 1_000, changes + batch.len());
            let before = counted.fired().requests;
            let answers = claim(&ledger, &batch, &Nobody, "me").await;
            ledger.complete(&ends(&batch, &answers), "me").await.unwrap();
            let batch_took = counted.fired().requests - before;
            ledger.split_where_due().await.unwrap();
            most = most.max(batch_took);
            first.get_or_insert_with(|| batch[0].clone());
            *clock.lock().unwrap() += Duration::from_secs(10);
            let heads = inside.list(&bucket, List { prefix: "ledger/heads/".to_owned(), ..List::default() }).await.unwrap();
            largest = largest.max(heads.objects.iter().map(|head| head.size).max().unwrap());
            shards = heads.objects.len().div_ceil(2);
        }
        *clock.lock().unwrap() += Duration::from_secs(6 * 3_600 - 30);
    }
    let segments = inside.list(&bucket, List { prefix: "ledger/segments/".to_owned(), ..List::default() }).await.unwrap();
    let bytes: u64 = segments.objects.iter().map(|object| object.size).sum();
    let per_change = bytes as f64 / changes as f64;
    let all = per_change * 100.0 * 86_400.0 * 18.0 / 1e9;
    // A change that comes again after 18 days is found where it lies.
    let before = counted.fired().requests;
    let again = claim(&ledger, &[first.unwrap()], &Nobody, "me").await;
    let looked = counted.fired().requests - before;
    println!(
        "{shards} shards, heads of {largest} bytes at most, {most} requests a batch at most, {per_change:.0} bytes a change, {all:.1} GB in 18 days; {looked} requests for a change of the first day"
    );
    assert!(largest <= 256 * 1024, "{largest}");
    assert!(most <= 6 * 16, "{most} requests for a batch");
    assert!((60.0..100.0).contains(&per_change), "{per_change} bytes a change");
    // On the seventeenth day and some hours it is within the retention.
    assert_eq!(again, [Answer::Duplicate]);
    assert!(looked <= 4, "{looked}");
    // Expiry takes segments, and what it has taken is asked of nobody but the object.
    for object in &segments.objects {
        inside.delete(&Location::new(bucket.clone(), object.key.clone()), Delete::default()).await.unwrap();
    }
    let left = inside.list(&bucket, List::default()).await.unwrap().objects.len();
    assert!(left < 2 * 16, "heads are all that stays: {left}");
}
