//! `brigade thumbnail`: the function's core on local files, without a cloud.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use brigade::config::{Fallback, Variable};
use brigade_thumbnail::pixels::{Enlarge, Fit, Format, Limits, Reject, Rendered, Settings, render};
use brigade_thumbnail::{
    ENLARGE, FIT, FORMAT, LIMITS, QUALITY, SIZES, parse_enlarge, parse_fit, parse_format, parse_limits, parse_quality,
    parse_sizes,
};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::{names, print};

/// What `memory=auto` is here: what a function of 1,024 MB has for one picture.
const MEMORY: u64 = 976 << 20;
/// Threads at once.
const MAX_JOBS: usize = 64;

/// Make thumbnails of local files, with the same core as the function.
///
/// Prints one line of JSON for each file, in the order given: `file`, `format`, `width` and `height` (upright),
/// `outputs`, `profile` (what became of the colour profile), `warnings` and `dominant` (a colour), or `file` and
/// `reject` with its `code`. The outputs are DIR/<file name>/<size>.<ext>; where two files have the same name, the
/// later ones get DIR/<file name>~2/ and so on. The exit code is 0 when each file got one of the two; a file that
/// can't be read gets a line with `error`, the others are still done, and the exit code is 3.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade thumbnail photos/*.jpg\n  \
    brigade thumbnail --sizes 64,1024 --fit cover --format webp --out small --jobs 4 *.png")]
pub(crate) struct Arguments {
    /// Images; what they are is told by their content.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the outputs go.
    #[arg(long, value_name = "DIR", default_value = "thumbnails")]
    out: PathBuf,
    /// Files at once, each on a thread of its own: 1 to 64.
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_jobs)]
    jobs: usize,
    #[command(flatten)]
    settings: SettingsArguments,
    /// Say so explicitly: JSON lines are the only form.
    #[arg(long)]
    json: bool,
}

/// The function's variables as flags, with the declared defaults.
#[derive(clap::Args)]
struct SettingsArguments {
    #[arg(long, default_value = default(&SIZES), help = SIZES.meaning, value_parser = sizes)]
    sizes: Sizes,
    #[arg(long, default_value = default(&FIT), help = FIT.meaning, value_parser = parse_fit)]
    fit: Fit,
    #[arg(long, default_value = default(&FORMAT), help = FORMAT.meaning, value_parser = parse_format)]
    format: Format,
    #[arg(long, default_value = default(&QUALITY), help = QUALITY.meaning, value_parser = parse_quality)]
    quality: u8,
    #[arg(long, default_value = default(&ENLARGE), help = ENLARGE.meaning, value_parser = parse_enlarge)]
    enlarge: Enlarge,
    #[arg(long, default_value = default(&LIMITS), help = LIMITS.meaning, value_parser = limits)]
    limits: Limits,
}

/// A list that is one argument.
#[derive(Clone)]
struct Sizes(Vec<u32>);

fn sizes(text: &str) -> Result<Sizes, String> {
    parse_sizes(text).map(Sizes)
}

fn limits(text: &str) -> Result<Limits, String> {
    parse_limits(text, MEMORY)
}

fn default(variable: &Variable) -> &'static str {
    match variable.fallback {
        Fallback::Value(value) => value,
        // Then the flag has to be given.
        Fallback::Required | Fallback::Unset(_) | Fallback::Computed(_) => "",
    }
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=MAX_JOBS).contains(n)).ok_or_else(|| format!("expected 1 to {MAX_JOBS}"))
}

