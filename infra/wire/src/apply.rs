//! Carries a plan out: read, merge, write, and read again until nothing is left to do.
//!
//! No request of S3, SNS or SQS replaces these documents on a condition. What is guaranteed is this. Whatever any read has
//! seen is written back as it was. The read stands right before the write. Whoever writes after us from an older reading,
//! and so drops our entries, is seen by reading again, at once and after a pause, and merged with: [`ROUNDS`] times at most,
//! and then it is said. Two writers that both do so lose nothing. A writer that does not, and writes between our last read
//! and our write (the time of one request), loses that write unseen.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::arn::Arn;
use crate::notification::{Announcement, Notification, Owner};
use crate::plan::{Direction, MADE_FOR, Plan, Refusal, Seen, Step, Topic, Wish, plan};
use crate::policy::{Policy, queue_sid, queue_statement, topic_sid, topic_statement};
use crate::ports::{Check, CloudError, Kind, Messaging, Notifications};
use crate::probe::{self, Probe};
use crate::subscription::Subscription;

/// How often a document is written anew because somebody else has written it meanwhile.
pub const ROUNDS: usize = 5;

/// How long to wait for what takes its time.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Before the last look, for a writer that has read before we wrote; and wherever a service may not have heard yet of
    /// what was written a moment ago: their configurations are consistent in the end, not at once.
    pub settle: Duration,
    /// For the test event.
    pub test_event: Duration,
    /// Names the queue for the test event; another one for each call.
    pub nonce: u64,
    /// Whether S3 asks the destinations.
    pub check: Check,
}

/// Whether S3's test event came by the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestEvent {
    /// Nothing was announced anew, so none was sent.
    None,
    /// It came.
    Arrived,
    /// It did not, in the time given.
    Missing,
}

/// All is as it is wished, seen by reading again.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was done, in order.
    pub done: Vec<Step>,
    /// The test event.
    pub test_event: TestEvent,
    /// How often the bucket's configuration was found to be one that this call had neither read before nor written: somebody
    /// else has written in between.
    pub rivals: usize,
    /// As it is now.
    pub plan: Plan,
}

/// Not all is as it is wished.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// What was done, and stays done. A second call goes on from there.
    pub done: Vec<Step>,
    /// What was not.
    pub left: Vec<Step>,
    /// Why.
    pub why: Why,
}

/// Why it stopped.
#[derive(Clone, Debug)]
pub enum Why {
    /// It must not be done.
    Refused(Plan),
    /// A request failed.
    Failed(CloudError),
    /// Others keep writing.
    Contended,
}

/// Reads everything that the plan looks at. What somebody else's is and may not be looked at, or has just ended, is left out.
pub async fn read<C: Notifications + Messaging>(cloud: &C, wish: &Wish) -> Result<Seen, CloudError> {
    let notification = match cloud.notification(&wish.bucket, &wish.topic.account).await {
        Err(error) if error.kind == Kind::Missing && wish.direction == Direction::Remove => None,
        there => Some(there?),
    };
    let mut topic = cloud.topic(&wish.topic).await?;
    if let Some(topic) = &mut topic {
        topic.subscriptions = subscriptions(cloud, wish, std::mem::take(&mut topic.subscriptions)).await?;
    }
    let mut arns: BTreeSet<Arn> = wish.functions.iter().map(|function| function.queue.clone()).collect();
    arns.extend(topic.iter().flat_map(subscribed_queues).filter(|queue| beside(queue, wish)));
    let is_gone = notification.is_none();
    let mut seen = Seen { is_gone, notification: notification.unwrap_or_default(), topic, ..Seen::default() };
    see(cloud, wish, &mut seen, arns).await?;
    // SQS and SNS take only dead-letter queues of the same account and region.
    let targets = seen.topic.iter().flat_map(|topic| &topic.subscriptions).filter_map(Subscription::dead_letters);
    let of_queues = seen.queues.values().filter_map(|queue| queue.dead_letters.clone());
    let targets: BTreeSet<Arn> = targets.chain(of_queues).filter(|arn| beside(arn, wish)).collect();
    see(cloud, wish, &mut seen, targets).await?;
    let listed = match cloud.queues(probe::NAME).await {
        Err(error) if error.kind == Kind::Denied => Vec::new(),
        listed => listed?,
    };
    let subscribed = seen.topic.iter().flat_map(subscribed_queues).filter(|queue| beside(queue, wish)).map(|queue| queue.name);
    seen.probes = listed.into_iter().chain(subscribed).filter(|name| name.starts_with(probe::NAME)).collect();
    Ok(seen)
}

