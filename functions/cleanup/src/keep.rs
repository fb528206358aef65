//! What cleanup does about one source, in the shared loop: steps 3 and 4 of [`brigade::derived::keep`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use brigade::derived::{
    Keeper, Observed, Places, Removal, Run, STATE, Step, Template, WITHDRAWN, never_derived_from, owner_mark, removal_of_all,
};
use brigade::event::{EventKind, KeyError, ObjectEvent, Origin, to_notification_from};
use brigade::storage::{Condition, Copy, CopySource, Encryption, Location, ObjectMeta, PutOptions, Result as Stored};
use brigade::verdict::{Reason, Verdict};
use brigade::worker::Topic;
use brigade::worker::queue::Outgoing;

use crate::config::{Noncurrent, OnDelete};
use crate::judge::{Standing, judge};
use crate::noncurrent;

/// What the notifications of rebuilds name as their configuration and their author.
const ANNOUNCER: &str = "brigade-cleanup";

/// The keeper of one source's derived objects under one template.
pub(crate) struct Cleaning<'a> {
    pub(crate) template: &'a Template,
    pub(crate) on_delete: OnDelete,
    pub(crate) noncurrent: Noncurrent,
    pub(crate) encryption: &'a Encryption,
    /// Where rebuilds are announced.
    pub(crate) topic: Option<(&'a dyn Topic, &'a str)>,
    /// Of this event: one announcement serves all templates.
    pub(crate) announced: &'a AtomicBool,
    /// What a sweep may still remove.
    pub(crate) budget: Option<&'a AtomicU64>,
    /// What of the budget this source has taken so far.
    pub(crate) charged: AtomicU64,
    /// What was removed or withdrawn, or would be under a plan.
    pub(crate) removed: Mutex<Vec<Location>>,
}

#[async_trait]
impl Keeper for Cleaning<'_> {
    fn template(&self) -> &Template {
        self.template
    }

    /// Sizes and formats are not cleanup's business: it takes what is there.
    fn places(&self) -> Places<'_> {
        Places::Anywhere
    }

    fn admit(&self, observed: Observed, _source: &Location, mark: &str) -> Result<Observed, Verdict> {
        Ok(observed.own(mark))
    }

    fn too_long(&self, error: &KeyError) -> Verdict {
        Verdict::skip("derived-key-too-long", error.to_string())
    }

    async fn source_is_gone(&self, run: &mut Run<'_>, observed: &Observed) -> Stored<Step> {
        let removals = match self.on_delete {
            OnDelete::Delete => removal_of_all(observed),
            OnDelete::Tag => removal_of_all(&observed.in_use()),
        };
        if removals.is_empty() {
            return self.clear_noncurrent(run).await;
        }
        let source = run.request().source;
        let places = removals.iter().filter_map(|removal| self.template.place(source, &removal.segment).ok());
        let places: Vec<Location> = places.collect();
        if run.request().plan_only {
            let names: Vec<&str> = removals.iter().map(|removal| removal.segment.as_str()).collect();
            let verb = if self.on_delete == OnDelete::Delete { "remove" } else { "withdraw" };
            let verdict = Verdict::skip("plan", format!("would {verb} {names:?}"));
            self.note(places);
            return Ok(Step::Settled(verdict));
        }
        if let Some(verdict) = self.over_budget(removals.len()) {
            return Ok(Step::Settled(verdict));
        }
        match self.on_delete {
            OnDelete::Delete => {
                let removed = run.remove(&removals).await;
                // Also where one of them did not go: the others did, and are told.
                self.note(run.removed().iter().filter_map(|segment| self.template.place(source, segment).ok()).collect());
                removed?;
            }
            OnDelete::Tag => self.withdraw(run, observed, &removals).await?,
        }
        if self.noncurrent == Noncurrent::Delete && self.on_delete == OnDelete::Delete {
            noncurrent::clear(run, self.template, &owner_mark(source)).await?;
        }
        Ok(Step::Changed { seen: None, then: Verdict::Done })
    }

    async fn source_is_there(&self, run: &mut Run<'_>, observed: &Observed, meta: ObjectMeta, mark: String) -> Stored<Step> {
        let source = run.request().source;
        if let Some(verdict) = never_derived_from(source, observed, &meta) {
            return Ok(Step::Settled(verdict));
        }
        let why = match judge(observed, &meta, &mark, &self.template.directory(source)) {
            Standing::Current => return Ok(Step::Settled(Verdict::Done)),
            Standing::Withdrawn(segments) if !run.request().plan_only => {
                self.restore(run, observed, &segments).await?;
                // What it came to is judged by another pass, which looks at the source again, too.
                return Ok(Step::Again);
            }
            Standing::Withdrawn(segments) => {
                return Ok(Step::Settled(Verdict::skip("plan", format!("would take {segments:?} back"))));
            }
            Standing::Behind(why) => why,
        };
        self.announce(run, &meta, why).await
    }
}