impl SettingsArguments {
    fn settings(&self) -> Settings {
        let Self { sizes, fit, format, quality, enlarge, limits } = self;
        Settings { sizes: sizes.0.clone(), fit: *fit, format: *format, quality: *quality, enlarge: *enlarge, limits: *limits }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.settings.settings();
    let folders = names::unique(&arguments.files).into_iter().map(|name| arguments.out.join(name));
    let work: Vec<(&Path, PathBuf)> = arguments.files.iter().map(PathBuf::as_path).zip(folders).collect();
    let mut failed = 0_usize;
    in_order(
        &work,
        arguments.jobs,
        |(file, folder)| line(file, folder, &settings),
        |line| {
            failed += usize::from(line.get("error").is_some());
            print::line(line)
        },
    )?;
    match failed {
        0 => Ok(()),
        n => Err(Failure::Environment(format!("{n} of {} files could not be done; see the lines with an error", work.len()))),
    }
}

/// Does `work` on `jobs` threads, and hands the results on in the order of the work.
fn in_order<W: Sync, R: Send>(
    work: &[W],
    jobs: usize,
    job: impl Fn(&W) -> R + Sync,
    mut done: impl FnMut(R) -> io::Result<()>,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::sync_channel(jobs);
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(work.len()) {
            let (sender, next, job) = (sender.clone(), &next, &job);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = work.get(index) else { break };
                    // Nobody listens once a line could not be printed.
                    if sender.send((index, job(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, result) in results {
            early.insert(index, result);
            while let Some(result) = early.remove(&due) {
                done(result)?;
                due += 1;
            }
        }
        Ok(())
    })
}

/// The line of one file.
fn line(file: &Path, folder: &Path, settings: &Settings) -> Value {
    let name = file.to_string_lossy();
    let done = match read(file, settings.limits.bytes) {
        Err(error) => Err(error),
        Ok(Err(reject)) => Ok(Err(reject)),
        Ok(Ok(bytes)) => rendered(&bytes, settings),
    };
    match done {
        Err(error) => json!({"file": name, "error": error.to_string()}),
        Ok(Err(reject)) => json!({"file": name, "reject": reject.to_string(), "code": reject.code()}),
        Ok(Ok(rendered)) => match write(&rendered, folder) {
            Err(error) => json!({"file": name, "error": format!("{}: {error}", folder.display())}),
            Ok(outputs) => json!({
                "file": name, "format": rendered.format.to_string(),
                "width": rendered.width, "height": rendered.height, "outputs": outputs,
                "profile": rendered.profile.code(), "warnings": rendered.warnings(),
                "dominant": rendered.placeholder.dominant_hex(),
            }),
        },
    }
}

/// A decoder's panic concerns its file alone.
fn rendered(bytes: &[u8], settings: &Settings) -> io::Result<Result<Rendered, Reject>> {
    catch_unwind(AssertUnwindSafe(|| render(bytes, settings))).map_err(|_| io::Error::other("the decoder panicked"))
}

/// The file's bytes, or the refusal to read that many.
fn read(file: &Path, limit: u64) -> io::Result<Result<Vec<u8>, Reject>> {
    let opened = File::open(file)?;
    let about = opened.metadata()?;
    if about.is_dir() {
        return Err(io::Error::other(format!("is a directory; name its files, such as {}/*", file.display())));
    }
    if about.len() > limit {
        return Ok(Err(Reject::TooManyBytes { bytes: about.len(), limit }));
    }
    // What grows while it is read, or tells no length, stays bounded; the core then says that it is too large.
    let mut bytes = Vec::new();
    opened.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Ok(bytes))
}

fn write(rendered: &Rendered, folder: &Path) -> io::Result<Vec<Value>> {
    fs::create_dir_all(folder)?;
    let one = |output: &brigade_thumbnail::pixels::Output| {
        let path = folder.join(format!("{}.{}", output.size, output.ext));
        fs::write(&path, &output.bytes)?;
        let (width, height, bytes) = (output.width, output.height, output.bytes.len());
        Ok(json!({"path": path.to_string_lossy(), "width": width, "height": height, "bytes": bytes}))
    };
    rendered.outputs.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_work() {
        let work: Vec<usize> = (0..100).collect();
        let mut seen = Vec::new();
        // The first is done last, so that all others wait for it.
        let (sender, receiver) = mpsc::sync_channel(100);
        let receiver = std::sync::Mutex::new(receiver);
        let job = |n: &usize| {
            match n {
                0 => (1..100).for_each(|_| receiver.lock().unwrap().recv().unwrap()),
                _ => sender.send(()).unwrap(),
            }
            *n
        };
        let done = |n| {
            seen.push(n);
            Ok(())
        };
        in_order(&work, 2, job, done).unwrap();
        assert_eq!(seen, work);
    }
}
