//! What is to be done, from what is there and what is wished for. Pure.

use std::collections::{BTreeMap, BTreeSet};

use brigade::notification::{Destination, Draft, Filter};
use serde::Serialize;

use crate::admission::{Admission, Call};
use crate::arn::Arn;
use crate::notification::{Announcement, Notification, Owner, Unwritable, same_but_owners, same_rule};
use crate::policy::{Policy, queue_sid, queue_statement, topic_sid, topic_statement};
use crate::probe;
use crate::subscription::{Subscription, wanted};

mod connect;
mod remove;

/// The tag of a topic that this tool has made; its value is the bucket.
pub const MADE_FOR: &str = "brigade-wire";

/// What is wished for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The bucket.
    pub bucket: String,
    /// Whose rules are one's own.
    pub owner: Owner,
    /// The bucket's topic.
    pub topic: Arn,
    /// Of which keys events are announced, form-encoded as S3 takes it.
    pub filter: Filter,
    /// The functions.
    pub functions: Vec<Consumer>,
    /// Connect them, or undo that.
    pub direction: Direction,
    /// When, in seconds since 1970: what calls have left behind is told by its age.
    pub now: u64,
}

/// A function with its queue.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its short name.
    pub name: String,
    /// The queue that feeds it.
    pub queue: Arn,
    /// The families of events that it takes.
    pub families: Vec<String>,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The functions get the bucket's events.
    Connect,
    /// They do not any more; what was there before is left.
    Remove,
}

/// What is there.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The bucket's configuration.
    pub notification: Notification,
    /// There is no such bucket any more, and no configuration.
    pub is_gone: bool,
    /// The topic, if it exists.
    pub topic: Option<Topic>,
    /// By ARN: the functions' queues, and whatever other queues are subscribed. One that is not there is left out.
    pub queues: BTreeMap<String, Queue>,
    /// Names of queues for the test event, whichever call made them.
    pub probes: BTreeSet<String>,
}

/// A topic.
#[derive(Clone, Debug, Default)]
pub struct Topic {
    /// Its policy.
    pub policy: Policy,
    /// The bucket for which this tool has made it.
    pub made_for: Option<String>,
    /// `KmsMasterKeyId`.
    pub key: Option<String>,
    /// All of them.
    pub subscriptions: Vec<Subscription>,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its ARN.
    pub arn: Arn,
    /// Where it is reached.
    pub url: String,
    /// Its policy.
    pub policy: Policy,
    /// `KmsMasterKeyId`.
    pub key: Option<String>,
    /// Its dead-letter queue, by its `RedrivePolicy`.
    pub dead_letters: Option<Arn>,
}

/// What happens to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// Joins.
    Add,
    /// Goes.
    Remove,
    /// Becomes another.
    Change,
    /// Stays.
    Keep,
}

/// One line of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What happens.
    pub sign: Sign,
    /// `rule`, `eventbridge`, `topic`, `topic policy`, `subscription`, `queue policy` or `queue`.
    pub part: &'static str,
    /// Which one.
    pub name: String,
    /// What it says, or why it is as it is.
    pub detail: String,
}

/// One request, or a merge of a few. They are carried out in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Makes the topic.
    CreateTopic,
    /// Lets the bucket's events onto the topic.
    AdmitBucket,
    /// Lets the topic's messages into a queue.
    AdmitTopic(Arn),
    /// Subscribes a queue.
    Subscribe(Arn, BTreeMap<String, String>),
    /// Changes a subscription's attributes.
    ChangeSubscription(String, BTreeMap<String, String>),
    /// The bucket's own rules become these; `None`: go.
    Announce(Option<Announcement>),
    /// Ends a subscription.
    Unsubscribe(String),
    /// Takes back what [`Step::AdmitTopic`] gave.
    ExpelTopic(Arn),
    /// Takes back what [`Step::AdmitBucket`] gave.
    ExpelBucket,
    /// Deletes the topic.
    DeleteTopic,
    /// Deletes a queue for the test event, by its name, whose call was killed.
    DeleteProbe(String),
}

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// S3 would not take the configuration.
    Unwritable(Unwritable),
    /// A removal finds own rules, and all of them go to other topics than the one that it names.
    Elsewhere {
        /// Of the first one.
        id: String,
        /// Its topic's ARN.
        topic: String,
    },
    /// A removal finds neither the bucket nor anything of its at the topic: a name that was mistyped, most likely.
    NoBucket,
    /// In words, with what would help.
    Because(String),
}

