//! Plans by whose a thing is: one's own though it is broken, somebody else's though it looks like one's own, another owner's.

use serde_json::json;

use super::*;

const STACK: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/photos/1";

/// Both functions on a topic that somebody has made, with somebody's mail.
fn on_their_topic() -> Seen {
    let mail = Subscription {
        arn: "arn:mail".to_owned(),
        protocol: "email".to_owned(),
        endpoint: "a@b".to_owned(),
        attributes: BTreeMap::new(),
    };
    let seen = Seen { topic: Some(Topic { subscriptions: vec![mail], ..Topic::default() }), ..start_with(["t-dlq", "c-dlq"]) };
    done(seen, &connect(vec![thumbnail(), cleanup()]))
}

fn with_policy(mut seen: Seen, function: &Consumer, policy: Policy) -> Seen {
    seen.queues.get_mut(&function.queue.to_string()).unwrap().policy = policy;
    seen
}

#[test]
fn a_queue_that_lets_the_topic_in_no_more_is_mended() {
    let theirs = Policy::default().with(&json!({"Sid": "theirs", "Effect": "Deny", "Principal": "*", "Action": "sqs:*"}));
    for policy in [Policy::default(), theirs] {
        let broken = with_policy(on_their_topic(), &thumbnail(), policy.clone());
        let plan = plan(&broken, &connect(vec![thumbnail()]));
        assert_eq!(plan.steps, [Step::AdmitTopic(thumbnail().queue)], "{plan:?}");
        let mended = done(broken.clone(), &connect(vec![thumbnail()]));
        assert_eq!(mended.queue(&thumbnail().queue).unwrap().policy.statements().len(), policy.statements().len() + 1);
        assert!(super::plan(&mended, &connect(vec![thumbnail(), cleanup()])).steps.is_empty());

        // Broken or not, it was this tool's: it goes, and until then it holds what it lives on.
        let removed = done(broken.clone(), &remove(vec![thumbnail()]));
        assert!(removed.subscription(&thumbnail().queue).is_none(), "{removed:?}");
        assert!(removed.subscription(&cleanup().queue).is_some());
        let other_left = done(broken, &remove(vec![cleanup()]));
        assert!(other_left.subscription(&thumbnail().queue).is_some());
        assert_eq!(families(&other_left), ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]);
    }
    // Gone altogether.
    let mut gone = on_their_topic();
    gone.queues.remove(&thumbnail().queue.to_string());
    assert!(done(gone, &remove(vec![thumbnail()])).subscription(&thumbnail().queue).is_none());
}

#[test]
fn a_broken_queue_keeps_its_dead_letter_queue() {
    let wired = done(start_with(["dlq", "dlq"]), &connect(vec![thumbnail(), cleanup()]));
    let broken = with_policy(wired, &cleanup(), Policy::default());
    assert!(admits(&done(broken, &remove(vec![thumbnail()])), "dlq"));
}

#[test]
fn what_looks_like_ones_own_and_works_by_somebodys_policy_is_theirs() {
    let queue = thumbnail().queue;
    let mut statement = queue_statement(&queue, &topic());
    statement["Sid"] = "TheTopicDelivers".into();
    let theirs = with_policy(on_their_topic(), &thumbnail(), Policy::default().with(&statement));
    assert!(plan(&theirs, &connect(vec![thumbnail()])).steps.is_empty());
    assert!(done(theirs, &remove(vec![thumbnail()])).subscription(&queue).is_some());
}

#[test]
fn somebodys_subscription_that_nothing_can_come_through_is_refused() {
    let mut seen = with_policy(on_their_topic(), &thumbnail(), Policy::default());
    let subscriptions = &mut seen.topic.as_mut().unwrap().subscriptions;
    let theirs = subscriptions.iter_mut().find(|s| s.endpoint == thumbnail().queue.to_string()).unwrap();
    theirs.attributes.remove("FilterPolicy");
    let refused = plan(&seen, &connect(vec![thumbnail()]));
    let [Refusal::Because(why)] = refused.refusals.as_slice() else { panic!("{refused:?}") };
    assert!(why.contains("no statement of the queue's policy lets the topic send") && refused.steps.is_empty(), "{why}");
}

#[test]
fn a_removal_touches_no_rule_that_goes_to_another_topic() {
    let there = arn("sns", "there");
    let wired = done(start(), &Wish { topic: there.clone(), ..connect(vec![thumbnail(), cleanup()]) });
    for here in [None, Some(Topic { made_for: Some("photos".to_owned()), ..Topic::default() })] {
        for functions in [vec![thumbnail()], vec![thumbnail(), cleanup()]] {
            let seen = Seen { topic: here.clone(), ..wired.clone() };
            let plan = plan(&seen, &remove(functions));
            let [Refusal::Elsewhere { topic, .. }] = plan.refusals.as_slice() else { panic!("{plan:?}") };
            assert!(*topic == there.to_string() && plan.steps.is_empty(), "{plan:?}");
        }
    }
    // Beside some that go to this one, as two hands may have left it, they stay as they are.
    let mut both = done(start(), &connect(vec![cleanup()]));
    let elsewhere = wired.notification.rules.iter().find(|rule| rule.events == ["s3:ObjectCreated:*"]).unwrap().clone();
    both.notification.rules.push(elsewhere.clone());
    assert_eq!(done(both, &remove(vec![cleanup()])).notification.rules, [elsewhere]);
}

