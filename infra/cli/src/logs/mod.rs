//! `brigade logs`: S3 server access logs on this machine, with the function's own core.

mod compact;
mod ddl;
mod generate;
mod inputs;
mod objects;
mod parse;
mod progress;

use crate::failure::Failure;

/// Read S3 server access logs, turn them into Parquet, and make some to try it with.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Parse(parse::Arguments),
    Compact(compact::Arguments),
    Generate(generate::Arguments),
    Ddl(ddl::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Parse(arguments) => parse::run(arguments),
        Command::Compact(arguments) => compact::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
        Command::Ddl(arguments) => ddl::run(arguments),
    }
}
