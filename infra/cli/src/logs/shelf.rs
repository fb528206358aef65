//! Small documents beside a table, which are created once and never changed: in a folder or in S3.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brigade::event::BucketName;
use brigade_compact::durable::{create_folder, name_file};

use super::inputs::{Input, Place};
use super::objects::{Connection, Objects, place};
use crate::failure::Failure;

/// What stands behind a table's name where its documents are, ...
const DOCUMENTS: &str = "_batches";
/// ... and where its rejects are.
const REJECTS: &str = "_rejects";

/// Where a table's documents are.
pub(super) enum Shelf {
    /// Beside the folder of the table.
    Folder(String),
    /// Beside the prefix of the table, which has no slash at its end.
    Bucket(Arc<Connection>, BucketName, String),
}

impl Shelf {
    /// Beside the table `out`.
    pub(super) fn beside(out: &str, objects: &Objects) -> Result<Self, Failure> {
        Ok(match place(out) {
            Some((bucket, prefix)) => {
                Self::Bucket(Arc::clone(objects.connection()?), bucket, prefix.trim_end_matches('/').to_owned())
            }
            None => Self::Folder(folder(out)?.to_owned()),
        })
    }

    /// Keeps what is no part of the table, of its rejects or of the account of it.
    pub(super) fn leave_out(&self, inputs: &mut Vec<Input>) {
        let all = ["", REJECTS, DOCUMENTS];
        match self {
            Self::Folder(table) => {
                // One that is not there yet has nothing inside.
                let folders: Vec<PathBuf> =
                    all.iter().filter_map(|end| fs::canonicalize(format!("{table}{end}")).ok()).collect();
                let is_inside = |path: &Path| folders.iter().any(|folder| path.starts_with(folder));
                inputs.retain(|input| match &input.place {
                    Place::File(path) => !fs::canonicalize(path).is_ok_and(|path| is_inside(&path)),
                    Place::Object(..) => true,
                });
            }
            Self::Bucket(_, bucket, table) => {
                let prefixes = all.map(|end| format!("{table}{end}/"));
                inputs.retain(|input| match &input.place {
                    Place::Object(at, _) => at.bucket != *bucket || !prefixes.iter().any(|p| at.key.as_str().starts_with(p)),
                    Place::File(_) => true,
                });
            }
        }
    }

    /// A document's place, as a user finds it.
    pub(super) fn shown(&self, name: &str) -> String {
        match self {
            Self::Folder(table) => format!("{table}{DOCUMENTS}/{name}"),
            Self::Bucket(_, bucket, table) => format!("s3://{}/{table}{DOCUMENTS}/{name}", bucket.as_str()),
        }
    }

    /// The names of all documents.
    pub(super) fn list(&self) -> Result<Vec<String>, Failure> {
        let listed = match self {
            Self::Folder(table) => names(Path::new(&format!("{table}{DOCUMENTS}"))),
            Self::Bucket(connection, bucket, table) => connection.names(bucket, &format!("{table}{DOCUMENTS}/"), None),
        };
        listed.map_err(|error| self.failure("", error))
    }

    /// A document, where there is one.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let read = match self {
            Self::Folder(_) => match fs::read(self.shown(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                read => read.map(Some),
            },
            Self::Bucket(connection, bucket, table) => connection.read(bucket, &format!("{table}{DOCUMENTS}/{name}")),
        };
        read.map_err(|error| self.failure(name, error))
    }

    /// Whether the document is this one's; `false`: one of that name is there, and stays.
    pub(super) fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, Failure> {
        let created = match self {
            Self::Folder(_) => create(Path::new(&self.shown(name)), &bytes),
            Self::Bucket(connection, bucket, table) => connection.create(bucket, &format!("{table}{DOCUMENTS}/{name}"), bytes),
        };
        created.map_err(|error| self.failure(name, error))
    }

    /// Whether there is neither a record nor a reject.
    pub(super) fn table_is_empty(&self) -> Result<bool, Failure> {
        for table in ["", REJECTS] {
            let listed = match self {
                Self::Folder(name) => names(Path::new(&format!("{name}{table}"))),
                Self::Bucket(connection, bucket, name) => connection.names(bucket, &format!("{name}{table}/"), Some(1)),
            };
            if !listed.map_err(|error| self.failure("", error))?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn failure(&self, name: &str, error: io::Error) -> Failure {
        Failure::environment(self.shown(name), error)
    }
}

/// A table's folder, which has to have a name: what belongs to it lies beside it, under that name and more.
fn folder(out: &str) -> Result<&str, Failure> {
    let table = out.trim_end_matches('/');
    if matches!(table.rsplit('/').next(), None | Some("" | "." | "..")) {
        return Err(Failure::Usage(format!("--out {out:?}: expected a folder with a name of its own, or s3://bucket/prefix")));
    }
    match fs::metadata(table) {
        Ok(about) if !about.is_dir() => Err(Failure::environment(out, "no folder, so no table can be there")),
        // One that is not there yet is made; what else is wrong shows then.
        _ => Ok(table),
    }
}

/// The names in a folder that is there or not.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// A file gets its name when it is complete and on the disk, and only if nobody has it.
fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(path);
    create_folder(folder)?;
    let unnamed = Unnamed(folder.join(format!(".{:016x}", fastrand::u64(..))));
    let mut file = fs::File::create_new(&unnamed.0)?;
    file.write_all(bytes)?;
    name_file(&file, &unnamed.0, path)
}

/// Goes, whatever becomes of it; the name that it was given stays.
struct Unnamed(PathBuf);

impl Drop for Unnamed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
