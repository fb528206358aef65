//! In which way a batch is published: all that tells its outputs' places, and which lines each of them has.

use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::partition::Interval;

/// Stored with the batch, so that whoever finishes it does so as it was begun, whatever is configured by then: a part that was
/// published under one configuration has lines that another configuration would publish under another name.
///
/// `BRIGADE_FILE_SIZE` bounds a batch when it is claimed; its parts don't depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Its inputs are collected in one bundle.
    Collected {
        /// Of which window.
        window: String,
    },
    /// Its inputs' lines become parts of the table.
    Published {
        /// Where the table is: `s3://bucket/prefix/`.
        table: String,
        /// How it is partitioned.
        partition: Interval,
        /// Which columns it has.
        columns: Columns,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_stored_in_the_words_of_the_variables() {
        let published = Way::Published {
            table: "s3://tables/access_logs/".into(),
            partition: Interval::Hour,
            columns: Columns::parse("#remoteip, -hostid").unwrap(),
        };
        let collected = Way::Collected { window: "2026-11-22-10".into() };
        for (way, expected) in [
            (
                published,
                r##"{"published":{"table":"s3://tables/access_logs/","partition":"hour","columns":"#remoteip,-hostid"}}"##,
            ),
            (collected, r#"{"collected":{"window":"2026-11-22-10"}}"#),
        ] {
            assert_eq!(serde_json::to_string(&way).unwrap(), expected);
            assert_eq!(serde_json::from_str::<Way>(expected).unwrap(), way);
        }
    }
}
