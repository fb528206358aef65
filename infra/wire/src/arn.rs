//! Amazon resource names, as far as they are taken apart here.

use std::fmt;

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// `sns`, `sqs`.
    pub service: String,
    /// Where it is.
    pub region: String,
    /// Whose it is.
    pub account: String,
    /// The queue's or topic's name.
    pub name: String,
}

impl Arn {
    /// `None`: the text is no such name.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        Some(Self { partition: part()?, service: part()?, region: part()?, account: part()?, name: part()? })
    }

    /// Another resource beside this one: in its account and region.
    pub fn beside(&self, service: &str, name: &str) -> Self {
        Self { service: service.to_owned(), name: name.to_owned(), ..self.clone() }
    }

    /// The ARN of a bucket in this partition.
    pub fn of_bucket(&self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}", self.partition)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:{}:{}:{}:{}", self.partition, self.service, self.region, self.account, self.name)
    }
}

/// The name of a bucket's topic where none is given. A topic's name has no dots; no bucket's name has an underscore, so that
/// two buckets never share a topic.
pub fn topic_name(bucket: &str) -> String {
    format!("{}-changes", bucket.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart_and_put_together() {
        for text in ["arn:aws:sqs:eu-west-1:123456789012:brigade-thumbnail", "arn:aws-cn:sns:cn-north-1:123456789012:t:u"] {
            assert_eq!(Arn::parse(text).map(|arn| arn.to_string()).as_deref(), Some(text));
        }
        for text in ["", "arn", "arn:aws:sqs", "arn:aws:s3:::bucket", "arm:aws:sqs:r:a:n", "arn:aws:sqs:r:a:"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
        assert_eq!(topic_name("my.photos"), "my_photos-changes");
    }
}
