//! Whether an answer of S3 holds more than this version knows.
//!
//! The SDK passes over elements that are newer than itself. Written back, the configuration would have lost them, and with
//! them something that somebody has set up.

/// Every element of the answer to GetBucketNotificationConfiguration.
///
/// Source: S3 API reference.
const KNOWN: &[&str] = &[
    "NotificationConfiguration",
    "TopicConfiguration",
    "QueueConfiguration",
    "CloudFunctionConfiguration",
    "EventBridgeConfiguration",
    "Id",
    "Topic",
    "Queue",
    "CloudFunction",
    "Event",
    "Filter",
    "S3Key",
    "FilterRule",
    "Name",
    "Value",
];

/// The names of the elements that are not known.
pub(super) fn unknown(document: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(document);
    let mut found: Vec<String> = Vec::new();
    for tag in text.split('<').skip(1).filter(|tag| !tag.starts_with(['/', '?', '!'])) {
        let name: String = tag.chars().take_while(|c| !c.is_whitespace() && !matches!(c, '>' | '/')).collect();
        let local = name.rsplit(':').next().unwrap_or_default();
        if !KNOWN.contains(&local) && !found.iter().any(|other| other == local) {
            found.push(local.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_named() {
        let rule = "<Id>a&lt;b</Id><Topic>arn</Topic><Event>s3:ObjectCreated:*</Event>";
        for (inside, expected) in [
            (String::new(), vec![]),
            (format!("<TopicConfiguration>{rule}</TopicConfiguration><EventBridgeConfiguration/>"), vec![]),
            (format!("<TopicConfiguration>{rule}<Pace unit='s'>1</Pace></TopicConfiguration>"), vec!["Pace"]),
            ("<TableConfiguration><Table>t</Table></TableConfiguration>".to_owned(), vec!["TableConfiguration", "Table"]),
        ] {
            let document =
                format!("<?xml version=\"1.0\"?>\n<NotificationConfiguration xmlns=\"x\">{inside}</NotificationConfiguration>");
            assert_eq!(unknown(document.as_bytes()), expected, "{inside}");
        }
        assert!(unknown(b"").is_empty());
    }
}
