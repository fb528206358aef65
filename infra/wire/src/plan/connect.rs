//! The plan that connects functions. It never narrows what is announced: other functions may live on it.

use super::{
    Admission, Announcement, Arn, BTreeSet, Call, Consumer, Plan, Refusal, Seen, Sign, Step, Subscription, Topic, Wish,
    queue_sid, queue_statement, topic_statement, wanted,
};
use crate::notification::{goes_to, topic_of};

pub(super) fn plan(seen: &Seen, wish: &Wish, plan: &mut Plan) {
    topic(seen, wish, plan);
    for function in &wish.functions {
        match seen.queue(&function.queue) {
            None => plan.refuse(format!(
                "{}: there is no queue {} in {}: deploy the function first, or name another region with AWS_REGION",
                function.name, function.queue.name, function.queue.region
            )),
            Some(queue) if queue.key.as_deref() == Some("alias/aws/sqs") => plan.refuse(format!(
                "queue {} is encrypted with the KMS key that AWS manages (alias/aws/sqs), with which SNS cannot send: use SQS's \
                 own encryption, or a key whose policy admits sns.amazonaws.com",
                function.queue.name
            )),
            Some(_) => subscribe(seen, wish, function, plan),
        }
    }
    rules(seen, wish, plan);
}

fn topic(seen: &Seen, wish: &Wish, plan: &mut Plan) {
    let name = wish.topic.to_string();
    let statement = topic_statement(&wish.topic, &wish.bucket);
    let sid = super::topic_sid(&wish.bucket);
    let detail = format!("lets S3 publish for {} of account {}", wish.bucket, wish.topic.account);
    match &seen.topic {
        None => {
            plan.line(Sign::Add, "topic", name, "");
            plan.line(Sign::Add, "topic policy", sid, detail);
            plan.steps.extend([Step::CreateTopic, Step::AdmitBucket]);
        }
        Some(Topic { key: Some(key), .. }) if key == "alias/aws/sns" => plan.refuse(format!(
            "topic {name} is encrypted with the KMS key that AWS manages (alias/aws/sns), with which S3 cannot publish: use a \
             key whose policy admits s3.amazonaws.com"
        )),
        Some(topic) => {
            plan.line(Sign::Keep, "topic", name, "");
            let sign = match (topic.policy.says(&statement), topic.policy.has(&sid)) {
                (true, _) => Sign::Keep,
                (false, true) => Sign::Change,
                (false, false) => Sign::Add,
            };
            plan.line(sign, "topic policy", sid, detail);
            if sign != Sign::Keep {
                plan.steps.push(Step::AdmitBucket);
            }
        }
    }
}

fn subscribe(seen: &Seen, wish: &Wish, function: &Consumer, plan: &mut Plan) {
    let queue = &function.queue;
    match seen.subscription(queue) {
        Some(subscription) if !seen.is_own(subscription, wish) => foreign(seen, wish, function, subscription, plan),
        other => {
            let dead_letters = dead_letters(seen, function, plan);
            for place in [Some(queue), dead_letters].into_iter().flatten() {
                policy(seen, wish, place, plan);
            }
            let attributes = wanted(&function.families, dead_letters);
            let redrive = dead_letters.map(|arn| format!("; what cannot be delivered goes to {}", arn.name));
            let detail = format!("raw, {}{}", function.families.join(", "), redrive.unwrap_or_default());
            match other {
                None => {
                    plan.line(Sign::Add, "subscription", &queue.name, detail);
                    plan.steps.push(Step::Subscribe(queue.clone(), attributes));
                }
                Some(subscription) => {
                    let differing = subscription.differing(&attributes);
                    let sign = if differing.is_empty() { Sign::Keep } else { Sign::Change };
                    plan.line(sign, "subscription", &queue.name, detail);
                    if sign == Sign::Change {
                        plan.steps.push(Step::ChangeSubscription(subscription.arn.clone(), differing));
                    }
                    if let (Some(before), Some(now)) = (subscription.dead_letters(), dead_letters)
                        && before != *now
                    {
                        forget(seen, wish, queue, &before, plan);
                    }
                }
            }
        }
    }
}

