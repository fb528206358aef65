//! Plans for what can be there.

use brigade::notification::Draft;

use super::*;
use crate::policy::Policy;

#[path = "plan/whose_tests.rs"]
mod whose;

fn arn(service: &str, name: &str) -> Arn {
    Arn::parse(&format!("arn:aws:{service}:eu-west-1:123456789012:{name}")).unwrap()
}

fn topic() -> Arn {
    arn("sns", "photos-changes")
}

fn consumer(name: &str, families: &[&str]) -> Consumer {
    let families = families.iter().map(|f| (*f).to_owned()).collect();
    Consumer { name: name.to_owned(), queue: arn("sqs", &format!("brigade-{name}")), families }
}

fn wish(functions: Vec<Consumer>, direction: Direction) -> Wish {
    let (bucket, owner) = ("photos".to_owned(), Owner::command());
    Wish { bucket, owner, topic: topic(), filter: Filter::default(), functions, direction, now: 10_000 }
}

fn thumbnail() -> Consumer {
    consumer("thumbnail", &["ObjectCreated", "ObjectRemoved"])
}

fn cleanup() -> Consumer {
    consumer("cleanup", &["ObjectRemoved"])
}

fn queue(arn: &Arn) -> Queue {
    Queue { arn: arn.clone(), url: arn.name.clone(), policy: Policy::default(), key: None, dead_letters: None }
}

/// Does what the steps say to what is there: what an application does, without a cloud.
fn done(mut seen: Seen, wish: &Wish) -> Seen {
    let topic_arn = wish.topic.clone();
    for step in plan(&seen, wish).steps {
        let topic = seen.topic.get_or_insert_default();
        match step {
            Step::CreateTopic => topic.made_for = Some(wish.bucket.clone()),
            Step::AdmitBucket => topic.policy = topic.policy.with(&topic_statement(&topic_arn, &wish.bucket)),
            Step::ExpelBucket => topic.policy = topic.policy.without(&topic_sid(&wish.bucket)),
            Step::AdmitTopic(arn) => {
                let queue = seen.queues.get_mut(&arn.to_string()).unwrap();
                queue.policy = queue.policy.with(&queue_statement(&arn, &topic_arn));
            }
            Step::ExpelTopic(arn) => {
                let queue = seen.queues.get_mut(&arn.to_string()).unwrap();
                queue.policy = queue.policy.without(&queue_sid(&topic_arn));
            }
            Step::Subscribe(arn, attributes) => topic.subscriptions.push(Subscription {
                arn: format!("{topic_arn}:{}", arn.name),
                protocol: "sqs".to_owned(),
                endpoint: arn.to_string(),
                attributes,
            }),
            Step::ChangeSubscription(arn, attributes) => {
                topic.subscriptions.iter_mut().find(|s| s.arn == arn).unwrap().attributes.extend(attributes);
            }
            Step::Unsubscribe(arn) => topic.subscriptions.retain(|s| s.arn != arn),
            Step::DeleteTopic => seen.topic = None,
            Step::DeleteProbe(name) => drop(seen.probes.remove(&name)),
            Step::Announce(wanted) => {
                let (topic, nothing) = (topic_arn.to_string(), BTreeSet::new());
                seen.notification = match (wish.direction, &wanted) {
                    (Direction::Connect, Some(wanted)) => seen.notification.joined_by(&wish.owner, wanted).unwrap(),
                    (Direction::Connect, None) => seen.notification.without(&wish.owner),
                    (Direction::Remove, wanted) => {
                        let families = wanted.as_ref().map_or(&nothing, |wanted| &wanted.families);
                        seen.notification.keeping(&wish.owner, &topic, families)
                    }
                };
            }
        }
    }
    seen
}

fn start() -> Seen {
    let queues = [thumbnail(), cleanup()].map(|function| (function.queue.to_string(), queue(&function.queue)));
    Seen { queues: queues.into(), ..Seen::default() }
}

/// As [`start`], each queue with a dead-letter queue of this name.
fn start_with(dead_letters: [&str; 2]) -> Seen {
    let mut seen = start();
    for (function, name) in [thumbnail(), cleanup()].into_iter().zip(dead_letters) {
        let dead = arn("sqs", name);
        seen.queues.get_mut(&function.queue.to_string()).unwrap().dead_letters = Some(dead.clone());
        seen.queues.insert(dead.to_string(), queue(&dead));
    }
    seen
}

/// The dead-letter queue that a function's subscription names, and whether the topic may send to the queue of this name.
fn redriven(seen: &Seen, function: &Consumer) -> Option<Arn> {
    seen.subscription(&function.queue).and_then(Subscription::dead_letters)
}

