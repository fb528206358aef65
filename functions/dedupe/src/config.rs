//! The function's own variables.

use std::time::Duration;

use brigade::config::{Common, Environment, Fallback, Mistakes, Reader, Variable, parse_count, read};
use brigade::ledger::{Digest, Layout, MAX_DEPTH};

use crate::target::Target;

const TARGET: Variable = Variable {
    name: "BRIGADE_TARGET",
    meaning: "ARN of the SNS topic or SQS queue that gets the clean stream; .fifo decides FIFO",
    fallback: Fallback::Required,
    example: "arn:aws:sqs:eu-west-1:123456789012:photos-once.fifo",
};
const RETENTION: Variable = Variable {
    name: "BRIGADE_RETENTION",
    meaning: "days for which changes are remembered, as 18d, 1d to 365d; the lifecycle rule on segments/ keeps them as long",
    fallback: Fallback::Value("18d"),
    example: "30d",
};
const SHARDS: Variable = Variable {
    name: "BRIGADE_SHARDS",
    meaning: "the most shards of the ledger, a power of two up to 256; it starts with one",
    fallback: Fallback::Value("16"),
    example: "1",
};
const CONTENT: Variable = Variable {
    name: "BRIGADE_CONTENT",
    meaning: "off, report (messages and the state tell which keys have the same content) or tag (their objects too)",
    fallback: Fallback::Value("off"),
    example: "report",
};

/// The function's part of `BRIGADE_STATE`, in its first format.
const FOLDER: &str = "dedupe/v1/";

/// The function's own variables; [`brigade::config::COMMON`] ones come beside them.
pub const VARIABLES: &[Variable] = &[TARGET, RETENTION, SHARDS, CONTENT];

/// What is done about keys with the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing: objects are not looked at.
    Off,
    /// The message names the first key that had it.
    Report,
    /// The object is tagged with it as well.
    Tag,
}

/// The configuration of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// What every function has.
    pub common: Common,
    /// Where changes go.
    pub target: Target,
    /// Where the ledger is.
    pub layout: Layout,
    /// What is done about keys with the same content.
    pub content: Content,
}

impl Config {
    /// Reads the configuration, or reports every mistake in it.
    pub fn read(environment: &Environment) -> Result<Self, Mistakes> {
        read(environment, VARIABLES, Self::read_from)
    }

    fn read_from(reader: &mut Reader<'_>, common: Option<Common>) -> Option<Self> {
        let target = reader.value(&TARGET, Target::parse);
        let retention = reader.value(&RETENTION, parse_days);
        let depth = reader.value(&SHARDS, parse_shards);
        let content = reader.choice(&CONTENT, &[("off", Content::Off), ("report", Content::Report), ("tag", Content::Tag)]);
        reader.need("BRIGADE_STATE", "the ledger needs a place, such as s3://state/brigade/");
        let common = common?;
        let place = common.state.as_ref()?.folder(FOLDER);
        // The proof that the function can't trigger itself by what it writes.
        if let Some(problem) = place.refusal(&common.input, "") {
            reader.mistake("BRIGADE_STATE", problem);
        }
        let target = target?;
        let layout = Layout { place, name: name(&target), depth: depth?, retention: retention? };
        Some(Self { common, target, layout, content: content? })
    }
}

/// The ledger of a target: what was forwarded to one was not forwarded to another.
fn name(target: &Target) -> String {
    Digest::of(&[target.arn()]).to_hex().chars().take(16).collect()
}

fn parse_days(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()).filter(|days| (1..=365).contains(days));
    let wrong = || format!("expected days, 1d to 365d, not {text:?}");
    days.map(|days| Duration::from_secs(u64::from(days) * 86_400)).ok_or_else(wrong)
}

fn parse_shards(text: &str) -> Result<u8, String> {
    let shards = parse_count(text)?;
    let depth = (0..=MAX_DEPTH).find(|depth| 1 << depth == shards);
    depth.ok_or_else(|| format!("expected a power of two from 1 to {}, not {text:?}", 1 << MAX_DEPTH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let usual = [
            ("BRIGADE_INPUT", "s3://photos/uploads/*"),
            ("BRIGADE_STATE", "s3://state/brigade"),
            ("BRIGADE_TARGET", "arn:aws:sqs:eu-west-1:123456789012:once.fifo"),
        ];
        let environment: Environment = usual.iter().chain(pairs).copied().collect();
        Config::read(&environment).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn three_variables_are_enough() {
        let config = read(&[]).unwrap();
        assert_eq!((config.layout.depth, config.layout.retention.as_secs()), (4, 18 * 86_400));
        assert_eq!(config.layout.place.to_string(), "s3://state/brigade/dedupe/v1/");
        assert_eq!((config.content, config.layout.name.len()), (Content::Off, 16));
        let other = read(&[("BRIGADE_TARGET", "arn:aws:sqs:eu-west-1:123456789012:other.fifo")]).unwrap();
        assert_ne!(other.layout.name, config.layout.name, "another target is another ledger");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (name, value, expected) in [
            ("BRIGADE_STATE", "", "BRIGADE_STATE: is not set"),
            ("BRIGADE_STATE", "s3://photos/uploads/state", "could match BRIGADE_INPUT's"),
            ("BRIGADE_TARGET", "https://sqs", "BRIGADE_TARGET"),
            ("BRIGADE_RETENTION", "18", "1d to 365d"),
            ("BRIGADE_RETENTION", "366d", "1d to 365d"),
            ("BRIGADE_SHARDS", "12", "a power of two"),
            ("BRIGADE_SHARDS", "512", "a power of two"),
            ("BRIGADE_CONTENT", "delete", "off, report or tag"),
        ] {
            let refused = read(&[(name, value)]).unwrap_err();
            assert!(refused.contains(expected), "{name}={value}: {refused}");
        }
        let Mistakes(nothing) = Config::read(&Environment::default()).unwrap_err();
        let missing: Vec<&str> = nothing.iter().map(|mistake| mistake.name.as_str()).collect();
        assert_eq!(missing, ["BRIGADE_INPUT", "BRIGADE_TARGET", "BRIGADE_STATE"], "all at once");
        let both = read(&[("BRIGADE_STATE", "s3://photos/uploads/state"), ("BRIGADE_TARGET", "queue")]).unwrap_err();
        assert!(both.contains("BRIGADE_STATE: ") && both.contains("BRIGADE_TARGET: "), "all at once: {both}");
        let elsewhere = read(&[("BRIGADE_STATE", "s3://photos/other/")]);
        assert!(elsewhere.is_ok(), "the same bucket, outside of the input");
    }
}
