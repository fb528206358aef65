//! What a cloud can be told before it starts.

use std::io;
use std::time::Duration;

use super::LocalCloud;
use crate::clock::Clock;
use crate::front::{DEFAULT_PORT, LostReply};
use crate::notify::NotifyFaults;
use crate::s3::Limits;
use crate::{ACCOUNT, REGION, lambda, sqs};

/// Options of a cloud, by name. The default is port 4566, real time, no faults.
pub struct Options {
    pub(super) port: u16,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) limits: Limits,
    pub(super) capacity: u64,
    pub(super) clock: Clock,
    pub(super) seed: Option<u64>,
    pub(super) notify_faults: Option<NotifyFaults>,
    pub(super) queue_faults: Option<sqs::Faults>,
    pub(super) host_faults: lambda::Faults,
    pub(super) lost_reply: Option<LostReply>,
    pub(super) log_delivery: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: DEFAULT_PORT,
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            limits: Limits::default(),
            capacity: 4 * 1024 * 1024 * 1024,
            clock: Clock::real(),
            seed: None,
            notify_faults: None,
            queue_faults: None,
            host_faults: lambda::Faults::default(),
            lost_reply: None,
            log_delivery: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// On loopback; 0 takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Of the ARNs, and of buckets and queues that are made without naming one.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Of the ARNs and of the buckets' owner: twelve digits.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// What one request may bring.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What S3 holds in all, in bytes (4 GiB). Beyond it writes are refused.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Cloud time: delays, visibility timeouts and objects' dates follow it. Signatures and functions' timeouts follow the
    /// machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Makes ids of versions, uploads and messages from a seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Faults between S3 and the destinations of its notifications.
    #[must_use]
    pub fn notify_faults(mut self, faults: NotifyFaults) -> Self {
        self.notify_faults = Some(faults);
        self
    }

    /// Faults of the queues.
    #[must_use]
    pub fn queue_faults(mut self, faults: sqs::Faults) -> Self {
        self.queue_faults = Some(faults);
        self
    }

    /// Faults of the function host.
    #[must_use]
    pub fn host_faults(mut self, faults: lambda::Faults) -> Self {
        self.host_faults = faults;
        self
    }

    /// Decides which requests are handled and get no reply.
    #[must_use]
    pub fn lost_reply(mut self, lost: LostReply) -> Self {
        self.lost_reply = Some(lost);
        self
    }

    /// From a request to its record in a log object, at most, in cloud time (5 s; S3 takes hours).
    #[must_use]
    pub fn log_delivery(mut self, every: Duration) -> Self {
        self.log_delivery = every;
        self
    }

    /// Starts the cloud. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// The port cannot be had.
    pub async fn start(self) -> io::Result<LocalCloud> {
        LocalCloud::start(self).await
    }
}
