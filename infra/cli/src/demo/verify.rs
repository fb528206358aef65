//! Whether what came out is right: compared with the pure core, on the same bytes, in this process.

use brigade_thumbnail::pixels::{Limits, Reject, Rendered, Settings, render};

use super::outcome::Outcome;
use super::photo::{Expected, Photo};

/// The function's settings for one source: the source itself takes a part of the memory that pictures may have.
pub(super) fn settings_for(settings: &Settings, memory: u64, photo: &Photo) -> Settings {
    let left = memory.saturating_sub(photo.bytes.len() as u64);
    let limits = Limits { memory: settings.limits.memory.min(left), ..settings.limits };
    Settings { limits, ..settings.clone() }
}

/// Everything that is wrong; empty where all is right.
pub(super) fn wrong(photo: &Photo, outcome: &Outcome, settings: &Settings) -> Vec<String> {
    let mut wrong = Wrong(Vec::new());
    if photo.expected == Expected::Skipped {
        wrong.verdict(outcome, "skip");
        wrong.unless(outcome.sidecar.is_none() && outcome.outputs.is_empty(), || "something was derived from it".into());
        return wrong.0;
    }
    match render(&photo.bytes, settings) {
        Ok(rendered) => wrong.thumbnails(photo, outcome, &rendered),
        Err(reject) => wrong.rejection(photo, outcome, &reject),
    }
    wrong.0
}

struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, right: bool, problem: impl FnOnce() -> String) {
        if !right {
            self.0.push(problem());
        }
    }

    fn verdict(&mut self, outcome: &Outcome, expected: &str) {
        let verdict = outcome.verdict.as_ref().map_or("none", |verdict| verdict.verdict.as_str());
        self.unless(verdict == expected, || format!("the verdict is {verdict}, not {expected}"));
    }

    fn thumbnails(&mut self, photo: &Photo, outcome: &Outcome, rendered: &Rendered) {
        let (width, height) = (rendered.width, rendered.height);
        match photo.expected {
            Expected::Upright(w, h) => {
                self.unless((width, height) == (w, h), || format!("it is {width}x{height}, and should be {w}x{h}"));
            }
            Expected::Parked => self.0.push("it was taken for a picture".into()),
            Expected::AsTheCoreSays | Expected::Skipped => {}
        }
        self.verdict(outcome, "done");
        self.unless(outcome.parked.is_none(), || "its message is in the parking queue".into());
        for output in &rendered.outputs {
            let name = format!("{}.{}", output.size, output.ext);
            match outcome.outputs.get(&name) {
                None => self.0.push(format!("{name} is missing")),
                Some(bytes) => self.unless(*bytes == output.bytes, || format!("{name} differs from what the core makes")),
            }
        }
        let (found, made) = (outcome.outputs.len(), rendered.outputs.len());
        self.unless(found == made, || format!("{found} outputs instead of {made}"));
        self.sidecar(outcome, rendered);
    }

    fn sidecar(&mut self, outcome: &Outcome, rendered: &Rendered) {
        let Some(sidecar) = &outcome.sidecar else {
            return self.0.push("there is no sidecar".into());
        };
        let about = |name: &str| sidecar.about.get(name).and_then(serde_json::Value::as_u64);
        let told = (about("width"), about("height"));
        let right = (Some(u64::from(rendered.width)), Some(u64::from(rendered.height)));
        self.unless(told == right, || format!("the sidecar tells {told:?} as its size"));
        self.unless(sidecar.reject.is_none(), || "the sidecar has a reject".into());
        let listed: Vec<(String, u64)> =
            sidecar.outputs.iter().map(|o| (o.key.rsplit('/').next().unwrap_or_default().to_owned(), o.bytes)).collect();
        let made: Vec<(String, u64)> =
            rendered.outputs.iter().map(|o| (format!("{}.{}", o.size, o.ext), o.bytes.len() as u64)).collect();
        self.unless(listed == made, || format!("the sidecar lists {listed:?}"));
    }

    fn rejection(&mut self, photo: &Photo, outcome: &Outcome, reject: &Reject) {
        if let Expected::Upright(..) = photo.expected {
            self.0.push(format!("the core rejects it: {reject}"));
        }
        self.verdict(outcome, "park");
        let told = outcome.sidecar.as_ref().and_then(|sidecar| sidecar.reject.as_ref()).map(|reject| reject.code.as_str());
        self.unless(told == Some(reject.code()), || format!("the sidecar's reject is {told:?}, not {}", reject.code()));
        let parked = outcome.parked.as_deref();
        self.unless(parked == Some(reject.code()), || format!("the parking queue has {parked:?}, not {}", reject.code()));
        self.unless(outcome.outputs.is_empty(), || "it has outputs".into());
    }
}
