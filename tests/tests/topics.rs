//! Topics as targets, standard and FIFO: the adapter's batches and dedupe before them, against the local cloud over HTTP and
//! against an independent emulator.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of tests fail like tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use brigade::aws::Clients;
use brigade::budget::Deadline;
use brigade::config::Environment;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey, Sequencer};
use brigade::storage::Nonces;
use brigade::verdict::Outcome;
use brigade::worker::queue::{Outgoing, QueueError};
use brigade::worker::{Together, Topic};
use brigade_dedupe::{Config, Dedupe, Outlet};
use brigade_local::LocalCloud;
use brigade_simulation::invariants::{Forwarded, consumer_sees_only_newer, newest_is_forwarded, repeated_only_after_a_death};
use serde_json::json;
use time::OffsetDateTime;

/// A topic with a queue that gets its messages as they are; both FIFO or neither.
struct Path {
    clients: Clients,
    fifo: bool,
    name: String,
    topic: String,
    queue_url: String,
}

impl Path {
    async fn new(clients: Clients, fifo: bool) -> Self {
        let name = unique(if fifo { ".fifo" } else { "" });
        let queue = clients.sqs().create_queue().queue_name(&name);
        let queue = if fifo { queue.attributes("FifoQueue".into(), "true") } else { queue };
        let queue_url = queue.send().await.unwrap().queue_url.unwrap();
        let mut path = Self { clients, fifo, name, topic: String::new(), queue_url };
        path.make_topic().await;
        path
    }

    async fn make_topic(&mut self) {
        let topic = self.clients.sns().create_topic().name(&self.name);
        let topic = if self.fifo { topic.attributes("FifoTopic", "true") } else { topic };
        self.topic = topic.send().await.unwrap().topic_arn.unwrap();
        let subscribe = self.clients.sns().subscribe().topic_arn(&self.topic).protocol("sqs");
        let queue = self.topic.replace(":sns:", ":sqs:");
        subscribe.endpoint(&queue).attributes("RawMessageDelivery", "true").send().await.unwrap();
        let statement = json!({
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": self.topic}},
        });
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let admit = self.clients.sqs().set_queue_attributes().queue_url(&self.queue_url);
        admit.attributes("Policy".into(), policy).send().await.unwrap();
    }

    async fn remove_topic(&self) {
        let subscriptions = self.clients.sns().list_subscriptions_by_topic().topic_arn(&self.topic).send().await.unwrap();
        for subscription in subscriptions.subscriptions() {
            let arn = subscription.subscription_arn().unwrap();
            self.clients.sns().unsubscribe().subscription_arn(arn).send().await.unwrap();
        }
        self.clients.sns().delete_topic().topic_arn(&self.topic).send().await.unwrap();
    }

    /// All that the queue has: body, group and deduplication id.
    async fn take(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let mut taken = Vec::new();
        loop {
            let receive = self.clients.sqs().receive_message().queue_url(&self.queue_url).max_number_of_messages(10);
            let received = receive.message_system_attribute_names(MessageSystemAttributeName::All).send().await.unwrap();
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return taken;
            }
            for message in messages {
                let attribute = |name| message.attributes.as_ref().and_then(|all| all.get(&name).cloned());
                let ids = (
                    attribute(MessageSystemAttributeName::MessageGroupId),
                    attribute(MessageSystemAttributeName::MessageDeduplicationId),
                );
                taken.push((message.body.clone().unwrap(), ids.0, ids.1));
                let handle = message.receipt_handle.unwrap();
                self.clients.sqs().delete_message().queue_url(&self.queue_url).receipt_handle(handle).send().await.unwrap();
            }
        }
    }

    fn outgoing(&self, body: impl Into<String>, group: usize, id: &str) -> Outgoing {
        Outgoing {
            body: body.into(),
            group_id: Some(format!("g{group}")),
            deduplication_id: self.fifo.then(|| id.to_owned()),
            ..Outgoing::default()
        }
    }
}

fn unique(suffix: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("t{}-{nanos}{suffix}", std::process::id())
}

/// A deduplication id where none may be, or none where one must be: the one thing that a service refuses of a single entry.
fn refused(message: Outgoing) -> Outgoing {
    let deduplication_id = if message.deduplication_id.is_none() { Some("d".to_owned()) } else { None };
    Outgoing { deduplication_id, ..message }
}

