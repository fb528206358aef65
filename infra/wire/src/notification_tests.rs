//! The merge, case by case.

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:photos-changes";

fn theirs(id: &str, destination: Destination, event: &str, prefix: &str) -> Draft {
    let filter = if prefix.is_empty() { vec![] } else { vec![("Prefix".to_owned(), prefix.to_owned())] };
    Draft { id: Some(id.to_owned()), destination, events: vec![event.to_owned()], filter }
}

fn queue() -> Destination {
    Destination::Queue("arn:aws:sqs:eu-west-1:123456789012:q".to_owned())
}

fn topic() -> Destination {
    Destination::Topic(TOPIC.to_owned())
}

fn wanted(families: &[&str], prefix: &str) -> Announcement {
    let filter = Filter { prefix: Some(prefix.to_owned()), suffix: None };
    Announcement { topic: TOPIC.to_owned(), families: families.iter().map(|f| (*f).to_owned()).collect(), filter }
}

fn ids(n: &Notification) -> Vec<&str> {
    n.rules.iter().filter_map(|rule| rule.id.as_deref()).collect()
}

#[test]
fn own_rules_join_change_in_place_and_go() {
    let owner = Owner::command();
    let before = Notification { rules: vec![theirs("a", queue(), "s3:ObjectTagging:*", "")], event_bridge: true };
    let one = before.with(&owner, &wanted(&["ObjectCreated", "ObjectRemoved"], "")).unwrap();
    assert_eq!(ids(&one), ["a", "brigade-wire.ObjectCreated", "brigade-wire.ObjectRemoved"]);
    assert!(one.with(&owner, &wanted(&["ObjectCreated", "ObjectRemoved"], "")).unwrap().same(&one));
    let two = one.with(&owner, &wanted(&["LifecycleExpiration", "ObjectCreated"], "in/")).unwrap();
    assert_eq!(ids(&two), ["a", "brigade-wire.ObjectCreated", "brigade-wire.LifecycleExpiration"]);
    assert_eq!(two.rules[1].filter, [("prefix".to_owned(), "in/".to_owned())]);
    assert!(two.event_bridge && two.without(&owner).same(&before) && !two.same(&before));
}

#[test]
fn what_somebody_brings_to_the_topic_already_needs_no_rule() {
    let owner = Owner::command();
    // their destination, event and prefix; the prefix that is asked for; own rules, or S3's refusal
    let cases = [
        (topic(), "s3:ObjectCreated:*", "", "", Ok(0)),
        (topic(), "s3:ObjectCreated:*", "", "in/", Ok(0)),
        (topic(), "s3:ObjectCreated:*", "in/", "in/", Ok(0)),
        (topic(), "s3:ObjectCreated:*", "in/", "", Err("Configuration is ambiguously")),
        (topic(), "s3:ObjectCreated:Put", "", "", Err("Configurations overlap.")),
        (topic(), "s3:ObjectRemoved:*", "", "", Ok(1)),
        (queue(), "s3:ObjectCreated:*", "", "", Err("Configurations overlap.")),
        (queue(), "s3:ObjectCreated:Copy", "in/a", "in/", Err("Configuration is ambiguously")),
        (queue(), "s3:ObjectCreated:*", "out/", "in/", Ok(1)),
        (queue(), "s3:ObjectCreated:Tomorrow", "", "", Err("Configurations overlap.")),
    ];
    for (destination, event, prefix, asked, expected) in cases {
        let before = Notification { rules: vec![theirs("a", destination, event, prefix)], event_bridge: false };
        let after = before.with(&owner, &wanted(&["ObjectCreated"], asked));
        match (after, expected) {
            (Ok(after), Ok(own)) => assert_eq!(after.own(&owner).count(), own, "{event} {prefix} {asked}"),
            (Err(refused), Err(said)) => {
                let [Unwritable::Overlap(overlap)] = refused.as_slice() else { panic!("{refused:?}") };
                assert!(overlap.said.message.starts_with(said), "{}", overlap.said);
                assert_eq!(overlap.theirs.id.as_deref(), Some("a"));
                assert_eq!(overlap.ours.id.as_deref(), Some("brigade-wire.ObjectCreated"));
            }
            (after, _) => panic!("{event} {prefix} {asked}: {after:?}"),
        }
    }
}

