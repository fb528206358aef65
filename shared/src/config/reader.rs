//! Reading declared variables from an environment, collecting every mistake.

use std::collections::BTreeMap;
use std::fmt;

use super::suggest::nearest;
use super::{Fallback, Variable, choice};

/// What every variable's name begins with.
const PREFIX: &str = "BRIGADE_";

/// The variables that a process was started with, as a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. Only `main` calls it. What is not UTF-8 is read with replacement characters, and
    /// refused by whoever parses it.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect()
    }

    /// The names under `BRIGADE_` that are set, also to nothing.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| name.starts_with(PREFIX))
    }

    /// A variable that is set and not empty. (Templates and consoles set empty ones for "unset".)
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The variable.
    pub name: String,
    /// What is wrong and what was expected.
    pub problem: String,
}

/// All that is wrong with the configuration. It stops the cold start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the configuration has {count} mistake{}:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|m| write!(f, "\n  {}: {}", m.name, m.problem))
    }
}

/// Reads declared variables and remembers every mistake.
///
/// A read answers `None` for a mistake; [`read`](super::read) turns the whole into a configuration or all mistakes.
pub struct Reader<'e> {
    environment: &'e Environment,
    mistakes: Vec<Mistake>,
}

impl<'e> Reader<'e> {
    /// Starts with what the environment has under `BRIGADE_` that no declaration names.
    pub(super) fn new(environment: &'e Environment, declared: &[&[Variable]]) -> Self {
        let names: Vec<&str> = declared.iter().flat_map(|list| list.iter().map(|v| v.name)).collect();
        let unknown = environment.0.keys().filter(|name| name.starts_with(PREFIX) && !names.contains(&name.as_str()));
        let mistakes = unknown.map(|name| Mistake { name: name.clone(), problem: unknown_problem(name, &names) }).collect();
        Self { environment, mistakes }
    }

    /// A variable that always has a value: its own or its fallback's.
    pub fn value<T>(&mut self, variable: &Variable, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = match (self.environment.get(variable.name), variable.fallback) {
            (Some(text), _) | (None, Fallback::Value(text)) => text,
            (None, _) => {
                self.mistake(variable.name, format!("is not set; {}, such as {}", variable.meaning, variable.example));
                return None;
            }
        };
        self.parsed(variable, text, parse)
    }

    /// A variable whose value is one of these words.
    pub fn choice<T: Copy>(&mut self, variable: &Variable, choices: &[(&str, T)]) -> Option<T> {
        self.value(variable, |text| choice(text, choices))
    }

    /// A variable that may be unset: `Some(None)`.
    pub fn optional<T>(&mut self, variable: &Variable, parse: impl Fn(&str) -> Result<T, String>) -> Option<Option<T>> {
        match self.environment.get(variable.name) {
            Some(text) => self.parsed(variable, text, parse).map(Some),
            None => Some(None),
        }
    }

    /// Notes where a variable is not set that others can do without.
    pub fn need(&mut self, name: &str, why: &str) {
        if self.environment.get(name).is_none() {
            self.mistake(name, format!("is not set; {why}"));
        }
    }

    /// Notes a mistake that only shows in the light of several variables.
    pub fn mistake(&mut self, name: &str, problem: impl Into<String>) {
        self.mistakes.push(Mistake { name: name.to_owned(), problem: problem.into() });
    }

    /// The configuration, or everything that is wrong.
    pub(super) fn finish<T>(self, configuration: Option<T>) -> Result<T, Mistakes> {
        match configuration {
            Some(configuration) if self.mistakes.is_empty() => Ok(configuration),
            _ => Err(Mistakes(self.mistakes)),
        }
    }

    fn parsed<T>(&mut self, variable: &Variable, text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        parse(text).map_err(|problem| self.mistake(variable.name, problem)).ok()
    }
}

fn unknown_problem(name: &str, names: &[&str]) -> String {
    // What all of them begin with makes none alike.
    match nearest(without_prefix(name), names.iter().map(|name| without_prefix(name))) {
        Some(near) => format!("is not a variable of this function; did you mean {PREFIX}{near}?"),
        None => "is not a variable of this function".to_owned(),
    }
}

fn without_prefix(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}
