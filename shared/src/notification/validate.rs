//! What S3 refuses in a notification configuration, with its own codes and texts.
//!
//! Source: S3 user guide, "Configuring event notifications using object key name filtering" and "… destinations".

use std::collections::HashSet;

use super::events::intersect;
use super::{Configuration, Destination, EventPattern, Filter, Rule};

/// S3's limit on the rules of one bucket.
pub const MAX_RULES: usize = 100;
/// S3's limit on a filter's value, in bytes.
const MAX_FILTER_BYTES: usize = 1024;
/// S3's limit on a rule's id, in characters.
const MAX_ID: usize = 255;

/// A refused configuration: HTTP 400 with this code and message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ConfigurationError {
    /// `InvalidArgument`, or `InvalidRequest` where S3 says so.
    pub code: &'static str,
    /// S3's sentence.
    pub message: String,
}

impl ConfigurationError {
    /// `InvalidArgument` with this sentence.
    pub fn argument(message: impl Into<String>) -> Self {
        Self { code: "InvalidArgument", message: message.into() }
    }
}

/// A rule as a request carries it, before it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// `None` or empty: one is assigned.
    pub id: Option<String>,
    /// Who gets the message.
    pub destination: Destination,
    /// Event names with the `s3:` prefix.
    pub events: Vec<String>,
    /// Name (`prefix` or `suffix` in any case) and value of each filter rule.
    pub filter: Vec<(String, String)>,
}

impl Draft {
    /// Its filter, as far as this version understands it: what S3 would refuse is left out.
    pub fn lenient_filter(&self) -> Filter {
        let value = |name: &str| {
            let named = self.filter.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.clone())
        };
        Filter { prefix: value("prefix"), suffix: value("suffix") }
    }
}

/// Two rules that S3 does not take beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Place of the one.
    pub first: usize,
    /// Place of the other, behind the one.
    pub second: usize,
    /// What S3 says.
    pub error: ConfigurationError,
}

/// The first two rules that ask for the same change. Events that this version does not know are compared by name.
pub fn conflict(drafts: &[Draft]) -> Option<Conflict> {
    let asked = |draft: &Draft| (draft.events.clone(), draft.lenient_filter());
    let owned: Vec<(Vec<String>, Filter)> = drafts.iter().map(asked).collect();
    let asked: Vec<Asked<'_>> =
        owned.iter().map(|(events, filter)| Asked { events: events.iter().map(String::as_str).collect(), filter }).collect();
    first_conflict(&asked)
}

impl Configuration {
    /// Checks everything that needs no look at the destinations. `assign_id` makes an id for a rule without one.
    pub fn new(
        drafts: Vec<Draft>,
        event_bridge: bool,
        mut assign_id: impl FnMut() -> String,
    ) -> Result<Self, ConfigurationError> {
        if drafts.len() > MAX_RULES {
            let message = format!("The number of notification configurations exceeds the limit of {MAX_RULES}.");
            return Err(ConfigurationError { code: "InvalidRequest", message });
        }
        let mut rules = Vec::with_capacity(drafts.len());
        for draft in drafts {
            rules.push(rule(draft, &mut assign_id)?);
        }
        let mut ids = HashSet::new();
        if !rules.iter().all(|rule: &Rule| ids.insert(rule.id.as_str())) {
            return Err(ConfigurationError::argument("Same ID used for multiple configurations. IDs must be unique."));
        }
        let asked: Vec<Asked<'_>> = rules.iter().map(asked_by_rule).collect();
        match first_conflict(&asked) {
            Some(conflict) => Err(conflict.error),
            None => Ok(Self { rules, event_bridge }),
        }
    }
}

fn rule(draft: Draft, assign_id: &mut impl FnMut() -> String) -> Result<Rule, ConfigurationError> {
    let id = draft.id.filter(|id| !id.is_empty()).unwrap_or_else(assign_id);
    if id.chars().count() > MAX_ID {
        return Err(ConfigurationError::argument(format!("The ID length cannot exceed {MAX_ID} characters.")));
    }
    well_formed(&draft.destination)?;
    Ok(Rule { id, destination: draft.destination, events: events(&draft.events)?, filter: filter(draft.filter)? })
}

