//! Subscription filter policies: does a message match?
//!
//! A policy is a JSON object. All its keys must match; of one key's conditions, one must. The rules are those of the SNS
//! Developer Guide, "Amazon SNS subscription filter policies": strings (exact, `prefix`, `suffix`, `equals-ignore-case`,
//! `anything-but`), numbers (exact, ranges), booleans, null, `exists`, `$or`, and with scope `MessageBody` nested keys.
//! A nested array of objects matches if one path through it does, as in `Records[].eventName`; as at SNS, the elements are
//! not tied together: two keys may find their match in two different elements.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::condition::{Condition, parse_condition};
use crate::sqs::{AttributeValue, MessageAttribute};

/// A policy has at most this many keys, and each path at most this many conditions.
const MAX_RULES: usize = 150;

/// What the policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// The message's attributes: flat.
    #[default]
    MessageAttributes,
    /// The message's body, which must be a JSON object.
    MessageBody,
}

/// A parsed policy.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPolicy {
    rule: Rule,
    scope: Scope,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    keys: Vec<(String, Node)>,
    /// Of each list one alternative must match.
    any: Vec<Vec<Rule>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Nested(Rule),
    Leaf(Vec<Condition>),
}

impl FilterPolicy {
    /// Reads a policy. The empty object accepts everything.
    ///
    /// # Errors
    /// What is wrong with it, naming the key.
    pub fn parse(text: &str, scope: Scope) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|_| "FilterPolicy: failed to parse JSON.".to_owned())?;
        let Value::Object(object) = value else { return Err("FilterPolicy: Filter policy must be an object".to_owned()) };
        let mut left = MAX_RULES;
        let rule = parse_rule(&object, scope, &mut left)?;
        Ok(Self { rule, scope })
    }

    /// Whether a message with this body and these attributes goes to the subscription. A body that is no JSON object
    /// matches no policy of scope `MessageBody`, except the empty one.
    #[must_use]
    pub fn accepts(&self, body: &str, attributes: &BTreeMap<String, MessageAttribute>) -> bool {
        let subject = match self.scope {
            Scope::MessageAttributes => attributes_as_json(attributes),
            Scope::MessageBody => match serde_json::from_str(body) {
                Ok(value @ Value::Object(_)) => value,
                _ => return self.rule.keys.is_empty() && self.rule.any.is_empty(),
            },
        };
        self.rule.accepts(&[&subject])
    }
}

impl Rule {
    /// Matches against all values found at the rule's place.
    fn accepts(&self, found: &[&Value]) -> bool {
        let key_matches = |(key, node): &(String, Node)| {
            let mut below = Vec::new();
            for object in found.iter().filter_map(|value| value.as_object()) {
                if let Some(value) = object.get(key) {
                    spread(value, &mut below);
                }
            }
            match node {
                Node::Nested(rule) => rule.accepts(&below),
                Node::Leaf(conditions) => conditions.iter().any(|condition| condition.accepts(&below)),
            }
        };
        self.keys.iter().all(key_matches) && self.any.iter().all(|rules| rules.iter().any(|rule| rule.accepts(found)))
    }
}

/// An array stands for each of its elements.
fn spread<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| spread(element, into)),
        other => into.push(other),
    }
}

fn parse_rule(object: &Map<String, Value>, scope: Scope, left: &mut usize) -> Result<Rule, String> {
    let mut rule = Rule { keys: Vec::new(), any: Vec::new() };
    for (key, value) in object {
        match value {
            Value::Array(alternatives) if key == "$or" => {
                let mut rules = Vec::new();
                for alternative in alternatives {
                    let object = alternative.as_object().ok_or("FilterPolicy: $or takes a list of objects")?;
                    rules.push(parse_rule(object, scope, left)?);
                }
                rule.any.push(rules);
            }
            Value::Array(conditions) => {
                *left = left.checked_sub(conditions.len()).ok_or("FilterPolicy: Filter policy is too complex")?;
                let conditions: Result<Vec<Condition>, String> = conditions
                    .iter()
                    .map(|c| parse_condition(c).map_err(|why| format!("FilterPolicy: {key}: {why}")))
                    .collect();
                rule.keys.push((key.clone(), Node::Leaf(conditions?)));
            }
            Value::Object(nested) if scope == Scope::MessageBody => {
                rule.keys.push((key.clone(), Node::Nested(parse_rule(nested, scope, left)?)));
            }
            Value::Object(_) => {
                return Err(
                    "FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy".to_owned()
                );
            }
            _ => return Err(format!("FilterPolicy: \"{key}\" must be an object or an array")),
        }
    }
    Ok(rule)
}

