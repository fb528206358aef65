//! The AWS query protocol: forms in, XML out.

use std::collections::BTreeMap;
use std::fmt::Write;

use hyper::StatusCode;
use percent_encoding::percent_decode;

use crate::http::{Response, reply};

/// The most fields of a form; the rest is ignored. A full publish batch has fewer than 500.
const MAX_FIELDS: usize = 10_000;

/// A form's fields. Lists are numbered (`Name.member.1`), maps have entries (`Name.entry.1.key`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads `a=b&c=d`; `+` is a space, bytes that are no UTF-8 become U+FFFD.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let decode = |part: &[u8]| {
            let spaced: Vec<u8> = part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
            percent_decode(&spaced).decode_utf8_lossy().into_owned()
        };
        let field = |pair: &[u8]| {
            let equals = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(equals);
            (decode(name), decode(value.get(1..).unwrap_or_default()))
        };
        Self(body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).take(MAX_FIELDS).map(field).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The fields whose names have no parts.
    pub(crate) fn plain(&self) -> impl Iterator<Item = (&str, &str)> {
        self.plain_under("")
    }

    /// The fields whose names have no parts behind the prefix, without it.
    pub(crate) fn plain_under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let under = move |(name, value): (&'a String, &'a String)| Some((name.strip_prefix(prefix)?, value.as_str()));
        self.0.iter().filter_map(under).filter(|(name, _)| !name.contains('.') && !name.is_empty())
    }

    /// The elements of a list: for each number from 1 that has fields, those fields without `prefix.N.`; a plain value
    /// (`prefix.N=v`) is the field with the empty name.
    pub(crate) fn list(&self, prefix: &str) -> Vec<Form> {
        let mut elements: BTreeMap<u32, BTreeMap<String, String>> = BTreeMap::new();
        let start = format!("{prefix}.");
        for (name, value) in self.0.range(start.clone()..).take_while(|(name, _)| name.starts_with(&start)) {
            let rest = name.get(start.len()..).unwrap_or_default();
            let (number, field) = rest.split_once('.').unwrap_or((rest, ""));
            if let Ok(number) = number.parse() {
                elements.entry(number).or_default().insert(field.to_owned(), value.clone());
            }
        }
        elements.into_values().map(Form).collect()
    }

    /// The values of a list of plain values.
    pub(crate) fn values(&self, prefix: &str) -> Vec<String> {
        self.list(prefix).into_iter().filter_map(|mut element| element.0.remove("")).collect()
    }

    /// A map whose entries have the given field names for key and value.
    pub(crate) fn map(&self, prefix: &str, key: &str, value: &str) -> BTreeMap<String, String> {
        let entry = |entry: &Form| Some((entry.get(key)?.to_owned(), entry.get(value).unwrap_or_default().to_owned()));
        self.list(prefix).iter().filter_map(entry).collect()
    }
}

/// An XML document under construction: elements and escaped text, no attributes.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(text));
    }

    /// An element with text, if there is any.
    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// An element with elements.
    pub(crate) fn element(&mut self, name: &str, inside: impl FnOnce(&mut Xml)) {
        let _ = write!(self.0, "<{name}>");
        inside(self);
        let _ = write!(self.0, "</{name}>");
    }
}

/// Escapes what XML can't hold as it is. A carriage return would otherwise be read as a line feed.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
        out
    })
}

/// The reply to a successful action; without a result for actions that return nothing.
pub(crate) fn ok_reply(namespace: &str, action: &str, result: Option<Xml>) -> Response {
    let mut xml = Xml::default();
    let _ = write!(xml.0, "<{action}Response xmlns=\"{namespace}\">");
    if let Some(result) = result {
        let _ = write!(xml.0, "<{action}Result>{}</{action}Result>", result.0);
    }
    let _ = write!(xml.0, "<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>", request_id());
    reply(StatusCode::OK, "text/xml", xml.0)
}

/// The reply to a refused action.
pub(crate) fn error_reply(status: StatusCode, namespace: &str, code: &str, message: &str) -> Response {
    let mut xml = Xml::default();
    let _ = write!(xml.0, "<ErrorResponse xmlns=\"{namespace}\">");
    xml.element("Error", |xml| {
        xml.text("Type", "Sender");
        xml.text("Code", code);
        xml.text("Message", message);
    });
    xml.text("RequestId", &request_id());
    xml.0.push_str("</ErrorResponse>");
    reply(status, "text/xml", xml.0)
}

/// Request ids name nothing here: they are there because clients read them.
fn request_id() -> String {
    crate::sqs::uuid(&mut fastrand::Rng::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_decode_once_and_nest() {
        let form = Form::parse(b"Action=Publish&Message=a+b%2Bc%26%C3%A9&A.entry.1.key=k&A.entry.1.value=v&A.entry.10.key=z&N.2=two&N.1=one&Empty=");
        assert_eq!(form.get("Message"), Some("a b+c&é"));
        assert_eq!(form.get("Empty"), Some(""));
        assert_eq!(form.values("N"), ["one", "two"]);
        let map = form.map("A.entry", "key", "value");
        assert_eq!(map.into_iter().collect::<Vec<_>>(), [("k".to_owned(), "v".to_owned()), ("z".to_owned(), String::new())]);
        assert_eq!(
            Form::parse(b"&&=&%zz=%f"),
            Form(BTreeMap::from([(String::new(), String::new()), ("%zz".into(), "%f".into())]))
        );
    }

    #[test]
    fn text_is_escaped() {
        let mut xml = Xml::default();
        xml.element("a", |xml| xml.text("b", "<\"&\r\n>"));
        assert_eq!(xml.0, "<a><b>&lt;&quot;&amp;&#xD;\n&gt;</b></a>");
    }
}
