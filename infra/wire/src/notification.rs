//! The merge of a bucket's notification configuration: own rules, known by their ids, among everybody else's.

use std::collections::BTreeSet;

use brigade::hex;
use brigade::notification::{ConfigurationError, Destination, Draft, Filter, MAX_RULES, conflict, pattern_of_family};
use sha2::{Digest, Sha256};

/// A bucket's whole configuration, as S3 tells it: a PUT replaces all of it. Event names that this version does not know are
/// kept as they are.
#[derive(Clone, Debug, Default)]
pub struct Notification {
    /// All rules, whoever made them.
    pub rules: Vec<Draft>,
    /// EventBridge gets every event.
    pub event_bridge: bool,
}

/// Who made a rule, by the beginning of its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// The command `brigade wire`.
    pub fn command() -> Self {
        Self("brigade-wire.".to_owned())
    }

    /// A resource of a CloudFormation stack. `stack_id` is the stack's ARN: a stack that is made anew under the same name is
    /// another owner.
    pub fn stack(stack_id: &str, logical_id: &str) -> Self {
        let name = stack_id.split('/').nth(1).unwrap_or(stack_id);
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(128).collect();
        Self(format!("brigade-stack.{name}.{}.", digest(&[stack_id, logical_id])))
    }

    /// This rule is the owner's.
    pub fn owns(&self, rule: &Draft) -> bool {
        rule.id.as_ref().is_some_and(|id| id.starts_with(&self.0))
    }

    fn id(&self, family: &str) -> String {
        format!("{}{family}", self.0)
    }
}

/// 64 bits, as hex digits: enough to tell apart what one account has.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(hash.finalize().iter().take(8))
}

/// What an owner wants a bucket to announce.
#[derive(Clone, Debug, PartialEq)]
pub struct Announcement {
    /// ARN of the topic.
    pub topic: String,
    /// Families of events, such as `ObjectCreated`; each becomes a rule. One that S3 does not have is left out.
    pub families: BTreeSet<String>,
    /// Of which keys, form-encoded as S3 takes it.
    pub filter: Filter,
}

/// Why a configuration cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwritable {
    /// S3 would refuse two rules beside each other.
    Overlap(Box<Overlap>),
    /// So many rules, and S3 takes [`MAX_RULES`].
    TooMany(usize),
    /// An own rule, on which functions that were connected before may live, would let fewer keys through.
    Narrows(Box<Narrowing>),
}

/// A rule that connecting would narrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowing {
    /// The rule that is there.
    pub there: Draft,
    /// What it would become.
    pub ours: Draft,
}

impl std::fmt::Display for Narrowing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (there, ours) = (crate::plan::told(&self.there), crate::plan::told(&self.ours));
        let id = self.there.id.as_deref().unwrap_or_default();
        write!(
            f,
            "the rule {id} is there already ({there}) and would become ({ours}): what was connected before would miss keys. \
             Connect with a prefix and suffix that take all of those keys, or remove that wiring first (--remove)"
        )
    }
}

/// Two rules that S3 does not take beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The rule that is there.
    pub theirs: Draft,
    /// The rule that would join it.
    pub ours: Draft,
    /// What S3 says.
    pub said: ConfigurationError,
}

impl Notification {
    /// The rules of others.
    pub fn foreign(&self, owner: &Owner) -> impl Iterator<Item = &Draft> {
        self.rules.iter().filter(|rule| !owner.owns(rule))
    }

    /// The owner's rules.
    pub fn own(&self, owner: &Owner) -> impl Iterator<Item = &Draft> {
        self.rules.iter().filter(|rule| owner.owns(rule))
    }

    /// The families that the owner's rules announce.
    pub fn families(&self, owner: &Owner) -> BTreeSet<String> {
        let events = self.own(owner).flat_map(|rule| &rule.events);
        events.map(|event| event.trim_start_matches("s3:").split(':').next().unwrap_or_default().to_owned()).collect()
    }

    /// With what is wanted beside all that the owner's rules announce already: what connecting comes to, decided on what is
    /// there now, since several connect under one owner.
    ///
    /// # Errors
    /// As [`Notification::with`]; and a rule that is there would let fewer keys through.
    pub fn joined_by(&self, owner: &Owner, wanted: &Announcement) -> Result<Self, Vec<Unwritable>> {
        let families = self.families(owner).into_iter().chain(wanted.families.iter().cloned()).collect();
        let wanted = Announcement { families, ..wanted.clone() };
        let narrowed = wanted.families.iter().filter_map(|family| {
            let ours = rule(owner, &wanted, family)?;
            let there = self.own(owner).find(|there| there.id == ours.id)?.clone();
            let narrows = !ours.lenient_filter().covers(&there.lenient_filter());
            narrows.then(|| Unwritable::Narrows(Box::new(Narrowing { there, ours })))
        });
        let narrowed: Vec<Unwritable> = narrowed.collect();
        if narrowed.is_empty() { self.with(owner, &wanted) } else { Err(narrowed) }
    }

