//! The notifier: from a change in the store to the destinations that the bucket's configuration names.

use std::collections::BTreeMap;
use std::sync::Arc;

use brigade::event::BucketName;
use brigade::storage::EmbeddedStore;
use brigade::storage::embedded::Change;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::faults::Dice;
use super::message::Writer;
use super::{Configuration, ConfigurationError, Destination, Destinations, NotifyFaults};
use crate::clock::Clock;

/// The name under which a bucket's configuration lies in the store.
pub const CONFIG_NAME: &str = "notification";

/// How many changes may wait for delivery. A writer that comes through the S3 protocol waits for room; beyond it, only
/// writes made inside the process can go unannounced, and each such loss is counted and told on standard error.
pub const PENDING_MAX: usize = 65_536;
/// How many places [`Notifier::room`] keeps free, so that many requests at once cannot overrun the bound.
const ROOM: usize = 4_096;
/// How many messages may be held back by faults at a time; changes beyond it wait in the channel.
const HELD_MAX: usize = 10_000;

/// What became of the changes so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes that the store told.
    pub changes: u64,
    /// Changes whose messages are all handed over or given up; less than `changes` while some wait.
    pub settled: u64,
    /// Messages that a destination took.
    pub delivered: u64,
    /// Messages that a destination refused: it is gone, or the message is too large.
    pub refused: u64,
    /// Changes that found [`PENDING_MAX`] others waiting and are announced to nobody.
    pub lost: u64,
}

/// What the documents tell of the cloud around them, and what goes wrong on the way.
#[derive(Clone, Debug)]
pub struct NotifySettings {
    /// `awsRegion` of the documents.
    pub region: String,
    /// The buckets' owner, who also makes every request.
    pub account: String,
    /// The time of test events.
    pub clock: Clock,
    /// `None` is S3 on a good day: at once, once, in order.
    pub faults: Option<NotifyFaults>,
}

impl Default for NotifySettings {
    fn default() -> Self {
        Self { region: crate::REGION.to_owned(), account: crate::ACCOUNT.to_owned(), clock: Clock::real(), faults: None }
    }
}

/// Watches a store and announces its changes. Clones are handles on the same notifier.
#[derive(Clone)]
pub struct Notifier {
    store: EmbeddedStore,
    destinations: Arc<dyn Destinations>,
    writer: Writer,
    clock: Clock,
    changes: mpsc::Sender<Change>,
    counts: Arc<watch::Sender<Counts>>,
    task: AbortHandle,
}

impl Notifier {
    /// Subscribes to `store` and starts the task that delivers. Needs a Tokio runtime.
    pub fn start(store: EmbeddedStore, destinations: Arc<dyn Destinations>, settings: NotifySettings) -> Self {
        let writer = Writer { region: settings.region, account: settings.account };
        let (changes, inbox) = mpsc::channel(PENDING_MAX);
        let counts = Arc::new(watch::Sender::new(Counts::default()));
        let delivery = Delivery {
            store: store.clone(),
            destinations: destinations.clone(),
            writer: writer.clone(),
            counts: counts.clone(),
            dice: Dice::new(settings.faults),
            held: BTreeMap::new(),
            held_so_far: 0,
        };
        let task = tokio::spawn(delivery.run(inbox)).abort_handle();
        store.subscribe(Arc::new({
            let (changes, counts) = (changes.clone(), counts.clone());
            move |change: &Change| announce(&changes, &counts, change)
        }));
        Self { store, destinations, writer, clock: settings.clock, changes, counts, task }
    }

    /// Waits until there is room for the changes of one more request.
    pub async fn room(&self) {
        // The permits are given back at once: this is a gate, not a reservation.
        drop(self.changes.reserve_many(ROOM).await);
    }

    /// The bucket's configuration; an empty one where none was written.
    pub fn configuration(&self, bucket: &BucketName) -> Configuration {
        read_configuration(&self.store, bucket)
    }

    /// Replaces the bucket's whole configuration, after asking each destination whether it takes messages, and sends
    /// `s3:TestEvent` to each queue and topic in it: S3 does so each time, not only where one is new.
    pub async fn put_configuration(
        &self,
        bucket: &BucketName,
        configuration: Configuration,
        destinations: DestinationCheck,
    ) -> Result<(), PutConfigurationError> {
        if destinations == DestinationCheck::Ask {
            self.check_destinations(bucket, &configuration).await?;
        }
        let document = serde_json::to_string(&configuration).map_err(|e| ConfigurationError::argument(e.to_string()))?;
        let document = (!configuration.is_empty()).then_some(document);
        self.store.set_config(bucket, CONFIG_NAME, document).map_err(PutConfigurationError::Store)?;
        for destination in tested_destinations(&configuration) {
            let message = self.writer.test_event(bucket, self.clock.now());
            if let Err(problem) = self.destinations.deliver(bucket, destination, &message).await {
                eprintln!("notify: the test event to {} was refused: {problem}", destination.arn());
            }
        }
        Ok(())
    }

    async fn check_destinations(&self, bucket: &BucketName, configuration: &Configuration) -> Result<(), ConfigurationError> {
        for rule in configuration.rules() {
            if let Err(problem) = self.destinations.check(bucket, &rule.destination).await {
                let message = "Unable to validate the following destination configurations";
                return Err(ConfigurationError::argument(format!("{message}: {}, {problem}", rule.destination.arn())));
            }
        }
        Ok(())
    }

