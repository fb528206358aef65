//! All queues of the local cloud: the in-process interface.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::watch;

use super::attributes::QueueAttributes;
use super::error::{SqsError, invalid_parameter};
use super::faults::{FaultCounts, FaultSource, Faults};
use super::queue::{Depth, Queue};
use crate::clock::Clock;
use crate::policy::{Act, admitting, allows};

/// How a set of queues is made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The account id in ARNs and URLs.
    pub account: String,
    /// The region of queues whose creator names none.
    pub region: String,
    /// Message ids come from this seed; `None` takes a random one.
    pub seed: Option<u64>,
    /// What goes wrong; `None` is nothing.
    pub faults: Option<Faults>,
    /// The most messages that a queue holds; sending more is refused with `OverLimit`.
    pub max_messages: usize,
    /// The most bytes that a queue's messages hold together; sending more is refused with `OverLimit`.
    pub max_bytes: usize,
    /// The most messages of a queue that are in flight at once (SQS: 120,000).
    pub max_in_flight: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account: crate::ACCOUNT.to_owned(),
            region: crate::REGION.to_owned(),
            seed: None,
            faults: None,
            max_messages: 1_000_000,
            max_bytes: 1 << 30,
            max_in_flight: 120_000,
        }
    }
}

/// The queues. Clones share them. No call blocks; only receives wait, and they wake on a send.
#[derive(Debug, Clone)]
pub struct Queues {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) ids: Rng,
    pub(super) faults: Option<FaultSource>,
    pub(super) counter: u64,
}

impl Queues {
    /// No queues yet.
    #[must_use]
    pub fn new(clock: Clock, settings: Settings) -> Self {
        let ids = settings.seed.map_or_else(Rng::new, Rng::with_seed);
        let faults = settings.faults.clone().map(FaultSource::new);
        let state = State { queues: BTreeMap::new(), ids, faults, counter: 0 };
        Self { inner: Arc::new(Inner { clock, settings, state: Mutex::new(state) }) }
    }

    /// The clock that the queues follow.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.inner.clock
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a queue in the default region and returns its ARN; a queue with the same attributes is left as it is.
    /// A name that ends in `.fifo` makes a FIFO queue.
    ///
    /// # Errors
    /// [`SqsError::QueueNameExists`] if an attribute differs; the errors of [`QueueAttributes::new`]; a bad name.
    pub fn create(&self, name: &str, attributes: &BTreeMap<String, String>) -> Result<String, SqsError> {
        self.create_in(&self.settings().region, name, attributes)
    }

    /// As [`Queues::create`], in the creator's region. Names are unique across regions here.
    ///
    /// # Errors
    /// As [`Queues::create`].
    pub fn create_in(&self, region: &str, name: &str, attributes: &BTreeMap<String, String>) -> Result<String, SqsError> {
        check_name(name)?;
        let wanted = QueueAttributes::new(name.ends_with(".fifo"), attributes)?;
        let now = self.clock().now();
        let mut state = self.lock();
        if let Some(existing) = state.queues.get(name) {
            return match existing.attributes.difference(&wanted) {
                None => Ok(existing.arn.clone()),
                Some(attribute) => Err(SqsError::QueueNameExists(attribute.to_owned())),
            };
        }
        state.check_redrive(&wanted)?;
        let arn = format!("arn:aws:sqs:{region}:{}:{name}", self.settings().account);
        let id = uuid(&mut state.ids);
        state.queues.insert(name.to_owned(), Queue::new(id, name.to_owned(), arn.clone(), wanted, now));
        Ok(arn)
    }

    /// Deletes a queue with its messages; waiting receives end with [`SqsError::QueueDoesNotExist`].
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn delete_queue(&self, queue: &str) -> Result<(), SqsError> {
        let mut state = self.lock();
        let name = state.find(queue)?.name.clone();
        state.queues.remove(&name);
        Ok(())
    }

    /// The names of the queues that start with the prefix, in order.
    #[must_use]
    pub fn list(&self, prefix: &str) -> Vec<String> {
        self.lock().queues.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// The ARN of a queue given by name, URL or ARN.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn arn(&self, queue: &str) -> Result<String, SqsError> {
        Ok(self.lock().find(queue)?.arn.clone())
    }

