//! Requests and answers of CloudFormation, on a bucket that keeps what is written and may be told to fail.

use std::sync::{Arc, Mutex};

use super::*;
use crate::notification::Notification;

mod life;

const STACK: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/photos/51af3dc0-da77-11e4-872e-1234567db123";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:photo-events";
const SECRET: &str = "https://cloudformation.example/answer?X-Amz-Signature=0123456789abcdef";

/// A bucket's configuration, and what the next requests come to.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    configuration: Notification,
    failures: Vec<Option<Kind>>,
    said: &'static str,
    checks: Vec<Check>,
    asked: Vec<String>,
}

impl Bucket {
    fn next(&self) -> Result<(), CloudError> {
        let mut bucket = self.0.lock().unwrap();
        let kind = if bucket.failures.is_empty() { None } else { bucket.failures.remove(0) };
        match kind {
            None => Ok(()),
            Some(kind) => {
                let message = format!("as told{}", bucket.said);
                Err(CloudError { doing: "the configuration".to_owned(), kind, code: None, message })
            }
        }
    }

    fn fails(&self, kinds: &[Option<Kind>]) {
        self.0.lock().unwrap().failures = kinds.to_vec();
    }

    fn rules(&self) -> Vec<Option<String>> {
        self.0.lock().unwrap().configuration.rules.iter().map(|rule| rule.id.clone()).collect()
    }
}

#[async_trait]
impl Notifications for Bucket {
    async fn notification(&self, bucket: &str, account: &str) -> Result<Notification, CloudError> {
        assert_eq!(account, "123456789012");
        self.0.lock().unwrap().asked.push(bucket.to_owned());
        self.next()?;
        Ok(self.0.lock().unwrap().configuration.clone())
    }

    async fn put_notification(&self, _: &str, _: &str, whole: &Notification, check: Check) -> Result<(), CloudError> {
        self.next()?;
        let mut bucket = self.0.lock().unwrap();
        bucket.configuration = whole.clone();
        bucket.checks.push(check);
        Ok(())
    }
}

/// What was answered, and what the next deliveries come to.
#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<(Vec<Value>, Vec<Undelivered>)>>);

#[async_trait]
impl Delivery for Mailbox {
    async fn put(&self, url: &str, body: &str) -> Result<(), Undelivered> {
        assert_eq!(url, SECRET);
        assert!(body.len() <= 4096, "{body}");
        let mut mailbox = self.0.lock().unwrap();
        if !mailbox.1.is_empty() {
            return Err(mailbox.1.remove(0));
        }
        mailbox.0.push(serde_json::from_str(body).unwrap());
        Ok(())
    }
}

struct World {
    bucket: Bucket,
    mailbox: Mailbox,
    resource: Resource<Bucket, Mailbox>,
}

impl World {
    fn new() -> Self {
        let (bucket, mailbox) = (Bucket::default(), Mailbox::default());
        let mut resource = Resource::new(bucket.clone(), mailbox.clone());
        (resource.settle, resource.pause) = (Duration::ZERO, Duration::ZERO);
        Self { bucket, mailbox, resource }
    }

    /// The answer and the log line.
    async fn ask(&self, payload: &Value) -> (Value, Value) {
        let line = self.resource.handle(payload, Duration::from_secs(60)).await.unwrap();
        assert!(!line.to_string().contains("Signature"), "{line}");
        (self.mailbox.0.lock().unwrap().0.last().unwrap().clone(), line)
    }
}

fn request(kind: &str, properties: &Value) -> Value {
    json!({
        "RequestType": kind,
        "ResponseURL": SECRET,
        "StackId": STACK,
        "RequestId": "unique-id",
        "ResourceType": "Custom::BucketNotification",
        "LogicalResourceId": "SourceBucketWire",
        "PhysicalResourceId": "brigade-wire.photos",
        "ResourceProperties": properties,
    })
}

fn properties(families: &[&str]) -> Value {
    json!({"ServiceToken": "arn:lambda", "BucketName": "photos", "TopicArn": TOPIC, "Families": families, "Prefix": "in/"})
}

