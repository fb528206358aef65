//! The one complete path under test: a local cloud, a real function binary as its child process, and an S3 client.
//!
//! bucket `photos` → topic → queue `thumbnail` → function → bucket `derived`. Every wait is bounded; what did not happen in
//! time is told with the depths of the queues and the function's last lines.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests fail like tests do")]

mod binary;
mod cleanup;
mod expected;
mod invoke;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade::aws::Clients;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Delete, Get, GetObject, List, Location, Put, PutOptions, S3Store, Store, paging};
use brigade_local::lambda::{FunctionSpec, HostEvent, HostEvents, MappingSpec};
use brigade_local::sqs::{Receive, Received};
use brigade_local::{ACCOUNT, LocalCloud, Options, REGION, Wire, Wired};
use brigade_thumbnail::Config;
use bytes::Bytes;
use futures::TryStreamExt;

pub use self::binary::{cleanup, compact, dedupe, defective, thumbnail};
pub use self::cleanup::{CLEANUP, CLEANUP_DLQ, CLEANUP_PARKED};
pub use self::invoke::{Answer, sqs_event};

/// The bucket of the photos.
pub const SOURCE: &str = "photos";
/// The bucket of the thumbnails.
pub const DERIVED: &str = "derived";
/// The queue; its companions are `thumbnail-dlq` and `thumbnail-parked`.
pub const QUEUE: &str = "thumbnail";
/// The queue of the exhausted.
pub const DLQ: &str = "thumbnail-dlq";
/// The queue of what will never work.
pub const PARKED: &str = "thumbnail-parked";
/// The deployed function's name.
pub const FUNCTION: &str = "brigade-thumbnail";

/// How long a test waits, in real time, for what must happen. Only a failure uses it up.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of the function that are told when something did not happen.
const LINES_KEPT: usize = 20;

/// What a test asks for.
pub struct Setting {
    /// Of the cloud; the port is always a free one.
    pub options: Options,
    /// The function's binary.
    pub program: PathBuf,
    /// The function's own variables beside input, output and parking queue.
    pub environment: Vec<(&'static str, String)>,
    /// Whether the function has a parking queue.
    pub parking: bool,
    /// The queue's visibility timeout, in cloud time.
    pub visibility: Duration,
    /// Receives before the dead-letter queue.
    pub max_receive_count: u32,
    /// Messages per invocation.
    pub batch_size: usize,
    /// The families of events that reach the queue; all where none is named.
    pub families: Vec<String>,
    /// How long the test waits for rest, in real time.
    pub patience: Duration,
}

impl Default for Setting {
    /// The real function with its defaults, in a cloud without faults and in real time.
    fn default() -> Self {
        Self {
            options: LocalCloud::builder(),
            program: thumbnail(),
            environment: Vec::new(),
            parking: true,
            visibility: Duration::from_secs(360),
            max_receive_count: 5,
            batch_size: 10,
            families: Vec::new(),
            patience: PATIENCE,
        }
    }
}

/// The path, running.
pub struct Rig {
    /// The cloud.
    pub cloud: LocalCloud,
    /// The path through it.
    pub wired: Wired,
    /// The configuration as the function reads it.
    pub config: Config,
    /// S3 over HTTP, through the AWS SDK.
    pub store: S3Store,
    lines: Arc<Mutex<VecDeque<String>>>,
    batch_size: usize,
    patience: Duration,
}

impl Rig {
    /// Starts everything; messages flow.
    pub async fn start(setting: Setting) -> Self {
        let rig = Self::start_unmapped(setting).await;
        rig.map();
        rig
    }

    /// Starts everything but the way from the queue to the function: see [`Rig::map`].
    pub async fn start_unmapped(setting: Setting) -> Self {
        let (rig, spec) = Self::prepare(setting).await;
        rig.cloud.host().start(spec).unwrap();
        if let Err(error) = rig.cloud.host().ready(FUNCTION, PATIENCE).await {
            rig.fail(&error.to_string());
        }
        rig
    }

    async fn prepare(mut setting: Setting) -> (Self, FunctionSpec) {
        let options = std::mem::take(&mut setting.options);
        let cloud = options.port(0).start().await.unwrap();
        let wire = Wire {
            derived: Some(BucketName::new(DERIVED)),
            visibility: setting.visibility,
            max_receive_count: setting.max_receive_count,
            families: setting.families.clone(),
            ..Wire::new(SOURCE, "photos-changed", QUEUE)
        };
        let wired = cloud.connect(&wire).await.unwrap();
        let environment = variables(&wired, &setting);
        let config = config(&environment);
        let timeout = Duration::from_secs(30);
        let spec = FunctionSpec { environment, timeout, ..FunctionSpec::new(FUNCTION, &setting.program) };
        let store = Clients::at(&cloud.endpoint(), REGION, "test", "test").s3_store(None);
        let lines = Arc::default();
        tokio::spawn(keep_lines(cloud.host().events(), Arc::clone(&lines)));
        (Self { cloud, wired, config, store, lines, batch_size: setting.batch_size, patience: setting.patience }, spec)
    }

