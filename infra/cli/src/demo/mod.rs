//! `brigade demo`: photos through the whole path, and a look at what came out.

mod deletion;
mod font;
mod outcome;
mod photo;
mod report;
mod sheet;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use brigade::event::BucketName;
use brigade::storage::{PutOptions, Store};
use brigade_local::LocalCloud;
use brigade_thumbnail::Config;

use self::deletion::Deletion;
use self::outcome::{Outcome, Stopwatch};
use self::photo::Photo;
use self::report::Report;
use crate::binary::Binaries;
use crate::failure::Failure;
use crate::functions::{CLEANUP, THUMBNAIL};
use crate::stage;

/// Everything has to come to rest within this; a photo takes a fraction of a second.
const REST: Duration = Duration::from_secs(60);
/// The queue's name is the function's.
const QUEUE: &str = THUMBNAIL.package;
/// The last lines of the log arrive a moment after the queue is empty.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Send photos through the whole path on this machine, and show what comes out.
///
/// An upload to a bucket becomes a notification, goes through a topic and a queue to the real function binary, which
/// reads the photo over S3's protocol and writes thumbnails and a sidecar. Then one photo is deleted from the bucket again, and
/// the function for that takes away what was made of it. Prints a table, and writes the thumbnails and a contact sheet. The exit
/// code is 0 only if all is right: every thumbnail has the very bytes that the core makes in this process, what is no picture is
/// in the parking queue with its reason, nothing else was written, and nothing else went.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade demo\n  brigade demo ~/Pictures/*.jpg --out /tmp/demo")]
pub(crate) struct Arguments {
    /// Your own photos; without any, some are drawn.
    photos: Vec<PathBuf>,
    /// Where thumbnails and contact sheet go; what an earlier run left there stays.
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
    #[command(flatten)]
    binaries: Binaries,
    /// Print one line of JSON for each photo, and one for the whole.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let bucket = BucketName::new("photos");
    let photos = match arguments.photos.as_slice() {
        [] => photo::drawn(&bucket)?,
        files => photo::own(&bucket, files)?,
    };
    let variables = stage::variables(&THUMBNAIL, &[]);
    let environment = stage::environment(&THUMBNAIL, &variables)?;
    let config = Config::read(&environment).map_err(|mistakes| Failure::Environment(mistakes.to_string()))?;
    let program = arguments.binaries.of(&THUMBNAIL).await?;
    let cleanup = arguments.binaries.of(&CLEANUP).await?;
    let cloud = stage::cloud(0).await?;
    let outcomes = async {
        stage::put_up(&cloud, &THUMBNAIL, program, variables).await?;
        stage::put_up(&cloud, &CLEANUP, cleanup, stage::variables(&CLEANUP, &[])).await?;
        let mut outcomes = through(&cloud, &config, &photos).await?;
        outcomes.deletion = deletion::delete(&cloud, &config.template, &photos, &outcomes.each).await?;
        Ok(outcomes)
    };
    let outcomes: Result<Outcomes, Failure> = outcomes.await;
    cloud.shutdown().await;
    let outcomes = outcomes?;
    let memory = config.memory().total();
    let checked = photos
        .iter()
        .zip(&outcomes.each)
        .map(|(photo, outcome)| verify::wrong(photo, outcome, &verify::settings_for(&config.settings, memory, photo)));
    let checked: Vec<Vec<String>> = checked.collect();
    let report = Report {
        photos: &photos,
        outcomes: &outcomes.each,
        wrong: &checked,
        also_wrong: &outcomes.wrong,
        deletion: outcomes.deletion.as_ref(),
    };
    write(&arguments.out, &report)?;
    report.print(&arguments.out, arguments.json)
}

/// What came of all photos.
struct Outcomes {
    each: Vec<Outcome>,
    /// What is wrong with the whole.
    wrong: Vec<String>,
    /// Of one of them, when all that was looked at.
    deletion: Option<Deletion>,
}

/// Uploads, waits until all is at rest, and collects.
async fn through(cloud: &LocalCloud, config: &Config, photos: &[Photo]) -> Result<Outcomes, Failure> {
    let store = cloud.store();
    let stopwatch = Stopwatch::on(&store);
    let mut events = cloud.host().events();
    let mut uploaded = Vec::new();
    let storage = |error: brigade::storage::StoreError| Failure::Environment(error.to_string());
    for photo in photos {
        uploaded.push(Instant::now());
        store.put(&photo.at, photo.bytes.clone(), PutOptions::default()).await.map_err(storage)?;
    }
    let mut verdicts = BTreeMap::new();
    let mut wrong = Vec::new();
    let queues = [QUEUE];
    let follow = outcome::follow(&mut events, photos.len(), &mut verdicts);
    let follow = tokio::time::timeout(REST + LAST_LINES, follow);
    let (rest, _) = tokio::join!(cloud.idle(&queues, REST), follow);
    if let Err(busy) = rest {
        wrong.push(busy.to_string());
    }
    let queue = |error: brigade_local::sqs::SqsError| Failure::Environment(error.to_string());
    let dead = cloud.queues().depth(&format!("{QUEUE}-dlq")).map_err(queue)?.total();
    if dead > 0 {
        wrong.push(format!("{dead} messages are in the dead-letter queue"));
    }
    let mut parked = outcome::parked(cloud, &format!("{QUEUE}-parked")).await.map_err(queue)?;
    let mut each = Vec::new();
    for (photo, uploaded) in photos.iter().zip(uploaded) {
        let outcome = outcome::of_photo(&store, &config.template, photo, &stopwatch, uploaded).await.map_err(storage)?;
        let key = photo.at.key.as_str();
        each.push(Outcome { verdict: verdicts.remove(key), parked: parked.remove(key), ..outcome });
    }
    Ok(Outcomes { each, wrong, deletion: None })
}

/// Writes the thumbnails, the sidecars and the contact sheet.
fn write(out: &Path, report: &Report<'_>) -> Result<(), Failure> {
    let write = |path: &Path, bytes: &[u8]| {
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, bytes));
        written.map_err(|error| Failure::environment(path.display(), error))
    };
    for (photo, outcome) in report.photos.iter().zip(report.outcomes) {
        let folder = report::folder(out, photo);
        for (name, bytes) in &outcome.outputs {
            write(&folder.join(name), bytes)?;
        }
        if let Some(sidecar) = &outcome.sidecar {
            write(&folder.join(brigade::derived::SIDECAR), &sidecar.to_bytes())?;
        }
    }
    let sheet = sheet::png(report).map_err(|error| Failure::environment("the contact sheet", error))?;
    write(&out.join(report::SHEET), &sheet)
}