/// With their attributes. Those of another account's subscription are told to nobody but its owner.
async fn subscriptions(cloud: &dyn Messaging, wish: &Wish, listed: Vec<Subscription>) -> Result<Vec<Subscription>, CloudError> {
    let mut found = Vec::with_capacity(listed.len());
    for mut subscription in listed {
        // One that waits for its confirmation has no ARN yet.
        if subscription.protocol == "sqs" && subscription.arn.starts_with("arn:") {
            let is_ours = wish.functions.iter().any(|function| function.queue.to_string() == subscription.endpoint);
            match cloud.subscription(&subscription.arn).await {
                Ok(Some(attributes)) => subscription.attributes = attributes,
                Ok(None) => continue,
                Err(error) if error.kind == Kind::Denied && !is_ours => {}
                Err(error) => return Err(error),
            }
        }
        found.push(subscription);
    }
    Ok(found)
}

async fn see(cloud: &dyn Messaging, wish: &Wish, seen: &mut Seen, arns: BTreeSet<Arn>) -> Result<(), CloudError> {
    for arn in arns.into_iter().filter(|arn| !probe::is_probe(&arn.to_string())) {
        if seen.queues.contains_key(&arn.to_string()) {
            continue;
        }
        match cloud.queue(&arn.name).await {
            Ok(Some(queue)) if queue.arn == arn => drop(seen.queues.insert(arn.to_string(), queue)),
            // One of the same name, where the client is and the topic is not, is another queue.
            Ok(_) => {}
            Err(error) if error.kind == Kind::Denied && !wish.functions.iter().any(|function| function.queue == arn) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Another account's queues tell nothing of themselves.
fn beside(queue: &Arn, wish: &Wish) -> bool {
    queue.account == wish.topic.account && queue.region == wish.topic.region
}

fn subscribed_queues(topic: &Topic) -> impl Iterator<Item = Arn> + '_ {
    topic.subscriptions.iter().filter(|s| s.protocol == "sqs").filter_map(|s| Arn::parse(&s.endpoint))
}

/// Carries out whatever is to be done until nothing is.
///
/// # Errors
/// What was done by then, what was not, and why.
pub async fn apply<C: Notifications + Messaging>(cloud: &C, wish: &Wish, patience: Patience) -> Result<Report, Stopped> {
    let (done, gone, history) = (Vec::new(), BTreeSet::new(), History::default());
    let mut run = Run { cloud, wish, patience, done, test_event: TestEvent::None, gone, history };
    let mut looked_twice = false;
    for round in 0..=ROUNDS {
        let mut seen = read(cloud, wish).await.map_err(|error| run.stopped(Vec::new(), Why::Failed(error)))?;
        run.history.read(&seen.notification);
        // A queue that was deleted may be listed for another minute.
        seen.probes.retain(|name| !run.gone.contains(name));
        let mut plan = plan(&seen, wish);
        // What a removal leaves may go to other topics, and where the bucket is gone nothing is left of it.
        if !run.done.is_empty() {
            plan.refusals.retain(|refusal| !refusal.is_of_the_beginning());
        }
        if !plan.refusals.is_empty() {
            return Err(run.stopped(plan.steps.clone(), Why::Refused(plan)));
        }
        if plan.steps.is_empty() && (run.done.is_empty() || looked_twice) {
            return Ok(Report { done: run.done, test_event: run.test_event, rivals: run.history.rivals, plan });
        }
        if plan.steps.is_empty() {
            tokio::time::sleep(patience.settle).await;
            looked_twice = true;
            continue;
        }
        looked_twice = false;
        if round > 1 {
            tokio::time::sleep(patience.settle).await;
        }
        for (at, step) in plan.steps.iter().enumerate() {
            let left = || plan.steps.get(at..).unwrap_or_default().to_vec();
            // Who has come to the topic meanwhile would lose it.
            if matches!(step, Step::DeleteTopic | Step::ExpelBucket) && at > 0 {
                let now = read(cloud, wish).await.map_err(|error| run.stopped(left(), Why::Failed(error)))?;
                if !crate::plan::plan(&now, wish).steps.contains(step) {
                    break;
                }
            }
            run.carry_out(step).await.map_err(|why| run.stopped(left(), why))?;
            run.done.push(step.clone());
        }
    }
    Err(run.stopped(Vec::new(), Why::Contended))
}

struct Run<'a, C> {
    cloud: &'a C,
    wish: &'a Wish,
    patience: Patience,
    done: Vec<Step>,
    test_event: TestEvent,
    /// Queues for test events that are deleted.
    gone: BTreeSet<String>,
    history: History,
}

/// The states of the bucket's configuration that this call knows.
#[derive(Default)]
struct History {
    known: Vec<Notification>,
    rivals: usize,
}

impl History {
    /// A reading. One that is older than a writing, as S3 may give it, is no rival's.
    fn read(&mut self, now: &Notification) {
        if !self.known.iter().any(|known| known.same(now)) {
            self.rivals += usize::from(!self.known.is_empty());
            self.known.push(now.clone());
        }
    }

    fn written(&mut self, whole: &Notification) {
        self.known.push(whole.clone());
    }
}

impl<C: Notifications + Messaging> Run<'_, C> {
    fn stopped(&self, left: Vec<Step>, why: Why) -> Stopped {
        Stopped { done: self.done.clone(), left, why }
    }

    async fn carry_out(&mut self, step: &Step) -> Result<(), Why> {
        let (cloud, wish) = (self.cloud, self.wish);
        let done = match step {
            Step::CreateTopic => cloud.create_topic(&wish.topic.name, (MADE_FOR, &wish.bucket)).await,
            Step::AdmitBucket => {
                let statement = topic_statement(&wish.topic, &wish.bucket);
                return self.merge_topic_policy(|policy| policy.with(&statement)).await;
            }
            Step::ExpelBucket => {
                let sid = topic_sid(&wish.bucket);
                return self.merge_topic_policy(|policy| policy.without(&sid)).await;
            }
            Step::AdmitTopic(queue) => {
                let statement = queue_statement(queue, &wish.topic);
                return self.merge_queue_policy(&queue.name, |policy| policy.with(&statement)).await;
            }
            Step::ExpelTopic(queue) => {
                let sid = queue_sid(&wish.topic);
                return self.merge_queue_policy(&queue.name, |policy| policy.without(&sid)).await;
            }
            Step::Subscribe(queue, attributes) => cloud.subscribe(&wish.topic, queue, attributes).await.map(drop),
            Step::ChangeSubscription(arn, attributes) => cloud.set_subscription(arn, attributes).await,
            Step::Unsubscribe(arn) => cloud.unsubscribe(arn).await,
            Step::DeleteTopic => cloud.delete_topic(&wish.topic).await,
            Step::DeleteProbe(name) => {
                self.gone.insert(name.clone());
                match cloud.queue(name).await {
                    Ok(Some(queue)) => cloud.delete_queue(&queue.url).await,
                    found => found.map(drop),
                }
            }
            Step::Announce(wanted) => return self.announce(wanted.as_ref()).await,
        };
        done.map_err(Why::Failed)
    }

    /// What was written once and does not show is given time.
    async fn pause(&self, round: usize) {
        if round > 1 {
            tokio::time::sleep(self.patience.settle).await;
        }
    }

    async fn merge_topic_policy(&self, merge: impl Fn(&Policy) -> Policy) -> Result<(), Why> {
        for round in 0..ROUNDS {
            self.pause(round).await;
            let topic = self.cloud.topic(&self.wish.topic).await.map_err(Why::Failed)?;
            let Some(topic) = topic else { return Err(Why::Failed(gone(format!("topic {}", self.wish.topic)))) };
            let merged = merge(&topic.policy);
            if merged == topic.policy {
                return Ok(());
            }
            self.cloud.set_topic_policy(&self.wish.topic, &merged).await.map_err(Why::Failed)?;
        }
        Err(Why::Contended)
    }

    async fn merge_queue_policy(&self, name: &str, merge: impl Fn(&Policy) -> Policy) -> Result<(), Why> {
        for round in 0..ROUNDS {
            self.pause(round).await;
            let queue = self.cloud.queue(name).await.map_err(Why::Failed)?;
            let Some(queue) = queue else { return Err(Why::Failed(gone(format!("queue {name}")))) };
            let merged = merge(&queue.policy);
            if merged == queue.policy {
                return Ok(());
            }
            self.cloud.set_queue_policy(&queue.url, &merged).await.map_err(Why::Failed)?;
        }
        Err(Why::Contended)
    }

    /// Writes the bucket's configuration, and watches the test event come by the topic.
    async fn announce(&mut self, wanted: Option<&Announcement>) -> Result<(), Why> {
        let place = Place { bucket: &self.wish.bucket, account: &self.wish.topic.account, owner: &self.wish.owner };
        let manner = Manner { check: self.patience.check, pause: self.patience.settle };
        if self.wish.direction == Direction::Remove {
            let (topic, nothing) = (self.wish.topic.to_string(), BTreeSet::new());
            let families = wanted.map_or(&nothing, |wanted| &wanted.families);
            return merge(self.cloud, place, Become::Keeping(&topic, families), manner, &mut self.history).await.map(drop);
        }
        let joined = wanted.map_or(Become::Nothing, Become::Joined);
        let probe = Probe::lay(self.cloud, self.wish, self.patience.nonce).await.map_err(Why::Failed)?;
        // The subscription may not be in effect yet, and the event is sent once.
        tokio::time::sleep(self.patience.settle).await;
        let written = merge(self.cloud, place, joined, manner, &mut self.history).await;
        let arrived = match written {
            Ok(_) => self.await_test_event(&probe).await.map_err(Why::Failed),
            Err(why) => Err(why),
        };
        // The probe goes whatever became of the rest; the first reason is the one that is told.
        let gone = probe.take_away(self.cloud).await.map_err(Why::Failed);
        self.test_event = arrived?;
        gone
    }

    async fn await_test_event(&self, probe: &Probe) -> Result<TestEvent, CloudError> {
        let ends = Instant::now() + self.patience.test_event;
        loop {
            if probe.arrived(self.cloud, &self.wish.bucket).await? {
                return Ok(TestEvent::Arrived);
            }
            if Instant::now() >= ends {
                return Ok(TestEvent::Missing);
            }
        }
    }
}

