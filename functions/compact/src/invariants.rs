//! What must hold of a table at every moment, and when all is quiet: for the tests that look at a whole world.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::{ParquetError, Result as Parquet};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::bundle::read_bundle;

/// How often each line is in the table: a record by its request id, a reject by the line itself.
pub type Lines = BTreeMap<String, u64>;

/// The request ids of a part's lines.
///
/// # Errors
/// It is no Parquet, or has no such column.
pub fn lines_of(part: Bytes) -> Parquet<Vec<String>> {
    column_of(part, "requestid")
}

/// The lines of a part of the rejects.
///
/// # Errors
/// As [`lines_of`].
pub fn rejects_of(part: Bytes) -> Parquet<Vec<String>> {
    column_of(part, "raw_line")
}

/// The log objects (`bucket/key`) that a bundle holds.
///
/// # Errors
/// It is no bundle.
pub fn logs_of(bundle: &[u8]) -> io::Result<Vec<String>> {
    let mut logs = Vec::new();
    let read = read_bundle(bundle, |place, _| -> io::Result<()> {
        logs.push(place.to_owned());
        Ok(())
    });
    read.map_err(io::Error::other)?;
    Ok(logs)
}

fn column_of(part: Bytes, name: &str) -> Parquet<Vec<String>> {
    let reader = SerializedFileReader::new(part)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let column = schema.columns().iter().position(|column| column.name() == name);
    let column = column.ok_or_else(|| ParquetError::General(format!("there is no column {name}")))?;
    let mut found = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let mut rows = get_typed_column_reader::<ByteArrayType>(group.get_column_reader(column)?);
        let (mut values, mut levels): (Vec<ByteArray>, Vec<i16>) = (Vec::new(), Vec::new());
        while rows.read_records(usize::MAX / 2, Some(&mut levels), None, &mut values)?.0 > 0 {}
        found.extend(values.iter().map(|value| String::from_utf8_lossy(value.data()).into_owned()));
    }
    Ok(found)
}

/// At every moment: no line is in the table twice.
///
/// # Errors
/// A line that is, with its number.
pub fn at_most_once(table: &Lines) -> Result<(), String> {
    match table.iter().find(|(_, count)| **count > 1) {
        Some((line, count)) => Err(format!("at-most-once: line {line} is in the table {count} times")),
        None => Ok(()),
    }
}

/// When all is quiet: each line of the truth is in the table once, and nothing else is. `excused` lines (of log objects that
/// somebody else has deleted) may be missing.
///
/// # Errors
/// A line that is missing, doubled or foreign.
pub fn exactly_once<'l>(
    table: &Lines,
    truth: impl IntoIterator<Item = &'l String>,
    excused: impl Fn(&str) -> bool,
) -> Result<(), String> {
    at_most_once(table)?;
    let mut known = 0_usize;
    for line in truth {
        match table.contains_key(line) {
            true => known += 1,
            false if excused(line) => {}
            false => return Err(format!("exactly-once: line {line} is missing")),
        }
    }
    if known == table.len() {
        Ok(())
    } else {
        Err("exactly-once: there are lines in the table that nobody has logged".to_owned())
    }
}

/// At every moment: what is published stays as it is. Both sides are etags by key.
///
/// # Errors
/// A part that was changed or removed.
pub fn published_stays(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Result<(), String> {
    match before.iter().find(|(key, etag)| now.get(*key) != Some(*etag)) {
        Some((key, _)) => Err(format!("published-stays: {key} was replaced or removed")),
        None => Ok(()),
    }
}

/// At every moment: a log object that the function has deleted has all its lines in the table (or collected, which
/// `durable` knows).
///
/// # Errors
/// A line whose log object is gone and which is nowhere.
pub fn deleted_after_published<'l>(
    deleted: impl IntoIterator<Item = &'l String>,
    durable: impl Fn(&str) -> bool,
) -> Result<(), String> {
    match deleted.into_iter().find(|line| !durable(line)) {
        Some(line) => Err(format!("deleted-after-published: line {line} is nowhere, and its log object is gone")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pairs: &[(&str, u64)]) -> Lines {
        pairs.iter().map(|(line, count)| ((*line).to_owned(), *count)).collect()
    }

    #[test]
    fn each_invariant_fails_for_its_own_reason() {
        let truth = ["a".to_owned(), "b".to_owned()];
        let none = |_: &str| false;
        assert_eq!(exactly_once(&lines(&[("a", 1), ("b", 1)]), &truth, none), Ok(()));
        assert!(exactly_once(&lines(&[("a", 2), ("b", 1)]), &truth, none).unwrap_err().starts_with("at-most-once"));
        assert!(exactly_once(&lines(&[("a", 1)]), &truth, none).unwrap_err().contains("b is missing"));
        assert_eq!(exactly_once(&lines(&[("a", 1)]), &truth, |line| line == "b"), Ok(()));
        assert!(exactly_once(&lines(&[("a", 1), ("b", 1), ("c", 1)]), &truth, none).unwrap_err().contains("nobody has logged"));
        let etags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, e)| ((*k).to_owned(), (*e).to_owned())).collect();
        assert_eq!(published_stays(&etags(&[("p", "1")]), &etags(&[("p", "1"), ("q", "1")])), Ok(()));
        assert!(published_stays(&etags(&[("p", "1")]), &etags(&[("p", "2")])).is_err());
        assert!(published_stays(&etags(&[("p", "1")]), &etags(&[])).is_err());
        assert!(deleted_after_published(&truth, |line| line == "a").unwrap_err().contains("line b"));
    }
}
