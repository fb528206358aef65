//! The command `brigade`: try, run and operate Bucket Brigade. One file for each command.

mod binary;
mod call;
mod config;
mod decode;
mod demo;
mod failure;
mod functions;
mod hints;
mod invoke;
mod live;
mod logs;
mod names;
mod print;
mod stage;
mod sweep;
mod thumbnail;
mod up;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Small functions for the events of S3 buckets: try them, run them locally, look inside.
///
/// Exit codes: 0 all is well, 1 findings or refused, 2 wrong usage, 3 something around the command is not as it must be
/// (a file that can't be read, a port that is taken).
#[derive(Parser)]
#[command(name = "brigade", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Config(config::Arguments),
    Decode(decode::Arguments),
    Demo(demo::Arguments),
    Invoke(invoke::Arguments),
    Logs(logs::Arguments),
    Sweep(sweep::Arguments),
    Thumbnail(thumbnail::Arguments),
    Up(up::Arguments),
    Wire(wire::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Config(arguments) => config::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Demo(arguments) => waiting(demo::run(&arguments)),
        Command::Invoke(arguments) => waiting(invoke::run(&arguments)),
        Command::Logs(arguments) => logs::run(&arguments),
        Command::Sweep(arguments) => waiting(sweep::run(&arguments)),
        Command::Thumbnail(arguments) => thumbnail::run(&arguments),
        Command::Up(arguments) => waiting(up::run(&arguments)),
        Command::Wire(arguments) => waiting(wire::run(&arguments)),
    };
    result.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

/// Runs what waits for the network, for processes and for time.
fn waiting(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::environment("starting threads", error))?.block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
