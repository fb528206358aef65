//! `brigade wire` as a user runs it, against the local cloud.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

use std::collections::BTreeMap;
use std::process::Output;
use std::time::Duration;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Location, PutOptions, Store};
use brigade_local::LocalCloud;
use brigade_local::notify::{Configuration, Destination, DestinationCheck, Draft};
use bytes::Bytes;
use serde_json::Value;
use tokio::process::Command;

const QUEUE: &str = "brigade-thumbnail";
/// Together they take creations, removals and expirations.
const BOTH: &str = "thumbnail,cleanup";

struct World {
    cloud: LocalCloud,
    bucket: BucketName,
}

impl World {
    /// A bucket, the function's queues, and others' queue and topic.
    async fn new() -> Self {
        let cloud = LocalCloud::builder().port(0).start().await.unwrap();
        let bucket = BucketName::new("photos");
        cloud.store().create_bucket(&bucket, "us-east-1").unwrap();
        cloud.queues().create("theirs", &BTreeMap::new()).unwrap();
        for queue in [QUEUE, "brigade-cleanup"] {
            let dead_letters = cloud.queues().create(&format!("{queue}-dlq"), &BTreeMap::new()).unwrap();
            let redrive = serde_json::json!({"deadLetterTargetArn": dead_letters, "maxReceiveCount": 5}).to_string();
            cloud.queues().create(queue, &BTreeMap::from([("RedrivePolicy".to_owned(), redrive)])).unwrap();
        }
        cloud.topics().create("their-events").unwrap();
        for theirs in [queue(), topic()] {
            cloud.admit_bucket(&theirs, &bucket).unwrap();
        }
        Self { cloud, bucket }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
        command.env("AWS_ENDPOINT_URL", self.cloud.endpoint()).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.args(["wire", "photos"]);
        command
    }

    async fn wire(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().await.unwrap()
    }

    /// The document of a call, and its exit code.
    async fn told(&self, arguments: &[&str]) -> (Value, i32) {
        let output = self.command().args(arguments).arg("--json").output().await.unwrap();
        assert!(!output.stdout.is_empty(), "{output:?}");
        (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap())
    }

    async fn configure(&self, rules: Vec<Draft>, event_bridge: bool) {
        let configuration = Configuration::new(rules, event_bridge, || "assigned".to_owned()).unwrap();
        self.cloud.notifier().put_configuration(&self.bucket, configuration, DestinationCheck::Skip).await.unwrap();
    }

    /// Everything that a wiring could change: the bucket's rules by their ids, policies, topics, subscriptions.
    fn state(&self) -> State {
        let policies = self.cloud.queues().list("").into_iter().map(|queue| {
            let attributes = self.cloud.queues().attributes(&queue).unwrap();
            format!("{queue} {:?}", attributes.get("Policy").filter(|policy| !policy.is_empty()))
        });
        let topics = self.cloud.topics().list().into_iter();
        let topics = topics.map(|arn| format!("{arn} {:?}", self.cloud.topics().attributes(&arn).unwrap().get("Policy")));
        let subscriptions = self.cloud.topics().subscriptions(None).unwrap();
        let subscriptions = subscriptions.into_iter().map(|s| format!("{} {}", s.topic_arn, s.endpoint));
        let configuration = self.cloud.notifier().configuration(&self.bucket);
        let mut rules = configuration.drafts();
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        State {
            rules,
            event_bridge: configuration.event_bridge(),
            policies: policies.collect(),
            topics: topics.collect(),
            subscriptions: subscriptions.collect(),
        }
    }

    async fn put(&self, key: &str) {
        let at = Location::new(self.bucket.clone(), ObjectKey::new(key).unwrap());
        self.cloud.store().put(&at, Bytes::from_static(b"x"), PutOptions::default()).await.unwrap();
        self.cloud.notifier().idle().await;
    }

