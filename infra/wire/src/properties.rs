//! Whatever others have configured survives: any configuration, any policy, created, updated and deleted.

use brigade::notification::{Destination, Draft, Filter, SUBSCRIBABLE};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::arn::Arn;
use crate::notification::{Announcement, Notification, Owner};
use crate::policy::{Policy, topic_sid, topic_statement};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:photos-changes";

fn destination() -> impl Strategy<Value = Destination> {
    let arn = prop_oneof![Just(TOPIC.to_owned()), "arn:[a-z]{1,6}"];
    (0..3u8, arn).prop_map(|(kind, arn)| match kind {
        0 => Destination::Topic(arn),
        1 => Destination::Queue(arn),
        _ => Destination::Function(arn),
    })
}

fn event() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(SUBSCRIBABLE).prop_map(str::to_owned);
    prop_oneof![4 => known, 1 => "s3:[A-Z][a-z]{1,8}:(\\*|[A-Z][a-z]{1,6})", 1 => "\\PC{0,12}"]
}

fn rule() -> impl Strategy<Value = Draft> {
    // Ids of anybody, also such as look like one's own and are not.
    let id = prop_oneof!["\\PC{0,20}", "brigade-wire", "Brigade-wire.ObjectCreated", "brigade-stack.x.y.ObjectCreated"];
    let name = prop_oneof![Just("Prefix".to_owned()), Just("suffix".to_owned()), "\\PC{0,8}"];
    let filter = proptest::collection::vec((name, "\\PC{0,10}"), 0..3);
    (proptest::option::of(id), destination(), proptest::collection::vec(event(), 0..4), filter)
        .prop_map(|(id, destination, events, filter)| Draft { id, destination, events, filter })
}

fn foreign() -> impl Strategy<Value = Notification> {
    (proptest::collection::vec(rule(), 0..8), any::<bool>())
        .prop_map(|(rules, event_bridge)| Notification { rules, event_bridge })
        .prop_filter("the command's own ids are its own", |n| n.own(&Owner::command()).next().is_none())
}

fn announcement() -> impl Strategy<Value = Announcement> {
    const FAMILIES: &[&str] = &["ObjectCreated", "ObjectRemoved", "LifecycleExpiration", "LifecycleTransition", "Unheard"];
    let families = proptest::sample::subsequence(FAMILIES, 0..=FAMILIES.len());
    (families, proptest::option::of("[a-c/]{0,3}"), proptest::option::of("[.a-c]{0,3}")).prop_map(
        |(families, prefix, suffix)| Announcement {
            topic: TOPIC.to_owned(),
            families: families.into_iter().map(str::to_owned).collect(),
            filter: Filter { prefix, suffix },
        },
    )
}

fn statement() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "\\PC{0,8}".prop_map(Value::from)];
    let any = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[A-Za-z:]{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    (proptest::option::of("[A-Za-z]{0,6}"), any).prop_map(|(sid, condition)| match sid {
        Some(sid) => json!({"Sid": sid, "Effect": "Allow", "Condition": condition}),
        None => json!({"Effect": "Deny", "Action": condition}),
    })
}

proptest! {
    #[test]
    fn any_foreign_configuration_survives_create_update_and_delete(
        before in foreign(), first in announcement(), second in announcement(),
    ) {
        let owner = Owner::command();
        // What S3 would refuse is not written: then nothing has changed.
        let created = before.with(&owner, &first).unwrap_or_else(|_| before.clone());
        let updated = created.with(&owner, &second).unwrap_or_else(|_| created.clone());
        for after in [&created, &updated] {
            prop_assert_eq!(after.foreign(&owner).collect::<Vec<_>>(), before.rules.iter().collect::<Vec<_>>());
            prop_assert_eq!(after.event_bridge, before.event_bridge);
        }
        let deleted = updated.without(&owner);
        prop_assert_eq!(&deleted.rules, &before.rules);
        prop_assert_eq!(deleted.event_bridge, before.event_bridge);
    }

    #[test]
    fn a_merge_done_twice_is_done_once(before in foreign(), wanted in announcement()) {
        let owner = Owner::command();
        if let Ok(once) = before.with(&owner, &wanted) {
            prop_assert!(once.with(&owner, &wanted).unwrap().same(&once));
        }
    }

    #[test]
    fn whoever_leaves_the_others_get_what_they_asked_for_and_the_last_leaves_nothing(
        before in foreign(), moves in proptest::collection::vec((0..4usize, proptest::option::of(announcement())), 0..24),
    ) {
        let stack = |n: &str| Owner::stack(&format!("arn:aws:cloudformation:r:a:stack/{n}/1"), "Wire");
        let owners = [Owner::command(), stack("a"), stack("b"), Owner::stack("arn:aws:cloudformation:r:a:stack/a/1", "Renamed")];
        let mut wishes: [Option<Announcement>; 4] = Default::default();
        let mut now = before.clone();
        for (n, wanted) in moves.into_iter().chain((0..4).map(|n| (n, None))) {
            // What S3 would refuse is not written: the wish stays what it was.
            let after = wanted.as_ref().map_or_else(|| Ok(now.without(&owners[n])), |wanted| now.with(&owners[n], wanted));
            if let Ok(after) = after {
                (now, wishes[n]) = (after, wanted);
            }
            for (owner, wish) in owners.iter().zip(&wishes) {
                let Some(wish) = wish else {
                    prop_assert_eq!(now.own(owner).count(), 0);
                    continue;
                };
                // Everything is there. Doing it again may narrow what is the owner's alone by now; once more changes nothing.
                let again = now.with(owner, wish).unwrap();
                prop_assert!(again.with(owner, wish).unwrap().same(&again), "{:?} of {:?} in {:?}", wish, owner, now);
                for other in owners.iter().filter(|other| *other != owner) {
                    prop_assert_eq!(again.own(other).collect::<Vec<_>>(), now.own(other).collect::<Vec<_>>());
                }
                let announced = now.families(owner).into_iter().chain(now.rests_on(owner, wish).into_iter().map(|(family, _)| family));
                let announced: std::collections::BTreeSet<String> = announced.collect();
                prop_assert!(wish.families.iter().filter(|f| *f != "Unheard").all(|f| announced.contains(f)));
            }
        }
        prop_assert!(now.same(&before));
    }

    #[test]
    fn any_foreign_policy_survives(
        statements in proptest::collection::vec(statement(), 0..5), id in proptest::option::of("\\PC{0,8}"), alone in any::<bool>(),
    ) {
        let topic = Arn::parse(TOPIC).unwrap();
        let mut document = json!({"Version": "2008-10-17", "Statement": statements});
        if let Some(id) = id {
            document["Id"] = id.into();
        }
        if let ([one], true) = (statements.as_slice(), alone) {
            document["Statement"] = one.clone();
        }
        let before = Policy::parse(&document.to_string()).unwrap();
        let with = before.with(&topic_statement(&topic, "photos")).with(&topic_statement(&topic, "scans"));
        prop_assert_eq!(&with.statements()[..statements.len()], before.statements());
        let after = with.without(&topic_sid("photos")).without(&topic_sid("scans"));
        prop_assert_eq!(after.statements(), before.statements());
        let mut told = Value::Object(Default::default());
        if !after.text().is_empty() {
            told = serde_json::from_str(&after.text()).unwrap();
            prop_assert_eq!(&told["Id"], &document["Id"]);
            prop_assert_eq!(&told["Version"], "2008-10-17");
        }
        prop_assert_eq!(told.get("Statement").is_some(), !statements.is_empty());
    }
}