/// Somebody else has subscribed the function's queue: nothing of it is changed, and it has to serve.
fn foreign(seen: &Seen, wish: &Wish, function: &Consumer, subscription: &Subscription, plan: &mut Plan) {
    let queue = &function.queue;
    plan.line(Sign::Keep, "subscription", &queue.name, "somebody else's");
    let call = Call::of_topic(&wish.topic, queue);
    if seen.queue(queue).is_some_and(|queue| queue.policy.admits(&call) == Admission::No) {
        plan.refuse(format!(
            "the subscription {} of queue {} is somebody else's, and no statement of the queue's policy lets the topic send: all \
             events would be lost. Let it in, or end that subscription: then this command makes its own",
            subscription.arn, queue.name
        ));
    }
    match subscription.families() {
        Some(passes) => {
            let missing: Vec<&str> = function.families.iter().filter(|f| !passes.contains(*f)).map(String::as_str).collect();
            if !missing.is_empty() {
                plan.refuse(format!(
                    "the subscription {} of queue {} is somebody else's, and its filter keeps out {}, which {} takes: change it \
                     where it was made, or end it",
                    subscription.arn,
                    queue.name,
                    missing.join(", "),
                    function.name
                ));
            }
        }
        None if subscription.attributes.contains_key("FilterPolicy") => plan.notes.push(format!(
            "whether the filter of {} lets through what {} takes cannot be told: it is somebody else's",
            subscription.arn, function.name
        )),
        None => {}
    }
}

/// The dead-letter queue of the function's queue, where SNS can send to it.
fn dead_letters<'a>(seen: &'a Seen, function: &Consumer, plan: &mut Plan) -> Option<&'a Arn> {
    let name = &function.queue.name;
    let Some(arn) = seen.queue(&function.queue)?.dead_letters.as_ref() else {
        plan.notes.push(format!("queue {name} has no dead-letter queue: what SNS cannot deliver to it is lost"));
        return None;
    };
    let problem = match seen.queue(arn) {
        None => "is not there, or may not be looked at",
        Some(queue) if queue.key.as_deref() == Some("alias/aws/sqs") => {
            "is encrypted with alias/aws/sqs, so that SNS cannot send"
        }
        Some(_) => return Some(arn),
    };
    plan.notes.push(format!("the dead-letter queue {} {problem}: what SNS cannot deliver to {name} is lost", arn.name));
    None
}

/// The queue has another dead-letter queue than when it was subscribed.
fn forget(seen: &Seen, wish: &Wish, queue: &Arn, before: &Arn, plan: &mut Plan) {
    let sid = queue_sid(&wish.topic);
    let admitted = seen.queue(before).is_some_and(|before| before.policy.has(&sid));
    if admitted && !seen.is_needed(before, wish, |arn| arn == queue) {
        plan.line(Sign::Remove, "queue policy", &sid, format!("let {} send to {}", wish.topic.name, before.name));
        plan.steps.push(Step::ExpelTopic(before.clone()));
    }
}

fn policy(seen: &Seen, wish: &Wish, arn: &Arn, plan: &mut Plan) {
    let Some(queue) = seen.queue(arn) else { return };
    let sid = queue_sid(&wish.topic);
    let sign = match (queue.policy.says(&queue_statement(arn, &wish.topic)), queue.policy.has(&sid)) {
        (true, _) => Sign::Keep,
        (false, true) => Sign::Change,
        (false, false) => Sign::Add,
    };
    plan.line(sign, "queue policy", sid, format!("lets {} send to {}", wish.topic.name, arn.name));
    if sign != Sign::Keep && !plan.steps.contains(&Step::AdmitTopic(arn.clone())) {
        plan.steps.push(Step::AdmitTopic(arn.clone()));
    }
}

fn rules(seen: &Seen, wish: &Wish, plan: &mut Plan) {
    let topic = wish.topic.to_string();
    if let Some(rule) = seen.notification.own(&wish.owner).find(|rule| !goes_to(rule, &topic)) {
        let (id, arn) = (rule.id.as_deref().unwrap_or_default(), rule.destination.arn());
        plan.refuse(match topic_of(rule) {
            Some(_) => format!(
                "the bucket's rule {id} goes to {arn} already: remove that wiring first (--topic {arn} --remove --apply)"
            ),
            None => format!(
                "the bucket's rule {id} goes to {arn}, which is no topic: somebody has changed it. Give it another id, or remove \
                 it; then repeat this"
            ),
        });
        return;
    }
    let families: BTreeSet<String> = wish.functions.iter().flat_map(|function| function.families.iter().cloned()).collect();
    let announcement = Announcement { topic, families, filter: wish.filter.clone() };
    match seen.notification.joined_by(&wish.owner, &announcement) {
        Err(unwritable) => {
            plan.rules(&seen.notification, &seen.notification, &wish.owner);
            plan.refusals.extend(unwritable.into_iter().map(Refusal::Unwritable));
        }
        Ok(after) => {
            plan.rules(&seen.notification, &after, &wish.owner);
            for (family, id) in after.rests_on(&wish.owner, &announcement) {
                plan.notes
                    .push(format!("{family} comes by the rule {id}, which is somebody else's: it ends where that rule ends"));
            }
            if !after.same(&seen.notification) {
                plan.steps.push(Step::Announce(Some(announcement)));
            }
        }
    }
}
