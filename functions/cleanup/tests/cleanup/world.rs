//! A bucket of sources, a bucket of what is derived, and both workers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade::budget::{Deadline, Memory};
use brigade::derived::{ConfigId, Derive, Made, MakeError, Output, Request, Template, reconcile};
use brigade::event::{BucketName, EventKind, Message, ObjectEvent, ObjectKey, Record};
use brigade::storage::{Delete, EmbeddedStore, Encryption, GetObject, Head, List, Location, ObjectMeta, PutOptions, Store};
use brigade::verdict::Outcome;
use brigade::worker::queue::{Outgoing, QueueError};
use brigade::worker::{Topic, Worker};
use brigade_cleanup::{Cleanup, Config};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::Map;

pub(crate) const TEMPLATE: &str = "s3://derived/t/{bucket}/{key}/{size}.{ext}";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:rebuild";

/// A topic that remembers what it was told.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<String>>);

#[async_trait]
impl Topic for Told {
    async fn publish(&self, topic_arn: &str, message: Outgoing) -> Result<(), QueueError> {
        assert_eq!(topic_arn, TOPIC);
        self.0.lock().unwrap().push(message.body);
        Ok(())
    }
}

pub(crate) struct World {
    pub(crate) store: EmbeddedStore,
    pub(crate) told: Arc<Told>,
    copies: Copies,
}

impl World {
    pub(crate) fn new() -> Self {
        let store = EmbeddedStore::new().with_seed(1);
        for name in ["photos", "derived", "more"] {
            store.create_bucket(&BucketName::new(name), "us-east-1").unwrap();
        }
        let template = Template::parse(TEMPLATE).unwrap();
        let segments = ["1.txt", "2.txt"].map(str::to_owned);
        let copies = Copies { template, segments, config: ConfigId::new(1, "copies"), encryption: Encryption::Bucket };
        Self { store, told: Arc::default(), copies }
    }

    /// The function with these variables beside the usual ones.
    pub(crate) fn cleanup(&self, own: &[(&str, &str)]) -> Cleanup {
        self.cleanup_on(Arc::new(self.store.clone()), own)
    }

    pub(crate) fn cleanup_on(&self, store: Arc<dyn Store>, own: &[(&str, &str)]) -> Cleanup {
        let usual = [("BRIGADE_INPUT", "s3://photos/*"), ("BRIGADE_OUTPUT", TEMPLATE), ("BRIGADE_ANNOUNCE", TOPIC)];
        let variables: BTreeMap<&str, &str> = usual.into_iter().chain(own.iter().copied()).collect();
        Cleanup::new(&Config::read(&variables.into_iter().collect()).unwrap(), store, self.told.clone())
    }

    pub(crate) async fn put(&self, at: &Location, text: &str) -> String {
        self.store.put(at, Bytes::from(text.to_owned()), PutOptions::default()).await.unwrap().etag
    }

    pub(crate) async fn remove(&self, at: &Location) {
        self.store.delete(at, Delete::default()).await.unwrap();
    }

    /// The worker that knows `f` looks at a source.
    pub(crate) async fn make(&self, source: &Location) -> Outcome {
        let request = Request { source, deadline: deadline(), plan_only: false };
        reconcile(&self.store, &self.copies, &Memory::new(1 << 20), request).await
    }

    /// Keys of a bucket.
    pub(crate) async fn keys(&self, bucket: &str) -> Vec<String> {
        let page = self.store.list(&BucketName::new(bucket), List::default()).await.unwrap();
        page.objects.into_iter().map(|object| object.key.into()).collect()
    }

    pub(crate) async fn head(&self, at: &Location) -> ObjectMeta {
        self.store.head(at, Head::default()).await.unwrap()
    }

    /// The keys that were announced, each once for each time.
    pub(crate) fn announced(&self) -> Vec<String> {
        let bodies = std::mem::take(&mut *self.told.0.lock().unwrap());
        let events = bodies.into_iter().flat_map(|body| Message { body: Some(body), ..Message::default() }.decode());
        let key = |record: Record| match record {
            Record::Object(event) if event.kind.is_created() => event.key.to_string(),
            other => format!("{other:?}"),
        };
        events.map(|decoded| key(decoded.record.unwrap())).collect()
    }
}

pub(crate) fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

pub(crate) fn photo(key: &str) -> Location {
    at("photos", key)
}

pub(crate) fn at(bucket: &str, key: &str) -> Location {
    Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap())
}

pub(crate) fn event(kind: &str, source: &Location) -> ObjectEvent {
    ObjectEvent::new(EventKind::new(kind), source.bucket.clone(), source.key.clone())
}

pub(crate) async fn removed(cleanup: &Cleanup, source: &Location) -> Outcome {
    cleanup.handle(&event("ObjectRemoved:Delete", source), deadline()).await
}

/// `verdict reason`, and the figures that are not 0.
pub(crate) fn told(outcome: &Outcome) -> String {
    let reason = outcome.verdict.reason().map(|reason| format!(" {}", reason.code)).unwrap_or_default();
    let figures = outcome.figures.iter().filter(|(name, figure)| *figure > 0 && *name != "passes");
    let figures: Vec<String> = figures.map(|(name, figure)| format!(", {name} {figure}")).collect();
    format!("{}{reason}{}", outcome.verdict.name(), figures.concat())
}

/// `f`: two copies of the source, with a word before.
struct Copies {
    template: Template,
    segments: [String; 2],
    config: ConfigId,
    encryption: Encryption,
}

#[async_trait]
impl Derive for Copies {
    fn template(&self) -> &Template {
        &self.template
    }

    fn segments(&self) -> &[String] {
        &self.segments
    }

    fn config(&self) -> &ConfigId {
        &self.config
    }

    fn cache_control(&self) -> Option<&str> {
        None
    }

    fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    async fn make(&self, source: GetObject, _: &Memory) -> Result<Made, MakeError> {
        let bytes = source.body.try_collect::<Vec<Bytes>>().await?.concat();
        let output = |segment: &String| Output {
            segment: segment.clone(),
            bytes: [segment.as_bytes(), &bytes].concat().into(),
            content_type: "text/plain",
            about: Map::new(),
        };
        Ok(Made::Outputs { outputs: self.segments.iter().map(output).collect(), about: Map::new() })
    }
}
