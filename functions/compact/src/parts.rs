//! What comes out: parts of the table, and where they are written to.

use std::io::{self, Write};

/// One Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartName {
    /// Which table it is of.
    pub table: Table,
    /// Below the table, with a slash at its end; empty for rejects.
    pub folder: String,
    /// `{batch}.parquet`, and `{batch}-1.parquet` and so on where one file was not enough.
    pub file: String,
}

impl PartName {
    /// The path below its table.
    pub fn path(&self) -> String {
        format!("{}{}", self.folder, self.file)
    }
}

/// Both tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// The records.
    Records,
    /// The lines that are no records: `source`, `line`, `reason`, `raw_line`.
    Rejects,
}

/// What a finished part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place.
    pub name: PartName,
    /// Its records or rejects.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Seconds since 1970 of its first and of its last record; none for rejects.
    pub times: Option<(i64, i64)>,
}

/// Takes the parts. Parts of one batch have different names; several are open at once.
pub trait Sink {
    /// What a part is written to, from its beginning to its end.
    type File: Write + Send;

    /// Begins a part.
    fn create(&mut self, name: &PartName) -> io::Result<Self::File>;

    /// Takes a part that is complete.
    fn finish(&mut self, part: Part, file: Self::File) -> io::Result<()>;
}

/// Keeps the parts in memory.
#[derive(Debug, Default)]
pub struct InMemory {
    /// In the order in which they were completed.
    pub parts: Vec<(Part, Vec<u8>)>,
}

impl Sink for InMemory {
    type File = Vec<u8>;

    fn create(&mut self, _: &PartName) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn finish(&mut self, part: Part, mut file: Vec<u8>) -> io::Result<()> {
        // It has grown by doubling.
        file.shrink_to_fit();
        self.parts.push((part, file));
        Ok(())
    }
}
