//! Files that outlast a crash of the machine: who finds one under its name finds all of it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Gives a complete file its name, if nobody has it. Its bytes are on the disk before the name is, and the name when this
/// returns. `false`: the name is taken.
pub fn name_file(file: &File, unnamed: &Path, path: &Path) -> io::Result<bool> {
    file.sync_all()?;
    let named = match fs::hard_link(unnamed, path) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error),
    };
    // Another's name, too: what is told of it must be as true after a crash.
    sync_folder(path)?;
    Ok(named)
}

/// Creates a folder, and those that it lies in, where they are missing.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    folder.parent().map_or(Ok(()), create_folder)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }?;
    sync_folder(folder)
}

/// Makes the names in the folder that this lies in durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Ok(()),
    };
    // Elsewhere a folder can't be opened as a file, and the file system keeps its names by itself.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        // Not every file system has it for folders.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}