    /// Without the owner's rules.
    pub fn without(&self, owner: &Owner) -> Self {
        Self { rules: self.foreign(owner).cloned().collect(), event_bridge: self.event_bridge }
    }

    /// With the owner's rules as they should be: changed in their places, new ones behind the others. A family that
    /// somebody else's rule brings to the topic already, for every key that is asked for, needs none.
    ///
    /// # Errors
    /// All the reasons for which S3 would refuse it.
    pub fn with(&self, owner: &Owner, wanted: &Announcement) -> Result<Self, Vec<Unwritable>> {
        let mut missing: Vec<Draft> = wanted.families.iter().filter_map(|family| rule(owner, wanted, family)).collect();
        missing.retain(|ours| !self.foreign(owner).any(|theirs| brings(theirs, ours)));
        let mut refused: Vec<Unwritable> = Vec::new();
        for ours in &missing {
            let overlap = |theirs: &Draft| {
                let conflict = conflict(&[theirs.clone(), ours.clone()])?;
                let overlap = Overlap { theirs: theirs.clone(), ours: ours.clone(), said: conflict.error };
                Some(Unwritable::Overlap(Box::new(overlap)))
            };
            refused.extend(self.foreign(owner).filter_map(overlap));
        }
        let mut rules = Vec::with_capacity(self.rules.len() + missing.len());
        for rule in &self.rules {
            if !owner.owns(rule) {
                rules.push(rule.clone());
            } else if let Some(at) = missing.iter().position(|new| new.id == rule.id) {
                rules.push(missing.remove(at));
            }
        }
        rules.append(&mut missing);
        if rules.len() > MAX_RULES {
            refused.push(Unwritable::TooMany(rules.len()));
        }
        if refused.is_empty() { Ok(Self { rules, event_bridge: self.event_bridge }) } else { Err(refused) }
    }

    /// The same for whoever gets events: the order of rules and of events does not count, nor does how a filter is written.
    pub fn same(&self, other: &Self) -> bool {
        let all = |n: &Self| {
            let mut rules: Vec<_> = n.rules.iter().map(meaning).collect();
            rules.sort();
            rules
        };
        self.event_bridge == other.event_bridge && all(self) == all(other)
    }
}

/// Whether two rules say the same.
pub fn same_rule(one: &Draft, other: &Draft) -> bool {
    meaning(one) == meaning(other)
}

type Meaning = (u8, String, Option<String>, BTreeSet<String>, Vec<(String, String)>);

fn meaning(rule: &Draft) -> Meaning {
    let (kind, arn) = match &rule.destination {
        Destination::Topic(arn) => (0, arn),
        Destination::Queue(arn) => (1, arn),
        Destination::Function(arn) => (2, arn),
    };
    let told = rule.filter.iter().filter(|(_, value)| !value.is_empty());
    let mut filter: Vec<_> = told.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    filter.sort();
    (kind, arn.clone(), rule.id.clone(), rule.events.iter().cloned().collect(), filter)
}

fn rule(owner: &Owner, wanted: &Announcement, family: &str) -> Option<Draft> {
    let filter = [("prefix", &wanted.filter.prefix), ("suffix", &wanted.filter.suffix)];
    let filled = |(name, value): (&str, &Option<String>)| {
        value.clone().filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value))
    };
    Some(Draft {
        id: Some(owner.id(family)),
        destination: Destination::Topic(wanted.topic.clone()),
        events: vec![pattern_of_family(family)?.to_owned()],
        filter: filter.into_iter().filter_map(filled).collect(),
    })
}

/// What `ours` asks for comes to the same place by `theirs`.
fn brings(theirs: &Draft, ours: &Draft) -> bool {
    theirs.destination == ours.destination
        && ours.events.iter().all(|event| theirs.events.contains(event))
        && theirs.lenient_filter().covers(&ours.lenient_filter())
}

#[cfg(test)]
#[path = "notification_tests.rs"]
mod tests;
