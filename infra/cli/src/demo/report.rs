//! What is told of the photos: a table for people, lines for machines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use brigade::config::format_bytes;
use serde_json::{Value, json};

use super::deletion::Deletion;
use super::outcome::Outcome;
use super::photo::Photo;
use crate::failure::Failure;
use crate::live::printable;
use crate::print;

/// The contact sheet's file name.
pub(super) const SHEET: &str = "contact-sheet.png";

/// Where a photo's thumbnails go.
pub(super) fn folder(out: &Path, photo: &Photo) -> PathBuf {
    out.join("thumbnails").join(&photo.name)
}

/// Photos, what came of each, and what is wrong with that.
pub(super) struct Report<'a> {
    pub(super) photos: &'a [Photo],
    pub(super) outcomes: &'a [Outcome],
    pub(super) wrong: &'a [Vec<String>],
    /// What is wrong with the whole.
    pub(super) also_wrong: &'a [String],
    /// One of the photos was deleted in the end.
    pub(super) deletion: Option<&'a Deletion>,
}

impl Report<'_> {
    /// Prints it.
    ///
    /// # Errors
    /// `Findings`, with everything that is wrong.
    pub(super) fn print(&self, out: &Path, as_json: bool) -> Result<(), Failure> {
        let wrong = self.all_wrong();
        if as_json {
            for (photo, (outcome, wrong)) in self.photos.iter().zip(self.outcomes.iter().zip(self.wrong)) {
                print::line(line(out, photo, outcome, wrong))?;
            }
            let deleted = self.deletion.map(|d| json!({"file": d.photo, "gone": d.gone, "ms": millis(d.took)}));
            let whole = json!({
                "photos": self.photos.len(), "contact_sheet": out.join(SHEET), "deleted": deleted, "wrong": wrong,
            });
            print::line(whole)?;
        } else {
            print::line(self.table())?;
            print::line("")?;
            if let Some(Deletion { photo, gone, took, .. }) = self.deletion {
                let photo = printable(photo);
                let ms = took.as_millis();
                print::line(format!(
                    "{photo} was deleted from the bucket: {gone} derived objects went with it, within {ms} ms."
                ))?;
            }
        }
        if !wrong.is_empty() {
            return Err(Failure::Findings(format!("not all is right:\n  {}", wrong.join("\n  "))));
        }
        if !as_json {
            print::line(
                "All is right: every thumbnail had the bytes that the core makes, and nothing else was written or went.",
            )?;
            print::line(format!("Contact sheet: {}", out.join(SHEET).display()))?;
        }
        Ok(())
    }

    fn all_wrong(&self) -> Vec<String> {
        let each = self.photos.iter().zip(self.wrong);
        let each = each.flat_map(|(photo, wrong)| wrong.iter().map(|wrong| format!("{}: {wrong}", photo.name)));
        let deletion = self.deletion.iter().flat_map(|deletion| &deletion.wrong);
        each.chain(self.also_wrong.iter().chain(deletion).cloned()).collect()
    }

    fn table(&self) -> String {
        let heading = ["photo", "what", "upright", "verdict", "time", "outputs"].map(str::to_owned);
        let row = |(photo, outcome): (&Photo, &Outcome)| {
            let verdict = outcome.verdict.as_ref().map_or("none", |verdict| verdict.verdict.as_str()).to_owned();
            let took = outcome.took.map_or_else(|| "-".to_owned(), |took| format!("{:>4} ms", took.as_millis()));
            [printable(&photo.name), photo.about.clone(), upright(outcome), verdict, took, printable(&outputs(outcome))]
        };
        let rows = self.photos.iter().zip(self.outcomes).map(row);
        print::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn about<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a Value> {
    outcome.sidecar.as_ref()?.about.get(name)
}

/// Such as `jpeg 1600x1200`, as the sidecar has it.
pub(super) fn upright(outcome: &Outcome) -> String {
    let number = |name| about(outcome, name).and_then(Value::as_u64);
    match (about(outcome, "format").and_then(Value::as_str), number("width"), number("height")) {
        (Some(format), Some(width), Some(height)) => format!("{format} {width}x{height}"),
        _ => "-".to_owned(),
    }
}

/// Why there are no thumbnails.
pub(super) fn reason(outcome: &Outcome) -> Option<&str> {
    outcome.verdict.as_ref()?.reason.as_deref()
}

fn outputs(outcome: &Outcome) -> String {
    let listed = outcome.sidecar.iter().flat_map(|sidecar| &sidecar.outputs);
    let one = |output: &brigade::derived::ListedOutput| {
        let number = |name: &str| output.about.get(name).and_then(Value::as_u64).unwrap_or_default();
        format!("{}x{} {}", number("width"), number("height"), format_bytes(output.bytes))
    };
    let texts: Vec<String> = listed.map(one).collect();
    if texts.is_empty() { reason(outcome).unwrap_or("-").to_owned() } else { texts.join(", ") }
}

/// One photo as JSON.
fn line(out: &Path, photo: &Photo, outcome: &Outcome, wrong: &[String]) -> Value {
    let folder = folder(out, photo);
    let output = |output: &brigade::derived::ListedOutput| {
        let name = output.key.rsplit('/').next().unwrap_or_default();
        json!({
            "path": folder.join(name), "bytes": output.bytes,
            "width": output.about.get("width"), "height": output.about.get("height"),
        })
    };
    let outputs = outcome.sidecar.iter().flat_map(|sidecar| &sidecar.outputs).map(output);
    json!({
        "file": photo.name,
        "bucket": photo.at.bucket.as_str(),
        "key": photo.at.key.as_str(),
        "verdict": outcome.verdict.as_ref().map(|verdict| &verdict.verdict),
        "reason": reason(outcome),
        "detail": outcome.verdict.as_ref().and_then(|verdict| verdict.detail.as_deref()),
        "format": about(outcome, "format"),
        "width": about(outcome, "width"),
        "height": about(outcome, "height"),
        "outputs": outputs.collect::<Vec<_>>(),
        "ms": outcome.took.map(millis),
        "wrong": wrong,
    })
}
