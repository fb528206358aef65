//! [`LocalCloud`]: S3, SNS, SQS and the function host in this process, behind one port on loopback.
//!
//! A cloud starts empty. [`LocalCloud::connect`] lays the path from a bucket to a queue; functions are started and mapped
//! on [`LocalCloud::host`] afterwards, since their settings name the endpoint and the queues.

mod adapters;
mod idle;
mod options;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use brigade::storage::EmbeddedStore;

use self::adapters::{HostRoute, Services};
use crate::access_log::{AccessLogs, LogSettings};
use crate::front::{Front, Routes};
use crate::lambda::{FunctionSpec, HostError, HostSettings, Lambda, MappingSpec};
use crate::notify::{Notifier, NotifySettings};
use crate::sns::Topics;
use crate::sqs::{Queues, Settings};

pub use self::idle::NotIdle;
pub use self::options::Options;
pub use self::wire::{Envelope, Wire, WireError, Wired};

/// A running cloud. Dropping it ends everything at once; [`LocalCloud::shutdown`] lets requests finish.
pub struct LocalCloud {
    front: Front,
    store: EmbeddedStore,
    notifier: Notifier,
    logs: AccessLogs,
    queues: Queues,
    topics: Topics,
    host: Arc<Lambda>,
    region: String,
}

impl LocalCloud {
    /// The options of a cloud to [`Options::start`].
    #[must_use]
    pub fn builder() -> Options {
        Options::default()
    }

    async fn start(options: Options) -> io::Result<Self> {
        let listener = Front::bind(options.port).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let clock = options.clock;
        let mut store = EmbeddedStore::new().with_clock(Arc::new(move || clock.now())).with_capacity(options.capacity);
        if let Some(seed) = options.seed {
            store = store.with_seed(seed);
        }
        let settings = Settings {
            account: options.account.clone(),
            region: options.region.clone(),
            seed: options.seed,
            faults: options.queue_faults,
            ..Settings::default()
        };
        let queues = Queues::new(clock, settings);
        let topics = Topics::new(queues.clone());
        let host = HostSettings {
            endpoint,
            region: options.region.clone(),
            account: options.account.clone(),
            faults: options.host_faults,
        };
        let host = Arc::new(Lambda::new(host, queues.clone()));
        topics.set_functions(Arc::new(HostRoute(host.clone())));
        let services = Services { queues: queues.clone(), topics: topics.clone(), host: host.clone() };
        let notify = NotifySettings {
            region: options.region.clone(),
            account: options.account.clone(),
            clock,
            faults: options.notify_faults,
        };
        let notifier = Notifier::start(store.clone(), Arc::new(services), notify);
        let log = LogSettings {
            region: options.region.clone(),
            account: options.account.clone(),
            clock,
            every: options.log_delivery,
            seed: options.seed,
        };
        let logs = AccessLogs::start(store.clone(), notifier.clone(), log);
        let s3 = crate::s3::service(
            store.clone(),
            notifier.clone(),
            &options.region,
            &options.account,
            options.limits,
            logs.clone(),
        );
        let routes = Routes {
            s3: Arc::new(s3),
            lambda: Some(Arc::new(HostRoute(host.clone()))),
            queues: queues.clone(),
            topics: topics.clone(),
            lost_reply: options.lost_reply,
        };
        let front = Front::serve(listener, routes)?;
        Ok(Self { front, store, notifier, logs, queues, topics, host, region: options.region })
    }

    /// The endpoint URL for clients, such as `http://127.0.0.1:4566`, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.front.endpoint()
    }

    /// The store behind S3: what is written here is announced like what comes through the port.
    #[must_use]
    pub fn store(&self) -> EmbeddedStore {
        self.store.clone()
    }

    /// The queues behind SQS.
    #[must_use]
    pub fn queues(&self) -> Queues {
        self.queues.clone()
    }

    /// The topics behind SNS.
    #[must_use]
    pub fn topics(&self) -> Topics {
        self.topics.clone()
    }

    /// The host of the functions.
    #[must_use]
    pub fn host(&self) -> &Lambda {
        &self.host
    }

    /// Starts a function, waits until it asks for work, and feeds it from a queue.
    ///
    /// # Errors
    /// As [`Lambda::start`], [`Lambda::ready`] and [`Lambda::map`]; the function keeps running where only the last failed.
    pub async fn run(&self, function: FunctionSpec, mapping: MappingSpec, within: Duration) -> Result<(), HostError> {
        let name = function.name.clone();
        self.host.start(function)?;
        self.host.ready(&name, within).await?;
        self.host.map(mapping)
    }

    /// Who announces changes: configurations, and what became of the messages.
    #[must_use]
    pub fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// The server access logs of buckets whose logging is on.
    #[must_use]
    pub fn access_logs(&self) -> &AccessLogs {
        &self.logs
    }

    /// Ends it: the functions are killed and reaped, the port is closed, and what still waits for delivery is dropped.
    pub async fn shutdown(self) {
        // A function's long poll for work would hold the port open, so the functions go first.
        self.host.shutdown().await;
        self.front.stop().await;
        self.logs.stop();
        self.notifier.stop();
    }
}
