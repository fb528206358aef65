//! What is linked: licences, sources, banned crates, one version of what must be one, and who may link whom.

#![expect(clippy::expect_used, reason = "clippy exempts test functions alone, not what they share")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Licences that ask for no more than their text and a notice.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Licences beyond the list, crate by crate.
const EXCEPTIONS: &[(&str, &str)] = &[
    // It asks for the sentence "based in part on the work of the Independent JPEG Group" in documentation.
    ("jpeg-encoder", "IJG"),
];

/// Exact names.
const BANNED: &[(&str, &str)] = &[
    ("async-std", "there is one runtime: tokio"),
    ("aws-lc-rs", "TLS is rustls with ring: turn the default features of AWS crates off"),
    ("aws-lc-sys", "TLS is rustls with ring: turn the default features of AWS crates off"),
    ("bindgen", "it needs clang; a clean clone builds with Rust and a C compiler alone"),
    ("cmake", "a clean clone builds with Rust and a C compiler alone"),
    ("nasm-rs", "a clean clone builds with Rust and a C compiler alone"),
    ("native-tls", "TLS is rustls with ring"),
    ("openssl", "TLS is rustls with ring"),
    ("openssl-sys", "TLS is rustls with ring"),
    ("protobuf-src", "a clean clone builds with Rust and a C compiler alone"),
];

/// Two versions of these would not fit together, or be paid for twice.
const ONE_VERSION: &[&str] = &[
    "aws-smithy-runtime-api",
    "aws-smithy-types",
    "bytes",
    "http",
    "hyper",
    "image",
    "rustls",
    "serde",
    "serde_json",
    "time",
    "tokio",
];

/// What is resolved for this machine's platform. (A build fetches no crate of another platform, and this test fetches
/// none at all.)
fn metadata() -> Metadata {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs").stdout;
    let version = String::from_utf8(version).expect("rustc speaks UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let options = ["--locked", "--offline", "--filter-platform", host].map(str::to_owned);
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(options)
        .exec()
        .expect("Cargo.lock fits the manifests")
}

/// The lock file: names, versions and sources for every platform.
fn lock() -> Vec<BTreeMap<String, String>> {
    let text = include_str!("../../Cargo.lock");
    let fields = |block: &str| {
        let pairs = block.lines().filter_map(|line| line.split_once(" = "));
        pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
    };
    let packages: Vec<BTreeMap<String, String>> = text.split("[[package]]").skip(1).map(fields).collect();
    assert!(packages.len() > 100, "Cargo.lock is not read as it is written: {} packages", packages.len());
    packages
}

fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problems:\n  {}", problems.len(), problems.join("\n  "));
}

/// Whether the terms can be chosen so that only allowed licences apply. `AND` binds closer than `OR`.
fn is_allowed(package: &str, expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut rest, mut flat) = (expression.as_str(), String::new());
    // No licence of a crate nests deeper than one pair of parentheses; each is judged and replaced by its outcome.
    while let Some((before, after)) = rest.split_once('(') {
        let Some((inside, behind)) = after.split_once(')') else { return false };
        let inside = if any_alternative(package, inside) { "MIT" } else { "refused" };
        flat.push_str(before);
        flat.push_str(inside);
        rest = behind;
    }
    flat.push_str(rest);
    any_alternative(package, &flat)
}

fn any_alternative(package: &str, expression: &str) -> bool {
    let one = |licence: &str| LICENCES.contains(&licence) || EXCEPTIONS.contains(&(package, licence));
    expression.split(" OR ").any(|terms| terms.split(" AND ").all(|licence| one(licence.trim())))
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let cases = [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("Apache-2.0 / MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("GPL-3.0-only AND MIT OR ISC", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND IJG", false),
        ("(GPL-2.0-only OR LGPL-2.1-or-later) AND MIT", false),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0", true),
        ("", false),
    ];
    for (expression, allowed) in cases {
        assert_eq!(is_allowed("some-crate", expression), allowed, "{expression}");
    }
    assert!(is_allowed("jpeg-encoder", "(MIT OR Apache-2.0) AND IJG"));
}

#[test]
fn every_licence_is_on_the_list() {
    let metadata = metadata();
    let refused = |package: &&Package| !is_allowed(&package.name, package.license.as_deref().unwrap_or_default());
    let problem = |package: &Package| {
        let licence = package.license.as_deref().unwrap_or("no licence named");
        format!("{} {} ({licence}): use another crate, or add the licence here with a reason", package.name, package.version)
    };
    none(metadata.packages.iter().filter(refused).map(problem).collect())
}

