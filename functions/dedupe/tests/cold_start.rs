//! The deployable binary as Lambda starts it.

use std::process::Command;

#[test]
fn a_bad_configuration_stops_the_cold_start_and_names_all_its_mistakes() {
    let mut function = Command::new(env!("CARGO_BIN_EXE_brigade-dedupe"));
    function.env_clear().envs([("BRIGADE_RETENTION", "9x"), ("BRIGADE_SHARDS", "3")]);
    let output = function.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let unset = ["BRIGADE_INPUT", "BRIGADE_STATE", "BRIGADE_TARGET"].map(|variable| format!("{variable}: is not set"));
    for mistake in unset.iter().map(String::as_str).chain(["not \"9x\"", "not \"3\""]) {
        assert!(said.contains(mistake), "{mistake}: {said}");
    }
}
