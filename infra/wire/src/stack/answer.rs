//! What CloudFormation is answered.

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
}

impl Answer {
    /// All is as it is wished.
    pub fn done(data: Value) -> Self {
        Self { success: true, reason: String::new(), data }
    }

    /// It is not.
    pub fn failed(reason: &str) -> Self {
        Self { success: false, reason: cut(reason), data: json!({}) }
    }

    /// A deletion that will never get further: the stack goes on without.
    pub fn left(reason: &str) -> Self {
        Self { success: true, reason: cut(&format!("left behind: {reason}")), data: json!({}) }
    }

    /// The body.
    pub fn body(&self, request: &Request) -> String {
        json!({
            "Status": if self.success { "SUCCESS" } else { "FAILED" },
            "Reason": self.reason,
            "PhysicalResourceId": request.new_physical_id(),
            "StackId": request.stack_id,
            "RequestId": request.request_id,
            "LogicalResourceId": request.logical_id,
            "Data": self.data,
        })
        .to_string()
    }

    /// What the log gets.
    pub fn log_line(&self, request: &Request) -> Value {
        json!({
            "level": if self.success && self.reason.is_empty() { "info" } else { "warn" },
            "request": format!("{:?}", request.kind),
            "resource": request.new_physical_id(),
            "success": self.success,
            "reason": self.reason,
        })
    }
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_REASON)).unwrap_or_default().to_owned()
}