#[tokio::test]
async fn create_update_and_delete_each_done_twice() {
    let world = World::new();
    let theirs = Draft {
        id: Some("theirs".to_owned()),
        destination: brigade::notification::Destination::Queue("arn:q".to_owned()),
        events: vec!["s3:ObjectTagging:*".to_owned()],
        filter: vec![],
    };
    world.bucket.0.lock().unwrap().configuration = Notification { rules: vec![theirs.clone()], event_bridge: true };
    for (kind, families, rules) in [
        ("Create", &["ObjectCreated", "ObjectRemoved"][..], 3),
        ("Update", &["ObjectRemoved"], 2),
        ("Delete", &["ObjectRemoved"], 1),
    ] {
        for _ in 0..2 {
            let (answer, line) = world.ask(&request(kind, &properties(families))).await;
            assert_eq!(answer["Status"], "SUCCESS", "{answer}");
            assert_eq!(answer["PhysicalResourceId"], "brigade-wire.photos");
            assert_eq!(answer["StackId"], STACK);
            assert_eq!((&answer["RequestId"], &answer["LogicalResourceId"]), (&json!("unique-id"), &json!("SourceBucketWire")));
            assert_eq!(line["level"], "info");
            assert_eq!(world.bucket.rules().len(), rules, "{kind}");
            assert_eq!(world.bucket.rules()[0].as_deref(), Some("theirs"));
        }
    }
    let bucket = world.bucket.0.lock().unwrap();
    assert!(bucket.configuration.same(&Notification { rules: vec![theirs], event_bridge: true }));
    assert_eq!(bucket.checks, [Check::Destinations, Check::Destinations, Check::Nothing], "a repetition writes nothing");
}

#[tokio::test]
async fn another_bucket_is_another_resource() {
    let world = World::new();
    let mut moved = properties(&["ObjectCreated"]);
    moved["BucketName"] = "scans".into();
    let (answer, _) = world.ask(&request("Update", &moved)).await;
    assert_eq!(answer["PhysicalResourceId"], "brigade-wire.scans", "CloudFormation then deletes brigade-wire.photos");
}

#[tokio::test]
async fn a_change_that_fails_leaves_the_resource_what_it_was() {
    let mut moved = properties(&["ObjectCreated"]);
    moved["BucketName"] = "scans".into();
    let world = World::new();
    world.bucket.fails(&[None, None, Some(Kind::Denied)]);
    let (answer, _) = world.ask(&request("Update", &moved)).await;
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!("brigade-wire.photos")));
    // Written, and not read back: it goes again, since nobody would delete it.
    let world = World::new();
    world.bucket.fails(&[None, None, None, Some(Kind::Denied)]);
    let (answer, _) = world.ask(&request("Update", &moved)).await;
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!("brigade-wire.photos")));
    assert!(world.bucket.rules().is_empty());
    // Where it can't be told whether they were there before, nothing is written.
    let world = World::new();
    world.bucket.fails(&[Some(Kind::Unavailable), None, None, Some(Kind::Denied)]);
    assert_eq!(world.ask(&request("Update", &moved)).await.0["Status"], "FAILED");
    assert!(world.bucket.rules().is_empty());
    // The way back of a whole stack comes to where its rules were all the time: they stay.
    let world = World::new();
    world.ask(&request("Create", &properties(&["ObjectCreated"]))).await;
    let mut back = request("Update", &properties(&["ObjectCreated", "ObjectRemoved"]));
    back["PhysicalResourceId"] = "brigade-wire.scans".into();
    world.bucket.fails(&[None, None, Some(Kind::Denied)]);
    let (answer, _) = world.ask(&back).await;
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!("brigade-wire.scans")));
    assert_eq!(world.bucket.rules().len(), 1);
}

#[tokio::test]
async fn a_deletion_is_of_the_bucket_that_the_resource_is_known_by() {
    // The properties may be those of the change that failed.
    for (id, bucket) in [("brigade-wire.photos", "photos"), ("photos-Wire-1ABCDEF", "scans"), ("brigade-wire", "scans")] {
        let world = World::new();
        let mut failed = properties(&["ObjectCreated"]);
        failed["BucketName"] = "scans".into();
        let mut deletion = request("Delete", &failed);
        deletion["PhysicalResourceId"] = id.into();
        let (answer, _) = world.ask(&deletion).await;
        assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!(id)));
        assert_eq!(world.bucket.0.lock().unwrap().asked, vec![bucket; 2], "{id}");
    }
}

/// As [`request`], of another resource.
fn of(stack: &str, logical: &str, kind: &str) -> Value {
    let mut request = request(kind, &properties(&["ObjectCreated", "ObjectRemoved"]));
    (request["StackId"], request["LogicalResourceId"]) = (STACK.replace("photos", stack).into(), logical.into());
    request
}

