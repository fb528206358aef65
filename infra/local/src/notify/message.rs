//! The documents that destinations get.

use brigade::event::{BucketName, ObjectEvent, Origin, to_notification_from, to_test_event};
use brigade::storage::embedded::Change;
use time::OffsetDateTime;

/// Writes documents with what they tell of the cloud around them.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub(super) region: String,
    pub(super) account: String,
}

impl Writer {
    /// S3's notification of one change, from the rule with this id.
    pub(super) fn of_change(&self, change: &Change, rule_id: &str) -> String {
        let event = ObjectEvent { region: Some(self.region.clone()), ..change.event() };
        to_notification_from(&event, &self.origin(rule_id, change.sequencer.as_str())).to_string()
    }

    /// What a destination gets when it is new in a configuration.
    pub(super) fn test_event(&self, bucket: &BucketName, time: OffsetDateTime) -> String {
        to_test_event(bucket, time, &self.origin("", "0")).to_string()
    }

    /// The store knows no requests; the change's place in the order of all changes stands for the request's id, so that
    /// the same history makes the same documents.
    fn origin(&self, rule_id: &str, request: &str) -> Origin {
        Origin {
            configuration_id: rule_id.to_owned(),
            principal_id: format!("AWS:{}", self.account),
            owner_id: self.account.clone(),
            source_ip: "127.0.0.1".to_owned(),
            request_id: format!("{request:0>18}"),
            host_id: "local".to_owned(),
        }
    }
}
