//! Others who write the same documents at the same time, against the local cloud over HTTP.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade::aws::Clients;
use brigade::event::BucketName;
use brigade::notification::{Destination, Draft, Filter};
use brigade_local::LocalCloud;
use brigade_wire::apply::{Become, Manner, Patience, Place, Stopped, TestEvent, Why, apply, merge_notification, read};
use brigade_wire::arn::Arn;
use brigade_wire::aws::Aws;
use brigade_wire::notification::{Announcement, Notification, Owner};
use brigade_wire::plan::{Consumer, Direction, Plan, Queue, Step, Topic, Wish, plan};
use brigade_wire::policy::Policy;
use brigade_wire::ports::{Check, CloudError, Kind, Messaging, Notifications};
use brigade_wire::subscription::Subscription;

const BUCKET: &str = "photos";
const QUICK: Patience =
    Patience { settle: Duration::ZERO, test_event: Duration::from_secs(30), nonce: 7, check: Check::Destinations };

/// When the rival writes.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    /// Between our first reading, for the plan, and the one right before our writing.
    BeforeOurLastRead,
    /// After our writing, from a reading that is older than it: our rules are gone.
    AfterOurWrite,
}

/// The cloud with a rival in it, who adds a rule of its own each time, so many times.
struct Contested {
    cloud: Aws,
    moment: Moment,
    times: usize,
    reads: AtomicUsize,
    written: AtomicUsize,
    /// ARNs of subscriptions that tell this account nothing of themselves.
    closed: Vec<String>,
    /// Subscriptions that are listed, though they have just ended.
    ghosts: Vec<Subscription>,
    last_seen: std::sync::Mutex<Notification>,
    /// Subscribes to the topic as soon as somebody else leaves it.
    joins: Option<Arn>,
    /// Writings of ours that still come through; then no more do, as if the call were killed.
    left: AtomicUsize,
}

impl Contested {
    fn new(cloud: Aws, moment: Moment, times: usize) -> Self {
        let (reads, written) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (closed, ghosts) = (Vec::new(), Vec::new());
        Self {
            cloud,
            moment,
            times,
            reads,
            written,
            closed,
            ghosts,
            last_seen: std::sync::Mutex::default(),
            joins: None,
            left: usize::MAX.into(),
        }
    }

    fn writes(&self) -> Result<(), CloudError> {
        let taken = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let (doing, message) = ("a writing".to_owned(), "killed".to_owned());
        taken.map(drop).map_err(|_| CloudError { doing, kind: Kind::Unavailable, code: None, message })
    }

    async fn rival_writes(&self, account: &str, mut from: Notification) {
        if self.written.load(Ordering::SeqCst) < self.times {
            let n = self.written.fetch_add(1, Ordering::SeqCst);
            from.rules.push(rival(n));
            self.cloud.put_notification(BUCKET, account, &from, Check::Destinations).await.unwrap();
        }
    }
}

fn rival(n: usize) -> Draft {
    Draft {
        id: Some(format!("rival-{n}")),
        destination: Destination::Queue("arn:aws:sqs:us-east-1:000000000000:rivals".to_owned()),
        events: vec!["s3:ObjectTagging:*".to_owned()],
        filter: vec![("Prefix".to_owned(), format!("{n}/"))],
    }
}

#[async_trait]
impl Notifications for Contested {
    async fn notification(&self, bucket: &str, account: &str) -> Result<Notification, CloudError> {
        // The second reading is the one right before the writing.
        if self.moment == Moment::BeforeOurLastRead && self.reads.fetch_add(1, Ordering::SeqCst) == 1 {
            let now = self.cloud.notification(bucket, account).await?;
            self.rival_writes(account, now).await;
        }
        let now = self.cloud.notification(bucket, account).await?;
        *self.last_seen.lock().unwrap() = now.clone();
        Ok(now)
    }

