//! `brigade logs parse`: every line as an object of JSON.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use brigade_compact::lines::{LineReader, Piece, split};
use brigade_compact::record::{FIELDS, Record, Reject, Value, is_blank, parse, write_rfc3339};

use super::inputs::unpacked;
use crate::failure::Failure;

/// Print each line of access logs as one object of JSON, in the order of the lines.
///
/// A record has the 27 fields under the names that Athena's documentation gives them, in the order of the line, and `extra` for
/// whatever follows the 27th: `requestdatetime` as RFC 3339 in UTC (2019-02-06T00:00:38Z); `httpstatus`, `bytessent`,
/// `objectsize`, `totaltime` and `turnaroundtime` as numbers; all others as text, as they are in the line (keys stay
/// URL-encoded);
/// null for what is `-` in the line, or what a line of its age does not have. Bytes that are no UTF-8 become U+FFFD.
///
/// A line that is no record is {"reject": REASON, "line": N}, N counting the lines of its file from 1; where several files
/// are read, with "file" in front. Blank lines print nothing. The exit code is 0 whatever the lines hold; it is 3 where a
/// file can't be read to its end, after all that could be read is printed.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade logs parse access.log.gz | jq -c 'select(.httpstatus == 403)'\n  \
    aws s3 cp s3://LOGS/2026-11-22-05-17-09-ABCDEF - | brigade logs parse")]
pub(super) struct Arguments {
    /// Files to read, compressed by gzip or not; `-` or none at all is standard input.
    files: Vec<PathBuf>,
    /// Say so explicitly: JSON lines are the only form.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let standard_input = [PathBuf::from("-")];
    let files = if arguments.files.is_empty() { standard_input.as_slice() } else { &arguments.files };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut unreadable = Vec::new();
    for file in files {
        let name = (files.len() > 1).then(|| file.to_string_lossy());
        match print(file, name.as_deref(), &mut out) {
            Ok(()) => {}
            Err(Failed::Read(error)) => unreadable.push(format!("{}: {error}", file.display())),
            Err(Failed::Print(error)) => return Err(error.into()),
        }
    }
    out.flush()?;
    if unreadable.is_empty() { Ok(()) } else { Err(Failure::Environment(unreadable.join("\n"))) }
}

enum Failed {
    Read(io::Error),
    Print(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

fn print(file: &Path, name: Option<&str>, out: &mut impl Write) -> Result<(), Failed> {
    let opened: Box<dyn io::Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        Some(place) if place.starts_with("s3://") => {
            let problem = format!("only files are read here: aws s3 cp {place} - | brigade logs parse");
            return Err(io::Error::other(problem).into());
        }
        _ => Box::new(File::open(file)?),
    };
    let (mut number, mut text) = (0_u64, String::new());
    LineReader::default().read(unpacked(opened)?, |piece| {
        match piece {
            Piece::Lines(lines) => {
                for line in split(lines) {
                    number += 1;
                    text.clear();
                    match parse(line) {
                        _ if is_blank(line) => continue,
                        Ok(record) => object(&record, &mut text),
                        Err(reason) => reject(name, reason, number, &mut text),
                    }
                    out.write_all(text.as_bytes()).map_err(Failed::Print)?;
                }
            }
            Piece::TooLong(_) => {
                number += 1;
                text.clear();
                reject(name, Reject::TooLong, number, &mut text);
                out.write_all(text.as_bytes()).map_err(Failed::Print)?;
            }
        }
        Ok(())
    })
}

fn object(record: &Record<'_>, out: &mut String) {
    let mut begin = '{';
    for field in FIELDS {
        out.push(begin);
        begin = ',';
        quoted(field.name, out);
        out.push(':');
        match record.value(field.kind) {
            Value::Null => out.push_str("null"),
            Value::Number(number) => out.push_str(&number.to_string()),
            Value::Text(text) => quoted(&String::from_utf8_lossy(text), out),
            Value::Time(seconds) => {
                out.push('"');
                // Writing to a String can't fail.
                let _ = write_rfc3339(seconds, out);
                out.push('"');
            }
        }
    }
    out.push_str("}\n");
}

fn reject(name: Option<&str>, reason: Reject, line: u64, out: &mut String) {
    out.push('{');
    if let Some(name) = name {
        out.push_str("\"file\":");
        quoted(name, out);
        out.push(',');
    }
    out.push_str(&format!("\"reject\":\"{}\",\"line\":{line}}}\n", reason.code()));
}

/// A JSON string.
fn quoted(text: &str, out: &mut String) {
    // A string can always be written.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