impl Refusal {
    /// What was asked for finds nothing to begin with: once something was done, that is no reason.
    pub(crate) fn is_of_the_beginning(&self) -> bool {
        matches!(self, Self::Elsewhere { .. } | Self::NoBucket)
    }
}

/// The plan: what is to be done, and what it is done to. Without refusals and without steps all is as it is wished.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// For a reader: everything that is looked at.
    pub lines: Vec<Line>,
    /// What is to be done.
    pub steps: Vec<Step>,
    /// With any, no step is carried out.
    pub refusals: Vec<Refusal>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

/// Makes the plan.
pub fn plan(seen: &Seen, wish: &Wish) -> Plan {
    let mut plan = Plan::default();
    probes(seen, wish, &mut plan);
    match wish.direction {
        Direction::Connect => connect::plan(seen, wish, &mut plan),
        Direction::Remove => remove::plan(seen, wish, &mut plan),
    }
    if !plan.refusals.is_empty() {
        plan.steps.clear();
    }
    plan
}

/// What a killed call has left behind goes; what may be in use is told.
fn probes(seen: &Seen, wish: &Wish, plan: &mut Plan) {
    for name in &seen.probes {
        let subscription = seen.subscription(&wish.topic.beside("sqs", name));
        if probe::is_left(name, wish.now) {
            plan.line(Sign::Remove, "queue", name, "for the test event; the call that made it was killed");
            plan.steps.extend(subscription.map(|subscription| Step::Unsubscribe(subscription.arn.clone())));
            plan.steps.push(Step::DeleteProbe(name.clone()));
        } else if subscription.is_some() {
            plan.notes.push(format!(
                "queue {name}, subscribed to the topic, is another call's for the test event: it goes with that call, or, if that was \
                 killed, with a call in an hour"
            ));
        }
    }
}

impl Plan {
    fn line(&mut self, sign: Sign, part: &'static str, name: impl Into<String>, detail: impl Into<String>) {
        self.lines.push(Line { sign, part, name: name.into(), detail: detail.into() });
    }

    fn refuse(&mut self, why: impl Into<String>) {
        self.refusals.push(Refusal::Because(why.into()));
    }

    /// The configuration, rule by rule, as it would become.
    fn rules(&mut self, before: &Notification, after: &Notification, owner: &Owner) {
        let is_in = |rule: &Draft, n: &Notification| n.rules.iter().any(|other| other.id == rule.id);
        let mut joined: Vec<Option<String>> = Vec::new();
        for rule in &before.rules {
            let shared = || after.rules.iter().find(|other| !is_in(other, before) && same_but_owners(rule, other));
            let now = after.rules.iter().find(|other| other.id == rule.id).or_else(shared);
            let name = rule.id.clone().unwrap_or_default();
            match now {
                Some(now) if now.id != rule.id => {
                    joined.push(now.id.clone());
                    let id = now.id.as_deref().unwrap_or_default();
                    self.line(Sign::Change, "rule", name, format!("{}, as {id}: whoever is named there shares it", told(rule)));
                }
                Some(now) if same_rule(rule, now) => {
                    let whose = if owner.owns(rule) { "" } else { ", somebody else's" };
                    self.line(Sign::Keep, "rule", name, format!("{}{whose}", told(rule)));
                }
                Some(now) => self.line(Sign::Change, "rule", name, format!("{}, was {}", told(now), told(rule))),
                None => self.line(Sign::Remove, "rule", name, told(rule)),
            }
        }
        for rule in after.rules.iter().filter(|rule| !is_in(rule, before) && !joined.contains(&rule.id)) {
            self.line(Sign::Add, "rule", rule.id.clone().unwrap_or_default(), told(rule));
        }
        if before.event_bridge {
            self.line(Sign::Keep, "eventbridge", "on", "every event, somebody else's");
        }
    }
}