impl Cleaning<'_> {
    /// What was removed, withdrawn or planned to be.
    pub(crate) fn into_removed(self) -> Vec<Location> {
        self.removed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn note(&self, places: Vec<Location>) {
        let mut removed = self.removed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A pass that is run again finds what the one before has left.
        places.into_iter().for_each(|place| {
            if !removed.contains(&place) {
                removed.push(place);
            }
        });
    }

    /// `Some`: the sweep may not remove so many. What it may, it has taken then; a pass that is run again has it already.
    fn over_budget(&self, number: usize) -> Option<Verdict> {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let wanted = number.saturating_sub(self.charged.fetch_max(number, Ordering::Relaxed));
        let taken = self.budget?.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(wanted));
        taken.is_err().then(|| Verdict::skip(crate::sweep::BRAKE, "the sweep has removed as much as it may"))
    }

    /// Older versions, where nothing current is left.
    async fn clear_noncurrent(&self, run: &mut Run<'_>) -> Stored<Step> {
        if self.noncurrent == Noncurrent::Keep || run.request().plan_only {
            return Ok(Step::Settled(Verdict::Done));
        }
        let cleared = noncurrent::clear(run, self.template, &owner_mark(run.request().source)).await?;
        Ok(if cleared { Step::Changed { seen: None, then: Verdict::Done } } else { Step::Settled(Verdict::Done) })
    }

    /// Keeps the bytes, and marks and tags the object, in one conditional request.
    ///
    /// A copy onto itself, and not a tag alone, for three reasons: tagging takes no condition; a tag is not seen by a HEAD,
    /// so that whoever renders would take the object for current and leave the tag on it; and a lifecycle rule counts its
    /// days from the object's creation, so that an old object would go at the rule's next run.
    async fn withdraw(&self, run: &mut Run<'_>, observed: &Observed, removals: &[Removal]) -> Stored<()> {
        for removal in removals {
            let Some(meta) = observed.objects.get(&removal.segment) else { continue };
            self.rewrite(run, &removal.segment, meta, true).await?;
            self.note(self.template.place(run.request().source, &removal.segment).into_iter().collect());
            run.count("withdrawn", 1);
        }
        Ok(())
    }

    /// The reverse of [`Cleaning::withdraw`], for what the current source would be made into again.
    async fn restore(&self, run: &mut Run<'_>, observed: &Observed, segments: &[String]) -> Stored<()> {
        for (segment, meta) in segments.iter().filter_map(|segment| Some((segment, observed.objects.get(segment)?))) {
            self.rewrite(run, segment, meta, false).await?;
            run.count("restored", 1);
        }
        Ok(())
    }

    async fn rewrite(&self, run: &mut Run<'_>, segment: &str, meta: &ObjectMeta, withdrawn: bool) -> Stored<()> {
        let state = withdrawn.then(|| (STATE.to_owned(), WITHDRAWN.to_owned()));
        let metadata = meta.metadata.clone().into_iter().filter(|(name, _)| name != STATE);
        let mut replace = PutOptions {
            condition: Condition::IfMatch(meta.etag.clone()),
            content_type: meta.content_type.clone(),
            cache_control: meta.cache_control.clone(),
            metadata: metadata.chain(state.clone()).collect(),
            encryption: self.encryption.clone(),
            ..PutOptions::default()
        };
        replace.tags.extend(state);
        let at = self.template.place(run.request().source, segment);
        let Ok(at) = at else { return Ok(()) };
        let source = CopySource { at, version_id: None, if_match: Some(meta.etag.clone()) };
        run.copy(segment, Copy { source, replace: Some(replace) }).await.map(drop)
    }

    /// Has somebody make what is missing or stale, who knows how.
    async fn announce(&self, run: &mut Run<'_>, meta: &ObjectMeta, why: &'static str) -> Stored<Step> {
        let source = run.request().source;
        if run.request().plan_only {
            return Ok(Step::Settled(Verdict::skip("plan", format!("would announce {source}: {why}"))));
        }
        let Some((topic, arn)) = self.topic else {
            let detail = format!("{source}: {why}, and BRIGADE_ANNOUNCE is not set");
            return Ok(Step::Settled(Verdict::Park(Reason::new("not-announced", detail))));
        };
        if self.announced.load(Ordering::Relaxed) {
            return Ok(Step::Settled(Verdict::Done));
        }
        let message = Outgoing { body: notification(source, meta), ..Outgoing::default() };
        let published = tokio::time::timeout_at(run.request().deadline.work_ends(), topic.publish(arn, message)).await;
        Ok(Step::Settled(match published {
            Ok(Ok(())) => {
                self.announced.store(true, Ordering::Relaxed);
                run.count("announced", 1);
                Verdict::Done
            }
            Ok(Err(error)) if error.retry => Verdict::retry("announce-failed", error.to_string()),
            Ok(Err(error)) => Verdict::park("announce-refused", error.to_string()),
            Err(_) => Verdict::retry("announce-failed", "no time left"),
        }))
    }
}

/// S3's document of the source's creation, as the source is now. No sequencer: nothing has happened.
fn notification(source: &Location, meta: &ObjectMeta) -> String {
    let event = ObjectEvent {
        kind: EventKind::announced(),
        bucket: source.bucket.clone(),
        region: None,
        key: source.key.clone(),
        other_key: None,
        version_id: meta.version_id.clone(),
        etag: Some(meta.etag.clone()),
        size: Some(meta.size),
        sequencer: None,
        time: Some(meta.last_modified),
    };
    let origin = Origin { configuration_id: ANNOUNCER.to_owned(), principal_id: ANNOUNCER.to_owned(), ..Origin::default() };
    to_notification_from(&event, &origin).to_string()
}
