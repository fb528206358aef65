//! Whose a rule is: its id tells who made it, and who lives on it besides.
//!
//! S3 takes no two rules that ask for the same change, not even where both go to one topic. So owners that want the same of
//! one topic share a rule, and its id names them all: `brigade-stack.STACK.MARK.FAMILY+MARK+MARK`. Who leaves takes its own
//! mark out of the id, and the last one takes the rule. Whoever leaves first, the others' events stay.

use brigade::hex;
use brigade::notification::Draft;
use sha2::{Digest, Sha256};

/// The longest id that S3 takes, in characters.
const MAX_ID: usize = 255;
const COMMAND: &str = "brigade-wire.";
const STACK: &str = "brigade-stack.";
/// The command's mark; a stack's is a digest.
const COMMAND_MARK: &str = "wire";

/// Who makes rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of the stack, for a reader: the mark alone tells owners apart. Empty where only the mark is known.
    stack: String,
    mark: String,
}

impl Owner {
    /// The command `brigade wire`.
    pub fn command() -> Self {
        Self::of_mark(COMMAND_MARK)
    }

    /// A resource of a CloudFormation stack. `stack_id` is the stack's ARN: a stack that is made anew under the same name is
    /// another owner.
    pub fn stack(stack_id: &str, logical_id: &str) -> Self {
        let name = stack_id.split('/').nth(1).unwrap_or(stack_id);
        let stack = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(128).collect();
        Self { stack, mark: digest(&[stack_id, logical_id]) }
    }

    fn of_mark(mark: &str) -> Self {
        Self { stack: String::new(), mark: mark.to_owned() }
    }

    /// This rule is the owner's, or the owner is one of those who share it.
    pub fn owns(&self, rule: &Draft) -> bool {
        Owners::of(rule).is_some_and(|owners| owners.has(self))
    }

    /// The id of a rule that is the owner's alone.
    pub(crate) fn id(&self, family: &str) -> String {
        if self.mark == COMMAND_MARK {
            format!("{COMMAND}{family}")
        } else {
            format!("{STACK}{}.{}.{family}", self.stack, self.mark)
        }
    }
}

/// All owners of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owners {
    first: Owner,
    /// What the rule was made for, such as `ObjectCreated`.
    pub(crate) family: String,
    others: Vec<String>,
}

impl Owners {
    /// `None`: the rule was made by nobody whom this version knows.
    pub(crate) fn of(rule: &Draft) -> Option<Self> {
        let id = rule.id.as_deref()?;
        let (head, others) = match id.split_once('+') {
            Some((head, marks)) if marks.split('+').all(is_mark) => (head, marks.split('+').map(str::to_owned).collect()),
            _ => (id, Vec::new()),
        };
        if let Some(family) = head.strip_prefix(COMMAND) {
            return Some(Self { first: Owner::command(), family: family.to_owned(), others });
        }
        let mut parts = head.strip_prefix(STACK)?.splitn(3, '.');
        let (stack, mark, family) = (parts.next()?, parts.next()?, parts.next()?);
        let first = Owner { stack: stack.to_owned(), mark: mark.to_owned() };
        is_digest(mark).then(|| Self { first, family: family.to_owned(), others })
    }

    pub(crate) fn has(&self, owner: &Owner) -> bool {
        self.first.mark == owner.mark || self.others.contains(&owner.mark)
    }

    pub(crate) fn is_shared(&self) -> bool {
        !self.others.is_empty()
    }

    pub(crate) fn id(&self) -> String {
        let marks: String = self.others.iter().map(|mark| format!("+{mark}")).collect();
        format!("{}{marks}", self.first.id(&self.family))
    }

    /// The rule's id where this owner shares it too. `None`: it would be too long.
    pub(crate) fn id_with(&self, owner: &Owner) -> Option<String> {
        let mut all = self.clone();
        if !all.has(owner) {
            all.others.push(owner.mark.clone());
        }
        if all.id().len() > MAX_ID {
            // The stack's name is for a reader alone.
            all.first.stack.clear();
        }
        Some(all.id()).filter(|id| id.len() <= MAX_ID)
    }

    /// The rule's id where this owner leaves it. `None`: nobody is left.
    pub(crate) fn id_without(&self, owner: &Owner) -> Option<String> {
        let mut left = self.others.iter().filter(|mark| **mark != owner.mark).cloned();
        let first = if self.first.mark == owner.mark { Owner::of_mark(&left.next()?) } else { self.first.clone() };
        Some(Self { first, family: self.family.clone(), others: left.collect() }.id())
    }
}

fn is_mark(text: &str) -> bool {
    text == COMMAND_MARK || is_digest(text)
}

fn is_digest(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str) -> Draft {
        let destination = brigade::notification::Destination::Topic("arn:t".to_owned());
        Draft { id: Some(id.to_owned()), destination, events: vec![], filter: vec![] }
    }

    fn owners() -> [Owner; 4] {
        let id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/photos/aaaa";
        [
            Owner::command(),
            Owner::stack(id, "Wire"),
            Owner::stack(id, "WireToo"),
            Owner::stack(&id.replace("aaaa", "bbbb"), "Wire"),
        ]
    }

    #[test]
    fn owners_do_not_take_each_others_rules() {
        for (n, one) in owners().iter().enumerate() {
            let rule = rule(&one.id("ObjectCreated"));
            for (m, other) in owners().iter().enumerate() {
                assert_eq!(other.owns(&rule), n == m, "{one:?} {other:?}");
            }
            assert!(one.id("LifecycleExpiration").len() <= MAX_ID);
        }
        for id in ["brigade-wire", "Brigade-wire.x", "brigade-stack.s.0123.x", "brigade-stack.s", "x+wire", ""] {
            assert!(owners().iter().all(|owner| !owner.owns(&rule(id))), "{id}");
        }
        assert!(!Owner::command().owns(&Draft { id: None, ..rule("") }));
    }

    #[test]
    fn whoever_leaves_first_the_others_keep_the_rule() {
        let all = owners();
        for first in 0..all.len() {
            let mut id = all[first].id("ObjectCreated");
            for other in &all {
                id = Owners::of(&rule(&id)).unwrap().id_with(other).unwrap();
            }
            // In the order of the list, though the one who made it may be any of them.
            for (n, leaving) in all.iter().enumerate() {
                let owners = Owners::of(&rule(&id)).unwrap();
                assert_eq!(owners.family, "ObjectCreated");
                assert!(all[n..].iter().all(|owner| owners.has(owner)), "{id}");
                assert!(all[..n].iter().all(|owner| !owners.has(owner)), "{id}");
                match owners.id_without(leaving) {
                    Some(left) => id = left,
                    None => assert_eq!(n + 1, all.len(), "{id}"),
                }
            }
        }
    }

    #[test]
    fn an_id_that_would_be_too_long_loses_the_stacks_name_and_then_takes_no_more() {
        let stack = |n: usize| Owner::stack(&format!("arn:aws:cloudformation:r:a:stack/{}/{n}", "s".repeat(128)), "Wire");
        let mut id = stack(0).id("LifecycleExpiration");
        let mut owners = 1;
        while let Some(longer) = Owners::of(&rule(&id)).unwrap().id_with(&stack(owners)) {
            (id, owners) = (longer, owners + 1);
        }
        assert!(id.len() <= MAX_ID && owners > 10, "{owners}: {id}");
        assert!((0..owners).all(|n| stack(n).owns(&rule(&id))));
    }
}
