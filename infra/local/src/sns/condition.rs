//! One condition of a filter policy, such as `{"prefix": "in/"}`.

use serde_json::{Number, Value};

/// A condition on the values found at a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// A value equals this one; numbers by value, so 5 is 5.0.
    Equals(Value),
    Prefix(String),
    Suffix(String),
    EqualsIgnoreCase(String),
    /// The key is there, and one of its values matches none of these.
    AnythingBut(Vec<Condition>),
    /// All bounds hold.
    Numeric(Vec<(Comparison, f64)>),
    /// The key is there (with whatever value), or is not.
    Exists(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Whether the condition holds for the values found; none were found where the key is absent.
    pub(super) fn accepts(&self, found: &[&Value]) -> bool {
        match self {
            Self::Exists(wanted) => *wanted != found.is_empty(),
            one => found.iter().any(|value| one.accepts_one(value)),
        }
    }

    fn accepts_one(&self, value: &Value) -> bool {
        let text = |test: &dyn Fn(&str) -> bool| value.as_str().is_some_and(test);
        match self {
            Self::Equals(wanted) => equal(wanted, value),
            Self::Prefix(prefix) => text(&|text| text.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => text(&|text| text.ends_with(suffix.as_str())),
            Self::EqualsIgnoreCase(wanted) => text(&|text| text.to_lowercase() == wanted.to_lowercase()),
            Self::AnythingBut(others) => !others.iter().any(|other| other.accepts_one(value)),
            Self::Numeric(bounds) => {
                value.as_f64().is_some_and(|n| bounds.iter().all(|(comparison, bound)| comparison.holds(n, *bound)))
            }
            Self::Exists(wanted) => *wanted,
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => same(left, right),
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

fn equal(wanted: &Value, value: &Value) -> bool {
    match (wanted.as_number().and_then(Number::as_f64), value.as_f64()) {
        (Some(wanted), Some(value)) => same(wanted, value),
        _ => wanted == value,
    }
}

/// SNS compares numbers with five digits after the point.
fn same(left: f64, right: f64) -> bool {
    (left - right).abs() < 0.000_005
}

/// Reads one element of a key's list.
pub(super) fn parse_condition(value: &Value) -> Result<Condition, String> {
    let object = match value {
        Value::Object(object) => object,
        Value::Array(_) => return Err("a condition is a value or an object, not a list".to_owned()),
        plain => return Ok(Condition::Equals(plain.clone())),
    };
    let mut entries = object.iter();
    let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
        return Err("a condition has exactly one operator".to_owned());
    };
    let text = || operand.as_str().map(str::to_owned).ok_or_else(|| format!("{operator} takes a string"));
    match operator.as_str() {
        "prefix" => Ok(Condition::Prefix(text()?)),
        "suffix" => Ok(Condition::Suffix(text()?)),
        "equals-ignore-case" => Ok(Condition::EqualsIgnoreCase(text()?)),
        "exists" => operand.as_bool().map(Condition::Exists).ok_or_else(|| "exists takes true or false".to_owned()),
        "numeric" => parse_numeric(operand).map(Condition::Numeric),
        "anything-but" => {
            let others = match operand {
                Value::Array(others) => others.iter().map(parse_condition).collect::<Result<_, _>>()?,
                Value::Object(inner) if inner.keys().all(|k| k == "prefix" || k == "suffix") => vec![parse_condition(operand)?],
                Value::String(_) | Value::Number(_) => vec![parse_condition(operand)?],
                _ => return Err("anything-but takes values, a prefix or a suffix".to_owned()),
            };
            Ok(Condition::AnythingBut(others))
        }
        other => Err(format!("unrecognized match type {other}")),
    }
}

/// `["=", 5]` or `[">", 0, "<=", 5]`.
fn parse_numeric(operand: &Value) -> Result<Vec<(Comparison, f64)>, String> {
    let wrong = || "numeric takes pairs of an operator (= < <= > >=) and a number".to_owned();
    let parts = operand.as_array().filter(|parts| matches!(parts.len(), 2 | 4)).ok_or_else(wrong)?;
    let pair = |pair: &[Value]| match pair {
        [Value::String(comparison), bound] => Some((Comparison::parse(comparison)?, bound.as_f64()?)),
        _ => None,
    };
    parts.chunks(2).map(|chunk| pair(chunk).ok_or_else(wrong)).collect()
}
