//! Topics and queues together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{FunctionSink, Publish, SnsError, Topics};
use crate::clock::Clock;
use crate::sqs::{AttributeValue, MessageAttribute, Queues, Received, Settings};

struct World {
    queues: Queues,
    topics: Topics,
    topic: String,
}

fn attributes<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A queue whose policy lets every topic send.
fn open(queues: &Queues, name: &str) -> String {
    let statement = json!({
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*",
    });
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    queues.create(name, &attributes([("Policy", &policy)])).unwrap()
}

/// A topic `t` with a queue `q` subscribed, with these attributes.
fn world<const N: usize>(subscription: [(&str, &str); N]) -> World {
    let queues = Queues::new(Clock::real(), Settings { seed: Some(1), ..Settings::default() });
    let topics = Topics::new(queues.clone());
    let topic = topics.create("t").unwrap();
    let queue = open(&queues, "q");
    topics.subscribe(&topic, "sqs", &queue, &attributes(subscription)).unwrap();
    World { queues, topics, topic }
}

async fn next(queues: &Queues, queue: &str) -> Option<Received> {
    queues.receive(queue, 1, Duration::ZERO).await.unwrap().pop()
}

#[tokio::test]
async fn the_envelope_has_all_fields() {
    let w = world([]);
    let extra: BTreeMap<String, MessageAttribute> = [
        ("text".to_owned(), MessageAttribute::string("é")),
        (
            "bytes".to_owned(),
            MessageAttribute { data_type: "Binary".into(), value: AttributeValue::Binary(vec![0, 255].into()) },
        ),
    ]
    .into();
    let id = w.topics.publish(&w.topic, "{\"Records\":[]}", extra, Some("Amazon S3 Notification")).unwrap();
    let received = next(&w.queues, "q").await.unwrap();
    let envelope: Value = serde_json::from_str(&received.body).unwrap();
    let expected = [
        ("Type", "Notification"),
        ("MessageId", &id),
        ("TopicArn", "arn:aws:sns:us-east-1:000000000000:t"),
        ("Subject", "Amazon S3 Notification"),
        ("Message", "{\"Records\":[]}"),
        ("SignatureVersion", "1"),
    ];
    for (name, value) in expected {
        assert_eq!(envelope[name], value, "{name}");
    }
    assert_eq!(envelope["MessageAttributes"]["text"], serde_json::json!({"Type": "String", "Value": "é"}));
    assert_eq!(envelope["MessageAttributes"]["bytes"], serde_json::json!({"Type": "Binary", "Value": "AP8="}));
    for name in ["Timestamp", "Signature", "SigningCertURL", "UnsubscribeURL"] {
        assert!(envelope[name].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    assert!(received.message_attributes.is_empty());
    let millis = envelope["Timestamp"].as_str().unwrap();
    assert!(millis.len() == 24 && millis.ends_with('Z'), "{millis}");
}

#[tokio::test]
async fn raw_delivery_is_the_message_with_its_attributes() {
    let w = world([("RawMessageDelivery", "true")]);
    let extra = BTreeMap::from([("n".to_owned(), MessageAttribute::number("1"))]);
    w.topics.publish(&w.topic, "plain", extra.clone(), None).unwrap();
    let received = next(&w.queues, "q").await.unwrap();
    assert_eq!((received.body.as_str(), &received.message_attributes), ("plain", &extra));
}

#[tokio::test]
async fn raw_delivery_drops_more_than_ten_attributes_unless_a_dead_letter_queue_takes_them() {
    let w = world([("RawMessageDelivery", "true")]);
    let eleven: BTreeMap<String, MessageAttribute> =
        (0..11).map(|i| (format!("a{i}"), MessageAttribute::string("x"))).collect();
    w.topics.publish(&w.topic, "lost", eleven.clone(), None).unwrap();
    assert_eq!(next(&w.queues, "q").await, None);
    assert_eq!(w.topics.counts().failed, 1);

    let dead = open(&w.queues, "dead");
    let subscription = w.topics.subscriptions(None).unwrap().remove(0).arn;
    let policy = serde_json::json!({ "deadLetterTargetArn": dead }).to_string();
    w.topics.set_subscription_attribute(&subscription, "RedrivePolicy", &policy).unwrap();
    w.topics.publish(&w.topic, "kept", eleven, None).unwrap();
    assert_eq!(w.topics.counts().dead_lettered, 1);
    assert!(next(&w.queues, "dead").await.unwrap().body.contains("kept"));
}

#[tokio::test]
async fn what_a_queue_that_is_gone_should_have_had_is_in_the_dead_letter_queue() {
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"}"#;
    for raw in ["true", "false"] {
        let w = world([("RawMessageDelivery", raw), ("RedrivePolicy", redrive)]);
        let subscription = w.topics.subscriptions(None).unwrap().remove(0);
        assert_eq!(subscription.attributes("000000000000")["RedrivePolicy"], redrive);
        open(&w.queues, "dead");
        w.queues.delete_queue("q").unwrap();
        w.topics.publish(&w.topic, "kept", BTreeMap::new(), None).unwrap();
        assert_eq!((w.topics.counts().dead_lettered, w.topics.counts().failed), (1, 0));
        assert!(next(&w.queues, "dead").await.unwrap().body.contains("kept"));
    }
}

#[tokio::test]
async fn a_queue_gets_nothing_from_a_topic_that_its_policy_keeps_out() {
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"}"#;
    let w = world([("RedrivePolicy", redrive)]);
    let policy = |topic: &str| {
        let statement = json!({
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*",
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        });
        attributes([("Policy", &json!({"Statement": statement}).to_string())])
    };
    let other = w.topic.replace(":t", ":other");
    w.queues.create("dead", &BTreeMap::new()).unwrap();
    for (of_queue, of_dead, expected) in
        [(&w.topic, &other, (1, 0, 0)), (&other, &w.topic, (1, 1, 0)), (&other, &other, (1, 1, 1))]
    {
        w.queues.set_attributes("q", &policy(of_queue)).unwrap();
        w.queues.set_attributes("dead", &policy(of_dead)).unwrap();
        w.topics.publish(&w.topic, "m", BTreeMap::new(), None).unwrap();
        let counts = w.topics.counts();
        assert_eq!((counts.delivered, counts.dead_lettered, counts.failed), expected, "{of_queue} {of_dead}");
    }
    let depth = |queue: &str| w.queues.depth(queue).unwrap().total();
    assert_eq!((depth("q"), depth("dead")), (1, 1));
}

#[tokio::test]
async fn a_filter_policy_keeps_messages_back() {
    let w = world([
        ("FilterPolicyScope", "MessageBody"),
        ("FilterPolicy", r#"{"Records":{"eventName":[{"prefix":"ObjectCreated:"}]}}"#),
    ]);
    for event in ["ObjectRemoved:Delete", "ObjectCreated:Put"] {
        w.topics.publish(&w.topic, &format!(r#"{{"Records":[{{"eventName":"{event}"}}]}}"#), BTreeMap::new(), None).unwrap();
    }
    assert!(next(&w.queues, "q").await.unwrap().body.contains("ObjectCreated:Put"));
    assert_eq!(next(&w.queues, "q").await, None);
    assert_eq!((w.topics.counts().delivered, w.topics.counts().filtered), (1, 1));
}

#[tokio::test]
async fn the_trace_header_reaches_the_queue() {
    let w = world([]);
    let publish = Publish { trace_header: Some("Root=1-5759e988-bd862e3fe1be46a994272793".into()), ..Publish::default() };
    w.topics.publish_with(&w.topic, "m", publish).unwrap();
    let received = next(&w.queues, "q").await.unwrap();
    assert_eq!(received.attributes["AWSTraceHeader"], "Root=1-5759e988-bd862e3fe1be46a994272793");
}

#[tokio::test]
async fn a_fifo_topic_repeats_nothing_within_the_window() {
    let w = world([]);
    let made = attributes([("FifoTopic", "true"), ("ContentBasedDeduplication", "true")]);
    let topic = w.topics.create_in("us-east-1", "t.fifo", &made).unwrap();
    let queue = open(&w.queues, "q.fifo");
    w.topics.subscribe(&topic, "sqs", &queue, &BTreeMap::new()).unwrap();
    w.topics.subscribe(&topic, "sqs", &w.queues.arn("q").unwrap(), &BTreeMap::new()).unwrap();
    assert!(matches!(w.topics.publish(&topic, "m", BTreeMap::new(), None), Err(SnsError::InvalidParameter(_))));
    for _ in 0..2 {
        w.topics.publish_with(&topic, "m", Publish { group_id: Some("g".into()), ..Publish::default() }).unwrap();
    }
    assert_eq!(w.queues.depth("q.fifo").unwrap().total(), 1);
    assert_eq!(w.queues.depth("q").unwrap().total(), 1, "the topic itself drops it, whatever is subscribed");
}

#[test]
fn a_topic_takes_what_its_kind_and_its_attributes_allow() {
    let w = world([]);
    let fifo = w.topics.create_in("us-east-1", "t.fifo", &attributes([("FifoTopic", "true")])).unwrap();
    let large = w.topics.create_in("us-east-1", "large", &attributes([("MaximumMessageSize", "1048576")])).unwrap();
    let (group, id) = (Some("g".to_owned()), Some("d".to_owned()));
    let with = |group_id: &Option<String>, dedup_id: &Option<String>| Publish {
        group_id: group_id.clone(),
        dedup_id: dedup_id.clone(),
        ..Publish::default()
    };
    let rows = [
        ("a group on a standard topic", &w.topic, 1, with(&group, &None), true),
        ("a deduplication id on a standard topic", &w.topic, 1, with(&None, &id), false),
        ("both on a FIFO topic", &fifo, 1, with(&group, &id), true),
        ("no group on a FIFO topic", &fifo, 1, with(&None, &id), false),
        ("no deduplication id on a FIFO topic", &fifo, 1, with(&group, &None), false),
        ("256 KiB", &w.topic, 262_144, Publish::default(), true),
        ("more", &w.topic, 262_145, Publish::default(), false),
        ("1 MiB, where the topic is set so", &large, 1_048_576, Publish::default(), true),
        ("more than that", &large, 1_048_577, Publish::default(), false),
    ];
    for (situation, topic, bytes, publish, taken) in rows {
        assert_eq!(w.topics.publish_with(topic, &"x".repeat(bytes), publish).is_ok(), taken, "{situation}");
    }
}

#[test]
fn subscribing_twice_is_one_subscription() {
    let w = world([("RawMessageDelivery", "true")]);
    let queue = w.queues.arn("q").unwrap();
    let again = w.topics.subscribe(&w.topic, "sqs", &queue, &attributes([("RawMessageDelivery", "true")])).unwrap();
    assert_eq!(w.topics.subscriptions(Some(&w.topic)).unwrap()[0].arn, again);
    assert!(w.topics.subscribe(&w.topic, "sqs", &queue, &BTreeMap::new()).is_err(), "other attributes");
    w.topics.unsubscribe(&again);
    assert!(w.topics.subscriptions(None).unwrap().is_empty());
}

#[test]
fn what_is_refused() {
    let w = world([]);
    let arn = w.queues.arn("q").unwrap();
    let none = BTreeMap::new();
    let missing = "arn:aws:sns:us-east-1:000000000000:none";
    assert!(matches!(w.topics.publish(missing, "m", none.clone(), None), Err(SnsError::NotFound(_))));
    assert!(matches!(w.topics.subscribe(missing, "sqs", &arn, &attributes([])), Err(SnsError::NotFound(_))));
    for (protocol, endpoint) in [("email", "a@b.c"), ("sqs", "http://x"), ("lambda", arn.as_str())] {
        assert!(matches!(
            w.topics.subscribe(&w.topic, protocol, endpoint, &attributes([])),
            Err(SnsError::InvalidParameter(_))
        ));
    }
    let long = "x".repeat(1_048_577);
    for (message, subject) in [("", None), (long.as_str(), None), ("m", Some("two\nlines"))] {
        assert!(matches!(w.topics.publish(&w.topic, message, none.clone(), subject), Err(SnsError::InvalidParameter(_))));
    }
    let subscription = w.topics.subscriptions(None).unwrap().remove(0).arn;
    let topic = format!(r#"{{"deadLetterTargetArn":"{}"}}"#, w.topic);
    let refused = [
        ("RawMessageDelivery", "yes"),
        ("FilterPolicy", "[]"),
        ("RedrivePolicy", "[]"),
        ("RedrivePolicy", "{}"),
        ("RedrivePolicy", &topic),
        ("Nonsense", "1"),
    ];
    for (name, value) in refused {
        assert!(w.topics.set_subscription_attribute(&subscription, name, value).is_err(), "{name}");
    }
    assert!(w.topics.create("bad name").is_err());
}

/// Takes events for one function, and refuses those for others.
#[derive(Default)]
struct OneFunction(std::sync::Mutex<Vec<Value>>);

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:probe";

impl FunctionSink for OneFunction {
    fn deliver(&self, function_arn: &str, event: &Value) -> bool {
        self.0.lock().unwrap().push(event.clone());
        function_arn == FUNCTION
    }
}

#[test]
fn a_function_gets_an_event_that_decodes_as_what_was_published() {
    let topics = Topics::new(Queues::new(Clock::real(), Settings::default()));
    let function = Arc::new(OneFunction::default());
    topics.set_functions(Arc::clone(&function) as Arc<dyn FunctionSink>);
    let topic = topics.create("changes").unwrap();
    let subscription = topics.subscribe(&topic, "lambda", FUNCTION, &BTreeMap::new()).unwrap();
    let gone = FUNCTION.replace("probe", "gone");
    topics.subscribe(&topic, "lambda", &gone, &BTreeMap::new()).unwrap();
    let document = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"photos"}"#;
    topics.publish(&topic, document, BTreeMap::new(), None).unwrap();

    let counts = topics.counts();
    assert_eq!((counts.delivered, counts.failed), (1, 1));
    let events = function.0.lock().unwrap();
    let event = events.iter().find(|event| event["Records"][0]["EventSubscriptionArn"] == subscription.as_str()).unwrap();
    let sns = &event["Records"][0]["Sns"];
    assert_eq!((&sns["Subject"], &sns["MessageAttributes"]), (&Value::Null, &json!({})));
    assert!(sns["SigningCertUrl"].is_string() && sns["UnsubscribeUrl"].is_string() && sns.get("UnsubscribeURL").is_none());
    let decoded = brigade::event::decode_value(event);
    assert!(matches!(decoded.as_slice(), [one] if matches!(one.record, Ok(brigade::event::Record::Test(_)))), "{decoded:?}");
}