    /// Lets messages flow from the queue to the function.
    pub fn map(&self) {
        let batch_size = self.batch_size;
        let mapping = MappingSpec { batch_size, ..MappingSpec::new(&self.wired.queue_arn, FUNCTION) };
        self.cloud.host().map(mapping).unwrap();
    }

    /// Uploads an object.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Put {
        self.store.put(&source(key), bytes, PutOptions::default()).await.unwrap()
    }

    /// Removes an object.
    pub async fn remove(&self, key: &str) {
        self.store.delete(&source(key), Delete::default()).await.unwrap();
    }

    /// Waits until all changes are announced and the queue holds nothing, in any state.
    pub async fn rest(&self) {
        self.rest_of(&[QUEUE]).await;
    }

    /// [`Rig::rest`] of several queues.
    pub async fn rest_of(&self, queues: &[&str]) {
        if let Err(error) = self.cloud.idle(queues, self.patience).await {
            self.fail(&error.to_string());
        }
    }

    /// The future's output, or a failure that says what did not happen.
    pub async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => self.fail(&format!("not within {PATIENCE:?}: {what}")),
        }
    }

    /// Every object of the derived bucket by key.
    pub async fn derived(&self) -> BTreeMap<String, (GetObject, Bytes)> {
        let bucket = BucketName::new(DERIVED);
        let entries: Vec<_> = paging::list_all(&self.store, &bucket, List::default()).try_collect().await.unwrap();
        let mut found = BTreeMap::new();
        for entry in entries {
            let at = Location::new(bucket.clone(), entry.key);
            let mut object = self.store.get(&at, Get::default()).await.unwrap();
            let body = std::mem::replace(&mut object.body, Box::pin(futures::stream::empty()));
            let chunks: Vec<Bytes> = body.try_collect().await.unwrap();
            found.insert(at.key.as_str().to_owned(), (object, chunks.concat().into()));
        }
        found
    }

    /// Keys and etags of the derived bucket.
    pub async fn etags(&self) -> BTreeMap<String, String> {
        self.derived().await.into_iter().map(|(key, (object, _))| (key, object.meta.etag)).collect()
    }

    /// Takes all visible messages of a queue.
    pub async fn take(&self, queue: &str) -> Vec<Received> {
        let all = Receive { max: 1000, wait: Some(Duration::ZERO), visibility: None };
        let messages = self.cloud.queues().receive_with(queue, all).await.unwrap();
        for message in &messages {
            self.cloud.queues().delete(queue, &message.receipt_handle).unwrap();
        }
        messages
    }

    /// Fails where a queue holds a message, in any state.
    pub fn empty(&self, queues: &[&str]) {
        if queues.iter().any(|queue| !self.cloud.queues().depth(queue).unwrap().is_empty()) {
            self.fail(&format!("{queues:?} should be empty"));
        }
    }

    /// Fails the test with what a person needs to see why.
    pub fn fail(&self, what: &str) -> ! {
        let depths: Vec<String> = [QUEUE, DLQ, PARKED]
            .iter()
            .map(|queue| format!("  {queue}: {:?}", self.cloud.queues().depth(queue).ok()))
            .collect();
        let lines = lock(&self.lines).iter().map(|line| format!("  {line}")).collect::<Vec<_>>();
        panic!("{what}\nqueues:\n{}\nthe function's last lines:\n{}", depths.join("\n"), lines.join("\n"));
    }

    /// Ends everything.
    pub async fn end(self) {
        self.cloud.shutdown().await;
    }
}

/// An object of the source bucket.
pub fn source(key: &str) -> Location {
    Location::new(BucketName::new(SOURCE), ObjectKey::new(key).unwrap())
}

fn variables(wired: &Wired, setting: &Setting) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([
        ("BRIGADE_INPUT", format!("s3://{SOURCE}/*")),
        ("BRIGADE_OUTPUT", format!("s3://{DERIVED}/thumbnails/{{bucket}}/{{key}}/{{size}}.{{ext}}")),
        ("BRIGADE_OWNER", ACCOUNT.to_owned()),
        ("BRIGADE_LOG", "all".to_owned()),
    ]);
    if setting.parking {
        all.insert("BRIGADE_PARKED", wired.parked_url.clone());
    }
    all.extend(setting.environment.clone());
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// As the function reads it, with the memory size that the host tells it.
fn config(environment: &BTreeMap<String, String>) -> Config {
    let memory = FunctionSpec::new(FUNCTION, "").memory_mb.to_string();
    let variables = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Config::read(&variables.chain([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.as_str())]).collect()).unwrap()
}

async fn keep_lines(mut events: HostEvents, lines: Arc<Mutex<VecDeque<String>>>) {
    while let Some(event) = events.next().await {
        let line = match event {
            HostEvent::Log { line, .. } => line,
            other => format!("{other:?}"),
        };
        let mut lines = lock(&lines);
        lines.push_back(line);
        if lines.len() > LINES_KEPT {
            lines.pop_front();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
