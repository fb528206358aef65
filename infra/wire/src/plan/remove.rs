//! The plan that undoes a wiring: the bucket falls silent first, then everything else goes that this tool has made.

use super::{
    Admission, Announcement, Arn, BTreeSet, Call, Filter, MADE_FOR, Notification, Plan, Refusal, Seen, Sign, Step,
    Subscription, Topic, Wish, probe, queue_sid, topic_sid,
};
use crate::notification::{goes_to, topic_of};

pub(super) fn plan(seen: &Seen, wish: &Wish, plan: &mut Plan) {
    let here = wish.topic.to_string();
    let own = || seen.notification.own(&wish.owner);
    let elsewhere = own().find_map(|rule| Some((rule, topic_of(rule).filter(|topic| *topic != here)?)));
    if let Some((rule, topic)) = elsewhere
        && !own().any(|rule| goes_to(rule, &here))
    {
        plan.rules(&seen.notification, &seen.notification, &wish.owner);
        let id = rule.id.clone().unwrap_or_default();
        plan.refusals.push(Refusal::Elsewhere { id, topic: topic.to_owned() });
        return;
    }
    for rule in own().filter(|rule| topic_of(rule).is_none()) {
        plan.notes.push(format!(
            "the rule {} goes to {}, which is no topic: somebody has changed it, and it stays",
            rule.id.as_deref().unwrap_or_default(),
            rule.destination.arn()
        ));
    }
    if seen.is_gone {
        let sid = topic_sid(&wish.bucket);
        let is_its = |topic: &Topic| topic.policy.has(&sid) || topic.made_for.as_deref() == Some(wish.bucket.as_str());
        if !seen.topic.as_ref().is_some_and(is_its) {
            plan.refusals.push(Refusal::NoBucket);
            return;
        }
        plan.notes.push(format!("there is no bucket {} any more: what it was wired with goes", wish.bucket));
    }
    let Some(topic) = &seen.topic else {
        // Rules without their topic are of no use to anybody.
        rules(seen, wish, BTreeSet::new(), plan);
        policies(seen, wish, plan);
        return;
    };
    let staying: Vec<&Subscription> = topic.subscriptions.iter().filter(|s| !leaves(s, wish)).collect();
    let after = rules(seen, wish, keepers(seen, wish, topic, &staying), plan);
    silenced(seen, wish, &after, &staying, plan);
    if topic.policy.serves_others(&topic_sid(&wish.bucket)) {
        plan.notes.push("the topic announces other buckets too: subscriptions and the queues' policies stay".to_owned());
        revoke(topic, wish, &after, plan);
        return;
    }
    for function in &wish.functions {
        if let Some(subscription) = seen.subscription(&function.queue) {
            if seen.is_own(subscription, wish) {
                plan.line(Sign::Remove, "subscription", &function.queue.name, subscription.arn.clone());
                plan.steps.push(Step::Unsubscribe(subscription.arn.clone()));
            } else {
                plan.line(Sign::Keep, "subscription", &function.queue.name, "somebody else's");
            }
        }
    }
    policies(seen, wish, plan);
    if after.own(&wish.owner).any(|rule| goes_to(rule, &here)) {
        plan.line(Sign::Keep, "topic", here, "others live on it");
        return;
    }
    topic_goes(wish, topic, &after, &staying, plan);
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
    let announced = seen.notification.families_to(&wish.owner, &wish.topic.to_string());
    let lives_on_it = |s: &&&Subscription| made || seen.is_own(s, wish);
    let of = |s: &&Subscription| s.families().unwrap_or_else(|| announced.clone());
    let wanted: BTreeSet<String> = staying.iter().filter(lives_on_it).flat_map(of).collect();
    wanted.intersection(&announced).cloned().collect()
}