async fn batches_are_answered_entry_by_entry(path: &mut Path) {
    let topic = path.clients.topic();
    let batch: Vec<Outgoing> = (0..10).map(|n| path.outgoing(n.to_string(), n % 3, &n.to_string())).collect();

    let mut partly = batch.clone();
    partly[3] = refused(partly[3].clone());
    partly[5].body = "x".repeat(300 * 1024);
    partly[7].body = String::new();
    let results = topic.publish_batch(&path.topic, partly).await;
    let failed: Vec<_> = results.iter().enumerate().filter_map(|(n, r)| Some((n, r.as_ref().err()?))).collect();
    let shape: Vec<_> = failed.iter().map(|(n, error)| (*n, error.code.as_str(), error.retry, error.may_have_landed)).collect();
    let expected = [(3, "InvalidParameter"), (5, "MessageTooLong"), (7, "EmptyMessage")];
    assert_eq!(shape, expected.map(|(n, code)| (n, code, false, false)), "{results:?}");
    let results = topic.publish_batch(&path.topic, batch.clone()).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let taken = path.take().await;
    let of = |group: &str| -> Vec<&str> {
        let in_group = taken.iter().filter(|(_, g, _)| g.as_deref() == Some(group));
        in_group.map(|(body, ..)| body.as_str()).collect()
    };
    if path.fifo {
        // What came again is dropped, and what was refused at first comes last of its group: this is why a request of dedupe's
        // has no key twice.
        let expected = (vec!["0", "6", "9", "3"], vec!["1", "4", "7"], vec!["2", "8", "5"]);
        assert_eq!((of("g0"), of("g1"), of("g2")), expected);
        assert!(taken.iter().all(|(body, _, id)| id.as_ref() == Some(body)), "{taken:?}");
    } else {
        assert_eq!((of("g0").len(), of("g1").len(), of("g2").len()), (3 + 4, 2 + 3, 2 + 3));
        assert!(taken.iter().all(|(.., id)| id.is_none()), "{taken:?}");
    }

    let eleven = [batch.clone(), vec![path.outgoing("10", 0, "10")]].concat();
    let results = topic.publish_batch(&path.topic, eleven).await;
    assert!(results.iter().all(|r| r.as_ref().is_err_and(|e| !e.may_have_landed && e.code.contains("TooManyEntries"))));
    assert!(topic.publish_batch(&path.topic, Vec::new()).await.is_empty());
    path.remove_topic().await;
    let results = topic.publish_batch(&path.topic, batch).await;
    assert_eq!(results.len(), 10);
    assert!(results.iter().all(|r| r.as_ref().is_err_and(|e| e.retry && !e.may_have_landed)), "{results:?}");
    path.make_topic().await;
}

/// A topic that is given the message of one change in a form that it refuses.
struct RefusesOne {
    inside: brigade::worker::topic::SnsTopic,
    sequencer: Mutex<Option<String>>,
}

#[async_trait]
impl Topic for RefusesOne {
    async fn publish(&self, topic_arn: &str, message: Outgoing) -> Result<(), QueueError> {
        self.inside.publish(topic_arn, message).await
    }

    async fn publish_batch(&self, topic_arn: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let bad = self.sequencer.lock().unwrap().clone();
        let is_bad = |message: &Outgoing| bad.as_ref().is_some_and(|sequencer| message.body.contains(sequencer));
        let messages = messages.into_iter().map(|m| if is_bad(&m) { refused(m) } else { m }).collect();
        self.inside.publish_batch(topic_arn, messages).await
    }
}

fn event(bucket: &str, key: usize, number: u64) -> ObjectEvent {
    ObjectEvent {
        kind: EventKind::new("ObjectCreated:Put"),
        bucket: BucketName::new(bucket),
        region: None,
        key: ObjectKey::new(format!("{key}")).unwrap(),
        other_key: None,
        version_id: None,
        etag: Some(format!("e{number}")),
        size: Some(1),
        sequencer: Sequencer::new(&sequencer(key, number)),
        time: Some(OffsetDateTime::now_utc()),
    }
}

fn sequencer(key: usize, number: u64) -> String {
    format!("{number:08X}{key:08X}")
}

async fn deliver(dedupe: &Dedupe, events: &[ObjectEvent]) -> Vec<String> {
    let events: Vec<&ObjectEvent> = events.iter().collect();
    let outcomes = dedupe.handle_all(&events, Deadline::after(Duration::from_secs(30))).await;
    let word =
        |o: &Outcome| [o.verdict.name(), o.verdict.reason().map_or("", |reason| &reason.code)].join(" ").trim().to_owned();
    outcomes.iter().map(word).collect()
}

