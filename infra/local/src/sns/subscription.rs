//! Subscriptions: where a topic's messages go, and which of them.

use std::collections::BTreeMap;

use super::error::SnsError;
use super::filter::{FilterPolicy, Scope};

/// How a subscription delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// To a queue, by its ARN.
    Sqs,
    /// To a function, by its ARN.
    Lambda,
}

impl Protocol {
    pub(super) fn parse(text: &str) -> Result<Self, SnsError> {
        match text {
            "sqs" => Ok(Self::Sqs),
            "lambda" => Ok(Self::Lambda),
            other => Err(SnsError::InvalidParameter(format!("Does not support this protocol string: {other}"))),
        }
    }

    /// The protocol's name at SNS.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Lambda => "lambda",
        }
    }
}

/// One subscription of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// Its ARN: the topic's, and a UUID.
    pub arn: String,
    /// The topic's ARN.
    pub topic_arn: String,
    /// How it delivers.
    pub protocol: Protocol,
    /// The ARN that it delivers to.
    pub endpoint: String,
    attributes: BTreeMap<String, String>,
    raw: bool,
    filter: Option<FilterPolicy>,
}

impl Subscription {
    pub(super) fn new(arn: String, topic_arn: String, protocol: Protocol, endpoint: String) -> Self {
        Self { arn, topic_arn, protocol, endpoint, attributes: BTreeMap::new(), raw: false, filter: None }
    }

    /// Sets attributes: all of them, or none if one is refused.
    pub(super) fn set(&mut self, changes: &BTreeMap<String, String>) -> Result<(), SnsError> {
        let mut next = self.attributes.clone();
        for (name, value) in changes {
            let fine = match name.as_str() {
                "RawMessageDelivery" => matches!(value.as_str(), "true" | "false"),
                "FilterPolicyScope" => matches!(value.as_str(), "MessageAttributes" | "MessageBody"),
                "DeliveryPolicy" => {
                    value.is_empty() || serde_json::from_str::<BTreeMap<String, serde_json::Value>>(value).is_ok()
                }
                "RedrivePolicy" => value.is_empty() || dead_letter_target(value).is_some_and(|arn| is_queue(&arn)),
                "FilterPolicy" | "SubscriptionRoleArn" => true,
                _ => return Err(SnsError::InvalidParameter("AttributeName".to_owned())),
            };
            if !fine {
                return Err(SnsError::InvalidParameter(format!("{name}: {value} is not permitted")));
            }
            if value.is_empty() {
                next.remove(name);
            } else {
                next.insert(name.clone(), value.clone());
            }
        }
        let scope = match next.get("FilterPolicyScope").map(String::as_str) {
            Some("MessageBody") => Scope::MessageBody,
            _ => Scope::MessageAttributes,
        };
        let filter = next.get("FilterPolicy").map(|text| FilterPolicy::parse(text, scope)).transpose();
        self.filter = filter.map_err(SnsError::InvalidParameter)?;
        self.raw = next.get("RawMessageDelivery").is_some_and(|value| value == "true");
        self.attributes = next;
        Ok(())
    }

    /// All attributes, by SNS's names.
    #[must_use]
    pub fn attributes(&self, account: &str) -> BTreeMap<String, String> {
        let fixed = [
            ("SubscriptionArn", self.arn.as_str()),
            ("TopicArn", &self.topic_arn),
            ("Protocol", self.protocol.name()),
            ("Endpoint", &self.endpoint),
            ("Owner", account),
            ("ConfirmationWasAuthenticated", "true"),
            ("PendingConfirmation", "false"),
            ("RawMessageDelivery", if self.raw { "true" } else { "false" }),
        ];
        let mut all: BTreeMap<String, String> = fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        if self.filter.is_some() {
            all.insert("FilterPolicyScope".to_owned(), "MessageAttributes".to_owned());
        }
        all.extend(self.attributes.clone());
        all
    }

    pub(super) fn is_raw(&self) -> bool {
        self.raw
    }

    pub(super) fn accepts(&self, message: &str, attributes: &BTreeMap<String, crate::sqs::MessageAttribute>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.accepts(message, attributes))
    }

    /// The ARN of the subscription's own dead-letter queue.
    pub(super) fn dead_letter_arn(&self) -> Option<String> {
        dead_letter_target(self.attributes.get("RedrivePolicy")?)
    }
}

fn dead_letter_target(redrive_policy: &str) -> Option<String> {
    let policy: serde_json::Value = serde_json::from_str(redrive_policy).ok()?;
    Some(policy.get("deadLetterTargetArn")?.as_str()?.to_owned())
}

fn is_queue(arn: &str) -> bool {
    arn.starts_with("arn:aws:sqs:") && arn.split(':').count() == 6
}
