//! The functions' binaries: built where there is a workspace to build them in, else found beside this one.

use std::env::consts::EXE_SUFFIX;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::failure::Failure;
use crate::functions::Function;

/// Where the binaries of functions come from.
#[derive(clap::Args)]
pub(crate) struct Binaries {
    /// Take the functions' binaries from this folder instead of building them.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
}

impl Binaries {
    /// The function's binary. Builds it, with cargo's progress on standard error, unless a folder was named.
    ///
    /// # Errors
    /// `Environment`: it does not build, or there is none.
    pub(crate) async fn of(&self, function: &Function) -> Result<PathBuf, Failure> {
        if let Some(folder) = &self.bin_dir {
            return in_folder(folder, function);
        }
        if let Some(workspace) = workspace(function) {
            match build(&workspace, function).await {
                Err(Unbuilt::NoCargo) => {}
                Err(Unbuilt::Failed(problem)) => return Err(Failure::Environment(problem)),
                Ok(program) => return Ok(program),
            }
        }
        let own = std::env::current_exe().map_err(|error| Failure::environment("where is this executable", error))?;
        in_folder(own.parent().unwrap_or(Path::new(".")), function)
    }
}

fn in_folder(folder: &Path, function: &Function) -> Result<PathBuf, Failure> {
    let program = folder.join(format!("{}{EXE_SUFFIX}", function.package));
    if program.is_file() {
        return Ok(program);
    }
    Err(Failure::Environment(format!(
        "there is no {}; run this inside the project's workspace with cargo installed, or put the function's binary there",
        program.display()
    )))
}

/// The workspace that this executable was built from, or one around the current folder.
fn workspace(function: &Function) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned);
    let here = std::env::current_dir().ok();
    let around = here.iter().flat_map(|here| here.ancestors()).map(Path::to_owned);
    let is_workspace = |root: &PathBuf| {
        root.join("Cargo.toml").is_file() && root.join("functions").join(function.name).join("Cargo.toml").is_file()
    };
    own.into_iter().chain(around).find(is_workspace)
}

enum Unbuilt {
    NoCargo,
    Failed(String),
}

async fn build(workspace: &Path, function: &Function) -> Result<PathBuf, Unbuilt> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Among the default members, as `cargo run` is: `-p` would select other features, and build the AWS SDK anew.
    command.args(["build", "--message-format=json-render-diagnostics", "--bin", function.package]);
    command.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    // A release build is measured with release functions.
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // `cargo run` has told this process of its package. Build scripts ask to be run again when that changes, so an inner cargo
    // that inherits it would build dependencies anew, and the next outer one as well.
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(tells_of_a_package)).for_each(|(name, _)| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = match command.spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unbuilt::NoCargo),
        other => other.map_err(|error| Unbuilt::Failed(format!("cargo: {error}")))?,
    };
    eprintln!("brigade: building {}; the first time takes minutes", function.package);
    let mut program = None;
    if let Some(messages) = child.stdout.take() {
        let mut messages = BufReader::new(messages).lines();
        while let Ok(Some(message)) = messages.next_line().await {
            program = executable(&message, function).or(program);
        }
    }
    match (child.wait().await, program) {
        (Ok(status), Some(program)) if status.success() => Ok(program),
        (Ok(status), _) => Err(Unbuilt::Failed(format!("{} could not be built (cargo: {status})", function.package))),
        (Err(error), _) => Err(Unbuilt::Failed(format!("cargo: {error}"))),
    }
}

/// Cargo sets these for what it runs
/// ([environment variables](https://doc.rust-lang.org/cargo/reference/environment-variables.html)).
fn tells_of_a_package(variable: &str) -> bool {
    let families = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"];
    let single = ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    families.iter().any(|family| variable.starts_with(family)) || single.contains(&variable)
}

/// The path in cargo's message about a finished binary.
fn executable(message: &str, function: &Function) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let target = message.get("target")?;
    let is_bin = target.get("kind")?.as_array()?.iter().any(|kind| kind == "bin");
    let ours = is_bin && target.get("name")? == function.package;
    ours.then(|| message.get("executable")?.as_str().map(PathBuf::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_tells_of_the_package_is_kept_from_the_inner_one() {
        for (variable, expected) in [
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_MANIFEST_PATH", true),
            ("CARGO_PKG_NAME", true),
            ("OUT_DIR", true),
            ("CARGO", false),
            ("CARGO_HOME", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_BUILD_JOBS", false),
            ("PATH", false),
        ] {
            assert_eq!(tells_of_a_package(variable), expected, "{variable}");
        }
    }
}