fn admits(seen: &Seen, name: &str) -> bool {
    let arn = arn("sqs", name);
    seen.queue(&arn).unwrap().policy.says(&queue_statement(&arn, &topic()))
}

fn connect(functions: Vec<Consumer>) -> Wish {
    wish(functions, Direction::Connect)
}

fn remove(functions: Vec<Consumer>) -> Wish {
    wish(functions, Direction::Remove)
}

fn families(seen: &Seen) -> Vec<&str> {
    seen.notification.rules.iter().flat_map(|rule| &rule.events).map(String::as_str).collect()
}

#[test]
fn nothing_is_announced_before_somebody_can_take_it() {
    let plan = plan(&start(), &connect(vec![thumbnail()]));
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    let names: Vec<&str> = plan
        .steps
        .iter()
        .map(|step| match step {
            Step::CreateTopic => "create",
            Step::AdmitBucket => "admit bucket",
            Step::AdmitTopic(_) => "admit topic",
            Step::Subscribe(..) => "subscribe",
            Step::Announce(Some(_)) => "announce",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["create", "admit bucket", "admit topic", "subscribe", "announce"]);
}

#[test]
fn a_second_call_finds_nothing_to_do_and_another_function_joins() {
    let one = done(start(), &connect(vec![thumbnail()]));
    assert!(plan(&one, &connect(vec![thumbnail()])).steps.is_empty());
    let both = done(one, &connect(vec![cleanup()]));
    assert_eq!(families(&both), ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]);
    assert_eq!(both.topic.as_ref().unwrap().subscriptions.len(), 2);
    assert!(plan(&both, &connect(vec![thumbnail(), cleanup()])).steps.is_empty());
}

#[test]
fn another_function_never_narrows_what_is_announced() {
    let below = |prefix: &str| Filter { prefix: Some(prefix.to_owned()), ..Filter::default() };
    let rows = [
        (Filter::default(), below("uploads/"), true),
        (below("uploads/"), below("uploads/new/"), true),
        (below("uploads/"), below("other/"), true),
        (below("uploads/"), below("uploads/"), false),
        (below("uploads/"), Filter::default(), false),
    ];
    for (first, second, refused) in rows {
        let case = format!("{first:?} then {second:?}");
        let seen = done(start(), &Wish { filter: first, ..connect(vec![thumbnail()]) });
        let plan = plan(&seen, &Wish { filter: second.clone(), ..connect(vec![cleanup()]) });
        let narrows = |r: &Refusal| matches!(r, Refusal::Unwritable(crate::notification::Unwritable::Narrows(_)));
        assert_eq!(plan.refusals.iter().any(narrows), refused, "{case}: {:?}", plan.refusals);
        assert!(!refused || plan.steps.is_empty(), "{case}");
        if !refused {
            let after = done(seen, &Wish { filter: second, ..connect(vec![cleanup()]) });
            assert_eq!(families(&after), ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], "{case}");
        }
    }
}

#[test]
fn removal_leaves_what_was_there() {
    let all = || vec![thumbnail(), cleanup()];
    let before = start();
    let after = done(done(start(), &connect(all())), &remove(all()));
    assert!(after.topic.is_none() && after.notification.same(&before.notification));
    assert!(after.queues.values().all(|queue| queue.policy == Policy::default() || queue.policy.text().is_empty()));
    assert!(plan(&after, &remove(all())).steps.is_empty());

    // One of two: what the other one lives on stays.
    let one_left = done(done(start(), &connect(all())), &remove(vec![thumbnail()]));
    assert_eq!(families(&one_left), ["s3:ObjectRemoved:*"]);
    assert_eq!(one_left.topic.as_ref().unwrap().subscriptions.len(), 1);
    let none_left = done(one_left, &remove(vec![cleanup()]));
    assert!(none_left.topic.is_none() && none_left.notification.rules.is_empty());
}