fn events(names: &[String]) -> Result<Vec<EventPattern>, ConfigurationError> {
    let unsupported = || ConfigurationError::argument("A specified event is not supported for notifications.");
    let events = names.iter().map(|name| EventPattern::new(name).ok_or_else(unsupported)).collect::<Result<Vec<_>, _>>()?;
    if events.is_empty() {
        return Err(unsupported());
    }
    let repeated = events.iter().enumerate().any(|(n, e)| events.iter().skip(n + 1).any(|f| e.intersects(f)));
    if repeated { Err(common_event()) } else { Ok(events) }
}

fn filter(pairs: Vec<(String, String)>) -> Result<Filter, ConfigurationError> {
    let mut filter = Filter::default();
    for (name, value) in pairs {
        if value.len() > MAX_FILTER_BYTES {
            let message = format!("Size of filter rule value cannot exceed {MAX_FILTER_BYTES} bytes in UTF-8 representation");
            return Err(ConfigurationError::argument(message));
        }
        let name = name.to_ascii_lowercase();
        let slot = match name.as_str() {
            "prefix" => &mut filter.prefix,
            "suffix" => &mut filter.suffix,
            _ => return Err(ConfigurationError::argument("filter rule name must be either prefix or suffix")),
        };
        if slot.replace(value).is_some() {
            let message = format!("Cannot specify more than one {name} rule in a filter.");
            return Err(ConfigurationError::argument(message));
        }
    }
    Ok(filter)
}

fn well_formed(destination: &Destination) -> Result<(), ConfigurationError> {
    let (service, arn) = match destination {
        Destination::Topic(arn) => ("sns", arn),
        Destination::Queue(arn) => ("sqs", arn),
        Destination::Function(arn) => ("lambda", arn),
    };
    let parts = arn.splitn(6, ':').collect::<Vec<_>>();
    let is_arn = matches!(parts.as_slice(), ["arn", partition, s, region, account, name]
        if *s == service && [partition, region, account, name].iter().all(|part| !part.is_empty()));
    if !is_arn {
        return Err(ConfigurationError::argument("The ARN is not well formed"));
    }
    match destination {
        Destination::Queue(arn) if arn.ends_with(".fifo") => {
            Err(ConfigurationError::argument("FIFO SQS queues are not supported."))
        }
        Destination::Topic(arn) if arn.ends_with(".fifo") => {
            Err(ConfigurationError::argument("FIFO SNS topics are not supported."))
        }
        _ => Ok(()),
    }
}

/// What a rule asks for.
struct Asked<'a> {
    events: Vec<&'a str>,
    filter: &'a Filter,
}

fn asked_by_rule(rule: &Rule) -> Asked<'_> {
    Asked { events: rule.events.iter().map(EventPattern::as_str).collect(), filter: &rule.filter }
}

/// No change may be asked for twice, wherever it would go: fan-out is a topic's work.
fn first_conflict(rules: &[Asked<'_>]) -> Option<Conflict> {
    for (first, a) in rules.iter().enumerate() {
        for (second, b) in rules.iter().enumerate().skip(first + 1) {
            let common = a.events.iter().any(|e| b.events.iter().any(|f| intersect(e, f)));
            if common && a.filter.overlaps(b.filter) {
                let error = if a.filter.is_empty() && b.filter.is_empty() { common_event() } else { ambiguous() };
                return Some(Conflict { first, second, error });
            }
        }
    }
    None
}

fn common_event() -> ConfigurationError {
    ConfigurationError::argument("Configurations overlap. Configurations on the same bucket cannot share a common event type.")
}

fn ambiguous() -> ConfigurationError {
    ConfigurationError::argument(
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping \
         for the same event type.",
    )
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