/// The rules that serve nobody go; the others stay as they are, and so do those that go to another topic.
fn rules(seen: &Seen, wish: &Wish, served: BTreeSet<String>, plan: &mut Plan) -> Notification {
    let topic = wish.topic.to_string();
    let after = seen.notification.keeping(&wish.owner, &topic, &served);
    plan.rules(&seen.notification, &after, &wish.owner);
    if !after.same(&seen.notification) {
        let kept = Announcement { topic, families: served, filter: Filter::default() };
        plan.steps.push(Step::Announce(Some(kept).filter(|kept| !kept.families.is_empty())));
    }
    after
}

/// Somebody's topic has subscribers of somebody's, who may have come to live on what goes.
fn silenced(seen: &Seen, wish: &Wish, after: &Notification, staying: &[&Subscription], plan: &mut Plan) {
    let topic = wish.topic.to_string();
    let goes = |rule: &&super::Draft| goes_to(rule, &topic) && !after.brings_all_of(rule);
    let events: BTreeSet<&str> =
        seen.notification.own(&wish.owner).filter(goes).flat_map(|rule| &rule.events).map(String::as_str).collect();
    if !events.is_empty() && !staying.is_empty() {
        let events = events.into_iter().collect::<Vec<_>>().join(", ");
        let others = staying.len();
        plan.notes.push(format!("the topic's other subscribers ({others}) get no more {events} of {}", wish.bucket));
    }
}

fn policies(seen: &Seen, wish: &Wish, plan: &mut Plan) {
    let sid = queue_sid(&wish.topic);
    let leaving = |arn: &Arn| wish.functions.iter().any(|function| function.queue == *arn);
    let dead_letters: BTreeSet<Arn> = wish.functions.iter().flat_map(|function| seen.dead_letters(&function.queue)).collect();
    let dead_letters = dead_letters.iter().filter(|arn| !leaving(arn) && !seen.is_needed(arn, wish, leaving));
    // The function's queue last: its statement is what tells that the subscription was this tool's.
    for arn in dead_letters.chain(wish.functions.iter().map(|function| &function.queue)) {
        if seen.queue(arn).is_some_and(|queue| queue.policy.has(&sid)) {
            plan.line(Sign::Remove, "queue policy", &sid, format!("let {} send to {}", wish.topic.name, arn.name));
            plan.steps.push(Step::ExpelTopic(arn.clone()));
        }
    }
}

/// S3 may publish for the bucket no more, unless a rule that stays needs just this statement.
fn revoke(topic: &Topic, wish: &Wish, after: &Notification, plan: &mut Plan) {
    let (sid, here) = (topic_sid(&wish.bucket), wish.topic.to_string());
    plan.line(Sign::Keep, "topic", here.clone(), "");
    if !topic.policy.has(&sid) {
        return;
    }
    let needs = after.rules.iter().find(|rule| goes_to(rule, &here));
    let admitted = topic.policy.without(&sid).admits(&Call::of_bucket(&wish.bucket, &wish.topic));
    match needs {
        Some(rule) if admitted != Admission::Yes => {
            let id = rule.id.as_deref().unwrap_or_default();
            plan.line(Sign::Keep, "topic policy", sid, format!("lets S3 publish for {}: the rule {id} needs it", wish.bucket));
        }
        _ => {
            plan.line(Sign::Remove, "topic policy", sid, format!("let S3 publish for {}", wish.bucket));
            plan.steps.push(Step::ExpelBucket);
        }
    }
}

fn topic_goes(wish: &Wish, topic: &Topic, after: &Notification, staying: &[&Subscription], plan: &mut Plan) {
    let here = wish.topic.to_string();
    let pointed_at = after.rules.iter().any(|rule| goes_to(rule, &here));
    let made = topic.made_for.as_deref() == Some(wish.bucket.as_str());
    if made && staying.is_empty() && !pointed_at && !topic.policy.is_somebodys() {
        let detail = format!("it was made for this bucket (tag {MADE_FOR}), and nobody else uses it");
        plan.line(Sign::Remove, "topic", here, detail);
        plan.steps.push(Step::DeleteTopic);
    } else {
        revoke(topic, wish, after, plan);
    }
}
