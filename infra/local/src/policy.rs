//! Policies of queues and topics, as far as a service asks on its own account: may S3 publish here, may SNS send? Pure.
//!
//! A service is allowed nothing that no statement allows it, not even within one account, and what one statement denies no
//! other allows. What is not understood here (an operator, a policy variable) never allows, and denies where it stands in a
//! denial.
//! Users' own requests are not asked about: this cloud knows one user, who may do everything.
//!
//! Sources: IAM user guide, "Policy evaluation logic", "IAM JSON policy elements: Condition operators"; S3 user guide,
//! "Granting permissions to publish event notification messages to a destination".

use serde_json::{Map, Value, json};

/// What a service is about to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    /// Such as `s3.amazonaws.com`.
    pub(crate) service: &'a str,
    /// Such as `sns:Publish`.
    pub(crate) action: &'a str,
    /// The queue's or topic's ARN.
    pub(crate) resource: &'a str,
    /// `aws:SourceArn`: for which bucket or topic.
    pub(crate) source_arn: &'a str,
    /// `aws:SourceAccount`: whose that is.
    pub(crate) source_account: &'a str,
}

/// Whether the policy, a resource's attribute, lets the service do it. No policy lets nobody.
pub(crate) fn allows(policy: &str, act: Act<'_>) -> bool {
    let document: Value = serde_json::from_str(policy).unwrap_or_default();
    let mut allowed = false;
    for statement in members(document.get("Statement")).iter().filter_map(|statement| statement.as_object()) {
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => allowed |= applies(statement, act).unwrap_or(false),
            Some("Deny") if applies(statement, act).unwrap_or(true) => return false,
            _ => {}
        }
    }
    allowed
}

/// The policy with a statement that lets the service do this and nothing else; as it is where it lets it already.
pub(crate) fn admitting(policy: &str, act: Act<'_>) -> String {
    if allows(policy, act) {
        return policy.to_owned();
    }
    let mut document = serde_json::from_str::<Map<String, Value>>(policy).unwrap_or_default();
    let mut statements: Vec<Value> = members(document.get("Statement")).into_iter().cloned().collect();
    statements.push(json!({
        "Effect": "Allow",
        "Principal": {"Service": act.service},
        "Action": act.action,
        "Resource": act.resource,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": act.source_account},
            "ArnEquals": {"aws:SourceArn": act.source_arn},
        },
    }));
    document.entry("Version").or_insert_with(|| "2012-10-17".into());
    document.insert("Statement".to_owned(), statements.into());
    Value::Object(document).to_string()
}

/// `None`: it cannot be told.
fn applies(statement: &Map<String, Value>, act: Act<'_>) -> Option<bool> {
    let any = |name: &str, pattern_fits: &dyn Fn(&str) -> bool| {
        statement.get(name).map(|told| texts(told).iter().any(|pattern| pattern_fits(pattern)))
    };
    let action = |pattern: &str| fits(&pattern.to_ascii_lowercase(), &act.action.to_ascii_lowercase());
    let resource = |pattern: &str| fits(pattern, act.resource);
    let either = |named: Option<bool>, all_but: Option<bool>| named.or(all_but.map(|excepted| !excepted));
    let principal = either(
        statement.get("Principal").map(|principal| is_meant(principal, act.service)),
        statement.get("NotPrincipal").map(|principal| is_meant(principal, act.service)),
    );
    let outright = principal?
        && either(any("Action", &action), any("NotAction", &action))?
        && either(any("Resource", &resource), any("NotResource", &resource))?;
    if !outright {
        return Some(false);
    }
    let Some(conditions) = statement.get("Condition") else { return Some(true) };
    let mut all = true;
    for (operator, keys) in conditions.as_object()? {
        for (key, values) in keys.as_object()? {
            all &= holds(operator, key, &texts(values), act)?;
        }
    }
    Some(all)
}

/// `*`, `{"AWS": "*"}`, or the service by its name.
fn is_meant(principal: &Value, service: &str) -> bool {
    let named = |kind: &str, name: &str| principal.get(kind).is_some_and(|told| texts(told).iter().any(|text| text == name));
    principal == "*" || named("AWS", "*") || named("Service", service) || named("Service", "*")
}