#[test]
fn what_cannot_be_delivered_goes_where_the_queue_puts_its_own() {
    let all = || vec![thumbnail(), cleanup()];
    let wired = done(start_with(["t-dlq", "c-dlq"]), &connect(all()));
    for (function, name) in [(thumbnail(), "t-dlq"), (cleanup(), "c-dlq")] {
        assert_eq!(redriven(&wired, &function), Some(arn("sqs", name)));
        assert!(admits(&wired, name) && admits(&wired, &function.queue.name));
    }
    assert!(plan(&wired, &connect(all())).steps.is_empty());
    let after = done(wired, &remove(all()));
    assert!(after.topic.is_none() && after.queues.values().all(|queue| queue.policy.text().is_empty()), "{after:?}");

    // Wired by a version that set none: it joins, and nothing else changes.
    let mut earlier = done(start(), &connect(vec![thumbnail()]));
    let dead = arn("sqs", "t-dlq");
    earlier.queues.get_mut(&thumbnail().queue.to_string()).unwrap().dead_letters = Some(dead.clone());
    earlier.queues.insert(dead.to_string(), queue(&dead));
    let steps = plan(&earlier, &connect(vec![thumbnail()])).steps;
    assert!(matches!(steps.as_slice(), [Step::AdmitTopic(_), Step::ChangeSubscription(..)]), "{steps:?}");
    assert_eq!(redriven(&done(earlier, &connect(vec![thumbnail()])), &thumbnail()), Some(dead));
}

#[test]
fn a_dead_letter_queue_of_two_is_left_to_the_one_that_stays() {
    let wired = done(start_with(["dlq", "dlq"]), &connect(vec![thumbnail(), cleanup()]));
    let one_left = done(wired, &remove(vec![thumbnail()]));
    assert!(admits(&one_left, "dlq") && !admits(&one_left, "brigade-thumbnail"));
    assert!(!admits(&done(one_left, &remove(vec![cleanup()])), "dlq"));
}

#[test]
fn another_dead_letter_queue_takes_the_place_of_the_first() {
    let mut wired = done(start_with(["before", "c-dlq"]), &connect(vec![thumbnail(), cleanup()]));
    let now = arn("sqs", "now");
    wired.queues.get_mut(&thumbnail().queue.to_string()).unwrap().dead_letters = Some(now.clone());
    wired.queues.insert(now.to_string(), queue(&now));
    // Removed before it was connected anew: both are looked at.
    let removed = done(wired.clone(), &remove(vec![thumbnail()]));
    assert!(!admits(&removed, "before") && admits(&removed, "c-dlq"));
    let moved = done(wired, &connect(vec![thumbnail()]));
    assert_eq!(redriven(&moved, &thumbnail()), Some(now));
    assert!(admits(&moved, "now") && !admits(&moved, "before"));
    assert!(plan(&moved, &connect(vec![thumbnail()])).steps.is_empty());
}

#[test]
fn a_dead_letter_queue_that_sns_cannot_reach_is_told_and_left_out() {
    let gone = {
        let mut seen = start_with(["dlq", "dlq"]);
        seen.queues.remove(&arn("sqs", "dlq").to_string());
        seen
    };
    let managed = {
        let mut seen = start_with(["dlq", "dlq"]);
        seen.queues.get_mut(&arn("sqs", "dlq").to_string()).unwrap().key = Some("alias/aws/sqs".to_owned());
        seen
    };
    for (seen, expected) in [(start(), "has no dead-letter queue"), (gone, "is not there"), (managed, "SNS cannot send")] {
        let plan = plan(&seen, &connect(vec![thumbnail()]));
        let told: Vec<&String> = plan.notes.iter().filter(|note| note.contains(expected)).collect();
        assert!(plan.refusals.is_empty() && told.len() == 1, "{expected}: {plan:?}");
        assert_eq!(redriven(&done(seen, &connect(vec![thumbnail()])), &thumbnail()), None, "{expected}");
    }
}

#[test]
fn a_topic_that_was_there_stays_with_its_subscribers() {
    let mail = Subscription {
        arn: "arn:mail".to_owned(),
        protocol: "email".to_owned(),
        endpoint: "a@b".to_owned(),
        attributes: BTreeMap::new(),
    };
    let policy = Policy::parse(r#"{"Version":"2008-10-17","Statement":[{"Sid":"__default_statement_ID"}]}"#).unwrap();
    let theirs = Topic { policy, subscriptions: vec![mail.clone()], ..Topic::default() };
    let before = Seen { topic: Some(theirs), ..start() };
    let wired = done(before.clone(), &connect(vec![thumbnail()]));
    let after = done(wired, &remove(vec![thumbnail()]));
    let (was, is) = (before.topic.unwrap(), after.topic.unwrap());
    assert_eq!((is.policy.statements(), is.subscriptions), (was.policy.statements(), was.subscriptions));
    assert!(after.notification.rules.is_empty());

    // On a topic that was made for the bucket, whoever has come lives on its events.
    let mut wired = done(start(), &connect(vec![thumbnail()]));
    wired.topic.as_mut().unwrap().subscriptions.push(mail);
    let after = done(wired, &remove(vec![thumbnail()]));
    assert_eq!(families(&after), ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]);
    assert_eq!(after.topic.unwrap().subscriptions.len(), 1);
}