/// Attributes as the policy sees them. `String.Array` holds a JSON array; binary values are only seen to exist.
fn attributes_as_json(attributes: &BTreeMap<String, MessageAttribute>) -> Value {
    let value = |attribute: &MessageAttribute| match (&attribute.value, attribute.data_type.as_str()) {
        (AttributeValue::Text(text), "String.Array") => serde_json::from_str(text).unwrap_or(Value::Null),
        (AttributeValue::Text(text), kind) if kind.starts_with("Number") => {
            text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number)
        }
        (AttributeValue::Text(text), _) => Value::String(text.clone()),
        (AttributeValue::Binary(_), _) => Value::Object(Map::new()),
    };
    Value::Object(attributes.iter().map(|(name, attribute)| (name.clone(), value(attribute))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(policy: &str, body: &str) -> bool {
        FilterPolicy::parse(policy, Scope::MessageBody).expect(policy).accepts(body, &BTreeMap::new())
    }

    #[test]
    fn body_policies() {
        let record = r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"in/cat.png","size":512}}},
                                    {"eventName":"ObjectRemoved:Delete","s3":{"object":{"key":"out/dog.txt"}}}]}"#;
        let flat = r#"{"a":"x","n":5,"f":1.50,"t":true,"z":null,"list":["p","q"],"empty":"","o":{"k":1}}"#;
        let cases: &[(&str, &str, bool)] = &[
            ("{}", flat, true),
            (r#"{"a":["x"]}"#, flat, true),
            (r#"{"a":["X"]}"#, flat, false),
            (r#"{"a":["y","x"]}"#, flat, true),
            (r#"{"a":["x"],"n":[6]}"#, flat, false),
            (r#"{"a":["x"],"n":[5]}"#, flat, true),
            (r#"{"n":["5"]}"#, flat, false),
            (r#"{"n":[5.0]}"#, flat, true),
            (r#"{"f":[1.5]}"#, flat, true),
            (r#"{"t":[true]}"#, flat, true),
            (r#"{"t":[false]}"#, flat, false),
            (r#"{"z":[null]}"#, flat, true),
            (r#"{"a":[null]}"#, flat, false),
            (r#"{"list":["q"]}"#, flat, true),
            (r#"{"list":["r"]}"#, flat, false),
            (r#"{"a":[{"equals-ignore-case":"X"}]}"#, flat, true),
            (r#"{"a":[{"exists":true}]}"#, flat, true),
            (r#"{"b":[{"exists":true}]}"#, flat, false),
            (r#"{"b":[{"exists":false}]}"#, flat, true),
            (r#"{"z":[{"exists":true}]}"#, flat, true),
            (r#"{"empty":[""]}"#, flat, true),
            (r#"{"a":[{"anything-but":"x"}]}"#, flat, false),
            (r#"{"a":[{"anything-but":["y","z"]}]}"#, flat, true),
            (r#"{"b":[{"anything-but":"x"}]}"#, flat, false),
            (r#"{"a":[{"anything-but":{"prefix":"x"}}]}"#, flat, false),
            (r#"{"a":[{"anything-but":{"suffix":"y"}}]}"#, flat, true),
            (r#"{"n":[{"anything-but":[5]}]}"#, flat, false),
            (r#"{"n":[{"numeric":["=",5]}]}"#, flat, true),
            (r#"{"n":[{"numeric":[">",0,"<=",5]}]}"#, flat, true),
            (r#"{"n":[{"numeric":[">",5]}]}"#, flat, false),
            (r#"{"n":[{"numeric":["<",5]}]}"#, flat, false),
            (r#"{"a":[{"numeric":["=",5]}]}"#, flat, false),
            (r#"{"o":{"k":[1]}}"#, flat, true),
            (r#"{"o":{"k":[2]}}"#, flat, false),
            (r#"{"o":{"missing":[{"exists":false}]}}"#, flat, true),
            (r#"{"$or":[{"a":["no"]},{"n":[5]}]}"#, flat, true),
            (r#"{"$or":[{"a":["no"]},{"n":[6]}]}"#, flat, false),
            (r#"{"Records":{"eventName":["ObjectCreated:Put"]}}"#, record, true),
            (r#"{"Records":{"eventName":[{"prefix":"ObjectRemoved:"}]}}"#, record, true),
            (r#"{"Records":{"eventName":[{"prefix":"ObjectTagging:"}]}}"#, record, false),
            (r#"{"Records":{"s3":{"object":{"key":[{"prefix":"in/"}]}}}}"#, record, true),
            (r#"{"Records":{"s3":{"object":{"key":[{"suffix":".jpg"}]}}}}"#, record, false),
            (r#"{"Records":{"s3":{"object":{"size":[{"numeric":[">=",512]}]}}}}"#, record, true),
            (r#"{"Records":{"eventName":["ObjectRemoved:Delete"],"s3":{"object":{"key":[{"suffix":".png"}]}}}}"#, record, true),
            (r#"{"a":["x"]}"#, "not json", false),
            (r#"{"a":["x"]}"#, "[1]", false),
            ("{}", "not json", true),
        ];
        for (policy, message, expected) in cases {
            assert_eq!(body(policy, message), *expected, "{policy} on {message}");
        }
    }

    #[test]
    fn attribute_policies() {
        let attributes: BTreeMap<String, MessageAttribute> = [
            ("store", MessageAttribute::string("example")),
            ("price", MessageAttribute::number("250.0")),
            (
                "colours",
                MessageAttribute { data_type: "String.Array".into(), value: AttributeValue::Text(r#"["red","blue"]"#.into()) },
            ),
            ("raw", MessageAttribute { data_type: "Binary".into(), value: AttributeValue::Binary(vec![1].into()) }),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let cases: &[(&str, bool)] = &[
            (r#"{"store":["example"]}"#, true),
            (r#"{"store":[{"prefix":"exa"}]}"#, true),
            (r#"{"price":[250]}"#, true),
            (r#"{"price":["250.0"]}"#, false),
            (r#"{"price":[{"numeric":[">=",100,"<",250]}]}"#, false),
            (r#"{"colours":["blue"]}"#, true),
            (r#"{"colours":[{"anything-but":["red"]}]}"#, true),
            (r#"{"raw":[{"exists":true}]}"#, true),
            (r#"{"raw":["x"]}"#, false),
            (r#"{"event":[{"exists":false}]}"#, true),
            (r#"{"event":["x"]}"#, false),
        ];
        for (policy, expected) in cases {
            let policy_ = FilterPolicy::parse(policy, Scope::MessageAttributes).expect(policy);
            assert_eq!(policy_.accepts("ignored", &attributes), *expected, "{policy}");
        }
    }

    #[test]
    fn policies_that_are_refused() {
        let cases = [
            ("[]", Scope::MessageBody, "must be an object"),
            ("{", Scope::MessageBody, "failed to parse"),
            (r#"{"a":"x"}"#, Scope::MessageBody, "\"a\" must be an object or an array"),
            (r#"{"a":{"b":["x"]}}"#, Scope::MessageAttributes, "nested"),
            (r#"{"a":[{"glob":"x"}]}"#, Scope::MessageBody, "a: "),
            (r#"{"a":[{"numeric":["~",1]}]}"#, Scope::MessageBody, "a: "),
            (r#"{"a":[{"numeric":["<"]}]}"#, Scope::MessageBody, "a: "),
            (r#"{"a":[{"exists":"yes"}]}"#, Scope::MessageBody, "a: "),
            (r#"{"a":[["x"]]}"#, Scope::MessageBody, "a: "),
        ];
        for (policy, scope, part) in cases {
            let error = FilterPolicy::parse(policy, scope).expect_err(policy);
            assert!(error.contains(part), "{policy}: {error}");
        }
        let wide = format!(r#"{{"a":[{}]}}"#, vec!["1"; MAX_RULES + 1].join(","));
        assert!(FilterPolicy::parse(&wide, Scope::MessageBody).is_err());
    }
}