#[tokio::test]
async fn who_stays_keeps_the_events_whoever_leaves() {
    // Renamed in its template: CloudFormation creates the new one, and deletes the old one then. Or another stack's.
    for other in [of("photos", "Renamed", "Create"), of("scans", "SourceBucketWire", "Create")] {
        let kind = |request: &Value, kind: &str| {
            let mut request = request.clone();
            request["RequestType"] = kind.into();
            request
        };
        let one = of("photos", "SourceBucketWire", "Create");
        for (leaves, stays) in [(&one, &other), (&other, &one)] {
            let world = World::new();
            // The first one's change comes after the second has joined: neither takes anything from the other.
            for request in [one.clone(), other.clone(), kind(&one, "Update"), kind(&other, "Update")] {
                let (answer, line) = world.ask(&request).await;
                assert_eq!((&answer["Status"], &line["level"]), (&json!("SUCCESS"), &json!("info")), "{line}");
                assert_eq!(world.bucket.rules().len(), 2, "S3 takes no two of them");
            }
            let writings = world.bucket.0.lock().unwrap().checks.len();
            assert_eq!(writings, 2, "each has written once");
            world.ask(&kind(leaves, "Delete")).await;
            let owner = Request::parse(stays).unwrap().owner();
            let left = world.bucket.0.lock().unwrap().configuration.clone();
            assert_eq!(left.families(&owner).into_iter().collect::<Vec<_>>(), ["ObjectCreated", "ObjectRemoved"]);
            world.ask(&kind(stays, "Delete")).await;
            assert!(world.bucket.rules().is_empty());
        }
    }
}

#[tokio::test]
async fn what_rests_on_somebodys_rule_is_told() {
    let world = World::new();
    let theirs = Draft {
        id: Some("theirs".to_owned()),
        destination: brigade::notification::Destination::Topic(TOPIC.to_owned()),
        events: vec!["s3:ObjectRemoved:*".to_owned()],
        filter: vec![],
    };
    world.bucket.0.lock().unwrap().configuration.rules = vec![theirs];
    let (answer, line) = world.ask(&request("Create", &properties(&["ObjectCreated", "ObjectRemoved"]))).await;
    assert_eq!((&answer["Status"], &answer["Data"]["OnRulesOfOthers"]), (&json!("SUCCESS"), &json!("ObjectRemoved")));
    assert_eq!((&line["level"], &line["on_rules_of_others"]), (&json!("warn"), &json!({"ObjectRemoved": "theirs"})));
}

#[tokio::test]
async fn a_deletion_ends_whatever_is_left() {
    for (failure, status, level) in [
        (Kind::Missing, "SUCCESS", "warn"),
        (Kind::Denied, "SUCCESS", "warn"),
        (Kind::Refused, "SUCCESS", "warn"),
        (Kind::Conflict, "FAILED", "warn"),
        (Kind::Unavailable, "FAILED", "warn"),
    ] {
        let world = World::new();
        world.bucket.fails(&[Some(failure)]);
        let (answer, line) = world.ask(&request("Delete", &properties(&["ObjectCreated"]))).await;
        assert_eq!((&answer["Status"], &line["level"]), (&json!(status), &json!(level)), "{failure:?}");
        assert!(answer["Reason"].as_str().unwrap().contains("as told"), "{answer}");
        assert_eq!(answer["PhysicalResourceId"], "brigade-wire.photos");
    }
    // The same failures end a creation, which can be rolled back.
    for failure in [Kind::Missing, Kind::Denied, Kind::Refused, Kind::Unavailable] {
        let world = World::new();
        world.bucket.fails(&[None, Some(failure)]);
        assert_eq!(world.ask(&request("Create", &properties(&["ObjectCreated"]))).await.0["Status"], "FAILED");
    }
}

#[tokio::test]
async fn a_policy_of_a_moment_ago_is_given_time() {
    let world = World::new();
    world.bucket.0.lock().unwrap().said = ": Unable to validate the following destination configurations";
    world.bucket.fails(&[None, Some(Kind::Refused), None, Some(Kind::Refused)]);
    assert_eq!(world.ask(&request("Create", &properties(&["ObjectCreated"]))).await.0["Status"], "SUCCESS");
    assert_eq!(world.bucket.rules().len(), 1);
    // One that never comes is no success.
    let world = World::new();
    world.bucket.0.lock().unwrap().said = ": Unable to validate the following destination configurations";
    world.bucket.fails(&[None, Some(Kind::Refused)].repeat(crate::apply::ROUNDS));
    let (answer, _) = world.ask(&request("Create", &properties(&["ObjectCreated"]))).await;
    assert_eq!(answer["Status"], "FAILED");
    assert!(answer["Reason"].as_str().unwrap().contains("Unable to validate"), "{answer}");
}