#[test]
fn a_subscription_of_somebody_else_is_left_alone() {
    let theirs = |filter: Option<&str>| {
        let attributes = filter.map(|text| crate::subscription::wanted(&[text.to_owned()], None)).unwrap_or_default();
        let endpoint = thumbnail().queue.to_string();
        let subscription = Subscription { arn: "arn:s".to_owned(), protocol: "sqs".to_owned(), endpoint, attributes };
        let mut seen = Seen { topic: Some(Topic { subscriptions: vec![subscription], ..Topic::default() }), ..start() };
        let mut statement = queue_statement(&thumbnail().queue, &topic());
        statement["Sid"] = "theirs".into();
        seen.queues.get_mut(&thumbnail().queue.to_string()).unwrap().policy = Policy::default().with(&statement);
        seen
    };
    let unfiltered = plan(&theirs(None), &connect(vec![thumbnail()]));
    assert!(unfiltered.refusals.is_empty());
    assert!(!unfiltered.steps.iter().any(|step| matches!(step, Step::Subscribe(..) | Step::AdmitTopic(_))));
    let narrow = plan(&theirs(Some("ObjectRemoved")), &connect(vec![thumbnail()]));
    let [Refusal::Because(why)] = narrow.refusals.as_slice() else { panic!("{narrow:?}") };
    assert!(why.contains("keeps out ObjectCreated") && narrow.steps.is_empty(), "{why}");
    let wired = done(theirs(None), &connect(vec![thumbnail()]));
    let after = done(wired, &remove(vec![thumbnail()]));
    assert_eq!(after.topic.unwrap().subscriptions.len(), 1);
    assert!(after.notification.rules.is_empty());
}

#[test]
fn a_topic_of_two_buckets_loses_one_of_them() {
    let mut seen = done(start(), &connect(vec![thumbnail()]));
    let topic_seen = seen.topic.as_mut().unwrap();
    topic_seen.policy = topic_seen.policy.with(&topic_statement(&topic(), "scans"));
    let after = done(seen, &remove(vec![thumbnail()]));
    let topic_seen = after.topic.unwrap();
    assert_eq!((topic_seen.subscriptions.len(), topic_seen.policy.statements().len()), (1, 1));
    assert!(after.notification.rules.is_empty());
}

#[test]
fn what_cannot_work_is_refused_with_what_would_help() {
    let managed_queue = {
        let mut seen = start();
        seen.queues.get_mut(&thumbnail().queue.to_string()).unwrap().key = Some("alias/aws/sqs".to_owned());
        seen
    };
    let managed_topic = Topic { key: Some("alias/aws/sns".to_owned()), ..Topic::default() };
    let elsewhere = Draft {
        id: Some("brigade-wire.ObjectCreated".to_owned()),
        destination: Destination::Topic(arn("sns", "other").to_string()),
        events: vec!["s3:ObjectCreated:*".to_owned()],
        filter: vec![],
    };
    let rules = Notification { rules: vec![elsewhere], event_bridge: false };
    for (seen, expected) in [
        (Seen::default(), "there is no queue brigade-thumbnail"),
        (managed_queue, "SNS cannot send"),
        (Seen { topic: Some(managed_topic), ..start() }, "S3 cannot publish"),
        (Seen { notification: rules, ..start() }, "remove that wiring first"),
    ] {
        let plan = plan(&seen, &connect(vec![thumbnail()]));
        let [Refusal::Because(why)] = plan.refusals.as_slice() else { panic!("{plan:?}") };
        assert!(why.contains(expected) && plan.steps.is_empty(), "{why}");
    }
}

#[test]
fn the_plan_names_every_rule() {
    let theirs = Draft {
        id: Some("theirs".to_owned()),
        destination: Destination::Function("arn:f".to_owned()),
        events: vec!["s3:ObjectTagging:*".to_owned()],
        filter: vec![("Prefix".to_owned(), "a/".to_owned())],
    };
    let notification = Notification { rules: vec![theirs], event_bridge: true };
    let plan = plan(&Seen { notification, ..start() }, &connect(vec![cleanup()]));
    let rules: Vec<(Sign, &str, &str)> = plan.lines.iter().map(|l| (l.sign, l.part, l.name.as_str())).collect();
    for line in
        [(Sign::Keep, "rule", "theirs"), (Sign::Keep, "eventbridge", "on"), (Sign::Add, "rule", "brigade-wire.ObjectRemoved")]
    {
        assert!(rules.contains(&line), "{rules:?}");
    }
}