#[test]
fn every_source_is_crates_io() {
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let foreign: Vec<_> = lock().into_iter().filter(|p| p.get("source").is_some_and(|source| source != registry)).collect();
    none(foreign.iter().map(|p| format!("{p:?}: depend on a release from crates.io, or on a path in this tree")).collect())
}

#[test]
fn no_banned_crate_is_linked() {
    let names: BTreeSet<String> = lock().into_iter().filter_map(|mut package| package.remove("name")).collect();
    let banned = BANNED.iter().filter(|(name, _)| names.contains(*name));
    none(banned.map(|(name, why)| format!("{name} (`cargo tree -i {name}` tells who wants it): {why}")).collect())
}

#[test]
fn what_must_be_one_version_is() {
    let packages = lock();
    let mut problems = Vec::new();
    for name in ONE_VERSION {
        let of_name = packages.iter().filter(|package| package.get("name").is_some_and(|n| n == name));
        let versions: Vec<&String> = of_name.filter_map(|package| package.get("version")).collect();
        match versions.as_slice() {
            [_] => {}
            [] => problems.push(format!("{name} is not linked any more; remove it from this test")),
            many => {
                problems.push(format!("{name} is linked as {many:?}; `cargo tree -i {name}@VERSION` tells who wants which"))
            }
        }
    }
    none(problems)
}

/// The dependencies that are built into a package, not those of its tests.
fn linked(package: &Package) -> impl Iterator<Item = &cargo_metadata::Dependency> {
    package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal)
}

/// Crates of the SDK.
fn is_sdk(name: &str) -> bool {
    ["aws-sdk-", "aws-config", "aws-smithy-"].iter().any(|start| name.starts_with(start))
}

#[test]
fn the_sdk_is_linked_by_adapters_alone_and_the_lambda_runtime_by_the_shared_crate() {
    let metadata = metadata();
    let mut problems = Vec::new();
    for package in metadata.workspace_packages().into_iter().filter(|package| *package.name != "brigade") {
        for dependency in linked(package) {
            let name = dependency.name.as_str();
            // The configuration of notifications has one user, which has its adapter too.
            let adapter = *package.name == "brigade-wire" && dependency.optional;
            if name.starts_with("lambda_runtime") || (is_sdk(name) && !adapter) {
                problems.push(format!("{} links {name}: put it behind `brigade`'s feature `aws` or `lambda`", package.name));
            }
        }
    }
    none(problems)
}

#[test]
fn the_local_cloud_knows_no_sdk_and_the_command_line_no_lambda_runtime() {
    let metadata = metadata();
    let mut problems = Vec::new();
    for (tool, left_out) in [("brigade-local", &["aws", "sns", "lambda"][..]), ("brigade-cli", &["lambda"])] {
        let package = metadata.workspace_packages().into_iter().find(|package| *package.name == tool).expect(tool);
        for dependency in linked(package).filter(|dependency| dependency.name.starts_with("brigade")) {
            let heavy = dependency.features.iter().any(|feature| left_out.contains(&feature.as_str()));
            let deployed = !["brigade", "brigade-local"].contains(&dependency.name.as_str());
            if heavy || (deployed && dependency.uses_default_features) {
                problems.push(format!(
                    "{tool} links {} with too much: leave out {left_out:?}, and the default features of what is deployed",
                    dependency.name
                ));
            }
        }
    }
    none(problems)
}

#[test]
fn no_function_depends_on_another() {
    let metadata = metadata();
    let folder = |package: &&Package| package.manifest_path.components().any(|part| part.as_str() == "functions");
    let packages = metadata.workspace_packages();
    let functions: BTreeSet<&str> = packages.iter().copied().filter(folder).map(|package| package.name.as_str()).collect();
    assert!(!functions.is_empty(), "functions/ has no package");
    let mut problems = Vec::new();
    for package in packages.into_iter().filter(|package| functions.contains(package.name.as_str())) {
        let others = linked(package).filter(|dependency| functions.contains(dependency.name.as_str()));
        problems.extend(others.map(|other| {
            format!("{} links {}: what both need belongs into shared/, or stays apart", package.name, other.name)
        }));
        let tools = linked(package).filter(|dependency| ["brigade-local", "brigade-cli"].contains(&dependency.name.as_str()));
        problems.extend(tools.map(|tool| format!("{} links {}: only tests may", package.name, tool.name)));
    }
    none(problems)
}
