//! The plan that undoes a wiring: the bucket falls silent first, then everything else goes that this tool has made.

use super::{
    Announcement, Arn, BTreeSet, Destination, MADE_FOR, Plan, Seen, Sign, Step, Subscription, Topic, Wish, probe, queue_sid,
    topic_sid,
};

pub(super) fn plan(seen: &Seen, wish: &Wish, plan: &mut Plan) {
    let Some(topic) = &seen.topic else {
        // Rules without their topic are of no use to anybody.
        let elsewhere = seen.notification.own(&wish.owner).any(|rule| rule.destination.arn() != wish.topic.to_string());
        rules(seen, wish, if elsewhere { seen.notification.families(&wish.owner) } else { BTreeSet::new() }, plan);
        policies(seen, wish, plan);
        return;
    };
    let staying: Vec<&Subscription> = topic.subscriptions.iter().filter(|s| !leaves(s, wish)).collect();
    let served = keepers(seen, wish, topic, &staying);
    rules(seen, wish, served, plan);
    if topic.policy.serves_others(&topic_sid(&wish.bucket)) {
        plan.notes.push("the topic announces other buckets too: subscriptions and the queues' policies stay".to_owned());
        revoke(topic, wish, plan);
        return;
    }
    for function in &wish.functions {
        if let Some(subscription) = seen.subscription(&function.queue) {
            if seen.is_own(&subscription.endpoint, &wish.topic) {
                plan.line(Sign::Remove, "subscription", &function.queue.name, subscription.arn.clone());
                plan.steps.push(Step::Unsubscribe(subscription.arn.clone()));
            } else {
                plan.line(Sign::Keep, "subscription", &function.queue.name, "somebody else's");
            }
        }
    }
    policies(seen, wish, plan);
    if plan.steps.iter().any(|step| matches!(step, Step::Announce(Some(_)))) || stays_announced(seen, wish, plan) {
        plan.line(Sign::Keep, "topic", wish.topic.to_string(), "others live on it");
        return;
    }
    topic_goes(seen, wish, topic, &staying, plan);
}

fn leaves(subscription: &Subscription, wish: &Wish) -> bool {
    subscription.protocol == "sqs"
        && (wish.functions.iter().any(|function| function.queue.to_string() == subscription.endpoint)
            || probe::is_probe(&subscription.endpoint))
}

/// The families that the subscribers that stay live on: all others on a topic that was made for this bucket, since they came
/// to it for its events; on somebody's topic only this tool's own.
fn keepers(seen: &Seen, wish: &Wish, topic: &Topic, staying: &[&Subscription]) -> BTreeSet<String> {
    let made = topic.made_for.as_deref() == Some(wish.bucket.as_str());
    let announced = seen.notification.families(&wish.owner);
    let lives_on_it = |s: &&&Subscription| made || seen.is_own(&s.endpoint, &wish.topic);
    let of = |s: &&Subscription| s.families().unwrap_or_else(|| announced.clone());
    let wanted: BTreeSet<String> = staying.iter().filter(lives_on_it).flat_map(of).collect();
    wanted.intersection(&announced).cloned().collect()
}

fn rules(seen: &Seen, wish: &Wish, served: BTreeSet<String>, plan: &mut Plan) {
    let mut own = seen.notification.own(&wish.owner).peekable();
    let filter = own.peek().map(|rule| rule.lenient_filter()).unwrap_or_default();
    let wanted = (!served.is_empty()).then(|| Announcement { topic: wish.topic.to_string(), families: served, filter });
    let after = match &wanted {
        None => seen.notification.without(&wish.owner),
        // What is there already overlaps with nothing.
        Some(wanted) => seen.notification.with(&wish.owner, wanted).unwrap_or_else(|_| seen.notification.clone()),
    };
    plan.rules(&seen.notification, &after, &wish.owner);
    if !after.same(&seen.notification) {
        plan.steps.push(Step::Announce(wanted));
    }
}

/// Own rules stay although nothing changes in them.
fn stays_announced(seen: &Seen, wish: &Wish, plan: &Plan) -> bool {
    let silenced = plan.steps.iter().any(|step| matches!(step, Step::Announce(None)));
    !silenced && seen.notification.own(&wish.owner).next().is_some()
}

fn policies(seen: &Seen, wish: &Wish, plan: &mut Plan) {
    let sid = queue_sid(&wish.topic);
    let leaving = |arn: &Arn| wish.functions.iter().any(|function| function.queue == *arn);
    let dead_letters: BTreeSet<Arn> = wish.functions.iter().flat_map(|function| seen.dead_letters(&function.queue)).collect();
    let dead_letters = dead_letters.iter().filter(|arn| !leaving(arn) && !seen.is_needed(arn, &wish.topic, leaving));
    // The function's queue last: its statement is what tells that the subscription was this tool's.
    for arn in dead_letters.chain(wish.functions.iter().map(|function| &function.queue)) {
        if seen.queue(arn).is_some_and(|queue| queue.policy.has(&sid)) {
            plan.line(Sign::Remove, "queue policy", &sid, format!("let {} send to {}", wish.topic.name, arn.name));
            plan.steps.push(Step::ExpelTopic(arn.clone()));
        }
    }
}

fn revoke(topic: &Topic, wish: &Wish, plan: &mut Plan) {
    let sid = topic_sid(&wish.bucket);
    plan.line(Sign::Keep, "topic", wish.topic.to_string(), "");
    if topic.policy.has(&sid) {
        plan.line(Sign::Remove, "topic policy", sid, format!("let S3 publish for {}", wish.bucket));
        plan.steps.push(Step::ExpelBucket);
    }
}

fn topic_goes(seen: &Seen, wish: &Wish, topic: &Topic, staying: &[&Subscription], plan: &mut Plan) {
    let place = Destination::Topic(wish.topic.to_string());
    let pointed_at = seen.notification.foreign(&wish.owner).any(|rule| rule.destination == place);
    let made = topic.made_for.as_deref() == Some(wish.bucket.as_str());
    if made && staying.is_empty() && !pointed_at && !topic.policy.is_somebodys() {
        let detail = format!("it was made for this bucket (tag {MADE_FOR}), and nobody else uses it");
        plan.line(Sign::Remove, "topic", wish.topic.to_string(), detail);
        plan.steps.push(Step::DeleteTopic);
    } else {
        revoke(topic, wish, plan);
    }
}