/// S3's 409: another request is changing the bucket's configuration.
#[tokio::test]
async fn a_writing_that_meets_another_is_repeated() {
    let world = World::new();
    for kind in ["Create", "Delete"] {
        world.bucket.fails(&[None, Some(Kind::Conflict), None, Some(Kind::Conflict)]);
        let (answer, _) = world.ask(&request(kind, &properties(&["ObjectCreated"]))).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        assert_eq!(world.bucket.rules().len(), usize::from(kind == "Create"));
    }
    // What stays so is no success, and leaves nothing behind unsaid.
    world.ask(&request("Create", &properties(&["ObjectCreated"]))).await;
    world.bucket.fails(&[None, Some(Kind::Conflict)].repeat(crate::apply::ROUNDS));
    assert_eq!(world.ask(&request("Delete", &properties(&["ObjectCreated"]))).await.0["Status"], "FAILED");
}

#[tokio::test]
async fn wrong_properties_fail_a_creation_and_no_deletion() {
    let wrong = json!({"BucketName": "", "TopicArn": "photo-events", "Families": ["ObjectCreat"], "Bucket": "photos"});
    let world = World::new();
    let (answer, _) = world.ask(&request("Create", &wrong)).await;
    assert_eq!(answer["Status"], "FAILED");
    for mistake in ["BucketName:", "TopicArn:", "Families:", "Bucket: there is no such property"] {
        assert!(answer["Reason"].as_str().unwrap().contains(mistake), "{answer}");
    }
    assert_eq!(world.ask(&request("Delete", &wrong)).await.0["Status"], "SUCCESS");
    assert!(world.bucket.rules().is_empty());
}

#[tokio::test]
async fn an_overlap_is_told_in_s3s_words() {
    let world = World::new();
    let theirs = Draft {
        id: Some("theirs".to_owned()),
        destination: brigade::notification::Destination::Queue("arn:q".to_owned()),
        events: vec!["s3:ObjectCreated:Put".to_owned()],
        filter: vec![],
    };
    world.bucket.0.lock().unwrap().configuration.rules = vec![theirs];
    let (answer, _) = world.ask(&request("Create", &properties(&["ObjectCreated"]))).await;
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.starts_with("Configuration is ambiguously defined.") && reason.contains("theirs"), "{reason}");
}

#[tokio::test]
async fn an_answer_is_sent_until_it_is_taken_or_refused() {
    let again = || Undelivered::Again("status 503".to_owned());
    for (failures, delivered) in [
        (vec![again()], true),
        (vec![again(), again(), again(), again()], true),
        (vec![again(), again(), again(), again(), again()], false),
        (vec![Undelivered::Refused(403)], false),
    ] {
        let world = World::new();
        world.mailbox.0.lock().unwrap().1 = failures.clone();
        let result = world.resource.handle(&request("Create", &properties(&["ObjectCreated"])), Duration::from_secs(60)).await;
        assert_eq!(result.is_ok(), delivered, "{failures:?}");
        assert!(!format!("{result:?}").contains("Signature"));
        assert_eq!(world.mailbox.0.lock().unwrap().0.len(), usize::from(delivered));
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_too_long_is_answered_as_failed() {
    let mut world = World::new();
    world.resource.settle = Duration::from_secs(120);
    let (answer, _) = world.ask(&request("Create", &properties(&["ObjectCreated"]))).await;
    assert_eq!(answer["Status"], "FAILED");
    assert!(answer["Reason"].as_str().unwrap().contains("time"), "{answer}");
}

#[test]
fn what_is_no_request_has_nobody_to_answer() {
    for payload in [json!(null), json!({"Records": []}), json!({"RequestType": "Create", "ResponseURL": SECRET})] {
        let problem = Request::parse(&payload).unwrap_err();
        assert!(!problem.contains("Signature"), "{problem}");
    }
    let parsed = Request::parse(&request("Create", &properties(&["ObjectCreated"]))).unwrap();
    assert!(!format!("{parsed:?}").contains("Signature"));
}
