//! Parts as files below two folders.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::durable::{create_folder, name_file};
use crate::parts::{Part, PartName, Sink, Table};

/// Writes parts as files. A part gets its name when it is complete and on the disk, and only if nobody has it: the file that
/// is there already is the same one, since its name tells what went into it. A crash of the machine takes no part that was
/// finished.
#[derive(Debug)]
pub struct Directory {
    records: PathBuf,
    rejects: PathBuf,
    /// Parts that were written.
    pub written: Vec<Part>,
    /// Parts that were there already.
    pub existing: Vec<Part>,
}

impl Directory {
    /// Records below `table`; rejects beside it, in a folder with `_rejects` behind its name.
    pub fn new(table: &Path) -> Self {
        let mut rejects = table.to_path_buf().into_os_string();
        rejects.push("_rejects");
        Self { records: table.to_owned(), rejects: rejects.into(), written: Vec::new(), existing: Vec::new() }
    }

    fn path(&self, name: &PartName) -> PathBuf {
        match name.table {
            Table::Records => self.records.join(name.path()),
            Table::Rejects => self.rejects.join(name.path()),
        }
    }
}

/// A part that has no name yet. Dropped before it is complete, it is removed.
#[derive(Debug)]
pub struct Unnamed {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Write for Unnamed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        // After the part has its name, only this second one goes. What can't be removed is left for the user to see.
        let _ = fs::remove_file(&self.path);
    }
}

impl Sink for Directory {
    type File = Unnamed;

    fn create(&mut self, name: &PartName) -> io::Result<Unnamed> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&path);
        create_folder(folder).map_err(|error| told(&error, folder))?;
        // No glob of `*.parquet` sees it; nobody else has this process's number, on this machine.
        let path = folder.join(format!(".{}.{}.{:x}", name.file, std::process::id(), machine()));
        let file = File::create(&path).map_err(|error| told(&error, &path))?;
        Ok(Unnamed { file: BufWriter::new(file), path })
    }

    fn finish(&mut self, part: Part, mut file: Unnamed) -> io::Result<()> {
        file.flush()?;
        let path = self.path(&part.name);
        match name_file(file.file.get_ref(), &file.path, &path) {
            Ok(true) => self.written.push(part),
            Ok(false) => self.existing.push(part),
            Err(error) => return Err(told(&error, &path)),
        }
        Ok(())
    }
}

/// The error, with the path that it is about.
fn told(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A number that other machines with the same folder are unlikely to have: the seed that this process hashes with.
fn machine() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
