//! `brigade config`: the variables of a function, and whether this environment would do.

use brigade::config::{COMMON, Environment, Mistakes, markdown_table};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::functions::{Computed, Function, parser};
use crate::print;

/// List a function's variables, or check the ones that are set here.
///
/// Without options: each variable with its default, its meaning and an example. With --check, the variables of this
/// environment are read as the function reads them at its start: all mistakes at once and exit code 1, or what they
/// come to.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade config thumbnail\n  \
    BRIGADE_INPUT='s3://photos/*' BRIGADE_SIZES=64 brigade config thumbnail --check")]
pub(crate) struct Arguments {
    /// The function.
    #[arg(value_parser = parser())]
    function: &'static Function,
    /// Check the variables of this environment.
    #[arg(long)]
    check: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Print the table of the function's README.
    #[arg(long, conflicts_with_all = ["check", "json"])]
    markdown: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let function = arguments.function;
    if arguments.check {
        return check(function, &Environment::of_process(), arguments.json);
    }
    let text = match (arguments.json, arguments.markdown) {
        (true, _) => declared_json(function).to_string(),
        (_, true) => markdown_table(&[COMMON, function.variables]),
        _ => plain(function),
    };
    Ok(print::line(text)?)
}

fn declared_json(function: &Function) -> Value {
    let variables = function.declared().map(|v| {
        let fallback = v.fallback.describe().replace('`', "");
        json!({"name": v.name, "default": fallback, "meaning": v.meaning, "example": v.example})
    });
    json!({"function": function.name, "variables": variables.collect::<Vec<_>>()})
}

fn plain(function: &Function) -> String {
    let variables = function.declared().map(|v| {
        let fallback = v.fallback.describe().replace('`', "");
        format!("{}\n    {}\n    default: {fallback}\n    example: {}", v.name, v.meaning, v.example)
    });
    variables.collect::<Vec<_>>().join("\n\n")
}

fn check(function: &Function, environment: &Environment, as_json: bool) -> Result<(), Failure> {
    match (function.check)(environment) {
        Ok(computed) => Ok(print::line(resolved(function, environment, &computed, as_json))?),
        Err(mistakes) if as_json => {
            print::line(mistakes_json(function, &mistakes))?;
            Err(Failure::Findings(String::new()))
        }
        Err(mistakes) => Err(Failure::Findings(format!("{}: {mistakes}", function.name))),
    }
}

fn mistakes_json(function: &Function, mistakes: &Mistakes) -> Value {
    let list = mistakes.0.iter().map(|m| json!({"name": m.name, "problem": m.problem}));
    json!({"function": function.name, "mistakes": list.collect::<Vec<_>>()})
}

/// What every variable comes to, and where that is from.
fn resolved(function: &Function, environment: &Environment, computed: &Computed, as_json: bool) -> String {
    let rows = function.declared().map(|v| {
        let computed = computed.iter().find(|(name, _)| *name == v.name);
        match (environment.get(v.name), computed) {
            (Some(value), _) => (v.name, value.to_owned(), "set"),
            (None, Some((_, value))) => (v.name, value.clone(), "computed"),
            (None, None) => (v.name, v.fallback.describe().replace('`', ""), "default"),
        }
    });
    if as_json {
        let variables = rows.map(|(name, value, from)| json!({"name": name, "value": value, "from": from}));
        return json!({"function": function.name, "mistakes": [], "variables": variables.collect::<Vec<_>>()}).to_string();
    }
    let heading = ["variable", "from", "value"].map(str::to_owned);
    let rows = rows.map(|(name, value, from)| [name.to_owned(), from.to_owned(), value]);
    print::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
}
