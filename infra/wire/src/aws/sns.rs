//! Topics and subscriptions.

use std::collections::BTreeMap;

use aws_sdk_sns::types::Tag;

use super::{Aws, error};
use crate::arn::Arn;
use crate::plan::{MADE_FOR, Topic};
use crate::policy::Policy;
use crate::ports::{CloudError, Kind};
use crate::subscription::Subscription;

/// The most subscriptions that are looked at; a topic with more is not touched.
const MAX_SUBSCRIPTIONS: usize = 1_000;

impl Aws {
    pub(super) async fn read_topic(&self, topic: &Arn) -> Result<Option<Topic>, CloudError> {
        let (sns, arn) = (self.clients.sns(), topic.to_string());
        let attributes = match sns.get_topic_attributes().topic_arn(&arn).send().await {
            Ok(output) => output.attributes.unwrap_or_default(),
            Err(failed) => {
                let failed = error(format!("topic {arn}"), &failed);
                return if failed.kind == Kind::Missing { Ok(None) } else { Err(failed) };
            }
        };
        let policy = attributes.get("Policy").map(String::as_str).unwrap_or_default();
        let policy = Policy::parse(policy).map_err(|problem| unreadable(format!("the policy of topic {arn}"), &problem))?;
        let tags = sns.list_tags_for_resource().resource_arn(&arn).send().await;
        let tags = tags.map_err(|e| error(format!("the tags of topic {arn}"), &e))?.tags.unwrap_or_default();
        let made_for = tags.into_iter().find(|tag| tag.key == MADE_FOR).map(|tag| tag.value);
        let key = attributes.get("KmsMasterKeyId").filter(|key| !key.is_empty()).cloned();
        Ok(Some(Topic { policy, made_for, key, subscriptions: self.read_subscriptions(&arn).await? }))
    }

    async fn read_subscriptions(&self, topic: &str) -> Result<Vec<Subscription>, CloudError> {
        let doing = || format!("the subscriptions of topic {topic}");
        let mut found = Vec::new();
        let mut pages = self.clients.sns().list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
        while let Some(page) = pages.next().await {
            for told in page.map_err(|e| error(doing(), &e))?.subscriptions.unwrap_or_default() {
                if found.len() == MAX_SUBSCRIPTIONS {
                    let message = format!("there are more than {MAX_SUBSCRIPTIONS}; nothing is touched");
                    return Err(CloudError { doing: doing(), kind: Kind::Refused, code: None, message });
                }
                found.push(Subscription {
                    arn: told.subscription_arn.unwrap_or_default(),
                    protocol: told.protocol.unwrap_or_default(),
                    endpoint: told.endpoint.unwrap_or_default(),
                    attributes: BTreeMap::new(),
                });
            }
        }
        Ok(found)
    }

    pub(super) async fn read_subscription(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>, CloudError> {
        match self.clients.sns().get_subscription_attributes().subscription_arn(arn).send().await {
            Ok(output) => Ok(Some(output.attributes.unwrap_or_default().into_iter().collect())),
            Err(failed) => match error(format!("subscription {arn}"), &failed) {
                gone if gone.kind == Kind::Missing => Ok(None),
                failed => Err(failed),
            },
        }
    }

    pub(super) async fn make_topic(&self, name: &str, (key, value): (&str, &str)) -> Result<(), CloudError> {
        let doing = || format!("making the topic {name}");
        let tag = Tag::builder().key(key).value(value).build().map_err(|problem| unreadable(doing(), &problem))?;
        self.clients.sns().create_topic().name(name).tags(tag).send().await.map(drop).map_err(|e| error(doing(), &e))
    }

    pub(super) async fn write_topic_policy(&self, topic: &Arn, policy: &Policy) -> Result<(), CloudError> {
        let request = self.clients.sns().set_topic_attributes().topic_arn(topic.to_string()).attribute_name("Policy");
        let sent = request.attribute_value(policy.document().to_string()).send().await;
        sent.map(drop).map_err(|e| error(format!("the policy of topic {topic}"), &e))
    }

    pub(super) async fn make_subscription(
        &self,
        topic: &Arn,
        queue: &Arn,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, CloudError> {
        let request = self.clients.sns().subscribe().topic_arn(topic.to_string()).protocol("sqs").endpoint(queue.to_string());
        let attributes = attributes.clone().into_iter().collect();
        let output = request.set_attributes(Some(attributes)).return_subscription_arn(true).send().await;
        let output = output.map_err(|e| error(format!("subscribing queue {} to topic {topic}", queue.name), &e))?;
        Ok(output.subscription_arn.unwrap_or_default())
    }

    pub(super) async fn write_subscription(&self, arn: &str, attributes: &BTreeMap<String, String>) -> Result<(), CloudError> {
        // The scope first: a filter for bodies is not taken as one for attributes.
        let mut pairs: Vec<_> = attributes.iter().collect();
        pairs.sort_by_key(|(name, _)| *name == "FilterPolicy");
        for (name, value) in pairs {
            let request = self.clients.sns().set_subscription_attributes().subscription_arn(arn);
            let sent = request.attribute_name(name).attribute_value(value).send().await;
            sent.map_err(|e| error(format!("{name} of subscription {arn}"), &e))?;
        }
        Ok(())
    }
}

pub(super) fn unreadable(doing: String, problem: &dyn std::fmt::Display) -> CloudError {
    CloudError { doing, kind: Kind::Refused, code: None, message: problem.to_string() }
}
