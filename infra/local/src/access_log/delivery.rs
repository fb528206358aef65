//! Lines gathered for each target, and their delivery.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade::event::BucketName;
use brigade::hex;
use brigade::storage::{EmbeddedStore, Location, PutOptions, Store};
use sha2::{Digest, Sha256};
use time::Date;
use tokio::task::AbortHandle;

use super::exchange::{Account, Asked, Replied, size_told};
use super::target::{CONFIG_NAME, Source, Target, document};
use crate::clock::Clock;
use crate::http::Response;
use crate::notify::Notifier;

/// Bytes of lines that wait for delivery, over all buckets. Beyond it lines are lost and counted: delivery is best effort.
const WAITING_MAX: usize = 64 * 1024 * 1024;
/// Bytes of one log object; what is more goes into the next.
const OBJECT_MAX: usize = 1024 * 1024;

/// What the logs tell of the cloud around them.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// In the keys of log objects.
    pub region: String,
    /// The buckets' owner, who also makes every request.
    pub account: String,
    /// The time of records and deliveries.
    pub clock: Clock,
    /// From a record to its delivery, at most, in cloud time. S3 takes hours.
    pub every: Duration,
    /// Makes the ends of the log objects' names.
    pub seed: Option<u64>,
}

/// What became of the records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Records in delivered objects.
    pub delivered: u64,
    /// Log objects.
    pub objects: u64,
    /// Records that found the buffer full, or whose target bucket took nothing.
    pub lost: u64,
}

/// The log of requests. Clones are handles on the same one.
#[derive(Clone)]
pub struct AccessLogs {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    store: EmbeddedStore,
    notifier: Notifier,
    settings: LogSettings,
    account: Account,
    state: Mutex<State>,
}

struct State {
    waiting: BTreeMap<Batch, Vec<String>>,
    bytes: usize,
    counts: LogCounts,
    random: fastrand::Rng,
}

/// Lines that may share an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Batch {
    source: BucketName,
    target: Target,
    day: Option<Date>,
}

impl AccessLogs {
    /// Starts the task that delivers. Needs a Tokio runtime.
    pub fn start(store: EmbeddedStore, notifier: Notifier, settings: LogSettings) -> Self {
        let random = settings.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let account = Account {
            // A canonical id is 64 hex digits that tell nothing of the account.
            canonical_id: hex(Sha256::digest(settings.account.as_bytes())),
            requester: format!("arn:aws:iam::{}:user/{}", settings.account, crate::s3::ACCESS_KEY),
        };
        let state = State { waiting: BTreeMap::new(), bytes: 0, counts: LogCounts::default(), random };
        let shared = Arc::new(Shared { store, notifier, settings, account, state: Mutex::new(state) });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                loop {
                    shared.settings.clock.sleep(shared.settings.every).await;
                    shared.deliver().await;
                }
            }
        });
        Self { shared, task: task.abort_handle() }
    }

    /// Turns a bucket's logging on, as PutBucketLogging does, with simple names. Both buckets must exist.
    ///
    /// # Errors
    /// The bucket does not, or its configurations are full.
    pub fn turn_on(&self, source: &BucketName, target: &BucketName, prefix: &str) -> brigade::storage::Result<()> {
        self.shared.store.set_config(source, CONFIG_NAME, Some(document(target, prefix)))
    }

    /// Delivers what waits, at once. Answers how many objects were written.
    pub async fn deliver(&self) -> u64 {
        self.shared.deliver().await
    }

    /// What became of the records so far.
    pub fn counts(&self) -> LogCounts {
        self.shared.lock().counts
    }

    /// Ends the delivery; what still waits is dropped.
    pub fn stop(&self) {
        self.task.abort();
    }

    /// The time that records carry.
    pub(crate) fn now(&self) -> time::OffsetDateTime {
        self.shared.settings.clock.now()
    }

    /// Takes down a request and its reply, where one of its buckets is logged. `error_code` is from the reply's body.
    pub(crate) fn record(&self, asked: &Asked, response: &Response, bytes: u64, error_code: Option<String>) {
        let targets: BTreeMap<BucketName, Target> = asked
            .buckets()
            .into_iter()
            .filter_map(|bucket| Target::of(&self.shared.store, &bucket).map(|target| (bucket, target)))
            .collect();
        if targets.is_empty() {
            return;
        }
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
        let replied = Replied {
            status: response.status(),
            error_code,
            bytes,
            request_id: header("x-amz-request-id"),
            host_id: header("x-amz-id-2"),
            object_size: size_told(response.headers(), bytes),
        };
        for (source, record) in asked.records(&replied, &self.shared.account) {
            if let Some(target) = targets.get(&source) {
                let day = target.day(record.time);
                self.shared.lock().take(Batch { source, target: target.clone(), day }, record.line());
            }
        }
    }
}

impl State {
    fn take(&mut self, batch: Batch, line: String) {
        if self.bytes + line.len() > WAITING_MAX {
            self.counts.lost += 1;
            return;
        }
        self.bytes += line.len();
        self.waiting.entry(batch).or_default().push(line);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn deliver(&self) -> u64 {
        let waiting = {
            let mut state = self.lock();
            state.bytes = 0;
            std::mem::take(&mut state.waiting)
        };
        let mut objects = 0;
        for (batch, lines) in waiting {
            for lines in in_objects(&lines) {
                objects += u64::from(self.put(&batch, lines).await);
            }
        }
        objects
    }

    /// Writes one log object, announced like any other object that is created.
    async fn put(&self, batch: &Batch, lines: &[String]) -> bool {
        let source = Source { account: &self.settings.account, region: &self.settings.region, bucket: &batch.source };
        let unique = self.lock().random.u64(..);
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let put = match batch.target.key(&source, batch.day, self.settings.clock.now(), unique) {
            Ok(key) => {
                let at = Location::new(batch.target.bucket.clone(), key);
                self.notifier.room().await;
                let body = lines.concat().into_bytes().into();
                let options = PutOptions { content_type: Some("text/plain".to_owned()), ..PutOptions::default() };
                self.store.put(&at, body, options).await.map(drop).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let counts = &mut self.lock().counts;
        if let Err(problem) = &put {
            counts.lost += count;
            eprintln!("access logs: {count} records of {} are LOST: {problem}", batch.source);
            return false;
        }
        counts.objects += 1;
        counts.delivered += count;
        true
    }
}

/// Cut so that no object has more than [`OBJECT_MAX`] bytes, but for a single line that has.
fn in_objects(lines: &[String]) -> Vec<&[String]> {
    let mut bytes = 0;
    let cut = |one: &String, _: &String| {
        bytes += one.len();
        let fits = bytes < OBJECT_MAX;
        bytes = if fits { bytes } else { 0 };
        fits
    };
    lines.chunk_by(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_logs_are_cut_into_objects() {
        let lines = vec!["x".repeat(OBJECT_MAX / 2); 5];
        let cut = in_objects(&lines);
        assert_eq!(cut.iter().map(|lines| lines.len()).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(in_objects(&["x".repeat(OBJECT_MAX * 2), "y".into()]).len(), 2);
        assert_eq!(in_objects(&[]).len(), 0);
    }
}