    async fn bodies(&self, queue: &str) -> Vec<Value> {
        let messages = self.cloud.queues().receive(queue, 10, Duration::ZERO).await.unwrap();
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }
}

#[derive(Debug, PartialEq)]
struct State {
    rules: Vec<Draft>,
    event_bridge: bool,
    policies: Vec<String>,
    topics: Vec<String>,
    subscriptions: Vec<String>,
}

impl State {
    /// All but the text of policies, whose members may change their order.
    fn around(&self) -> (&[Draft], bool, &[String], &[String]) {
        (&self.rules, self.event_bridge, &self.topics, &self.subscriptions)
    }
}

fn rule(id: &str, destination: Destination, events: &[&str], filter: &[(&str, &str)]) -> Draft {
    Draft {
        id: Some(id.to_owned()),
        destination,
        events: events.iter().map(|e| (*e).to_owned()).collect(),
        filter: filter.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
    }
}

fn queue() -> Destination {
    Destination::Queue("arn:aws:sqs:us-east-1:000000000000:theirs".to_owned())
}

fn topic() -> Destination {
    Destination::Topic("arn:aws:sns:us-east-1:000000000000:their-events".to_owned())
}

/// Rules of others, of every shape, beside which the functions' rules have room.
fn foreign() -> Vec<Draft> {
    let function = Destination::Function("arn:aws:lambda:us-east-1:000000000000:function:theirs".to_owned());
    vec![
        rule("everything restored", topic(), &["s3:ObjectRestore:*", "s3:ReducedRedundancyLostObject"], &[]),
        rule("tags", queue(), &["s3:ObjectTagging:Put"], &[("Prefix", "a+b/%C3%A9"), ("Suffix", ".jpg")]),
        rule("acl", function.clone(), &["s3:ObjectAcl:Put"], &[("Suffix", ".txt")]),
        rule("logs", function, &["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"], &[("Prefix", "logs/")]),
        rule("replication", queue(), &["s3:Replication:*", "s3:IntelligentTiering"], &[]),
        rule("brigade-wire", topic(), &["s3:ObjectRetention:Put"], &[("Prefix", "x")]),
    ]
}

