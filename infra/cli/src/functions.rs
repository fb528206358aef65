//! The functions that the command knows, in one table: another one joins by one line of [`FUNCTIONS`].

use std::time::Duration;

use brigade::config::{COMMON, Environment, Mistakes, Variable};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// One function.
#[derive(Debug)]
pub(crate) struct Function {
    /// The short name, which commands take.
    pub(crate) name: &'static str,
    /// Name of the package, of the binary and of the deployed function; its queues begin with it.
    pub(crate) package: &'static str,
    /// Its own variables; the common ones come beside them.
    pub(crate) variables: &'static [Variable],
    /// Reads a configuration as the function does at its cold start.
    pub(crate) check: fn(&Environment) -> Result<Computed, Mistakes>,
    /// The families of events that its subscription lets through.
    pub(crate) events: &'static [&'static str],
    /// What it is told on this machine, beside its parking queue and the topic that it announces to.
    pub(crate) local: &'static [(&'static str, &'static str)],
    /// Messages of one invocation on this machine.
    pub(crate) batch_size: usize,
    /// The longest that an invocation may take on this machine.
    pub(crate) timeout: Duration,
}

/// Variables that are not set, whose value is computed from others.
pub(crate) type Computed = Vec<(&'static str, String)>;

const MINUTE: Duration = Duration::from_secs(60);

/// All of them.
pub(crate) static FUNCTIONS: &[Function] = &[THUMBNAIL, CLEANUP, COMPACT, DEDUPE];

pub(crate) const THUMBNAIL: Function = Function {
    name: "thumbnail",
    package: "brigade-thumbnail",
    variables: brigade_thumbnail::VARIABLES,
    check: check_thumbnail,
    events: brigade_thumbnail::EVENTS,
    local: &[("BRIGADE_INPUT", "s3://photos/*"), ("BRIGADE_OUTPUT", "s3://derived/thumbnails/{bucket}/{key}/{size}.{ext}")],
    batch_size: 10,
    timeout: MINUTE,
};

pub(crate) const CLEANUP: Function = Function {
    name: "cleanup",
    package: "brigade-cleanup",
    variables: brigade_cleanup::VARIABLES,
    check: check_cleanup,
    events: brigade_cleanup::EVENTS,
    local: &[("BRIGADE_INPUT", "s3://photos/*"), ("BRIGADE_OUTPUT", "s3://derived/thumbnails/{bucket}/{key}/{size}.{ext}")],
    batch_size: 10,
    timeout: MINUTE,
};

pub(crate) const COMPACT: Function = Function {
    name: "compact",
    package: "brigade-compact",
    variables: brigade_compact::VARIABLES,
    check: check_compact,
    events: brigade_compact::EVENTS,
    local: &[
        ("BRIGADE_INPUT", "s3://logs/*"),
        ("BRIGADE_OUTPUT", "s3://tables/access_logs/"),
        ("BRIGADE_STATE", "s3://state/brigade/"),
    ],
    batch_size: 1_000,
    timeout: MINUTE,
};

pub(crate) const DEDUPE: Function = Function {
    name: "dedupe",
    package: "brigade-dedupe",
    variables: brigade_dedupe::VARIABLES,
    check: check_dedupe,
    events: brigade_dedupe::EVENTS,
    local: &[
        ("BRIGADE_INPUT", "s3://photos/*"),
        ("BRIGADE_STATE", "s3://state/brigade/"),
        ("BRIGADE_TARGET", "arn:aws:sqs:us-east-1:000000000000:photos-once.fifo"),
    ],
    batch_size: 1_000,
    timeout: brigade_dedupe::LONGEST_TIMEOUT,
};

impl Function {
    /// Everything that can be set, the common variables first.
    pub(crate) fn declared(&self) -> impl Iterator<Item = &'static Variable> {
        COMMON.iter().chain(self.variables)
    }
}

/// Parses a FUNCTION argument; a wrong one is answered with the right ones.
pub(crate) fn parser() -> impl TypedValueParser<Value = &'static Function> {
    PossibleValuesParser::new(FUNCTIONS.iter().map(|function| function.name))
        .try_map(|name| FUNCTIONS.iter().find(|function| function.name == name).ok_or("no such function"))
}

fn check_dedupe(environment: &Environment) -> Result<Computed, Mistakes> {
    let config = brigade_dedupe::Config::read(environment)?;
    Ok(vec![("BRIGADE_CONCURRENCY", config.common.concurrency.to_string())])
}

fn check_cleanup(environment: &Environment) -> Result<Computed, Mistakes> {
    let config = brigade_cleanup::Config::read(environment)?;
    Ok(vec![("BRIGADE_CONCURRENCY", config.common.concurrency.to_string())])
}

fn check_thumbnail(environment: &Environment) -> Result<Computed, Mistakes> {
    let config = brigade_thumbnail::Config::read(environment)?;
    Ok(vec![("BRIGADE_CONCURRENCY", config.common.concurrency.to_string()), ("BRIGADE_CACHE_CONTROL", config.cache_control)])
}

fn check_compact(environment: &Environment) -> Result<Computed, Mistakes> {
    let config = brigade_compact::Config::read(environment)?;
    Ok(vec![("BRIGADE_CONCURRENCY", config.common.concurrency.to_string())])
}