#[test]
fn a_rule_that_somebody_has_sent_elsewhere_is_left_and_told() {
    let mut seen = done(start(), &connect(vec![thumbnail()]));
    let changed = seen.notification.rules.iter_mut().find(|rule| rule.events == ["s3:ObjectCreated:*"]).unwrap();
    changed.destination = Destination::Queue(arn("sqs", "theirs").to_string());
    let changed = changed.clone();
    let [Refusal::Because(why)] = &plan(&seen, &connect(vec![thumbnail()])).refusals[..] else { panic!("{seen:?}") };
    assert!(why.contains("which is no topic"), "{why}");
    for _ in 0..2 {
        let told = plan(&seen, &remove(vec![thumbnail()]));
        assert!(told.refusals.is_empty() && told.notes.iter().any(|note| note.contains("theirs")), "{told:?}");
        seen = done(seen, &remove(vec![thumbnail()]));
        assert_eq!(seen.notification.rules, std::slice::from_ref(&changed));
        assert!(seen.topic.is_none());
    }
}

/// The rules after the stack's resource was created, or deleted, with the command's topic.
fn stack(seen: &Seen, there: bool) -> Seen {
    let owner = Owner::stack(STACK, "Wire");
    let families = thumbnail().families.into_iter().collect();
    let wanted = Announcement { topic: topic().to_string(), families, filter: Filter::default() };
    let notification = if there { seen.notification.with(&owner, &wanted).unwrap() } else { seen.notification.without(&owner) };
    Seen { notification, ..seen.clone() }
}

#[test]
fn a_stack_keeps_its_events_when_the_command_leaves() {
    let command = done(start(), &connect(vec![thumbnail()]));
    let both = stack(&command, true);
    assert_eq!(families(&both), ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], "S3 takes no second rule for them");
    let plan = plan(&both, &remove(vec![thumbnail()]));
    let changed = plan.lines.iter().filter(|line| (line.sign, line.part) == (Sign::Change, "rule")).count();
    assert_eq!(changed, 2, "{plan:?}");
    let left = done(both, &remove(vec![thumbnail()]));
    assert_eq!(families(&left), ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]);
    let topic_left = left.topic.as_ref().expect("the stack's rules go there");
    assert!(topic_left.policy.says(&topic_statement(&topic(), "photos")), "nothing else lets S3 in");
    // Then the stack leaves too, and the command takes back what it has made.
    let nobody = stack(&left, false);
    assert!(nobody.notification.rules.is_empty());
    assert!(done(nobody, &remove(vec![thumbnail()])).topic.is_none());
}

#[test]
fn the_command_keeps_its_events_when_a_stack_leaves() {
    let seen = Seen { topic: Some(Topic::default()), ..start() };
    let both = done(stack(&seen, true), &connect(vec![thumbnail()]));
    assert!(plan(&both, &connect(vec![thumbnail()])).steps.is_empty());
    let left = stack(&both, false);
    assert!(plan(&left, &connect(vec![thumbnail()])).steps.is_empty());
    let mut ids: Vec<_> = left.notification.rules.iter().filter_map(|rule| rule.id.as_deref()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["brigade-wire.ObjectCreated", "brigade-wire.ObjectRemoved"]);
}

#[test]
fn what_rests_on_somebodys_rule_and_whom_a_removal_silences_is_told() {
    let place = Destination::Topic(topic().to_string());
    let events = vec!["s3:ObjectRemoved:*".to_owned()];
    let theirs = Draft { id: Some("theirs".to_owned()), destination: place, events, filter: vec![] };
    let mut seen = start();
    seen.notification.rules = vec![theirs];
    let told = plan(&seen, &connect(vec![thumbnail()])).notes;
    assert!(told.iter().any(|note| note.starts_with("ObjectRemoved comes by the rule theirs")), "{told:?}");
    let silenced = plan(&on_their_topic(), &remove(vec![thumbnail()])).notes;
    assert!(silenced.iter().any(|note| note.contains("other subscribers (2) get no more s3:ObjectCreated:*")), "{silenced:?}");
}

#[test]
fn what_a_killed_call_left_behind_goes_with_the_next() {
    let (old, young) = ("brigade-wire-probe-1000-000000000000000a", "brigade-wire-probe-9000-000000000000000b");
    for wish in [connect(vec![thumbnail()]), remove(vec![thumbnail()])] {
        let mut seen = done(start(), &connect(vec![thumbnail()]));
        seen.probes = [old, young].map(str::to_owned).into();
        for name in [old, young] {
            let endpoint = arn("sqs", name).to_string();
            let (arn, protocol) = (format!("arn:{name}"), "sqs".to_owned());
            let subscription = Subscription { arn, protocol, endpoint, attributes: BTreeMap::new() };
            seen.topic.as_mut().unwrap().subscriptions.push(subscription);
        }
        let plan = plan(&seen, &wish);
        let first = [Step::Unsubscribe(format!("arn:{old}")), Step::DeleteProbe(old.to_owned())];
        assert_eq!(plan.steps.get(..2), Some(first.as_slice()), "{plan:?}");
        assert!(plan.notes.iter().any(|note| note.contains(young)), "{plan:?}");
        assert!(!plan.steps.contains(&Step::DeleteProbe(young.to_owned())));
    }
}
