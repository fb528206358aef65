//! What CloudFormation is answered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Request;

/// The longest reason, in bytes; the rest is cut off. The whole answer may have 4,096 bytes.
///
/// Source: CloudFormation user guide, "Custom resource response objects".
pub const MAX_REASON: usize = 1_000;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    success: bool,
    reason: String,
    data: Value,
    rests_on: Vec<(String, String)>,
}

impl Answer {
    /// All is as it is wished.
    pub fn done(data: Value) -> Self {
        Self { success: true, reason: String::new(), data, rests_on: Vec::new() }
    }

    /// These families come by somebody's rule, whose id is told in the log. (It may be too long for the answer.)
    #[must_use]
    pub fn resting_on(mut self, rests_on: Vec<(String, String)>) -> Self {
        let families: Vec<&str> = rests_on.iter().map(|(family, _)| family.as_str()).collect();
        if let Value::Object(data) = &mut self.data {
            data.insert("OnRulesOfOthers".to_owned(), families.join(",").into());
        }
        Self { rests_on, ..self }
    }

    /// It is not.
    pub fn failed(reason: &str) -> Self {
        Self { success: false, reason: cut(reason), data: json!({}), rests_on: Vec::new() }
    }

    /// A deletion that will never get further: the stack goes on without.
    pub fn left(reason: &str) -> Self {
        Self { success: true, ..Self::failed(&format!("left behind: {reason}")) }
    }

    /// The body.
    pub fn body(&self, request: &Request) -> String {
        json!({
            "Status": if self.success { "SUCCESS" } else { "FAILED" },
            "Reason": self.reason,
            "PhysicalResourceId": request.physical_id_after(self.success),
            "StackId": request.stack_id,
            "RequestId": request.request_id,
            "LogicalResourceId": request.logical_id,
            "Data": self.data,
        })
        .to_string()
    }

    /// What the log gets.
    pub fn log_line(&self, request: &Request) -> Value {
        let is_quiet = self.success && self.reason.is_empty() && self.rests_on.is_empty();
        json!({
            "level": if is_quiet { "info" } else { "warn" },
            "request": format!("{:?}", request.kind),
            "resource": request.physical_id_after(self.success),
            "success": self.success,
            "reason": self.reason,
            "on_rules_of_others": self.rests_on.iter().cloned().collect::<BTreeMap<_, _>>(),
        })
    }
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_REASON)).unwrap_or_default().to_owned()
}
