//! The function's own variables.

use brigade::budget::Memory;
use brigade::config::{Common, Environment, Fallback, Mistakes, Place, Reader, Variable, parse_bytes, read};

use crate::columns::Columns;
use crate::partition::Interval;
use crate::places::{Places, Written};
use crate::protocol::claim::Limits;
use crate::protocol::way::Way;
use crate::room;
use crate::run::After;
use crate::window::Flush;

const OUTPUT: Variable = Variable {
    name: "BRIGADE_OUTPUT",
    meaning: "place of the table; rejected lines go to the same place with _rejects behind its last segment",
    fallback: Fallback::Required,
    example: "s3://TABLES/access_logs/",
};
const FLUSH: Variable = Variable {
    name: "BRIGADE_FLUSH",
    meaning: "arrival (small parts at once), hour or day (one part when the window of the logs' delivery has closed)",
    fallback: Fallback::Value("arrival"),
    example: "day",
};
/// `BRIGADE_PARTITION`.
pub const PARTITION: Variable = Variable {
    name: "BRIGADE_PARTITION",
    meaning: "day (dt=…) or hour (dt=…/hour=…) of the requests",
    fallback: Fallback::Value("day"),
    example: "hour",
};
/// `BRIGADE_FILE_SIZE`.
pub const FILE_SIZE: Variable = Variable {
    name: "BRIGADE_FILE_SIZE",
    meaning: "bytes after which a part is closed and the next one begun",
    fallback: Fallback::Value("128MB"),
    example: "256MB",
};
const RAW: Variable = Variable {
    name: "BRIGADE_RAW",
    meaning: "what becomes of the log objects: keep, tag or delete",
    fallback: Fallback::Value("keep"),
    example: "delete",
};
/// `BRIGADE_COLUMNS`.
pub const COLUMNS: Variable = Variable {
    name: "BRIGADE_COLUMNS",
    meaning: "all, or a comma list of -column (dropped) and #column (stored as a hash)",
    fallback: Fallback::Value("all"),
    example: "-hostid,#remoteip",
};

/// The function's own variables; [`brigade::config::COMMON`] ones come beside them.
pub const VARIABLES: &[Variable] = &[OUTPUT, FLUSH, PARTITION, FILE_SIZE, RAW, COLUMNS];

/// One of the common variables.
const STATE: &str = "BRIGADE_STATE";

/// Log objects of one batch: what a message batch of 6 MB can name.
const LOGS: usize = 10_000;
/// Bundles of one batch.
const BUNDLES: usize = 1_000;

/// The configuration of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// What every function has.
    pub common: Common,
    /// Where everything is written.
    pub places: Places,
    /// When.
    pub flush: Flush,
    /// How finely the table is partitioned.
    pub interval: Interval,
    /// Of a part, in bytes, about.
    pub file_size: u64,
    /// What becomes of the log objects.
    pub after: After,
    /// Which columns the table has.
    pub columns: Columns,
}

impl Config {
    /// Reads the configuration, or reports every mistake in it.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn read(environment: &Environment) -> Result<Self, Mistakes> {
        read(environment, VARIABLES, Self::read_from)
    }

    fn read_from(reader: &mut Reader<'_>, common: Option<Common>) -> Option<Self> {
        let output = reader.value(&OUTPUT, Place::parse_plain);
        let flush = reader.choice(&FLUSH, &[("arrival", Flush::Arrival), ("hour", Flush::Hour), ("day", Flush::Day)]);
        let interval = reader.value(&PARTITION, Interval::parse);
        let memory = common.as_ref().map_or(u64::MAX, |common| common.memory);
        let file_size = reader.value(&FILE_SIZE, |text| parse_file_size(text, memory));
        let after = reader.choice(&RAW, &[("keep", After::Keep), ("tag", After::Tag), ("delete", After::Delete)]);
        let columns = reader.value(&COLUMNS, Columns::parse);
        reader.need(STATE, "this function keeps its ledger there, such as s3://STATE/brigade/");
        let common = common?;
        let places = Places::new(&output?, common.state.as_ref()?);
        for (written, problem) in places.refusals(&common.input) {
            reader.mistake(if written == Written::State { STATE } else { OUTPUT.name }, problem);
        }
        Some(Self {
            common,
            places,
            flush: flush?,
            interval: interval?,
            file_size: file_size?,
            after: after?,
            columns: columns?,
        })
    }

    /// How lines are published now.
    pub fn way(&self) -> Way {
        let table = self.places.table().to_string();
        Way::Published { table, partition: self.interval, columns: self.columns.clone() }
    }

    /// The bound on what log objects in flight hold together.
    pub fn memory(&self) -> Memory {
        Memory::new(room::shares(self.common.memory).0)
    }

    /// The bound on what batches in the making hold together.
    pub fn batches(&self) -> Memory {
        Memory::new(room::shares(self.common.memory).1)
    }

    /// As many log objects as make one part of the size that is asked for, if the memory allows for it.
    pub fn batch_of_logs(&self) -> Limits {
        Limits { bytes: self.text(), inputs: LOGS }
    }

    /// As many bundles as do.
    pub fn batch_of_bundles(&self) -> Limits {
        Limits { bytes: self.text() / room::TEXT_OF_BUNDLE, inputs: BUNDLES }
    }

    fn text(&self) -> u64 {
        let asked = self.file_size.saturating_mul(room::TEXT_OF_PARQUET);
        asked.min(room::largest(room::shares(self.common.memory).1))
    }
}