/// A rule in a few words, such as `s3:ObjectCreated:* uploads/*.jpg → arn:…`.
pub fn told(rule: &Draft) -> String {
    let filter = rule.lenient_filter();
    let keys = match (filter.prefix.unwrap_or_default(), filter.suffix.unwrap_or_default()) {
        (prefix, suffix) if prefix.is_empty() && suffix.is_empty() => "all keys".to_owned(),
        (prefix, suffix) => format!("{prefix}*{suffix}"),
    };
    let place = match &rule.destination {
        Destination::Topic(arn) => format!("topic {arn}"),
        Destination::Queue(arn) => format!("queue {arn}"),
        Destination::Function(arn) => format!("function {arn}"),
    };
    format!("{} of {keys} → {place}", rule.events.join(", "))
}

impl Seen {
    fn queue(&self, arn: &Arn) -> Option<&Queue> {
        self.queues.get(&arn.to_string())
    }

    fn subscription(&self, queue: &Arn) -> Option<&Subscription> {
        let all = self.topic.as_ref().map(|topic| topic.subscriptions.as_slice()).unwrap_or_default();
        all.iter().find(|s| s.protocol == "sqs" && s.endpoint == queue.to_string())
    }

    /// Where what SNS cannot deliver to this queue goes, and went until now: the queue's own dead-letter queue, and the one
    /// that the topic's subscription of it names, which was the queue's when that was made.
    fn dead_letters(&self, queue: &Arn) -> BTreeSet<Arn> {
        let own = self.queue(queue).and_then(|queue| queue.dead_letters.clone());
        let told = self.subscription(queue).and_then(Subscription::dead_letters);
        own.into_iter().chain(told).collect()
    }

    /// A queue that stays connected by this tool has this as its dead-letter queue.
    fn is_needed(&self, dead_letters: &Arn, wish: &Wish, leaving: impl Fn(&Arn) -> bool) -> bool {
        let is_own = |queue: &Queue| {
            let subscription = self.subscription(&queue.arn);
            queue.policy.has(&queue_sid(&wish.topic)) || subscription.is_some_and(|s| self.is_own(s, wish))
        };
        let mut staying = self.queues.values().filter(|queue| is_own(queue) && !leaving(&queue.arn));
        staying.any(|queue| self.dead_letters(&queue.arn).contains(dead_letters))
    }

    /// The topic's subscription of this queue is this tool's. It has said so in the queue's policy, before it subscribed. Where
    /// that is gone (the queue was made anew, or somebody has replaced its policy), a subscription as this tool makes it that
    /// nobody else lets in is its own, and broken.
    fn is_own(&self, subscription: &Subscription, wish: &Wish) -> bool {
        let queue = self.queues.get(&subscription.endpoint);
        if queue.is_some_and(|queue| queue.policy.has(&queue_sid(&wish.topic))) {
            return true;
        }
        let Some(arn) = Arn::parse(&subscription.endpoint).filter(|arn| *arn == wish.topic.beside("sqs", &arn.name)) else {
            return false;
        };
        let as_made = match wish.functions.iter().find(|function| function.queue == arn) {
            Some(function) => subscription.differing(&wanted(&function.families, None)).is_empty(),
            None => subscription.is_as_made(),
        };
        as_made && queue.is_none_or(|queue| queue.policy.admits(&Call::of_topic(&wish.topic, &arn)) == Admission::No)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
