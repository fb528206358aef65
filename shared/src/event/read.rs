//! A cursor into parsed JSON that knows where it stands, so that every refusal names its field.
//!
//! Reading goes through a parsed tree rather than derived structs for three reasons: a bad field spoils its own record
//! and no sibling, a member that occurs twice is no error, and the place of a fault is a JSON pointer.

use serde_json::Value;

use super::Malformed;

/// How much of the sender's text a reason quotes, in characters.
const QUOTED_CHARS: usize = 60;

/// A value and the way to it. Building one allocates nothing; the path is written only when something is refused.
pub(super) struct Node<'a> {
    value: &'a Value,
    up: Option<&'a Node<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    /// The start of a document; also of one that was a text within another document.
    Root,
    Field(&'a str),
    Item(usize),
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, up: None, step: Step::Root }
    }

    /// The document that this text held. Its paths go on from the text's.
    pub(super) fn inside(&'a self, value: &'a Value) -> Self {
        Self { value, up: Some(self), step: Step::Root }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }

    /// The member, or `None` where it is absent or null.
    pub(super) fn field(&'a self, name: &'a str) -> Option<Node<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { value, up: Some(self), step: Step::Field(name) })
    }

    /// The member; absent and null are refused.
    pub(super) fn need(&'a self, name: &'a str) -> Result<Node<'a>, Malformed> {
        if !self.value.is_object() {
            return Err(self.refuse(format!("expected an object, found {}", self.what())));
        }
        self.field(name).ok_or_else(|| self.missing(name))
    }

    /// The refusal of a member that is not there.
    pub(super) fn missing(&self, name: &str) -> Malformed {
        Malformed { path: format!("{}/{}", self.path(), escape(name)), reason: "missing".into() }
    }

    pub(super) fn text(&self) -> Result<&'a str, Malformed> {
        self.value.as_str().ok_or_else(|| self.refuse(format!("expected a text, found {}", self.what())))
    }

    /// A text that has something in it.
    pub(super) fn need_text(&'a self, name: &'a str) -> Result<&'a str, Malformed> {
        let node = self.need(name)?;
        match node.text()? {
            "" => Err(node.refuse("empty".into())),
            text => Ok(text),
        }
    }

    /// A text, or `None` where it is absent, null or empty.
    pub(super) fn opt_text(&'a self, name: &'a str) -> Result<Option<&'a str>, Malformed> {
        let text = self.field(name).map(|node| node.text()).transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// A count of bytes: a whole number, or the same as a text.
    pub(super) fn opt_bytes(&'a self, name: &'a str) -> Result<Option<u64>, Malformed> {
        let Some(node) = self.field(name) else { return Ok(None) };
        let bytes = match node.value {
            Value::String(text) if text.is_empty() => return Ok(None),
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        bytes.map(Some).ok_or_else(|| node.refuse("expected a whole number of bytes".into()))
    }

    pub(super) fn items(&'a self) -> Result<impl Iterator<Item = Node<'a>>, Malformed> {
        let list = self.value.as_array().ok_or_else(|| self.refuse(format!("expected a list, found {}", self.what())))?;
        Ok(list.iter().enumerate().map(move |(at, value)| Node { value, up: Some(self), step: Step::Item(at) }))
    }

    /// A refusal of this very value.
    pub(super) fn refuse(&self, reason: String) -> Malformed {
        Malformed { path: self.path(), reason }
    }

    /// What kind of JSON value stands here, with its article.
    pub(super) fn what(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    fn path(&self) -> String {
        let mut path = self.up.map(Node::path).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Field(name) => {
                path.push('/');
                path.push_str(&escape(name));
            }
            Step::Item(at) => {
                path.push('/');
                path.push_str(&at.to_string());
            }
        }
        path
    }
}

/// A member's name within a JSON pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The start of a text that the sender chose, fit for a reason.
pub(super) fn quoted(text: &str) -> String {
    let mut start = text.chars().take(QUOTED_CHARS).collect::<String>();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}