async fn dedupe_before_a_topic_keeps_the_order_of_each_key(path: &mut Path) {
    let bucket = unique("").to_lowercase();
    path.clients.s3().create_bucket().bucket(&bucket).send().await.unwrap();
    let environment: Environment = [
        ("BRIGADE_INPUT", format!("s3://{bucket}/*")),
        ("BRIGADE_STATE", format!("s3://{bucket}-state/")),
        ("BRIGADE_TARGET", path.topic.clone()),
    ]
    .into_iter()
    .collect();
    path.clients.s3().create_bucket().bucket(format!("{bucket}-state")).send().await.unwrap();
    let config = Config::read(&environment).unwrap();
    let made = Outlet::of(&config.target, &path.clients).unwrap();
    assert!(matches!(made, Outlet::Topic(_, ref arn) if *arn == path.topic));
    let topic = Arc::new(RefusesOne { inside: path.clients.topic(), sequencer: Mutex::default() });
    let outlet = Outlet::Topic(Arc::clone(&topic) as Arc<dyn Topic>, path.topic.clone());
    let store = Arc::new(path.clients.s3_store(None));
    let dedupe = Dedupe::new(config, store, outlet, Nonces::seeded_by_system());
    let of = |number: u64| (0..25).map(|key| event(&bucket, key, number)).collect::<Vec<_>>();

    // 25 keys in three requests, of which one entry is refused. It alone is not forwarded, and its key goes on.
    *topic.sequencer.lock().unwrap() = Some(sequencer(7, 1));
    let verdicts = deliver(&dedupe, &of(1)).await;
    let bad: Vec<_> = verdicts.iter().enumerate().filter(|(_, verdict)| *verdict != "done").collect();
    assert_eq!(bad, [(7, &"park not-forwardable".to_owned())]);
    *topic.sequencer.lock().unwrap() = None;
    assert_eq!(deliver(&dedupe, &[event(&bucket, 7, 2)]).await, ["done"]);
    assert_eq!(deliver(&dedupe, &[event(&bucket, 7, 1)]).await, ["skip superseded"], "it can not be sent after the newer one");
    assert!(
        deliver(&dedupe, &of(1)).await.iter().all(|verdict| verdict.starts_with("skip ")),
        "all was forwarded or overtaken"
    );

    // The topic is gone for a while: all comes back, older and newer, and the newest alone is forwarded.
    path.remove_topic().await;
    assert!(deliver(&dedupe, &of(3)).await.iter().all(|verdict| verdict == "retry not-forwarded"));
    path.make_topic().await;
    let mut both = [of(3), of(4)].concat();
    fastrand::Rng::with_seed(1).shuffle(&mut both);
    let verdicts = deliver(&dedupe, &both).await;
    let count = |word: &str| verdicts.iter().filter(|verdict| *verdict == word).count();
    assert_eq!((count("done"), count("skip superseded")), (25, 25), "{verdicts:?}");

    let taken = path.take().await;
    let mut got: Vec<Forwarded> = taken.iter().map(|(body, _, id)| Forwarded::read(body, id.as_deref()).unwrap()).collect();
    if !path.fifo {
        // A standard topic promises no order; the numbers let a consumer make one.
        got.sort_by_key(|one| one.token);
    }
    let groups: BTreeSet<_> = taken.iter().map(|(_, group, _)| group.clone()).collect();
    assert_eq!((got.len(), groups.len()), (24 + 1 + 25, 25));
    let newest: BTreeMap<String, ObjectEvent> = of(4).into_iter().map(|event| (event.key.to_string(), event)).collect();
    let wrong = [consumer_sees_only_newer(&got), repeated_only_after_a_death(&got, 0), newest_is_forwarded(&newest, &got)];
    assert_eq!(wrong.concat(), Vec::<String>::new());
}

#[tokio::test]
async fn the_local_clouds_topics_over_http() {
    for fifo in [false, true] {
        let cloud = LocalCloud::builder().port(0).start().await.unwrap();
        let mut path = Path::new(Clients::at(&cloud.endpoint(), "us-east-1", "test", "test"), fifo).await;
        batches_are_answered_entry_by_entry(&mut path).await;
        dedupe_before_a_topic_keeps_the_order_of_each_key(&mut path).await;
        cloud.shutdown().await;
    }
}

/// As for the store's contract: `BRIGADE_TEST_ENDPOINT` is a service that this project did not write.
#[tokio::test]
async fn an_independent_emulators_topics() {
    let Ok(endpoint) = std::env::var("BRIGADE_TEST_ENDPOINT") else {
        eprintln!("BRIGADE_TEST_ENDPOINT is not set: topics were not tried against an independent emulator");
        return;
    };
    for fifo in [false, true] {
        let mut path = Path::new(Clients::at(&endpoint, "us-east-1", "test", "test"), fifo).await;
        batches_are_answered_entry_by_entry(&mut path).await;
        dedupe_before_a_topic_keeps_the_order_of_each_key(&mut path).await;
    }
}
