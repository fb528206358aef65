//! Which columns a table has: all of them, or some dropped or hashed.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::record::{FIELDS, Field, Kind};

/// What is done with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Stored as it is.
    Keep,
    /// Left out; the table has no such column.
    Drop,
    /// Stored as the first 128 bits of its SHA-256, in hexadecimal. Equal values stay equal, so that grouping and joins
    /// work. It is a pseudonym, no secret: who can list the values (all IPv4 addresses) finds the one behind a hash.
    Hash,
}

/// A treatment for every field. It is shown, and stored, as `BRIGADE_COLUMNS` spells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Columns([Treatment; FIELDS.len()]);

impl Default for Columns {
    /// All of them, as they are.
    fn default() -> Self {
        Self([Treatment::Keep; FIELDS.len()])
    }
}

impl Columns {
    /// Parses `all`, or a comma list of `-name` (dropped) and `#name` (hashed); what is not named is kept.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut columns = Self::default();
        if text == "all" {
            return Ok(columns);
        }
        let parts = text.split(',').map(str::trim);
        let problems: Vec<String> = parts.filter_map(|part| columns.treat(part).err()).collect();
        if problems.is_empty() { Ok(columns) } else { Err(problems.join("; ")) }
    }

    /// Takes one part of the list in.
    fn treat(&mut self, part: &str) -> Result<(), String> {
        let (treatment, name) = match (part.strip_prefix('-'), part.strip_prefix('#')) {
            (Some(name), _) => (Treatment::Drop, name),
            (None, Some(name)) => (Treatment::Hash, name),
            (None, None) => return Err(format!("expected all, or a comma list of -column and #column, not {part:?}")),
        };
        let found = FIELDS.iter().zip(&mut self.0).find(|(field, _)| field.name == name);
        let (field, slot) = found.ok_or_else(|| format!("there is no column {name:?}"))?;
        match (field.kind, treatment) {
            (Kind::Time, _) => return Err(format!("{name} stays: the table is partitioned and sorted by it")),
            (Kind::Status | Kind::Number(_), Treatment::Hash) => {
                return Err(format!("{name} is a number; drop it (-{name}), or keep it"));
            }
            _ if *slot != Treatment::Keep => return Err(format!("{name} is named twice")),
            _ => *slot = treatment,
        }
        Ok(())
    }

    /// The fields that are stored, in the order of the line.
    pub fn stored(&self) -> impl Iterator<Item = (&'static Field, Treatment)> {
        FIELDS.iter().zip(self.0).filter(|(_, treatment)| *treatment != Treatment::Drop)
    }
}

impl fmt::Display for Columns {
    /// In the order of the line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = FIELDS.iter().zip(self.0).filter_map(|(field, treatment)| match treatment {
            Treatment::Keep => None,
            Treatment::Drop => Some(('-', field.name)),
            Treatment::Hash => Some(('#', field.name)),
        });
        let mut separator = "";
        for (sign, name) in named {
            write!(f, "{separator}{sign}{name}")?;
            separator = ",";
        }
        if separator.is_empty() { f.write_str("all") } else { Ok(()) }
    }
}

impl From<Columns> for String {
    fn from(columns: Columns) -> Self {
        columns.to_string()
    }
}

impl TryFrom<String> for Columns {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

/// Writes the hash of a value, 32 hexadecimal digits.
pub(crate) fn hash(value: &[u8], out: &mut String) {
    out.clear();
    for byte in Sha256::digest(value).iter().take(16) {
        // Writing to a String can't fail.
        let _ = write!(out, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_dropped_and_hashed_by_name() {
        let columns = Columns::parse("-hostid, #remoteip").unwrap();
        let stored: Vec<_> = columns.stored().map(|(field, treatment)| (field.name, treatment)).collect();
        assert_eq!(stored.len(), 27);
        assert!(stored.contains(&("remoteip", Treatment::Hash)) && stored.contains(&("key", Treatment::Keep)));
        assert!(!stored.iter().any(|(name, _)| *name == "hostid"));
        assert_eq!(Columns::parse("all").unwrap(), Columns::default());
        for (text, shown) in [("all", "all"), ("-hostid, #remoteip", "#remoteip,-hostid"), ("-key", "-key")] {
            let columns = Columns::parse(text).unwrap();
            assert_eq!(columns.to_string(), shown);
            assert_eq!(Columns::parse(shown).unwrap(), columns);
        }
    }

    #[test]
    fn what_would_not_make_a_table_is_refused() {
        let cases = [
            ("hostid", "expected all, or a comma list of -column and #column, not \"hostid\""),
            ("", "expected all, or a comma list of -column and #column, not \"\""),
            ("-host", "there is no column \"host\""),
            ("-requestdatetime", "requestdatetime stays: the table is partitioned and sorted by it"),
            ("#bytessent", "bytessent is a number; drop it (-bytessent), or keep it"),
            ("-key,#key", "key is named twice"),
            (
                "-host,-key,#bytessent,-key",
                "there is no column \"host\"; bytessent is a number; drop it (-bytessent), or keep it; key is named twice",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Columns::parse(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn a_hash_is_the_beginning_of_sha_256() {
        let mut text = "before".to_owned();
        hash(b"abc", &mut text);
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223");
    }
}
