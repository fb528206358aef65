//! How a command ends when it does not end well.

use std::io;
use std::process::ExitCode;

/// Why a command did not succeed. Most wrong usage is said by the parser of arguments itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command did its work, and what it found is not right. Exit code 1. Empty where all is printed already.
    #[error("{0}")]
    Findings(String),
    /// Arguments that only show to be wrong in the light of each other. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something around the command is not as it must be. Exit code 3.
    #[error("{0}")]
    Environment(String),
    /// Whoever read the output has enough of it, as `head` does. No failure at all.
    #[error("the output was closed")]
    Closed,
}

impl Failure {
    /// A failure of the environment, with what was attempted.
    pub(crate) fn environment(attempt: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self::Environment(format!("{attempt}: {error}"))
    }

    /// Says it on standard error; the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (code, text) = match &self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Findings(text) => (1, text),
            Self::Usage(text) => (2, text),
            Self::Environment(text) => (3, text),
        };
        if !text.is_empty() {
            eprintln!("brigade: {text}");
        }
        ExitCode::from(code)
    }
}

/// For what is written to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::environment("standard output", error),
        }
    }
}