/// A part is made in memory, beside what else is there.
fn parse_file_size(text: &str, memory: u64) -> Result<u64, String> {
    let bytes = parse_bytes(text)?;
    let most = memory / 4;
    match bytes {
        0..1_000_000 => Err(format!("{text} is too small; parts have 1MB or more")),
        bytes if bytes > most => Err(format!(
            "{text} is too large: a part is made in memory, and may have a quarter of the function's, {most} bytes"
        )),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [(&str, &str); 3] = [
        ("BRIGADE_INPUT", "s3://logs/*"),
        ("BRIGADE_OUTPUT", "s3://tables/access_logs/"),
        ("BRIGADE_STATE", "s3://state/brigade/"),
    ];

    fn read(more: &[(&str, &str)]) -> Result<Config, Mistakes> {
        Config::read(&PLACES.iter().chain(more).copied().collect())
    }

    #[test]
    fn input_output_and_state_are_enough() {
        let config = read(&[]).unwrap();
        assert_eq!((config.flush, config.after, config.interval), (Flush::Arrival, After::Keep, Interval::Day));
        assert_eq!(config.file_size, 128_000_000);
        assert_eq!(config.batch_of_logs().bytes, 577_136_228, "what 1 GB of memory allows for");
    }

    #[test]
    fn a_function_that_would_trigger_itself_does_not_start() {
        let output = ("BRIGADE_OUTPUT", "s3://logs/table/");
        let state = ("BRIGADE_STATE", "s3://logs/state/");
        for pairs in [&[output][..], &[state], &[output, state]] {
            let Mistakes(mistakes) = read(pairs).unwrap_err();
            assert!(mistakes.iter().all(|mistake| mistake.problem.contains("would trigger itself")), "{mistakes:?}");
            let blamed: Vec<&str> = mistakes.iter().map(|mistake| mistake.name.as_str()).collect();
            assert_eq!(blamed, pairs.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_missing_state_is_reported_beside_what_else_is_missing() {
        let Mistakes(mistakes) = Config::read(&Environment::default()).unwrap_err();
        let missing: Vec<&str> = mistakes.iter().map(|mistake| mistake.name.as_str()).collect();
        assert_eq!(missing, ["BRIGADE_INPUT", "BRIGADE_OUTPUT", "BRIGADE_STATE"]);
    }

    #[test]
    fn every_mistake_is_reported() {
        let pairs = [
            ("BRIGADE_INPUT", "s3://logs/*"),
            ("BRIGADE_OUTPUT", "tables"),
            ("BRIGADE_FLUSH", "now"),
            ("BRIGADE_PARTITION", "month"),
            ("BRIGADE_FILE_SIZE", "512MB"),
            ("BRIGADE_RAW", "drop"),
            ("BRIGADE_COLUMNS", "hostid"),
            ("BRIGADE_FLUSHES", "3"),
        ];
        insta::assert_snapshot!(Config::read(&pairs.iter().copied().collect()).unwrap_err(), @r#"
        the configuration has 8 mistakes:
          BRIGADE_FLUSHES: is not a variable of this function; did you mean BRIGADE_FLUSH?
          BRIGADE_OUTPUT: expected s3://bucket/prefix, not "tables"
          BRIGADE_FLUSH: expected arrival, hour or day, not "now"
          BRIGADE_PARTITION: expected day or hour, not "month"
          BRIGADE_FILE_SIZE: 512MB is too large: a part is made in memory, and may have a quarter of the function's, 268435456 bytes
          BRIGADE_RAW: expected keep, tag or delete, not "drop"
          BRIGADE_COLUMNS: expected all, or a comma list of -column and #column, not "hostid"
          BRIGADE_STATE: is not set; this function keeps its ledger there, such as s3://STATE/brigade/
        "#);
    }
}
