//! A bucket's notification configuration between the protocol's types and the model of [`crate::notify`].

use brigade::event::BucketName;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::{Operations, errors};
use crate::notify::{Configuration, Destination, DestinationCheck, Draft, Filter, Rule};

impl Operations {
    pub(super) async fn put_notification(
        &self,
        req: S3Request<PutBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketNotificationConfigurationOutput>> {
        let input = req.input;
        self.exists(&input.bucket)?;
        let bucket = BucketName::new(input.bucket);
        let event_bridge = input.notification_configuration.event_bridge_configuration.is_some();
        let drafts = drafts(input.notification_configuration);
        let configuration = Configuration::new(drafts, event_bridge, assigned_id).map_err(errors::of_configuration)?;
        let check =
            if input.skip_destination_validation == Some(true) { DestinationCheck::Skip } else { DestinationCheck::Ask };
        self.notifier.put_configuration(&bucket, configuration, check).await.map_err(errors::of_put_configuration)?;
        Ok(S3Response::new(PutBucketNotificationConfigurationOutput {}))
    }

    pub(super) fn get_notification(
        &self,
        req: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
        self.exists(&req.input.bucket)?;
        let configuration = self.notifier.configuration(&BucketName::new(req.input.bucket));
        let mut output = GetBucketNotificationConfigurationOutput {
            event_bridge_configuration: configuration.event_bridge().then(EventBridgeConfiguration::default),
            ..Default::default()
        };
        for rule in configuration.rules() {
            tell(rule, &mut output);
        }
        Ok(S3Response::new(output))
    }
}

/// S3 assigns an id of this kind to a rule without one.
fn assigned_id() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(48).collect()
}

fn drafts(configuration: NotificationConfiguration) -> Vec<Draft> {
    let topics = configuration.topic_configurations.unwrap_or_default().into_iter();
    let queues = configuration.queue_configurations.unwrap_or_default().into_iter();
    let functions = configuration.lambda_function_configurations.unwrap_or_default().into_iter();
    topics
        .map(|t| draft(t.id, Destination::Topic(t.topic_arn), t.events, t.filter))
        .chain(queues.map(|q| draft(q.id, Destination::Queue(q.queue_arn), q.events, q.filter)))
        .chain(functions.map(|f| draft(f.id, Destination::Function(f.lambda_function_arn), f.events, f.filter)))
        .collect()
}

fn draft(
    id: Option<String>,
    destination: Destination,
    events: EventList,
    filter: Option<NotificationConfigurationFilter>,
) -> Draft {
    let rules = filter.and_then(|f| f.key).and_then(|k| k.filter_rules).unwrap_or_default();
    let pair =
        |rule: FilterRule| (rule.name.map(|n| n.as_str().to_owned()).unwrap_or_default(), rule.value.unwrap_or_default());
    Draft {
        id,
        destination,
        events: events.into_iter().map(String::from).collect(),
        filter: rules.into_iter().map(pair).collect(),
    }
}

fn tell(rule: &Rule, output: &mut GetBucketNotificationConfigurationOutput) {
    let events: EventList = rule.events.iter().map(|e| Event::from(e.as_str().to_owned())).collect();
    let (id, filter) = (Some(rule.id.clone()), told_filter(&rule.filter));
    match &rule.destination {
        Destination::Topic(arn) => {
            let topic = TopicConfiguration { events, filter, id, topic_arn: arn.clone() };
            output.topic_configurations.get_or_insert_default().push(topic);
        }
        Destination::Queue(arn) => {
            let queue = QueueConfiguration { events, filter, id, queue_arn: arn.clone() };
            output.queue_configurations.get_or_insert_default().push(queue);
        }
        Destination::Function(arn) => {
            let function = LambdaFunctionConfiguration { events, filter, id, lambda_function_arn: arn.clone() };
            output.lambda_function_configurations.get_or_insert_default().push(function);
        }
    }
}

/// S3 tells the names with a capital letter, however they were given.
fn told_filter(filter: &Filter) -> Option<NotificationConfigurationFilter> {
    let rule = |name: &str, value: &Option<String>| {
        let value = value.clone()?;
        Some(FilterRule { name: Some(FilterRuleName::from(name.to_owned())), value: Some(value) })
    };
    let rules: Vec<_> = [rule("Prefix", &filter.prefix), rule("Suffix", &filter.suffix)].into_iter().flatten().collect();
    if rules.is_empty() {
        return None;
    }
    Some(NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) })
}
