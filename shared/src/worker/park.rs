//! The parked copy of a message: the message, and why it will never work.

use std::collections::BTreeMap;

use serde_json::json;

use super::queue::{Outgoing, is_carried};
use crate::verdict::Reason;

/// The format of parked messages: `brigade-v` in the attributes, `v` in a wrapped body.
pub const PARKED_VERSION: u32 = 1;
/// Bytes of the detail that an attribute carries.
const DETAIL: usize = 1024;

/// The copy of a message for the parking queue.
///
/// The body goes as it came, with the reason in attributes beside the message's own. Where those would be more than SQS
/// takes, or the body cannot travel as it is, everything is wrapped into one JSON document. `None`: it does not fit
/// either way; the message must go to the dead-letter queue, which takes it as it is.
pub fn parked(
    function: &str,
    message_id: Option<&str>,
    body: &str,
    own: &BTreeMap<String, String>,
    reason: &Reason,
) -> Option<Outgoing> {
    let marks = marks(function, message_id, reason);
    let mut attributes = own.clone();
    attributes.extend(marks.clone());
    let plain = Outgoing { body: body.to_owned(), attributes, ..Outgoing::default() };
    if plain.check("the parking queue").is_ok() {
        return Some(plain);
    }
    let document = json!({
        "v": PARKED_VERSION, "function": function, "message_id": message_id,
        "reason": reason.code, "detail": reason.detail, "attributes": own, "body": body,
    });
    let wrapped = Outgoing { body: document.to_string(), attributes: marks, ..Outgoing::default() };
    wrapped.check("the parking queue").is_ok().then_some(wrapped)
}

fn marks(function: &str, message_id: Option<&str>, reason: &Reason) -> BTreeMap<String, String> {
    let detail: String =
        reason.detail.chars().map(|c| if is_carried(c) { c } else { '\u{FFFD}' }).scan(0, within_bound).collect();
    [
        ("brigade-v", PARKED_VERSION.to_string()),
        ("brigade-function", function.to_owned()),
        ("brigade-reason", reason.code.to_string()),
        ("brigade-detail", detail),
        ("brigade-message-id", message_id.unwrap_or_default().to_owned()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn within_bound(bytes: &mut usize, c: char) -> Option<char> {
    *bytes += c.len_utf8();
    (*bytes <= DETAIL).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::queue::MAX_MESSAGE_BYTES;

    fn park(body: &str, attributes: usize) -> Option<Outgoing> {
        let own = (0..attributes).map(|n| (format!("own-{n}"), "x".to_owned())).collect();
        parked("thumbnail", Some("id-1"), body, &own, &Reason::new("corrupt", "the JPEG ends in mid-scan"))
    }

    #[test]
    fn a_message_keeps_its_body_and_attributes() {
        let message = park("{}", 5).unwrap();
        assert_eq!(message.body, "{}");
        assert_eq!(message.attributes.len(), 10);
        assert_eq!(message.attributes["brigade-reason"], "corrupt");
        assert_eq!(message.attributes["brigade-message-id"], "id-1");
    }

    #[test]
    fn what_does_not_fit_is_wrapped_whole() {
        let message = park("{}", 6).unwrap();
        let document: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(document["body"], "{}");
        assert_eq!(document["attributes"].as_object().unwrap().len(), 6);
        assert_eq!(document["reason"], "corrupt");
    }

    #[test]
    fn an_empty_body_is_wrapped() {
        assert!(park("", 0).unwrap().body.contains(r#""body":"""#));
    }

    #[test]
    fn what_fits_neither_way_is_left_to_the_dead_letter_queue() {
        assert_eq!(park(&"x".repeat(MAX_MESSAGE_BYTES), 0), None);
        assert!(park(&"x".repeat(MAX_MESSAGE_BYTES - 2048), 0).is_some());
    }
}