    /// The queue's URL under a base such as `http://127.0.0.1:4566`.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn url(&self, queue: &str, base: &str) -> Result<String, SqsError> {
        let state = self.lock();
        let name = &state.find(queue)?.name;
        Ok(format!("{}/{}/{name}", base.trim_end_matches('/'), self.settings().account))
    }

    /// All attributes of a queue, by SQS's names.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn attributes(&self, queue: &str) -> Result<BTreeMap<String, String>, SqsError> {
        self.with(queue, |queue, _| {
            let depth = queue.depth();
            let mut all = queue.attributes.effective();
            let live = [
                ("QueueArn", queue.arn.clone()),
                ("CreatedTimestamp", queue.created.unix_timestamp().to_string()),
                ("LastModifiedTimestamp", queue.modified.unix_timestamp().to_string()),
                ("ApproximateNumberOfMessages", depth.visible.to_string()),
                ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
                ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
            ];
            all.extend(live.map(|(name, value)| (name.to_owned(), value)));
            Ok(all)
        })
    }

    /// The attributes that this cloud acts on, parsed.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn parsed_attributes(&self, queue: &str) -> Result<QueueAttributes, SqsError> {
        Ok(self.lock().find(queue)?.attributes.clone())
    }

    /// Changes attributes: all of them, or none if one is refused.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`], and those of [`QueueAttributes::put`].
    pub fn set_attributes(&self, queue: &str, attributes: &BTreeMap<String, String>) -> Result<(), SqsError> {
        let now = self.clock().now();
        let mut state = self.lock();
        let mut changed = state.find(queue)?.attributes.clone();
        attributes.iter().try_for_each(|(name, value)| changed.put(name, value))?;
        state.check_redrive(&changed)?;
        let queue = state.find_mut(queue)?;
        queue.attributes = changed;
        queue.modified = now;
        Ok(())
    }

    /// Whether the queue's policy lets a service send for this source, a topic or a bucket.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub(crate) fn admits(&self, queue: &str, service: &str, source_arn: &str) -> Result<bool, SqsError> {
        let (state, account) = (self.lock(), &self.settings().account);
        let queue = state.find(queue)?;
        Ok(allows(queue.attributes.policy(), sending(service, &queue.arn, source_arn, account)))
    }

    /// Has the queue's policy let a service send for this source.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub(crate) fn admit(&self, queue: &str, service: &str, source_arn: &str) -> Result<(), SqsError> {
        let account = &self.settings().account;
        self.with(queue, |queue, _| {
            let policy = admitting(queue.attributes.policy(), sending(service, &queue.arn, source_arn, account));
            queue.attributes.put("Policy", &policy)
        })
    }

    /// Runs on a queue's tags.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn tags<T>(&self, queue: &str, on: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> Result<T, SqsError> {
        Ok(on(&mut self.lock().find_mut(queue)?.tags))
    }

    /// Deletes a received message. A stale handle on a standard queue succeeds without effect, as SQS does it.
    /// Returns whether a message went.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`], [`SqsError::ReceiptHandleIsInvalid`]; on FIFO queues also an expired handle.
    pub fn delete(&self, queue: &str, receipt_handle: &str) -> Result<bool, SqsError> {
        self.with(queue, |queue, _| queue.delete(receipt_handle))
    }

    /// Sets how long from now an in-flight message stays invisible, 0 to 43,200 s.
    ///
    /// # Errors
    /// [`SqsError::MessageNotInflight`] when it is visible again; an invalid or stale handle; values out of range.
    pub fn change_visibility(&self, queue: &str, receipt_handle: &str, timeout: Duration) -> Result<(), SqsError> {
        self.with(queue, |queue, now| queue.change_visibility(receipt_handle, timeout, now))
    }

    /// Deletes all messages of a queue, in whatever state.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn purge(&self, queue: &str) -> Result<(), SqsError> {
        self.with(queue, |queue, _| {
            queue.purge();
            Ok(())
        })
    }

    /// How many messages the queue holds in each state, now.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn depth(&self, queue: &str) -> Result<Depth, SqsError> {
        self.with(queue, |queue, _| Ok(queue.depth()))
    }

    /// A receiver that changes whenever the queue does: after a send, receive, delete, purge, or a change of visibility.
    /// What only time does (a timeout) is seen by [`Queues::wait_for`].
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn subscribe(&self, queue: &str) -> Result<watch::Receiver<u64>, SqsError> {
        Ok(self.lock().find(queue)?.subscribe())
    }

    /// How many receivers of [`Queues::subscribe`] there are: waiting receives, for one. Zero without the queue.
    #[must_use]
    pub fn watchers(&self, queue: &str) -> usize {
        self.lock().find(queue).map_or(0, |queue| queue.watchers())
    }

    /// Waits until the queue's depth satisfies the condition, and returns it. Wakes on changes and on timeouts.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`], also when the queue is deleted meanwhile.
    pub async fn wait_for(&self, queue: &str, condition: impl Fn(&Depth) -> bool) -> Result<Depth, SqsError> {
        loop {
            let mut changed = self.subscribe(queue)?;
            let (depth, next) = self.with(queue, |queue, _| Ok((queue.depth(), queue.next_change())))?;
            if condition(&depth) {
                return Ok(depth);
            }
            // Settling may just have announced itself, which only costs another look.
            let timeout = async {
                match next {
                    Some(next) => self.clock().sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = changed.changed() => {}
                () = timeout => {}
            }
        }
    }

    /// How often each fault happened so far.
    #[must_use]
    pub fn fault_counts(&self) -> FaultCounts {
        self.lock().faults.as_ref().map(|faults| faults.counts).unwrap_or_default()
    }

    /// The queues whose redrive policy names this one, in order.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn dead_letter_sources(&self, queue: &str) -> Result<Vec<String>, SqsError> {
        let state = self.lock();
        let arn = &state.find(queue)?.arn;
        let names = |q: &&Queue| q.attributes.redrive().is_some_and(|r| r.target_arn == *arn);
        Ok(state.queues.values().filter(names).map(|q| q.name.clone()).collect())
    }

    /// Runs on a queue that is settled.
    fn with<T>(
        &self,
        queue: &str,
        on: impl FnOnce(&mut Queue, time::OffsetDateTime) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        let now = self.clock().now();
        let mut state = self.lock();
        let queue = state.find_mut(queue)?;
        queue.settle(now);
        on(queue, now)
    }
}

