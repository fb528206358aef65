//! One line of an access log: its fields, their names and types.

mod fields;
mod parse;
mod reject;
mod time;

pub use fields::{FIELDS, Field, Kind, Number, TEXTS, Text};
pub use parse::{is_blank, parse};
pub use reject::Reject;
pub use time::{Day, hour, write_rfc3339};

/// A request as its log line tells it. Texts are the bytes of the line, undecoded; `None` is what the line has as `-`, or
/// what a line of its age does not have yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When the request was received: seconds since 1970-01-01T00:00:00Z. The log has no finer time.
    pub time: i64,
    /// The HTTP status: three digits.
    pub status: Option<i32>,
    numbers: [Option<i64>; 4],
    texts: [Option<&'a [u8]>; TEXTS],
}

impl<'a> Record<'a> {
    /// A field of text.
    pub fn text(&self, field: Text) -> Option<&'a [u8]> {
        self.texts.get(field as usize).copied().flatten()
    }

    /// A field of bytes or milliseconds.
    pub fn number(&self, field: Number) -> Option<i64> {
        self.numbers.get(field as usize).copied().flatten()
    }

    /// The value of any field.
    pub fn value(&self, kind: Kind) -> Value<'a> {
        match kind {
            Kind::Time => Value::Time(self.time),
            Kind::Status => self.status.map_or(Value::Null, |status| Value::Number(status.into())),
            Kind::Number(field) => self.number(field).map_or(Value::Null, Value::Number),
            Kind::Text(field) => self.text(field).map_or(Value::Null, Value::Text),
        }
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `-`, or not there.
    Null,
    /// Seconds since 1970.
    Time(i64),
    /// A status, bytes or milliseconds.
    Number(i64),
    /// As it is in the line; not always UTF-8.
    Text(&'a [u8]),
}
