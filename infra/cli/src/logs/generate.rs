//! `brigade logs generate`: realistic logs by seed, and what they say.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use brigade::config::{parse_bytes, parse_count};
use brigade_compact::samples::{Lines, Traffic};

use crate::failure::Failure;
use crate::print;

/// Write access logs as S3 would: every family of operations, multi-object deletes, lifecycle, copies, raw quotes, records of
/// every age, a few lines that are none.
///
/// The same options give the same bytes. Without --out the lines go to standard output; with it, they are spread over log
/// objects named as S3 names them (2026-11-22-00-10-00-0123456789ABCDEF), each of one bucket. --truth writes what `brigade
/// logs parse` has to print for each line, with "reject": true for what is no record; with several files, one after the
/// other in the order of their names' numbers, "line" counting within the file.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade logs generate --lines 1000 | brigade logs parse\n  \
    brigade logs generate --bytes 500MB --files 5000 --out logs --seed 7")]
pub(super) struct Arguments {
    /// Lines in all; k, M and G are understood.
    #[arg(long, value_name = "N", value_parser = parse_count, default_value = "1000", conflicts_with = "bytes")]
    lines: u64,
    /// Bytes in all instead, to the end of the line that reaches them.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    bytes: Option<u64>,
    /// Log objects; needs --out.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    files: u64,
    /// Folder of the log objects.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File for what the lines say.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Another seed, other lines.
    #[arg(long, default_value = "7")]
    seed: u64,
    /// Buckets, one for each log object in turn.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=1000))]
    buckets: u64,
    /// Requests in a second, for each bucket.
    #[arg(long, value_name = "N", default_value = "8", value_parser = parse_rate)]
    rate: f64,
    /// Lines of 10,000 that are no records.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    malformed: u32,
    /// Say so explicitly: what is printed beside the lines is JSON.
    #[arg(long)]
    json: bool,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate)).ok_or_else(|| "expected 0.001 to 1000000".to_owned())
}

/// What is left to be written.
#[derive(Clone, Copy)]
enum Left {
    Lines(u64),
    Bytes(u64),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.out.is_none() && arguments.files > 1 {
        return Err(Failure::Usage("--files needs --out: standard output is one file".to_owned()));
    }
    let mut truth = match &arguments.truth {
        Some(path) => Some(BufWriter::new(File::create(path).map_err(|error| Failure::environment(path.display(), error))?)),
        None => None,
    };
    let mut buckets: Vec<Lines> = (0..arguments.buckets).map(|n| Lines::new(traffic(arguments, n))).collect();
    let Some(out) = &arguments.out else {
        let mut standard = BufWriter::new(io::stdout().lock());
        if let Some(lines) = buckets.first_mut() {
            write(lines, share(arguments, 0), &mut standard, truth.as_mut())?;
        }
        return finish(standard, truth);
    };
    fs::create_dir_all(out).map_err(|error| Failure::environment(out.display(), error))?;
    let mut bytes = 0;
    for file in 0..arguments.files {
        let bucket = usize::try_from(file % arguments.buckets).unwrap_or_default();
        let Some(lines) = buckets.get_mut(bucket) else { break };
        bytes += object(out, lines, share(arguments, file), truth.as_mut())?;
    }
    finish(io::sink(), truth)?;
    Ok(print::line(serde_json::json!({"files": arguments.files, "bytes": bytes, "out": out}))?)
}

fn traffic(arguments: &Arguments, bucket: u64) -> Traffic {
    let mut traffic = Traffic { rate: arguments.rate, malformed: arguments.malformed, ..Traffic::default() };
    traffic.seed = arguments.seed.wrapping_add(bucket);
    if bucket > 0 {
        traffic.bucket = format!("{}-{bucket}", traffic.bucket);
    }
    traffic
}

/// What one of the files gets.
fn share(arguments: &Arguments, file: u64) -> Left {
    let part = |total: u64| total / arguments.files + u64::from(file < total % arguments.files);
    arguments.bytes.map_or(Left::Lines(part(arguments.lines)), |bytes| Left::Bytes(part(bytes)))
}

/// Writes a log object under the name that S3 would give it; its bytes.
fn object(out: &Path, lines: &mut Lines, left: Left, truth: Option<&mut BufWriter<File>>) -> Result<u64, Failure> {
    let unique = lines.unique();
    let unnamed = out.join(format!(".{unique}"));
    let failure = |error: io::Error| Failure::environment(out.display(), error);
    let mut file = BufWriter::new(File::create(&unnamed).map_err(failure)?);
    let bytes = write(lines, left, &mut file, truth)?;
    file.flush().map_err(failure)?;
    fs::rename(&unnamed, out.join(format!("{}-{unique}", lines.delivery()))).map_err(failure)?;
    Ok(bytes)
}

fn write(lines: &mut Lines, left: Left, out: &mut impl Write, mut truth: Option<&mut BufWriter<File>>) -> Result<u64, Failure> {
    let (mut line, mut number, mut bytes) = (String::new(), 0, 0);
    let more = |number: u64, bytes: u64| match left {
        Left::Lines(lines) => number < lines,
        Left::Bytes(all) => bytes < all,
    };
    while more(number, bytes) {
        number += 1;
        line.clear();
        let told = lines.write(&mut line);
        line.push('\n');
        bytes += line.len() as u64;
        out.write_all(line.as_bytes())?;
        if let Some((truth, json)) = truth.as_mut().zip(told.json(number)) {
            writeln!(truth, "{json}")?;
        }
    }
    Ok(bytes)
}

fn finish(mut out: impl Write, truth: Option<BufWriter<File>>) -> Result<(), Failure> {
    out.flush()?;
    match truth {
        Some(mut truth) => Ok(truth.flush()?),
        None => Ok(()),
    }
}