    async fn put_notification(
        &self,
        bucket: &str,
        account: &str,
        whole: &Notification,
        check: Check,
    ) -> Result<(), CloudError> {
        self.writes()?;
        let old = self.last_seen.lock().unwrap().clone();
        self.cloud.put_notification(bucket, account, whole, check).await?;
        if self.moment == Moment::AfterOurWrite {
            self.rival_writes(account, old).await;
        }
        Ok(())
    }
}

#[async_trait]
impl Messaging for Contested {
    async fn topic(&self, topic: &Arn) -> Result<Option<Topic>, CloudError> {
        let mut topic = self.cloud.topic(topic).await?;
        if let Some(topic) = &mut topic {
            topic.subscriptions.extend(self.ghosts.iter().cloned());
        }
        Ok(topic)
    }
    async fn subscription(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>, CloudError> {
        if self.closed.iter().any(|closed| closed == arn) {
            let (code, message) = (Some("AuthorizationError".to_owned()), "not authorized".to_owned());
            return Err(CloudError { doing: arn.to_owned(), kind: Kind::Denied, code, message });
        }
        self.cloud.subscription(arn).await
    }
    async fn queues(&self, prefix: &str) -> Result<Vec<String>, CloudError> {
        self.cloud.queues(prefix).await
    }
    async fn create_topic(&self, name: &str, tag: (&str, &str)) -> Result<(), CloudError> {
        self.writes()?;
        self.cloud.create_topic(name, tag).await
    }
    async fn delete_topic(&self, topic: &Arn) -> Result<(), CloudError> {
        self.writes()?;
        self.cloud.delete_topic(topic).await
    }
    async fn set_topic_policy(&self, topic: &Arn, policy: &Policy) -> Result<(), CloudError> {
        self.writes()?;
        self.cloud.set_topic_policy(topic, policy).await
    }
    async fn subscribe(&self, topic: &Arn, queue: &Arn, attributes: &BTreeMap<String, String>) -> Result<String, CloudError> {
        self.writes()?;
        self.cloud.subscribe(topic, queue, attributes).await
    }
    async fn set_subscription(&self, arn: &str, attributes: &BTreeMap<String, String>) -> Result<(), CloudError> {
        self.writes()?;
        self.cloud.set_subscription(arn, attributes).await
    }
    async fn unsubscribe(&self, arn: &str) -> Result<(), CloudError> {
        self.writes()?;
        self.cloud.unsubscribe(arn).await?;
        match &self.joins {
            Some(queue) => self.cloud.subscribe(&wish().topic, queue, &BTreeMap::new()).await.map(drop),
            None => Ok(()),
        }
    }
    async fn queue(&self, name: &str) -> Result<Option<Queue>, CloudError> {
        self.cloud.queue(name).await
    }
    async fn set_queue_policy(&self, url: &str, policy: &Policy) -> Result<(), CloudError> {
        self.writes()?;
        self.cloud.set_queue_policy(url, policy).await
    }
    async fn create_queue(&self, name: &str) -> Result<(), CloudError> {
        self.writes()?;
        self.cloud.create_queue(name).await
    }
    async fn delete_queue(&self, url: &str) -> Result<(), CloudError> {
        self.writes()?;
        self.cloud.delete_queue(url).await
    }
    async fn take(&self, url: &str) -> Result<Vec<String>, CloudError> {
        self.cloud.take(url).await
    }
}

async fn cloud() -> (LocalCloud, Aws) {
    let cloud = LocalCloud::builder().port(0).start().await.unwrap();
    cloud.store().create_bucket(&BucketName::new(BUCKET), "us-east-1").unwrap();
    for queue in ["brigade-thumbnail", "rivals"] {
        cloud.queues().create(queue, &BTreeMap::new()).unwrap();
    }
    cloud.admit_bucket(&rival(0).destination, &BucketName::new(BUCKET)).unwrap();
    let aws = Aws::new(clients(&cloud));
    (cloud, aws)
}

fn clients(cloud: &LocalCloud) -> Clients {
    Clients::at(&cloud.endpoint(), "us-east-1", "test", "test")
}

fn wish() -> Wish {
    let topic = Arn::parse("arn:aws:sns:us-east-1:000000000000:photos-changes").unwrap();
    let families = ["ObjectCreated", "ObjectRemoved"].map(str::to_owned).into();
    let thumbnail = Consumer { name: "thumbnail".to_owned(), queue: topic.beside("sqs", "brigade-thumbnail"), families };
    Wish {
        bucket: BUCKET.to_owned(),
        owner: Owner::command(),
        topic,
        filter: Filter::default(),
        functions: vec![thumbnail],
        direction: Direction::Connect,
        now: 1_800_000_000,
    }
}

fn ids(cloud: &LocalCloud) -> Vec<String> {
    let configuration = cloud.notifier().configuration(&BucketName::new(BUCKET));
    let mut ids: Vec<String> = configuration.rules().iter().map(|rule| rule.id.clone()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_rival_between_our_readings_is_merged_with() {
    let (local, aws) = cloud().await;
    let contested = Contested::new(aws, Moment::BeforeOurLastRead, 1);
    let report = apply(&contested, &wish(), QUICK).await.unwrap();
    assert_eq!((report.test_event, report.rivals), (TestEvent::Arrived, 1));
    assert_eq!(ids(&local), ["brigade-wire.ObjectCreated", "brigade-wire.ObjectRemoved", "rival-0"]);
    local.shutdown().await;
}

#[tokio::test]
async fn a_rival_that_overwrites_us_is_seen_and_merged_with() {
    let (local, aws) = cloud().await;
    let contested = Contested::new(aws, Moment::AfterOurWrite, 3);
    let report = apply(&contested, &wish(), QUICK).await.unwrap();
    assert_eq!(report.rivals, 3);
    let all = ["brigade-wire.ObjectCreated", "brigade-wire.ObjectRemoved", "rival-0", "rival-1", "rival-2"];
    assert_eq!(ids(&local), all, "each of the three writings is kept");
    local.shutdown().await;
}

#[tokio::test]
async fn a_rival_that_never_ends_is_said_and_nothing_of_it_is_lost() {
    let (local, aws) = cloud().await;
    let contested = Contested::new(aws, Moment::AfterOurWrite, usize::MAX);
    let Stopped { done, left, why } = apply(&contested, &wish(), QUICK).await.unwrap_err();
    assert!(matches!(why, Why::Contended), "{why:?}");
    assert!(done.iter().any(|step| matches!(step, Step::Subscribe(..))), "{done:?}");
    assert!(matches!(left.as_slice(), [Step::Announce(Some(_))]), "{left:?}");
    let ids = ids(&local);
    assert_eq!(ids.iter().filter(|id| id.starts_with("rival-")).count(), contested.written.load(Ordering::SeqCst));
    assert!(local.queues().list("").iter().all(|name| !name.contains("probe")), "the queue for the test event is gone");
    local.shutdown().await;
}

#[tokio::test]
async fn a_topic_that_somebody_has_come_to_meanwhile_is_not_deleted() {
    let (local, aws) = cloud().await;
    apply(&aws, &wish(), QUICK).await.unwrap();
    let mut contested = Contested::new(aws, Moment::AfterOurWrite, 0);
    contested.joins = Some(wish().topic.beside("sqs", "rivals"));
    let report = apply(&contested, &Wish { direction: Direction::Remove, ..wish() }, QUICK).await.unwrap();
    assert!(!report.done.contains(&Step::DeleteTopic), "{:?}", report.done);
    assert!(ids(&local).is_empty());
    let left = local.topics().subscriptions(None).unwrap();
    assert!(left.len() == 1 && left[0].endpoint.ends_with(":rivals"), "{left:?}");
    local.shutdown().await;
}

/// Everything that a wiring leaves at the topics and queues.
fn traces(local: &LocalCloud) -> Vec<String> {
    let subscriptions = local.topics().subscriptions(None).unwrap().into_iter().map(|s| s.endpoint);
    let queues = local.queues().list("").into_iter();
    let admitted = queues.filter(|queue| {
        let attributes = local.queues().attributes(queue).unwrap();
        queue.contains("probe") || attributes.get("Policy").is_some_and(|policy| policy.contains("BrigadeWire"))
    });
    subscriptions.chain(admitted).chain(local.topics().list()).collect()
}

#[tokio::test]
async fn a_call_that_is_killed_anywhere_is_finished_by_the_next() {
    let (local, aws) = cloud().await;
    let before = traces(&local);
    let dead = local.queues().create("brigade-thumbnail-dlq", &BTreeMap::new()).unwrap();
    let redrive = format!(r#"{{"deadLetterTargetArn":"{dead}","maxReceiveCount":5}}"#);
    local.queues().set_attributes("brigade-thumbnail", &[("RedrivePolicy".to_owned(), redrive)].into()).unwrap();
    apply(&aws, &wish(), QUICK).await.unwrap();
    let connected = traces(&local);
    for (undone, done) in [(Direction::Remove, Direction::Connect), (Direction::Connect, Direction::Remove)] {
        for writings in 0.. {
            apply(&aws, &Wish { direction: undone, ..wish() }, QUICK).await.unwrap();
            let killed = Contested::new(Aws::new(clients(&local)), Moment::AfterOurWrite, 0);
            killed.left.store(writings, Ordering::SeqCst);
            let ended = apply(&killed, &Wish { direction: done, ..wish() }, QUICK).await;
            // The queue of its test event is known for left behind some time later.
            let next = Wish { direction: done, now: wish().now + 7200, ..wish() };
            apply(&aws, &next, QUICK).await.unwrap();
            let (rules, left) = if done == Direction::Connect { (2, &connected) } else { (0, &before) };
            assert_eq!((ids(&local).len(), &traces(&local)), (rules, left), "{done:?} after {writings} writings");
            if ended.is_ok() {
                assert!(writings >= 5, "{writings}");
                break;
            }
        }
    }
    local.shutdown().await;
}

/// It took more rounds, and nobody else has written the bucket's configuration.
#[tokio::test]
async fn a_policy_that_is_lost_in_between_is_no_rival_of_the_configuration() {
    let (local, aws) = cloud().await;
    apply(&aws, &wish(), QUICK).await.unwrap();
    let nothing = BTreeMap::from([("Policy".to_owned(), String::new())]);
    local.queues().set_attributes("brigade-thumbnail", &nothing).unwrap();
    let report = apply(&aws, &wish(), QUICK).await.unwrap();
    assert!(matches!(report.done.as_slice(), [Step::AdmitTopic(_)]), "{:?}", report.done);
    assert_eq!(report.rivals, 0);
    local.shutdown().await;
}

#[tokio::test]
async fn subscriptions_of_others_that_cannot_be_read_stop_nothing() {
    let (local, aws) = cloud().await;
    apply(&aws, &wish(), QUICK).await.unwrap();
    let topic = wish().topic;
    let theirs = "arn:aws:sqs:us-east-1:210987654321:theirs";
    let subscribe = aws.subscribe(&topic, &Arn::parse(theirs).unwrap(), &BTreeMap::new()).await;
    let mut contested = Contested::new(aws, Moment::AfterOurWrite, 0);
    contested.closed.push(subscribe.unwrap());
    contested.ghosts.push(Subscription {
        arn: format!("{topic}:00000000-0000-0000-0000-000000000000"),
        protocol: "sqs".to_owned(),
        endpoint: topic.beside("sqs", "gone").to_string(),
        attributes: BTreeMap::new(),
    });
    let seen = read(&contested, &wish()).await.unwrap();
    let mut endpoints: Vec<_> = seen.topic.as_ref().unwrap().subscriptions.iter().map(|s| s.endpoint.as_str()).collect();
    endpoints.sort_unstable();
    assert_eq!(endpoints, ["arn:aws:sqs:us-east-1:000000000000:brigade-thumbnail", theirs]);
    let Plan { steps, refusals, .. } = plan(&seen, &wish());
    assert!(steps.is_empty() && refusals.is_empty());
    // On a topic that was made for the bucket, whoever cannot be asked is taken to live on all of it.
    let removal = Wish { direction: Direction::Remove, ..wish() };
    apply(&contested, &removal, QUICK).await.unwrap();
    assert_eq!(ids(&local), ["brigade-wire.ObjectCreated", "brigade-wire.ObjectRemoved"]);
    // The function's own must be known.
    apply(&contested.cloud, &wish(), QUICK).await.unwrap();
    contested.closed.extend(contested.cloud.topic(&topic).await.unwrap().unwrap().subscriptions.into_iter().map(|s| s.arn));
    assert_eq!(read(&contested, &wish()).await.unwrap_err().kind, Kind::Denied);
    local.shutdown().await;
}

/// Another call of the same command has written its rules after this one was planned.
#[tokio::test]
async fn a_call_of_the_same_owner_in_between_keeps_its_families() {
    let (local, aws) = cloud().await;
    let other = wish();
    // The second call was planned before this, and has come to its announcement.
    apply(&aws, &wish(), QUICK).await.unwrap();
    let planned = Announcement {
        topic: other.topic.to_string(),
        families: ["LifecycleExpiration".to_owned()].into(),
        filter: Filter::default(),
    };
    let place = Place { bucket: BUCKET, account: &other.topic.account, owner: &other.owner };
    let manner = Manner { check: Check::Nothing, pause: Duration::ZERO };
    merge_notification(&aws, place, Become::Joined(&planned), manner).await.unwrap();
    let expected = ["brigade-wire.LifecycleExpiration", "brigade-wire.ObjectCreated", "brigade-wire.ObjectRemoved"];
    assert_eq!(ids(&local), expected);
    local.shutdown().await;
}

/// Two calls at the same time: the usual one, and this owner's for another function.
async fn at_the_same_time(local: &LocalCloud, owner: Owner) {
    local.queues().create("brigade-cleanup", &BTreeMap::new()).unwrap();
    let aws = || Aws::new(clients(local));
    let (families, topic) = (vec!["LifecycleExpiration".to_owned()], wish().topic);
    let cleanup = Consumer { name: "cleanup".to_owned(), queue: topic.beside("sqs", "brigade-cleanup"), families };
    let other = Wish { owner, functions: vec![cleanup], ..wish() };
    let (one, two, usual) = (aws(), aws(), wish());
    let (first, second) = tokio::join!(apply(&one, &usual, QUICK), apply(&two, &other, Patience { nonce: 8, ..QUICK }));
    first.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn two_calls_of_one_owner_at_the_same_time_lose_nothing() {
    let (local, _) = cloud().await;
    at_the_same_time(&local, wish().owner).await;
    let expected = ["brigade-wire.LifecycleExpiration", "brigade-wire.ObjectCreated", "brigade-wire.ObjectRemoved"];
    assert_eq!(ids(&local), expected);
    local.shutdown().await;
}

#[tokio::test]
async fn two_calls_at_the_same_time_lose_nothing() {
    let (local, _) = cloud().await;
    let stack = Owner::stack("arn:aws:cloudformation:us-east-1:000000000000:stack/s/1", "Wire");
    at_the_same_time(&local, stack).await;
    let ids = ids(&local);
    for expected in ["ObjectCreated", "ObjectRemoved", "LifecycleExpiration"] {
        assert!(ids.iter().any(|id| id.ends_with(expected)), "{ids:?}");
    }
    assert_eq!(local.topics().subscriptions(None).unwrap().len(), 2);
    local.shutdown().await;
}