/// One operator on one key.
fn holds(operator: &str, key: &str, wanted: &[String], act: Act<'_>) -> Option<bool> {
    let told = match key.to_ascii_lowercase().as_str() {
        "aws:sourcearn" => Some(act.source_arn),
        "aws:sourceaccount" => Some(act.source_account),
        "aws:principalservicename" => Some(act.service),
        "aws:securetransport" | "aws:principalisawsservice" => Some("true"),
        _ => None,
    };
    if wanted.iter().any(|value| value.contains("${")) {
        return None;
    }
    if operator == "Null" {
        return Some(wanted.iter().any(|value| (value == "true") == told.is_none()));
    }
    let (operator, if_exists) = operator.strip_suffix("IfExists").map_or((operator, false), |bare| (bare, true));
    let test: fn(&str, &str) -> bool = match operator {
        "StringEquals" | "StringNotEquals" => |wanted, told| wanted == told,
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" | "Bool" => str::eq_ignore_ascii_case,
        "StringLike" | "StringNotLike" => fits,
        "ArnEquals" | "ArnLike" | "ArnNotEquals" | "ArnNotLike" => is_arn_like,
        _ => return None,
    };
    let negated = operator.contains("Not");
    Some(match told {
        None => negated || if_exists,
        Some(told) => wanted.iter().any(|wanted| test(wanted, told)) != negated,
    })
}

/// Each of the six parts by itself: an asterisk does not reach over a colon, but in the last.
fn is_arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    patterns.clone().count() == parts.clone().count() && patterns.zip(parts).all(|(pattern, part)| fits(pattern, part))
}

