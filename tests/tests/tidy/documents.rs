//! Rules for what people read: READMEs, the changelog, manifests.

use brigade::config::{COMMON, markdown_table};

use crate::tree::{files, functions, none, root};

#[test]
fn every_function_has_a_readme() {
    let missing = functions().into_iter().filter(|name| !root().join("functions").join(name).join("README.md").is_file());
    none(missing.map(|name| format!("functions/{name}/README.md: say what it does, what it guarantees, its limits")).collect())
}

#[test]
fn tables_of_variables_are_what_is_declared() {
    let documents = files(&[".md"]);
    let mut problems = Vec::new();
    for function in functions() {
        let Some(declared) = brigade_tests::functions::function(&function) else {
            problems.push(format!("functions/{function}: name it in FUNCTIONS of tests/src/functions.rs"));
            continue;
        };
        let table = markdown_table(&[COMMON, declared.variables]);
        let begin = format!("<!-- config:{function} -->");
        let expected = format!("{begin}\n{table}\n<!-- /config -->");
        let marked: Vec<_> = documents.iter().filter(|document| document.text.contains(&begin)).collect();
        if marked.is_empty() {
            problems.push(format!("functions/{function}/README.md: show its variables, as\n{expected}"));
        }
        let differing = marked.into_iter().filter(|document| !document.text.contains(&expected));
        problems.extend(differing.map(|document| {
            let print = format!("cargo run -- config {function} --markdown");
            format!(
                "{}: its table of {function}'s variables is not what is declared; it is (`{print}`)\n{expected}",
                document.path
            )
        }));
    }
    none(problems)
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut problems = Vec::new();
    for document in files(&[".md"]) {
        let folder = root().join(&document.path).parent().expect("a file is in a folder").to_owned();
        // What is between two backticks is code; there, a bracket before a parenthesis is no link.
        let prose: String = document.text.split('`').step_by(2).collect();
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")) {
            let path = target.split('#').next().unwrap_or_default();
            if !folder.join(path).exists() {
                problems.push(format!("{}: there is no {target}; mend or remove the link", document.path));
            }
        }
    }
    none(problems)
}

#[test]
fn the_readme_tells_how_many_sample_events_there_are() {
    let events = files(&[".json"]).into_iter().filter(|file| file.path.starts_with("events/")).count();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap_or_default();
    let told: Vec<&str> = readme.lines().filter(|line| line.contains("`events/` has ")).collect();
    let right = format!("(`events/` has {events} of them, one situation each)");
    assert!(matches!(told.as_slice(), [line] if line.contains(&right)), "README.md: say, once, {right}; it says {told:?}");
}

#[test]
fn the_changelog_has_room_for_the_next_change() {
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap_or_default();
    let open = changelog.lines().any(|line| line == "## [Unreleased]");
    assert!(open, "CHANGELOG.md: add a section `## [Unreleased]` above the newest release");
}

#[test]
fn no_profile_aborts_on_panic() {
    let manifests = files(&["Cargo.toml"]);
    let aborting = manifests.iter().filter(|file| {
        let mut lines = file.text.lines().map(|line| line.split('#').next().unwrap_or_default().replace(' ', ""));
        lines.any(|line| line == "panic=\"abort\"")
    });
    let fix = "panic = \"unwind\": an abort would take the whole batch along with the record that panicked";
    none(aborting.map(|file| format!("{}: {fix}", file.path)).collect())
}
