//! cleanup's announcements with one condition removed.

use std::sync::Arc;

use async_trait::async_trait;
use brigade::budget::Deadline;
use brigade::config::Span;
use brigade::derived::Template;
use brigade::event::{EventKind, Message, ObjectEvent, Record};
use brigade::storage::{EmbeddedStore, List, Location};
use brigade::verdict::Outcome;
use brigade::worker::queue::{Outgoing, QueueError};
use brigade::worker::{Topic, Worker};
use brigade_cleanup::Cleanup;

use super::Announcing;

/// A topic that keeps some announcements to itself.
pub(crate) struct Reticent {
    inner: Arc<dyn Topic>,
    truth: EmbeddedStore,
    template: Template,
    announcing: Announcing,
}

impl Reticent {
    pub(crate) fn new(inner: Arc<dyn Topic>, truth: EmbeddedStore, template: Template, announcing: Announcing) -> Self {
        Self { inner, truth, template, announcing }
    }

    fn passes_on(&self, source: &Location) -> bool {
        let options = List { prefix: self.template.directory(source), ..List::default() };
        let any = self.truth.list_objects(self.template.bucket(), &options).is_ok_and(|page| !page.objects.is_empty());
        match self.announcing {
            Announcing::OnlyStale => any,
            Announcing::OnlyMissing => !any,
            Announcing::OfCreations => true,
        }
    }
}

#[async_trait]
impl Topic for Reticent {
    async fn publish(&self, topic_arn: &str, message: Outgoing) -> Result<(), QueueError> {
        let decoded = Message { body: Some(message.body.clone()), ..Message::default() }.decode();
        let source = decoded.into_iter().find_map(|decoded| match decoded.record {
            Ok(Record::Object(event)) => Some(Location::new(event.bucket, event.key)),
            _ => None,
        });
        match source.filter(|source| self.passes_on(source)) {
            Some(_) => self.inner.publish(topic_arn, message).await,
            None => Ok(()),
        }
    }
}

/// cleanup, for which every event is a removal.
pub(crate) struct AsRemovals(pub(crate) Cleanup);

#[async_trait]
impl Worker for AsRemovals {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn input(&self) -> &[Span] {
        self.0.input()
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        let event = ObjectEvent { kind: EventKind::new("ObjectRemoved:Delete"), ..event.clone() };
        self.0.handle(&event, deadline).await
    }
}