    /// What became of the changes so far.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until every change told so far is settled.
    pub async fn idle(&self) {
        let mut counts = self.counts.subscribe();
        // The sender lives in `self`, so that the wait cannot fail.
        let _ = counts.wait_for(|c| c.settled + c.lost >= c.changes).await;
    }

    /// Ends the delivery; what still waits is dropped.
    pub fn stop(&self) {
        self.task.abort();
    }
}

/// Whether a destination is asked before a configuration is taken (`x-amz-skip-destination-validation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationCheck {
    /// S3's default.
    Ask,
    /// Take the configuration as it is.
    Skip,
}

/// Why a configuration was not written.
#[derive(Debug, thiserror::Error)]
pub enum PutConfigurationError {
    /// The configuration cannot be; the request must change.
    #[error(transparent)]
    Refused(#[from] ConfigurationError),
    /// The bucket could not take it: most likely it does not exist.
    #[error(transparent)]
    Store(brigade::storage::StoreError),
}

/// The store calls this for every change, in the order of the changes; it must not block.
fn announce(changes: &mpsc::Sender<Change>, counts: &watch::Sender<Counts>, change: &Change) {
    let lost = match changes.try_send(change.clone()) {
        Ok(()) => 0,
        Err(mpsc::error::TrySendError::Full(_)) => 1,
        // Stopped: nobody waits for it.
        Err(mpsc::error::TrySendError::Closed(_)) => return,
    };
    counts.send_modify(|c| {
        c.changes += 1;
        c.lost += lost;
    });
    if lost > 0 {
        eprintln!("notify: LOST the change {} of s3://{}/{}: {PENDING_MAX} wait", change.kind, change.bucket, change.key);
    }
}

/// Each once. A function is asked for its permission, it gets no test event.
fn tested_destinations(configuration: &Configuration) -> Vec<&Destination> {
    let mut tested: Vec<&Destination> = Vec::new();
    for destination in configuration.rules().iter().map(|rule| &rule.destination) {
        if !tested.contains(&destination) && !matches!(destination, Destination::Function(_)) {
            tested.push(destination);
        }
    }
    tested
}

fn read_configuration(store: &EmbeddedStore, bucket: &BucketName) -> Configuration {
    // Nobody but this module writes the document, so that it is always readable; a bucket that is gone has none.
    let document = store.config(bucket, CONFIG_NAME).ok().flatten().unwrap_or_default();
    serde_json::from_str(&document).unwrap_or_default()
}

/// The task's side: one message after the other, in the order of the changes unless faults reorder them.
struct Delivery {
    store: EmbeddedStore,
    destinations: Arc<dyn Destinations>,
    writer: Writer,
    counts: Arc<watch::Sender<Counts>>,
    dice: Dice,
    /// By due time and then by number, so that equal times keep their order.
    held: BTreeMap<(Instant, u64), Held>,
    held_so_far: u64,
}

struct Held {
    bucket: BucketName,
    destination: Destination,
    document: String,
    _settles: Arc<Settles>,
}

/// Shared by all messages of one change: the change is settled when the last of them is gone.
struct Settles(Arc<watch::Sender<Counts>>);

impl Drop for Settles {
    fn drop(&mut self) {
        self.0.send_modify(|c| c.settled += 1);
    }
}

impl Delivery {
    async fn run(mut self, mut inbox: mpsc::Receiver<Change>) {
        loop {
            let due = self.held.first_key_value().map(|((at, _), _)| *at);
            tokio::select! {
                biased;
                () = wait_until(due) => self.hand_over_first().await,
                change = inbox.recv(), if self.held.len() < HELD_MAX => match change {
                    Some(change) => self.hold(&change),
                    None if self.held.is_empty() => return,
                    // No more changes come; what is held goes out in its time.
                    None => self.hand_over_first().await,
                },
            }
        }
    }

    /// Makes the change's messages and puts each at its due time.
    fn hold(&mut self, change: &Change) {
        let settles = Arc::new(Settles(self.counts.clone()));
        let configuration = read_configuration(&self.store, &change.bucket);
        let now = Instant::now();
        for rule in configuration.rules_for(&change.kind, &change.key) {
            let document = self.writer.of_change(change, &rule.id);
            for delay in self.dice.deliveries() {
                let (destination, document) = (rule.destination.clone(), document.clone());
                let bucket = change.bucket.clone();
                self.insert(now + delay, Held { bucket, destination, document, _settles: settles.clone() });
            }
        }
    }

    fn insert(&mut self, at: Instant, message: Held) {
        let last = self.held.last_key_value().map(|((last, _), _)| *last);
        let at = if self.dice.reorders() { at } else { last.map_or(at, |last| at.max(last)) };
        self.held_so_far += 1;
        self.held.insert((at, self.held_so_far), message);
    }

    async fn hand_over_first(&mut self) {
        let Some((_, message)) = self.held.pop_first() else { return };
        let result = self.destinations.deliver(&message.bucket, &message.destination, &message.document).await;
        self.counts.send_modify(|c| match &result {
            Ok(()) => c.delivered += 1,
            Err(_) => c.refused += 1,
        });
        if let Err(problem) = result {
            eprintln!("notify: {} refused a message: {problem}", message.destination.arn());
        }
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(at) if at > Instant::now() => tokio::time::sleep_until(at).await,
        Some(_) => {}
        None => std::future::pending().await,
    }
}