/// `*` stands for anything, `?` for one character.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Where to go on when what comes after the last asterisk does not fit: one character further than before.
    let mut again = None;
    while let Some(here) = text.get(read) {
        match pattern.get(at) {
            Some('*') => {
                again = Some((at + 1, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == here => (at, read) = (at + 1, read + 1),
            _ => match again {
                Some((after, from)) => {
                    again = Some((after, from + 1));
                    (at, read) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

/// A list's members; what is no list is its own only member.
fn members(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(list)) => list.iter().collect(),
        other => other.into_iter().collect(),
    }
}

/// The texts of a list, or of one; a boolean is a text too.
fn texts(value: &Value) -> Vec<String> {
    let text = |value: &&Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    };
    members(Some(value)).iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACT: Act<'_> = Act {
        service: "s3.amazonaws.com",
        action: "sns:Publish",
        resource: "arn:aws:sns:eu-west-1:123456789012:changes",
        source_arn: "arn:aws:s3:::photos",
        source_account: "123456789012",
    };

    /// A statement that lets it, with changes: null removes.
    fn statement(changes: Value) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": ACT.resource,
        });
        for (name, value) in changes.as_object().unwrap() {
            statement[name] = value.clone();
        }
        statement.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        statement
    }

    fn allowed(statements: Value) -> bool {
        allows(&json!({"Version": "2012-10-17", "Statement": statements}).to_string(), ACT)
    }

    #[test]
    fn who_and_what_is_meant() {
        #[rustfmt::skip]
        let cases = [
            (json!({}), true),
            (json!({"Principal": "*"}), true),
            (json!({"Principal": {"AWS": "*"}}), true),
            (json!({"Principal": {"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}}), true),
            (json!({"Principal": {"Service": "sns.amazonaws.com"}}), false),
            (json!({"Principal": {"AWS": "123456789012"}}), false),
            (json!({"Principal": null}), false),
            (json!({"Principal": null, "NotPrincipal": {"Service": "sns.amazonaws.com"}}), true),
            (json!({"Action": ["sns:Subscribe", "SNS:publish"]}), true),
            (json!({"Action": "sns:*"}), true),
            (json!({"Action": "sns:Pub????"}), true),
            (json!({"Action": "sns:Pub???"}), false),
            (json!({"Action": "sqs:SendMessage"}), false),
            (json!({"Action": null, "NotAction": "sns:Publish"}), false),
            (json!({"Resource": "*"}), true),
            (json!({"Resource": "arn:aws:sns:*:123456789012:ch*s"}), true),
            (json!({"Resource": "arn:aws:sns:eu-west-1:123456789012:changes-2"}), false),
            (json!({"Resource": null}), false),
            (json!({"Effect": "allow"}), false),
        ];
        for (changes, expected) in cases {
            assert_eq!(allowed(json!([statement(changes.clone())])), expected, "{changes}");
            assert_eq!(allowed(statement(changes.clone())), expected, "{changes}, without a list");
        }
        for policy in ["", "junk", "{}", r#"{"Statement":[]}"#, r#"{"Statement":["Allow"]}"#] {
            assert!(!allows(policy, ACT), "{policy}");
        }
    }

    #[test]
    fn conditions_hold_for_this_bucket_of_this_account() {
        let arn = ACT.source_arn;
        #[rustfmt::skip]
        let cases = [
            (json!({"ArnLike": {"aws:SourceArn": arn}, "StringEquals": {"aws:SourceAccount": "123456789012"}}), true),
            (json!({"ArnLike": {"aws:SourceArn": arn}, "StringEquals": {"aws:SourceAccount": "210987654321"}}), false),
            (json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:photos"}}), true),
            (json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}), true),
            (json!({"ArnLike": {"aws:SourceArn": "arn:*:photos"}}), false),
            (json!({"ArnLike": {"aws:SourceArn": ["arn:aws:s3:::scans", arn]}}), true),
            (json!({"ArnEquals": {"AWS:sourcearn": arn}}), true),
            (json!({"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::scans"}}), false),
            (json!({"ArnNotEquals": {"aws:SourceArn": "arn:aws:s3:::scans"}}), true),
            (json!({"StringLike": {"aws:SourceArn": "arn:*:photos"}}), true),
            (json!({"StringEquals": {"aws:SourceArn": "arn:aws:s3:::*"}}), false),
            (json!({"StringNotEquals": {"aws:SourceAccount": ["1", "123456789012"]}}), false),
            (json!({"StringEqualsIgnoreCase": {"aws:SourceArn": "ARN:aws:s3:::Photos"}}), true),
            (json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}}), false),
            (json!({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}), true),
            (json!({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}), true),
            (json!({"Null": {"aws:SourceArn": "false", "aws:SourceVpc": true}}), true),
            (json!({"Null": {"aws:SourceArn": "true"}}), false),
            (json!({"Bool": {"aws:SecureTransport": false}}), false),
            (json!({"NumericLessThan": {"s3:TlsVersion": "1.2"}}), false),
            (json!({"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}), false),
        ];
        for (condition, expected) in cases {
            assert_eq!(allowed(json!([statement(json!({"Condition": condition}))])), expected, "{condition}");
        }
    }

    #[test]
    fn a_denial_goes_before_what_allows() {
        let denial = |condition: Value| statement(json!({"Effect": "Deny", "Principal": "*", "Condition": condition}));
        let insecure = json!({"Bool": {"aws:SecureTransport": "false"}});
        for (condition, expected) in [
            (json!({}), false),
            (insecure, true),
            (json!({"ArnNotEquals": {"aws:SourceArn": ACT.source_arn}}), true),
            (json!({"NumericLessThan": {"s3:TlsVersion": "1.2"}}), false),
        ] {
            for order in [[statement(json!({})), denial(condition.clone())], [denial(condition.clone()), statement(json!({}))]]
            {
                assert_eq!(allowed(json!(order)), expected, "{condition}");
            }
        }
    }

    #[test]
    fn what_is_admitted_is_allowed_beside_what_was() {
        let scans = Act { source_arn: "arn:aws:s3:::scans", ..ACT };
        let one = admitting("", ACT);
        assert!(allows(&one, ACT) && !allows(&one, scans));
        let both = admitting(&one, scans);
        assert!(allows(&both, ACT) && allows(&both, scans));
        assert_eq!(admitting(&both, ACT), both);
        for other in [
            Act { source_account: "210987654321", ..ACT },
            Act { service: "sns.amazonaws.com", ..ACT },
            Act { action: "sns:Subscribe", ..ACT },
            Act { resource: "arn:aws:sns:eu-west-1:123456789012:other", ..ACT },
        ] {
            assert!(!allows(&both, other), "{other:?}");
        }
    }

    #[test]
    fn wildcards_match_as_far_as_they_have_to() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "a", true),
            ("*a*b", "xxaybzb", true),
            ("*a*b", "xxaybz", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "a", false),
            ("a**", "a", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
