//! The deployed functions, as each declares itself.

use brigade::config::{Common, Environment, Mistakes, Variable};

/// What a function says of itself.
pub struct Function {
    /// Its folder, and its command's argument; the deployed function has `brigade-` before it.
    pub name: &'static str,
    /// Its own variables.
    pub variables: &'static [Variable],
    /// The families of events that it takes.
    pub events: &'static [&'static str],
    /// Reads its configuration as it does at its cold start.
    pub read: fn(&Environment) -> Result<Common, Mistakes>,
}

/// All of them.
pub const FUNCTIONS: [Function; 4] = [
    Function {
        name: "cleanup",
        variables: brigade_cleanup::VARIABLES,
        events: brigade_cleanup::EVENTS,
        read: |environment| Ok(brigade_cleanup::Config::read(environment)?.common),
    },
    Function {
        name: "compact",
        variables: brigade_compact::VARIABLES,
        events: brigade_compact::EVENTS,
        read: |environment| Ok(brigade_compact::Config::read(environment)?.common),
    },
    Function {
        name: "dedupe",
        variables: brigade_dedupe::VARIABLES,
        events: brigade_dedupe::EVENTS,
        read: |environment| Ok(brigade_dedupe::Config::read(environment)?.common),
    },
    Function {
        name: "thumbnail",
        variables: brigade_thumbnail::VARIABLES,
        events: brigade_thumbnail::EVENTS,
        read: |environment| Ok(brigade_thumbnail::Config::read(environment)?.common),
    },
];

/// The one in this folder.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}
