//! `brigade logs`: S3 server access logs on this machine, with the function's own core.

mod compact;
mod ddl;
mod generate;
mod inputs;
mod journal;
mod objects;
mod parse;
mod progress;
mod shelf;

use crate::failure::Failure;

/// Read S3 server access logs, turn them into Parquet, and make some to try it with.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade logs parse access.log --json\n  \
    brigade logs compact 's3://logs/photos/*' --out table\n  brigade logs generate --lines 1000 | brigade logs parse\n  \
    brigade logs ddl --location s3://tables/access_logs/")]
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
