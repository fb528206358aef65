//! Where the functions' binaries are, and that they are of the same sources as the tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::SystemTime;

const THUMBNAIL: &str = "brigade-thumbnail";
const CLEANUP: &str = "brigade-cleanup";
const COMPACT: &str = "brigade-compact";
const DEFECTIVE: &str = "brigade-thumbnail-that-panics";

/// The directory of the binaries, target/PROFILE.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(built);

/// The binary that is deployed.
pub fn thumbnail() -> PathBuf {
    DIRECTORY.join(file(THUMBNAIL))
}

/// The cleanup function that is deployed.
pub fn cleanup() -> PathBuf {
    DIRECTORY.join(file(CLEANUP))
}

/// The compaction function that is deployed.
pub fn compact() -> PathBuf {
    DIRECTORY.join(file(COMPACT))
}

/// The thumbnail function with the defect that keys with `panic` in them make it panic.
pub fn defective() -> PathBuf {
    DIRECTORY.join(file(DEFECTIVE))
}

fn file(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// `cargo test --workspace` has built the binaries. `cargo test --test end_to_end` has not, and would try what is missing or
/// old: that is left to cargo.
fn built() -> PathBuf {
    // The test is target/PROFILE/deps/NAME-HASH.
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).unwrap().to_owned();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources =
        |function: &str| newest(&root.join("shared/src")).max(newest(&root.join("functions").join(function).join("src")));
    let old = |(name, function): &(&str, &str)| changed(&directory.join(file(name))) < sources(function);
    let functions = [(THUMBNAIL, "thumbnail"), (DEFECTIVE, "thumbnail"), (CLEANUP, "cleanup"), (COMPACT, "compact")];
    if functions.iter().any(old) {
        eprintln!("the functions' binaries are missing or older than their sources: building them");
        build(&root, &directory);
    }
    directory
}

/// The newest change below a directory.
fn newest(directory: &Path) -> SystemTime {
    let entries = directory.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { newest(&path) } else { changed(&path) }).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// When a file was written; what is missing is older than everything.
fn changed(path: &Path) -> SystemTime {
    path.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn build(root: &Path, directory: &Path) {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // With one test among the targets, dependencies have the features that they have in `cargo test`: nothing is built twice.
    build.args(["build", "--quiet", "--workspace", "--bins", "--test", "end_to_end", "--target-dir"]);
    build.arg(directory.parent().unwrap());
    if directory.file_name().is_some_and(|profile| profile == "release") {
        build.arg("--release");
    }
    // What cargo tells the tests would reach build scripts that watch it, and half of the tree would be built again.
    let of_this_test = |name: &str| {
        ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_", "CARGO_TARGET_TMPDIR", "OUT_DIR"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_this_test)).for_each(|(name, _)| {
        build.env_remove(name);
    });
    let status = build.current_dir(root).status();
    assert!(status.is_ok_and(|status| status.success()), "cargo build --workspace --bins failed");
}