#[test]
fn a_hundred_rules_are_the_end() {
    let many = |n: usize| Notification {
        rules: (0..n).map(|i| theirs(&format!("{i}"), queue(), "s3:ObjectCreated:*", &format!("{i:03}/"))).collect(),
        event_bridge: false,
    };
    let asked = wanted(&["ObjectRemoved"], "");
    assert!(many(MAX_RULES - 1).with(&Owner::command(), &asked).is_ok());
    assert_eq!(many(MAX_RULES).with(&Owner::command(), &asked).unwrap_err(), [Unwritable::TooMany(MAX_RULES + 1)]);
}

fn stack(n: usize) -> Owner {
    Owner::stack(&format!("arn:aws:cloudformation:eu-west-1:123456789012:stack/s{n}/{n}"), "Wire")
}

#[test]
fn who_shares_a_rule_may_change_what_it_wants() {
    let (one, two) = (stack(1), stack(2));
    let created = &["ObjectCreated"][..];
    let prefixes = |n: &Notification| {
        let mut all: Vec<_> = n.rules.iter().map(|rule| rule.lenient_filter().prefix.unwrap_or_default()).collect();
        all.sort();
        all
    };
    let shared = Notification::default().with(&one, &wanted(created, "in/")).unwrap();
    let shared = shared.with(&two, &wanted(created, "in/new/")).unwrap();
    assert_eq!(shared.rules.len(), 1);
    // what the first wants then; the prefixes of the rules
    let cases = [("in/", &["in/"][..]), ("in/x", &["in/"]), ("", &[""]), ("out/", &["in/", "out/"]), ("in/new/", &["in/"])];
    for (prefix, expected) in cases {
        let after = shared.with(&one, &wanted(created, prefix)).unwrap();
        assert_eq!(prefixes(&after), expected, "{prefix}");
        assert!(after.with(&one, &wanted(created, prefix)).unwrap().same(&after), "{prefix}: it does not flap");
        let other = after.with(&two, &wanted(created, "in/new/")).unwrap();
        let of_one = |n: &Notification| n.own(&one).cloned().collect::<Vec<_>>();
        assert_eq!(of_one(&other), of_one(&after), "{prefix}: nor by the other");
        let left = after.without(&one);
        assert!(left.own(&two).count() == 1 && left.rules.len() == 1, "{prefix}: {left:?}");
        assert!(left.without(&two).rules.is_empty());
    }
    // Alone again, it gets what it asks for.
    let alone = shared.without(&one).with(&two, &wanted(created, "in/new/")).unwrap();
    assert_eq!(prefixes(&alone), ["in/new/"]);
    // A wider wish than the rule of another owner is S3's refusal, as with anybody's.
    assert!(shared.with(&stack(3), &wanted(created, "")).is_err());
}

#[test]
fn the_same_is_told_by_meaning() {
    let rule = |id: &str, events: &[&str], filter: &[(&str, &str)]| Draft {
        id: Some(id.to_owned()),
        destination: queue(),
        events: events.iter().map(|e| (*e).to_owned()).collect(),
        filter: filter.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
    };
    let one = rule("a", &["s3:X:A", "s3:X:B"], &[("prefix", "a"), ("suffix", "")]);
    let other = rule("b", &["s3:Y:*"], &[]);
    let n = |rules: &[&Draft]| Notification { rules: rules.iter().map(|r| (*r).clone()).collect(), event_bridge: false };
    let again = rule("a", &["s3:X:B", "s3:X:A"], &[("Prefix", "a")]);
    assert!(n(&[&one, &other]).same(&n(&[&other, &again])));
    for changed in [
        rule("a", &["s3:X:A"], &[("Prefix", "a")]),
        rule("a", &["s3:X:B", "s3:X:A"], &[("Prefix", "b")]),
        rule("c", &["s3:X:B", "s3:X:A"], &[("Prefix", "a")]),
        Draft { destination: topic(), ..again.clone() },
    ] {
        assert!(!n(&[&one]).same(&n(&[&changed])), "{changed:?}");
    }
    assert!(!n(&[&one]).same(&n(&[&one, &one])));
}
