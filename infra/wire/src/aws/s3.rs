//! A bucket's notification configuration between the SDK's types and the model.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types::{
    Event, EventBridgeConfiguration, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter, TopicConfiguration,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use brigade::notification::{Destination, Draft};

use super::elements::unknown;
use super::{Aws, error_of_bucket};
use crate::notification::Notification;
use crate::ports::{Check, CloudError, Kind, Notifications};

#[async_trait]
impl Notifications for Aws {
    async fn notification(&self, bucket: &str, account: &str) -> Result<Notification, CloudError> {
        let doing = || format!("the notification configuration of {bucket}");
        let answer = Answer::default();
        let request = self.clients.s3().get_bucket_notification_configuration().bucket(bucket);
        let output = request.expected_bucket_owner(account).customize().interceptor(answer.clone()).send().await;
        let output = output.map_err(|e| error_of_bucket(doing(), &e, self.clients.region()))?;
        let new = unknown(&answer.take());
        if !new.is_empty() {
            let message = format!(
                "S3's answer holds {}, which this version does not know and would lose by writing it back; nothing is touched",
                new.join(", ")
            );
            return Err(CloudError { doing: doing(), kind: Kind::Refused, code: None, message });
        }
        Ok(read(output))
    }

    async fn put_notification(
        &self,
        bucket: &str,
        account: &str,
        whole: &Notification,
        check: Check,
    ) -> Result<(), CloudError> {
        let doing = || format!("writing the notification configuration of {bucket}");
        let configuration = write(whole).map_err(|problem| CloudError {
            doing: doing(),
            kind: Kind::Refused,
            code: None,
            message: problem.to_string(),
        })?;
        let request = self.clients.s3().put_bucket_notification_configuration().bucket(bucket).expected_bucket_owner(account);
        let request = request.set_skip_destination_validation((check == Check::Nothing).then_some(true));
        let sent = request.notification_configuration(configuration).send().await;
        sent.map(drop).map_err(|e| error_of_bucket(doing(), &e, self.clients.region()))
    }
}

/// Keeps the body of the answer.
#[derive(Clone, Debug, Default)]
struct Answer(Arc<Mutex<Vec<u8>>>);

impl Answer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[dyn_dispatch_hint]
impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Where the body is not there any more, nothing can be said about it, and nothing may be written back.
        let body = context.response().body().bytes().ok_or("the answer's body is gone")?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        Ok(())
    }
}

fn read(output: GetBucketNotificationConfigurationOutput) -> Notification {
    let draft = |id, destination, events: Vec<Event>, filter: Option<NotificationConfigurationFilter>| {
        let rules = filter.and_then(|f| f.key).and_then(|k| k.filter_rules).unwrap_or_default().into_iter();
        let name = |rule: &FilterRule| rule.name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default();
        Draft {
            id,
            destination,
            events: events.iter().map(|event| event.as_str().to_owned()).collect(),
            filter: rules.map(|rule| (name(&rule), rule.value.unwrap_or_default())).collect(),
        }
    };
    let topics = output.topic_configurations.unwrap_or_default().into_iter();
    let queues = output.queue_configurations.unwrap_or_default().into_iter();
    let functions = output.lambda_function_configurations.unwrap_or_default().into_iter();
    let rules = topics
        .map(|t| draft(t.id, Destination::Topic(t.topic_arn), t.events, t.filter))
        .chain(queues.map(|q| draft(q.id, Destination::Queue(q.queue_arn), q.events, q.filter)))
        .chain(functions.map(|f| draft(f.id, Destination::Function(f.lambda_function_arn), f.events, f.filter)))
        .collect();
    Notification { rules, event_bridge: output.event_bridge_configuration.is_some() }
}

fn write(whole: &Notification) -> Result<NotificationConfiguration, BuildError> {
    let mut out = NotificationConfiguration::builder();
    if whole.event_bridge {
        out = out.event_bridge_configuration(EventBridgeConfiguration::builder().build());
    }
    for rule in &whole.rules {
        let events: Vec<Event> = rule.events.iter().map(|event| Event::from(event.as_str())).collect();
        let (events, filter, id) = (Some(events), filter(&rule.filter), rule.id.clone());
        out = match &rule.destination {
            Destination::Topic(arn) => out.topic_configurations(
                TopicConfiguration::builder().set_id(id).topic_arn(arn).set_events(events).set_filter(filter).build()?,
            ),
            Destination::Queue(arn) => out.queue_configurations(
                QueueConfiguration::builder().set_id(id).queue_arn(arn).set_events(events).set_filter(filter).build()?,
            ),
            Destination::Function(arn) => out.lambda_function_configurations(
                LambdaFunctionConfiguration::builder()
                    .set_id(id)
                    .lambda_function_arn(arn)
                    .set_events(events)
                    .set_filter(filter)
                    .build()?,
            ),
        };
    }
    Ok(out.build())
}

fn filter(pairs: &[(String, String)]) -> Option<NotificationConfigurationFilter> {
    if pairs.is_empty() {
        return None;
    }
    let rule =
        |(name, value): &(String, String)| FilterRule::builder().name(FilterRuleName::from(name.as_str())).value(value).build();
    let key = S3KeyFilter::builder().set_filter_rules(Some(pairs.iter().map(rule).collect())).build();
    Some(NotificationConfigurationFilter::builder().key(key).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_comes_back_as_it_was() {
        let rule = |id: &str, destination, event: &str, filter: &[(&str, &str)]| Draft {
            id: Some(id.to_owned()),
            destination,
            events: vec![event.to_owned(), "s3:SomethingNew:*".to_owned()],
            filter: filter.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        };
        for event_bridge in [false, true] {
            let rules = vec![
                rule("t", Destination::Topic("arn:t".to_owned()), "s3:ObjectCreated:*", &[]),
                rule("q", Destination::Queue("arn:q".to_owned()), "s3:ObjectRemoved:*", &[("Prefix", "a+b/")]),
                rule("f", Destination::Function("arn:f".to_owned()), "s3:TestedTomorrow", &[("Suffix", ".j"), ("Infix", "x")]),
            ];
            let before = Notification { rules, event_bridge };
            let sent = write(&before).unwrap();
            let told = GetBucketNotificationConfigurationOutput::builder()
                .set_topic_configurations(sent.topic_configurations)
                .set_queue_configurations(sent.queue_configurations)
                .set_lambda_function_configurations(sent.lambda_function_configurations)
                .set_event_bridge_configuration(sent.event_bridge_configuration)
                .build();
            let after = read(told);
            assert_eq!(after.rules, before.rules);
            assert_eq!(after.event_bridge, event_bridge);
        }
    }
}