#[tokio::test]
async fn rules_of_every_shape_survive_and_removal_leaves_what_was_there() {
    let world = World::new().await;
    world.configure(foreign(), true).await;
    let policy = r#"{"Version":"2008-10-17","Id":"mine","Statement":[{"Sid":"a","Effect":"Deny","Principal":"*"}]}"#;
    world.cloud.queues().set_attributes(QUEUE, &BTreeMap::from([("Policy".to_owned(), policy.to_owned())])).unwrap();
    let before = world.state();

    let planned = world.wire(&["--to", BOTH, "--prefix", "uploads/"]).await;
    assert_eq!(planned.status.code(), Some(0), "{planned:?}");
    let text = String::from_utf8(planned.stdout).unwrap();
    assert!(text.contains("+  rule") && text.contains("=  rule") && text.contains("=  eventbridge"), "{text}");
    assert!(text.contains("repeat with --apply"), "{text}");
    assert_eq!(world.state(), before, "a plan changes nothing");

    // One of the functions is not here, as others' destinations may be.
    let apply = ["--to", BOTH, "--prefix", "uploads/", "--apply", "--skip-destination-validation"];
    let (document, code) = world.told(&apply).await;
    assert_eq!((&document["outcome"], code), (&"applied".into(), 0), "{document}");
    assert_eq!(document["test_event"], "arrived", "{document}");
    let wired = world.state();
    for rule in &before.rules {
        assert!(wired.rules.contains(rule), "{rule:?} is not in {:?}", wired.rules);
    }
    assert!(wired.event_bridge);
    assert_eq!(wired.rules.len(), before.rules.len() + 3);
    assert!(wired.policies.iter().any(|line| line.starts_with(QUEUE) && line.contains("mine")), "{:?}", wired.policies);
    assert!(wired.subscriptions.iter().all(|line| !line.contains("probe")), "{:?}", wired.subscriptions);

    let (again, code) = world.told(&apply).await;
    assert_eq!((&again["outcome"], &again["changes"], code), (&"planned".into(), &0.into(), 0), "{again}");

    let remove = ["--to", BOTH, "--remove", "--apply", "--skip-destination-validation"];
    let (document, code) = world.told(&remove).await;
    assert_eq!((&document["outcome"], code), (&"applied".into(), 0), "{document}");
    assert_eq!(world.state().around(), before.around());
    // The order of members is JSON's own business.
    let document = world.cloud.queues().attributes(QUEUE).unwrap();
    let left: Value = serde_json::from_str(document.get("Policy").unwrap()).unwrap();
    assert_eq!(left, serde_json::from_str::<Value>(policy).unwrap());
    let (nothing, code) = world.told(&remove).await;
    assert_eq!((&nothing["changes"], code), (&0.into(), 0), "{nothing}");
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn the_function_gets_what_it_takes_raw_and_nothing_else() {
    let world = World::new().await;
    let (document, _) = world.told(&["--to", "thumbnail", "--apply"]).await;
    assert_eq!(document["outcome"], "applied", "{document}");
    assert!(world.bodies(QUEUE).await.is_empty(), "S3's test event stays outside");
    world.put("uploads/cat.jpg").await;
    let bodies = world.bodies(QUEUE).await;
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["Records"][0]["eventName"], "ObjectCreated:Put", "{bodies:?}");
    assert_eq!(bodies[0]["Records"][0]["s3"]["configurationId"], "brigade-wire.ObjectCreated");
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn what_the_queue_cannot_take_is_in_its_dead_letter_queue() {
    let world = World::new().await;
    let (document, _) = world.told(&["--to", BOTH, "--apply"]).await;
    assert_eq!((&document["outcome"], &document["notes"]), (&"applied".into(), &serde_json::json!([])), "{document}");
    let subscriptions = world.cloud.topics().subscriptions(None).unwrap();
    for subscription in &subscriptions {
        let policy = &subscription.attributes("000000000000")["RedrivePolicy"];
        let policy: Value = serde_json::from_str(policy).unwrap();
        assert_eq!(policy["deadLetterTargetArn"], format!("{}-dlq", subscription.endpoint));
    }
    assert_eq!(subscriptions.len(), 2);
    world.cloud.queues().delete_queue(QUEUE).unwrap();
    world.put("uploads/cat.jpg").await;
    let dead = world.bodies("brigade-thumbnail-dlq").await;
    assert!(dead.len() == 1 && dead[0].to_string().contains("uploads/cat.jpg"), "{dead:?}");
    world.cloud.shutdown().await;
}

/// The queue was made anew, as by a stack that replaces it, or its policy was replaced.
#[tokio::test]
async fn what_was_wired_and_broke_is_seen_and_mended() {
    let world = World::new().await;
    world.told(&["--to", BOTH, "--apply"]).await;
    let redrive = world.cloud.queues().attributes(QUEUE).unwrap().get("RedrivePolicy").unwrap().clone();
    let anew = || {
        world.cloud.queues().delete_queue(QUEUE).unwrap();
        world.cloud.queues().create(QUEUE, &BTreeMap::from([("RedrivePolicy".to_owned(), redrive.clone())])).unwrap();
    };
    let reset = || {
        world.cloud.queues().set_attributes(QUEUE, &BTreeMap::from([("Policy".to_owned(), String::new())])).unwrap();
    };
    for break_it in [&anew as &dyn Fn(), &reset] {
        break_it();
        let (document, code) = world.told(&["--to", BOTH, "--apply"]).await;
        assert_eq!((&document["outcome"], &document["changes"], code), (&"applied".into(), &1.into(), 0), "{document}");
        assert_eq!(document["rivals"], 0, "{document}");
        let policy = world.cloud.queues().attributes(QUEUE).unwrap().get("Policy").unwrap().clone();
        assert!(policy.contains("BrigadeWire") && policy.contains("photos-changes"), "{policy}");
    }
    reset();
    let (document, _) = world.told(&["--to", BOTH, "--remove", "--apply"]).await;
    assert_eq!(document["outcome"], "applied", "{document}");
    assert!(world.state().subscriptions.is_empty() && world.state().rules.is_empty());
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn a_removal_that_names_another_topic_changes_nothing() {
    let world = World::new().await;
    world.told(&["--to", BOTH, "--apply"]).await;
    let before = world.state();
    for topic in ["their-events", "photo-changes"] {
        let (document, code) = world.told(&["--to", "thumbnail", "--remove", "--topic", topic, "--apply"]).await;
        assert_eq!((&document["outcome"], code), (&"refused".into(), 1), "{document}");
        let message = document["refusals"][0]["message"].as_str().unwrap();
        assert!(message.contains("--topic arn:aws:sns:us-east-1:000000000000:photos-changes"), "{message}");
        assert_eq!(world.state(), before);
    }
    world.cloud.shutdown().await;
}

/// The bucket's rules go first, and with them what named the topic.
#[tokio::test]
async fn a_removal_that_was_broken_off_is_finished_by_the_same_call() {
    let world = World::new().await;
    let before = world.state();
    let (document, _) = world.told(&["--to", BOTH, "--topic", "photo-events", "--apply"]).await;
    assert_eq!(document["outcome"], "applied", "{document}");
    world.configure(Vec::new(), false).await;
    let (document, code) = world.told(&["--to", BOTH, "--remove", "--apply"]).await;
    assert_eq!((&document["outcome"], code), (&"applied".into(), 0), "{document}");
    assert_eq!(world.state(), before);
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn what_a_bucket_that_is_gone_was_wired_with_goes() {
    let world = World::new().await;
    let before = world.state();
    let (document, _) = world.told(&["--to", BOTH, "--topic", "photo-events", "--apply"]).await;
    assert_eq!(document["outcome"], "applied", "{document}");
    world.cloud.store().delete_bucket(&world.bucket).unwrap();
    let connected = world.wire(&["--to", BOTH]).await;
    assert_eq!(connected.status.code(), Some(3), "{connected:?}");
    // A name that was mistyped is not taken for one that is gone.
    let (document, code) = world.told(&["--to", BOTH, "--remove", "--topic", "their-events", "--apply"]).await;
    assert_eq!((&document["outcome"], code), (&"refused".into(), 1), "{document}");
    let (document, code) = world.told(&["--to", BOTH, "--remove", "--apply"]).await;
    assert_eq!((&document["outcome"], code), (&"applied".into(), 0), "{document}");
    assert_eq!(world.state(), State { rules: Vec::new(), ..before });
    world.cloud.shutdown().await;
}

/// As two hands may have left it: one of the rules goes to another topic.
#[tokio::test]
async fn a_removal_is_complete_where_the_rest_goes_to_another_topic() {
    let world = World::new().await;
    world.told(&["--to", BOTH, "--apply"]).await;
    let mut rules = world.state().rules;
    let moved = rules.iter_mut().find(|rule| rule.id.as_deref() == Some("brigade-wire.ObjectRemoved")).unwrap();
    moved.destination = topic();
    let moved = moved.clone();
    world.configure(rules, false).await;
    let (document, code) = world.told(&["--to", BOTH, "--remove", "--topic", "photos-changes", "--apply"]).await;
    assert_eq!((&document["outcome"], code), (&"applied".into(), 0), "{document}");
    assert_eq!(world.state().rules, [moved]);
    assert!(world.state().subscriptions.is_empty());
    let (document, _) = world.told(&["--to", BOTH, "--remove", "--apply"]).await;
    assert_eq!(document["outcome"], "applied", "{document}");
    assert!(world.state().rules.is_empty());
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn what_s3_takes_from_nobody_is_refused_before_anything_is_written() {
    let world = World::new().await;
    let before = world.state();
    let long = "x".repeat(1025);
    for (arguments, said) in [
        (["--prefix", &long], "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation"),
        (["--topic", "photo-events.fifo"], "FIFO SNS topics are not supported."),
        (["--topic", "arn:aws:sns:eu-west-1:000000000000:photo-events"], "there is no queue brigade-thumbnail in eu-west-1"),
    ] {
        let (document, code) = world.told(&[&["--to", "thumbnail", "--apply"], &arguments[..]].concat()).await;
        assert_eq!((&document["outcome"], code), (&"refused".into(), 1), "{document}");
        assert!(document["refusals"].to_string().contains(said), "{document}");
        assert_eq!(world.state(), before);
    }
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn a_killed_calls_queue_goes_with_the_next_call() {
    let world = World::new().await;
    let left = "brigade-wire-probe-1700000000-00000000000000ff";
    world.cloud.queues().create(left, &BTreeMap::new()).unwrap();
    let (planned, _) = world.told(&["--to", "thumbnail"]).await;
    assert!(planned["lines"].to_string().contains(left), "{planned}");
    let (document, _) = world.told(&["--to", "thumbnail", "--apply"]).await;
    assert_eq!(document["outcome"], "applied", "{document}");
    assert!(document["done"].to_string().contains(left), "{document}");
    assert!(world.cloud.queues().list("brigade-wire-probe-").is_empty());
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn an_overlap_is_refused_in_s3s_words_with_what_solves_it() {
    let world = World::new().await;
    let cases = [
        (rule("r", queue(), &["s3:ObjectCreated:Put"], &[]), "Configurations overlap.", "subscribe what gets them now"),
        (rule("r", queue(), &["s3:ObjectCreated:*"], &[("Suffix", ".jpg")]), "Configuration is ambiguously", "--protocol sqs"),
        (rule("r", topic(), &["s3:ObjectRemoved:*"], &[]), "Configurations overlap.", "--topic arn:aws:sns:us-east-1"),
    ];
    for (theirs, said, solved) in cases {
        world.configure(vec![theirs], false).await;
        let before = world.state();
        let (document, code) = world.told(&["--to", BOTH, "--apply"]).await;
        assert_eq!((&document["outcome"], code), (&"refused".into(), 1), "{document}");
        let refusal = &document["refusals"][0];
        assert!(refusal["message"].as_str().unwrap().starts_with(said), "{refusal}");
        assert_eq!((&refusal["code"], &refusal["rules"][0]["id"]), (&"InvalidArgument".into(), &"r".into()));
        assert!(refusal["fan_out"].as_str().unwrap().contains(solved), "{refusal}");
        assert_eq!(world.state(), before);
        let output = world.wire(&["--to", BOTH]).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(said) && text.contains("Nothing was done."), "{text}");
    }
    // The way that it names works: the functions subscribe to the topic that gets the events already.
    let all = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"];
    world.configure(vec![rule("r", topic(), &all, &[])], false).await;
    let before = world.state();
    let fan_out = ["--to", BOTH, "--topic", "arn:aws:sns:us-east-1:000000000000:their-events", "--apply"];
    let (document, code) = world.told(&fan_out).await;
    assert_eq!((&document["outcome"], code), (&"applied".into(), 0), "{document}");
    let ids: Vec<Option<String>> = world.state().rules.into_iter().map(|rule| rule.id).collect();
    assert_eq!(ids, ["brigade-wire.LifecycleExpiration", "r"].map(|id| Some(id.to_owned())));
    world.put("cat.jpg").await;
    assert_eq!(world.bodies(QUEUE).await.len(), 1);
    let (document, _) = world.told(&[&fan_out[..], &["--remove"]].concat()).await;
    assert_eq!(document["outcome"], "applied", "{document}");
    assert_eq!(world.state().around().0, before.around().0);
    assert_eq!((world.state().policies, world.state().subscriptions), (before.policies, before.subscriptions));
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn what_others_call_their_rules_breaks_no_line() {
    let world = World::new().await;
    let named = |events: &[&str]| rule("a\nb\u{85}", queue(), events, &[("Prefix", "x\ny")]);
    for (theirs, code) in [(named(&["s3:ObjectTagging:*"]), 0), (named(&["s3:ObjectCreated:*"]), 1)] {
        world.configure(vec![theirs], false).await;
        let output = world.wire(&["--to", "thumbnail"]).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let whole = text.lines().filter(|line| line.contains("a\u{fffd}b\u{fffd}") && line.contains("x\u{fffd}y*"));
        assert!(whole.count() > 0 && !text.contains('\u{85}'), "{text}");
    }
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn somebody_elses_dead_destination_stops_it_and_says_how_to_go_on() {
    let world = World::new().await;
    let gone = Destination::Queue("arn:aws:sqs:us-east-1:000000000000:gone".to_owned());
    world.configure(vec![rule("r", gone, &["s3:ObjectTagging:*"], &[])], false).await;
    let (document, code) = world.told(&["--to", "thumbnail", "--apply"]).await;
    assert_eq!((&document["outcome"], code), (&"stopped".into(), 1), "{document}");
    let message = document["why"]["message"].as_str().unwrap();
    assert!(message.contains("Unable to validate the following destination configurations"), "{message}");
    assert!(message.contains("--skip-destination-validation"), "{message}");
    assert_eq!(document["left"].as_array().unwrap().len(), 1, "what is done is told: {document}");
    assert!(document["done"].as_array().unwrap().len() > 2, "{document}");
    let (document, code) = world.told(&["--to", "thumbnail", "--apply", "--skip-destination-validation"]).await;
    assert_eq!((&document["outcome"], code), (&"applied".into(), 0), "{document}");
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn what_is_around_it_is_told_by_the_exit_code() {
    let world = World::new().await;
    for (arguments, code, said) in [
        (vec!["--to", "thumbnails"], 2, "possible values"),
        (vec![], 2, "--to"),
        (vec!["--to", "thumbnail", "--topic", "arn:aws:sqs:us-east-1:000000000000:q"], 2, "is no topic"),
        (vec!["--to", "thumbnail", "--remove", "--prefix", "a"], 2, "cannot be used with"),
    ] {
        let output = world.wire(&arguments).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains(said), "{arguments:?}");
    }
    let mut elsewhere = world.command();
    elsewhere.args(["--to", "thumbnail"]).env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
    let nowhere = elsewhere.env("AWS_CONFIG_FILE", "absent").env("AWS_EC2_METADATA_DISABLED", "true").output().await.unwrap();
    assert_eq!(nowhere.status.code(), Some(3));
    assert!(String::from_utf8(nowhere.stderr).unwrap().contains("set AWS_REGION"));
    world.cloud.queues().delete_queue(QUEUE).unwrap();
    let undeployed = world.wire(&["--to", "thumbnail"]).await;
    assert_eq!(undeployed.status.code(), Some(1));
    assert!(String::from_utf8(undeployed.stderr).unwrap().contains("deploy the functions first"));
    world.cloud.shutdown().await;
}

#[tokio::test]
async fn a_topic_of_another_account_is_named_where_the_bucket_is_not_that_accounts() {
    let world = World::new().await;
    let before = world.state();
    let refused = world.wire(&["--to", "thumbnail", "--topic", "arn:aws:sns:us-east-1:111122223333:changes", "--apply"]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("as account 111122223333's, which is that of --topic"), "{said}");
    assert_eq!(world.state(), before);
    world.cloud.shutdown().await;
}
