//! The cleanup function beside the thumbnail function, on the same topic.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_local::lambda::{FunctionSpec, MappingSpec};
use brigade_local::{ACCOUNT, Wire};

use super::{DERIVED, PATIENCE, Rig, SOURCE, Setting, cleanup};

/// Cleanup's queue; its companions are `cleanup-dlq` and `cleanup-parked`.
pub const CLEANUP: &str = "cleanup";
/// The queue of the exhausted.
pub const CLEANUP_DLQ: &str = "cleanup-dlq";
/// The queue of what will never work.
pub const CLEANUP_PARKED: &str = "cleanup-parked";
/// The deployed function's name.
const FUNCTION: &str = "brigade-cleanup";

impl Rig {
    /// Lays the path of removals to cleanup, starts it and lets messages flow. Of `setting` the queue's part counts.
    pub async fn join_cleanup(&self, setting: &Setting, own: &[(&str, &str)]) {
        let wire = Wire {
            visibility: setting.visibility,
            max_receive_count: setting.max_receive_count,
            families: brigade_cleanup::EVENTS.iter().map(|family| (*family).to_owned()).collect(),
            ..Wire::new(SOURCE, "photos-changed", CLEANUP)
        };
        let wired = self.cloud.connect(&wire).await.unwrap();
        let variables = [
            ("BRIGADE_INPUT", format!("s3://{SOURCE}/*")),
            ("BRIGADE_OUTPUT", format!("s3://{DERIVED}/thumbnails/{{bucket}}/{{key}}/{{size}}.{{ext}}")),
            ("BRIGADE_OWNER", ACCOUNT.to_owned()),
            ("BRIGADE_ANNOUNCE", self.wired.topic_arn.clone()),
            ("BRIGADE_PARKED", wired.parked_url.clone()),
            ("BRIGADE_LOG", "all".to_owned()),
        ];
        let own = own.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let environment: BTreeMap<String, String> =
            variables.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)).collect();
        let timeout = Duration::from_secs(30);
        let spec = FunctionSpec { environment, timeout, ..FunctionSpec::new(FUNCTION, cleanup()) };
        let mapping = MappingSpec { batch_size: setting.batch_size, ..MappingSpec::new(&wired.queue_arn, FUNCTION) };
        if let Err(error) = self.cloud.run(spec, mapping, PATIENCE).await {
            self.fail(&error.to_string());
        }
    }
}
