//! `brigade decode`: what the functions would read out of any text that holds S3 events.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use brigade::event::{decode_document, decoded_line};

use crate::failure::Failure;
use crate::print;

/// A longer file is refused: a Lambda payload has 6 MB at most, and this is for a good many of them.
const MAX_BYTES: u64 = 256 << 20;

/// Print each record of an event as one line of JSON.
///
/// Takes a Lambda payload, the reply of `aws sqs receive-message`, a bare message body, or several of them one after the
/// other. Each record is a line with `envelope`, `event`, `bucket`, `key` (decoded), `version_id`, `etag`, `size` and
/// `sequencer`; what can't be read is a line with `error`. The exit code is 0 whatever the records hold.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade decode events/sqs-sns-put.json\n  \
    aws sqs receive-message --queue-url URL | brigade decode")]
pub(crate) struct Arguments {
    /// Files to read; `-` or none at all is standard input.
    files: Vec<PathBuf>,
    /// Say so explicitly: JSON lines are the only form.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let standard_input = [PathBuf::from("-")];
    let files = if arguments.files.is_empty() { standard_input.as_slice() } else { &arguments.files };
    let mut unreadable = Vec::new();
    for file in files {
        match read(file) {
            Ok(text) => {
                for record in decode_document(&text) {
                    print::line(decoded_line(&record))?;
                }
            }
            Err(error) => unreadable.push(format!("{}: {error}", file.display())),
        }
    }
    if unreadable.is_empty() { Ok(()) } else { Err(Failure::Environment(unreadable.join("\n"))) }
}

/// The text of a file, `-` being standard input. Bytes that are no UTF-8 become replacement characters, so that the
/// records around them are still read.
pub(crate) fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("has more than {MAX_BYTES} bytes; split it")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
