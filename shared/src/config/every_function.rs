//! The variables of every function.

use super::{Environment, Fallback, Mistakes, Place, Reader, Span, Variable, parse_count, parse_spans};
use crate::storage::Encryption;

const INPUT: Variable = Variable {
    name: "BRIGADE_INPUT",
    meaning: "comma list of s3://bucket/prefix*suffix that are taken; anything else is skipped as not-mine",
    fallback: Fallback::Required,
    example: "s3://photos/uploads/*",
};
const MODE: Variable = Variable {
    name: "BRIGADE_MODE",
    meaning: "apply, or plan: log what would be written, acknowledge, write nothing",
    fallback: Fallback::Value("apply"),
    example: "plan",
};
const STATE: Variable = Variable {
    name: "BRIGADE_STATE",
    meaning: "s3://bucket/prefix for the ledger, intents and plans",
    fallback: Fallback::Unset("unset; required by dedupe and compact"),
    example: "s3://state/brigade/",
};
const PARKED: Variable = Variable {
    name: "BRIGADE_PARKED",
    meaning: "URL of the queue that takes bad input with its reason",
    fallback: Fallback::Unset("none: what would be parked is retried, so that the dead-letter queue gets it"),
    example: "https://sqs.eu-west-1.amazonaws.com/123456789012/brigade-thumbnail-parked",
};
const ENCRYPTION: Variable = Variable {
    name: "BRIGADE_ENCRYPTION",
    meaning: "bucket (its default), AES256, or the ARN of a KMS key (used with a bucket key)",
    fallback: Fallback::Value("bucket"),
    example: "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
};
const OWNER: Variable = Variable {
    name: "BRIGADE_OWNER",
    meaning: "account id that every bucket must belong to (sent as ExpectedBucketOwner)",
    fallback: Fallback::Unset("unset: not checked"),
    example: "123456789012",
};
const CONCURRENCY: Variable = Variable {
    name: "BRIGADE_CONCURRENCY",
    meaning: "records at once",
    fallback: Fallback::Computed("from the memory size: one for each 128 MB, 1 to 16"),
    example: "4",
};
const LOG: Variable = Variable {
    name: "BRIGADE_LOG",
    meaning: "problems, sample (problems and 1 record in 1,000), or all",
    fallback: Fallback::Value("sample"),
    example: "all",
};

/// What every function understands.
pub const COMMON: &[Variable] = &[INPUT, MODE, STATE, PARKED, ENCRYPTION, OWNER, CONCURRENCY, LOG];

/// Whether a function writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Apply,
    /// It says what it would write, and acknowledges.
    Plan,
}

/// Which records get a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Retried and parked ones.
    Problems,
    /// Those, and one in 1,000 of the others.
    Sample,
    /// Every one.
    All,
}

/// The configuration that every function has.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// What is taken.
    pub input: Vec<Span>,
    /// Whether anything is written.
    pub mode: Mode,
    /// Where state is kept, for the functions that keep any.
    pub state: Option<Place>,
    /// The parking queue's URL.
    pub parked: Option<String>,
    /// Of everything that is written.
    pub encryption: Encryption,
    /// ExpectedBucketOwner.
    pub owner: Option<String>,
    /// Records at once, 1 to 1,000.
    pub concurrency: usize,
    /// The function's memory in bytes.
    pub memory: u64,
    /// What is logged.
    pub log: LogLevel,
}