/// A bucket, and whose rules in it are one's own.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The account that it must belong to.
    pub account: &'a str,
    /// Whose rules.
    pub owner: &'a Owner,
}

/// How a configuration is written.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether S3 asks the destinations.
    pub check: Check,
    /// Between attempts, for what S3 has not heard of yet.
    pub pause: Duration,
}

/// What the owner's rules in a bucket should become.
#[derive(Clone, Copy, Debug)]
pub enum Become<'a> {
    /// None of them stays.
    Nothing,
    /// These, and no others.
    Exactly(&'a Announcement),
    /// Of those that go to this topic only these families', as they are at the moment of the writing.
    Keeping(&'a str, &'a BTreeSet<String>),
    /// These, beside what the owner's rules announce at the moment of the writing: another call may have written them since
    /// this one was planned.
    Joined(&'a Announcement),
}

/// Reads the bucket's configuration, merges the own rules into it, writes it if that changes anything, and reads again. Tells
/// what it has become.
///
/// # Errors
/// S3 would refuse the merged configuration, a request failed, or others keep writing.
pub async fn merge_notification(
    cloud: &dyn Notifications,
    place: Place<'_>,
    own: Become<'_>,
    manner: Manner,
) -> Result<Notification, Why> {
    merge(cloud, place, own, manner, &mut History::default()).await
}

async fn merge(
    cloud: &dyn Notifications,
    place: Place<'_>,
    own: Become<'_>,
    manner: Manner,
    history: &mut History,
) -> Result<Notification, Why> {
    let mut why = Why::Contended;
    for round in 0..ROUNDS {
        if round > 1 {
            tokio::time::sleep(manner.pause).await;
        }
        let now = cloud.notification(place.bucket, place.account).await.map_err(Why::Failed)?;
        history.read(&now);
        let merged = merged(&now, place.owner, own)?;
        if merged.same(&now) {
            return Ok(now);
        }
        match cloud.put_notification(place.bucket, place.account, &merged, manner.check).await {
            Ok(()) => {
                history.written(&merged);
                why = Why::Contended;
            }
            // The policy that lets S3 in may have been written a moment ago; or somebody else is writing at this moment.
            Err(error) if error.is_about_destinations() || error.kind == Kind::Conflict => why = Why::Failed(error),
            Err(error) => return Err(Why::Failed(error)),
        }
    }
    Err(why)
}

fn merged(now: &Notification, owner: &Owner, own: Become<'_>) -> Result<Notification, Why> {
    let merged = match own {
        Become::Nothing => Ok(now.without(owner)),
        Become::Keeping(topic, families) => Ok(now.keeping(owner, topic, families)),
        Become::Exactly(wanted) => now.with(owner, wanted),
        Become::Joined(wanted) => now.joined_by(owner, wanted),
    };
    merged.map_err(|unwritable| {
        let refusals = unwritable.into_iter().map(Refusal::Unwritable).collect();
        Why::Refused(Plan { refusals, ..Plan::default() })
    })
}

fn gone(what: String) -> CloudError {
    CloudError { doing: what, kind: Kind::Missing, code: None, message: "it was there a moment ago".to_owned() }
}