impl State {
    pub(super) fn find(&self, queue: &str) -> Result<&Queue, SqsError> {
        let missing = || SqsError::QueueDoesNotExist(queue.to_owned());
        let found = self.queues.get(name_of(queue)).ok_or_else(missing)?;
        // An ARN names account and region too.
        if queue.starts_with("arn:") && found.arn != queue { Err(missing()) } else { Ok(found) }
    }

    pub(super) fn find_mut(&mut self, queue: &str) -> Result<&mut Queue, SqsError> {
        let name = self.find(queue)?.name.clone();
        self.queues.get_mut(&name).ok_or_else(|| SqsError::QueueDoesNotExist(queue.to_owned()))
    }

    /// A position behind all others, and by `places` further behind.
    pub(super) fn next_position(&mut self, places: u64) -> u64 {
        self.counter += 1;
        // The low bits keep positions apart that `places` makes equal.
        ((self.counter + places) << 24) | (self.counter & 0xFF_FFFF)
    }

    fn check_redrive(&self, attributes: &QueueAttributes) -> Result<(), SqsError> {
        let Some(redrive) = attributes.redrive() else { return Ok(()) };
        let policy = attributes.effective().remove("RedrivePolicy").unwrap_or_default();
        let reason = match self.find(&redrive.target_arn) {
            Err(_) => "Dead letter target does not exist",
            Ok(target) if target.attributes.is_fifo() != attributes.is_fifo() => {
                "Dead-letter queue must be same type of queue as the source"
            }
            Ok(_) => return Ok(()),
        };
        Err(invalid_parameter("RedrivePolicy", policy, reason))
    }
}

/// The name in a name, a URL or an ARN.
fn name_of(queue: &str) -> &str {
    let end = if queue.starts_with("arn:") { queue.rsplit(':').next() } else { queue.rsplit('/').next() };
    end.unwrap_or(queue)
}

fn check_name(name: &str) -> Result<(), SqsError> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let fine = (1..=80).contains(&name.len())
        && !stem.is_empty()
        && stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if fine {
        return Ok(());
    }
    let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    Err(SqsError::InvalidParameterValue(reason.to_owned()))
}

/// A version 4 UUID.
pub(crate) fn uuid(rng: &mut Rng) -> String {
    let bits = (rng.u128(..) & !(0xF000_u128 << 64) & !(0xC000_u128 << 48)) | (0x4000_u128 << 64) | (0x8000_u128 << 48);
    let hex = format!("{bits:032x}");
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

fn sending<'a>(service: &'a str, queue_arn: &'a str, source_arn: &'a str, source_account: &'a str) -> Act<'a> {
    Act { service, action: "sqs:SendMessage", resource: queue_arn, source_arn, source_account }
}