/// Reads a function's configuration: the common variables, then by `rest` its `own`, or reports every mistake in them all.
///
/// `rest` gets no common part where that has mistakes; it reads on, so that its own show too, and answers `None` for any.
pub fn read<T>(
    environment: &Environment,
    own: &[Variable],
    rest: impl FnOnce(&mut Reader<'_>, Option<Common>) -> Option<T>,
) -> Result<T, Mistakes> {
    let mut reader = Reader::new(environment, &[COMMON, own]);
    let common = Common::read(&mut reader, environment);
    let configuration = rest(&mut reader, common);
    reader.finish(configuration)
}

impl Common {
    /// Reads the common variables; `None` means that the reader holds a mistake.
    fn read(reader: &mut Reader<'_>, environment: &Environment) -> Option<Self> {
        // Lambda sets its size in MB; on a laptop there is none, and 1 GB is a fair guess.
        let memory_mb =
            environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|mb| mb.parse::<u64>().ok()).unwrap_or(1024);
        let input = reader.value(&INPUT, parse_spans);
        let mode = reader.choice(&MODE, &[("apply", Mode::Apply), ("plan", Mode::Plan)]);
        let state = reader.optional(&STATE, Place::parse_plain);
        let parked = reader.optional(&PARKED, parse_queue_url);
        let encryption = reader.value(&ENCRYPTION, parse_encryption);
        let owner = reader.optional(&OWNER, parse_account);
        let concurrency = reader.optional(&CONCURRENCY, parse_concurrency);
        let log =
            reader.choice(&LOG, &[("problems", LogLevel::Problems), ("sample", LogLevel::Sample), ("all", LogLevel::All)]);
        Some(Self {
            input: input?,
            mode: mode?,
            state: state?,
            parked: parked?,
            encryption: encryption?,
            owner: owner?,
            concurrency: concurrency?.unwrap_or_else(|| usize::try_from(memory_mb / 128).unwrap_or(1).clamp(1, 16)),
            memory: memory_mb.saturating_mul(1 << 20),
            log: log?,
        })
    }
}

fn parse_queue_url(text: &str) -> Result<String, String> {
    let http = text.starts_with("https://") || text.starts_with("http://");
    http.then(|| text.to_owned()).ok_or_else(|| format!("expected a queue's URL (https://…), not {text:?}"))
}

fn parse_encryption(text: &str) -> Result<Encryption, String> {
    match text {
        "bucket" => Ok(Encryption::Bucket),
        "AES256" => Ok(Encryption::Aes256),
        arn if arn.starts_with("arn:") && arn.contains(":kms:") => Ok(Encryption::Kms(arn.to_owned())),
        _ => Err(format!("expected bucket, AES256 or a KMS key's ARN, not {text:?}")),
    }
}

fn parse_account(text: &str) -> Result<String, String> {
    let fits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.to_owned()).ok_or_else(|| format!("expected an account id of 12 digits, not {text:?}"))
}

fn parse_concurrency(text: &str) -> Result<usize, String> {
    let count = parse_count(text)?;
    usize::try_from(count).ok().filter(|n| (1..=1000).contains(n)).ok_or_else(|| format!("expected 1 to 1000, not {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Common, Mistakes> {
        super::read(&pairs.iter().copied().collect(), &[], |_, common| common)
    }

    #[test]
    fn the_input_alone_is_enough() {
        let common = read(&[("BRIGADE_INPUT", "s3://photos/*"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")]).unwrap();
        assert_eq!((common.mode, common.concurrency, common.log), (Mode::Apply, 4, LogLevel::Sample));
        assert_eq!(common.encryption, Encryption::Bucket);
    }

    #[test]
    fn all_mistakes_come_in_one_message() {
        let mistakes =
            read(&[("BRIGADE_INPTU", "s3://photos/*"), ("BRIGADE_MODE", "dry"), ("BRIGADE_OWNER", "me"), ("BRIGADE_LOG", "")])
                .unwrap_err();
        insta::assert_snapshot!(mistakes, @r#"
        the configuration has 4 mistakes:
          BRIGADE_INPTU: is not a variable of this function; did you mean BRIGADE_INPUT?
          BRIGADE_INPUT: is not set; comma list of s3://bucket/prefix*suffix that are taken; anything else is skipped as not-mine, such as s3://photos/uploads/*
          BRIGADE_MODE: expected apply or plan, not "dry"
          BRIGADE_OWNER: expected an account id of 12 digits, not "me"
        "#);
    }
}
