//! The merge of a bucket's notification configuration: own rules, known by their ids, among everybody else's.

use std::collections::BTreeSet;

use brigade::notification::{
    Configuration, ConfigurationError, Destination, Draft, Filter, MAX_RULES, conflict, pattern_of_family,
};

pub use crate::owner::Owner;
use crate::owner::Owners;

/// A bucket's whole configuration, as S3 tells it: a PUT replaces all of it. Event names that this version does not know are
/// kept as they are.
#[derive(Clone, Debug, Default)]
pub struct Notification {
    /// All rules, whoever made them.
    pub rules: Vec<Draft>,
    /// EventBridge gets every event.
    pub event_bridge: bool,
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

impl Announcement {
    /// A rule for each family, as they would be if the owner's were alone.
    fn drafts(&self, owner: &Owner) -> Vec<Draft> {
        self.families.iter().filter_map(|family| rule(owner, self, family)).collect()
    }
}

/// Why a configuration cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwritable {
    /// S3 would refuse two rules beside each other.
    Overlap(Box<Overlap>),
    /// S3 takes no such rule, whatever else is there: a filter that is too long, a FIFO topic. This is what it says.
    Invalid(ConfigurationError),
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
        self.own(owner).flat_map(families_of).map(str::to_owned).collect()
    }

    /// The same, of the rules that go to this topic.
    pub(crate) fn families_to(&self, owner: &Owner, topic: &str) -> BTreeSet<String> {
        self.own(owner).filter(|rule| goes_to(rule, topic)).flat_map(families_of).map(str::to_owned).collect()
    }

    /// Some rule brings all that this one does.
    pub(crate) fn brings_all_of(&self, rule: &Draft) -> bool {
        self.rules.iter().any(|other| brings(other, rule))
    }

    /// With what is wanted beside all that the owner's rules announce already: what connecting comes to, decided on what is
    /// there now, since several connect under one owner.
    ///
    /// # Errors
    /// As [`Notification::with`]; and a rule that is there would let fewer keys through.
    pub fn joined_by(&self, owner: &Owner, wanted: &Announcement) -> Result<Self, Vec<Unwritable>> {
        let families = self.families(owner).into_iter().chain(wanted.families.iter().cloned()).collect();
        let wanted = Announcement { families, ..wanted.clone() };
        let narrowed = wanted.drafts(owner).into_iter().filter_map(|ours| {
            // One that is shared stays as wide as it is.
            let there = self.own(owner).find(|there| standing(there, owner) == Standing::Own && same_family(there, &ours))?;
            let narrows = !ours.lenient_filter().covers(&there.lenient_filter());
            narrows.then(|| Unwritable::Narrows(Box::new(Narrowing { there: there.clone(), ours })))
        });
        let narrowed: Vec<Unwritable> = narrowed.collect();
        if narrowed.is_empty() { self.with(owner, &wanted) } else { Err(narrowed) }
    }

    /// Without the owner's rules. Those that it shares are the others' from then on.
    pub fn without(&self, owner: &Owner) -> Self {
        let rules = self.rules.iter().filter_map(|rule| left_by(rule, owner)).collect();
        Self { rules, event_bridge: self.event_bridge }
    }

    /// Of the owner's rules that go to this topic only those of these families, as they are; all others stay.
    #[must_use]
    pub fn keeping(&self, owner: &Owner, topic: &str, families: &BTreeSet<String>) -> Self {
        let goes = |rule: &Draft| {
            owner.owns(rule) && goes_to(rule, topic) && !families_of(rule).any(|family| families.contains(family))
        };
        let left = |rule: &Draft| if goes(rule) { left_by(rule, owner) } else { Some(rule.clone()) };
        Self { rules: self.rules.iter().filter_map(left).collect(), event_bridge: self.event_bridge }
    }

    /// With the owner's rules as they should be: changed in their places, new ones behind the others. Where another owner's
    /// rule brings a family to the topic already, for every key that is asked for, it is shared from then on. Where somebody's
    /// does whom this version does not know, none is needed (see [`Notification::rests_on`]).
    ///
    /// # Errors
    /// All the reasons for which S3 would refuse it.
    pub fn with(&self, owner: &Owner, wanted: &Announcement) -> Result<Self, Vec<Unwritable>> {
        let all = wanted.drafts(owner);
        let is_brought = |ours: &Draft| self.rules.iter().any(|r| standing(r, owner) != Standing::Own && brings(r, ours));
        let mut missing: Vec<Draft> = all.iter().filter(|ours| !is_brought(ours)).cloned().collect();
        let mut rules = Vec::with_capacity(self.rules.len() + missing.len());
        let mut changed: Vec<Draft> = Vec::new();
        for rule in &self.rules {
            let wants_it = all.iter().any(|ours| brings(rule, ours));
            let at = missing.iter().position(|ours| same_family(rule, ours));
            match (standing(rule, owner), at) {
                (Standing::Own, Some(at)) => {
                    let ours = missing.remove(at);
                    changed.push(ours.clone());
                    rules.push(ours);
                }
                (Standing::Own, None) => {}
                (Standing::Shared, _) if wants_it => rules.push(rule.clone()),
                (Standing::Shared, Some(at)) if missing.get(at).is_some_and(|ours| brings(ours, rule)) => {
                    // Wider than it was: whoever shares it misses nothing.
                    let wider = Draft { id: rule.id.clone(), ..missing.remove(at) };
                    changed.push(wider.clone());
                    rules.push(wider);
                }
                (Standing::Shared, _) => rules.extend(left_by(rule, owner)),
                (Standing::Others, _) if wants_it => {
                    let id = Owners::of(rule).and_then(|owners| owners.id_with(owner));
                    rules.push(Draft { id: id.or_else(|| rule.id.clone()), ..rule.clone() });
                }
                (Standing::Others | Standing::Unknown, _) => rules.push(rule.clone()),
            }
        }
        changed.extend(missing.iter().cloned());
        rules.append(&mut missing);
        // Others' rules are S3's already, and may hold what this version does not know.
        let alone = Configuration::new(changed.clone(), false, String::new);
        let mut refused: Vec<Unwritable> = alone.err().map(Unwritable::Invalid).into_iter().collect();
        for ours in &changed {
            let overlap = |theirs: &Draft| {
                let conflict = conflict(&[theirs.clone(), ours.clone()])?;
                let overlap = Overlap { theirs: theirs.clone(), ours: ours.clone(), said: conflict.error };
                Some(Unwritable::Overlap(Box::new(overlap)))
            };
            refused.extend(rules.iter().filter(|other| !changed.contains(other)).filter_map(overlap));
        }
        if rules.len() > MAX_RULES {
            refused.push(Unwritable::TooMany(rules.len()));
        }
        if refused.is_empty() { Ok(Self { rules, event_bridge: self.event_bridge }) } else { Err(refused) }
    }

    /// The families that come to the topic by somebody's rule alone, in which the owner has no part, with the rule's id. They
    /// end where that rule ends, and nobody is told.
    pub fn rests_on(&self, owner: &Owner, wanted: &Announcement) -> Vec<(String, String)> {
        let others = || self.rules.iter().filter(|rule| !owner.owns(rule));
        let rests = |family: &String| {
            let ours = rule(owner, wanted, family)?;
            let theirs = others().find(|theirs| brings(theirs, &ours))?;
            Some((family.clone(), theirs.id.clone().unwrap_or_default()))
        };
        wanted.families.iter().filter_map(rests).collect()
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

/// Whether two rules say the same to whom this version knows, and only their owners differ.
pub(crate) fn same_but_owners(one: &Draft, other: &Draft) -> bool {
    let without_id = |rule: &Draft| Draft { id: None, ..rule.clone() };
    Owners::of(one).is_some() && Owners::of(other).is_some() && same_rule(&without_id(one), &without_id(other))
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

/// Whose a rule is, seen by one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The owner's alone.
    Own,
    /// The owner's, and others' too.
    Shared,
    /// Other owners', whom this version knows.
    Others,
    /// Somebody's.
    Unknown,
}

fn standing(rule: &Draft, owner: &Owner) -> Standing {
    match Owners::of(rule) {
        None => Standing::Unknown,
        Some(owners) if !owners.has(owner) => Standing::Others,
        Some(owners) if owners.is_shared() => Standing::Shared,
        Some(_) => Standing::Own,
    }
}

/// The rule without this owner; `None` where it was the owner's alone.
fn left_by(rule: &Draft, owner: &Owner) -> Option<Draft> {
    match standing(rule, owner) {
        Standing::Others | Standing::Unknown => Some(rule.clone()),
        Standing::Own => None,
        Standing::Shared => Some(Draft { id: Some(Owners::of(rule)?.id_without(owner)?), ..rule.clone() }),
    }
}

/// Both were made for the same family.
fn same_family(one: &Draft, other: &Draft) -> bool {
    let family = |rule| Owners::of(rule).map(|owners| owners.family);
    family(one).is_some_and(|one| Some(one) == family(other))
}

/// The rule goes to this topic.
pub(crate) fn goes_to(rule: &Draft, topic: &str) -> bool {
    topic_of(rule) == Some(topic)
}

/// The ARN of the topic that the rule goes to. All own rules do, unless somebody has changed one.
pub fn topic_of(rule: &Draft) -> Option<&str> {
    match &rule.destination {
        Destination::Topic(arn) => Some(arn),
        Destination::Queue(_) | Destination::Function(_) => None,
    }
}

/// The families of a rule's events.
fn families_of(rule: &Draft) -> impl Iterator<Item = &str> {
    rule.events.iter().map(|event| event.trim_start_matches("s3:").split(':').next().unwrap_or_default())
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
