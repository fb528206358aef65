//! What is read: files, folders, patterns and places in S3.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use brigade::storage::Location;
use flate2::read::MultiGzDecoder;

use super::objects::Objects;
use crate::failure::Failure;

/// Bytes of text that a byte of gzip counts for: logs shrink to about an eighth.
const UNPACKED: u64 = 8;

/// One log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// As it was named, or found: what rejects are stored with.
    pub(super) name: String,
    /// Bytes as they lie there.
    pub(super) size: u64,
    pub(super) place: Place,
    /// It lies in a storage class out of which it has to be restored before it can be read. Whether it was, no list tells.
    pub(super) archived: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    File(PathBuf),
    /// With its ETag.
    Object(Location, String),
}

/// Everything that is named, once, sorted by name.
pub(super) fn find(named: &[String], objects: &Objects) -> Result<Vec<Input>, Failure> {
    let mut found = Vec::new();
    for name in named {
        let before = found.len();
        if name.starts_with("s3://") {
            objects.find(name, &mut found)?;
        } else if name.contains(['*', '?']) && !Path::new(name).exists() {
            matching(name, &mut found)?;
        } else {
            add(Path::new(name), &mut Vec::new(), &mut found)?;
        }
        if found.len() == before {
            return Err(Failure::Environment(format!("{name}: nothing is there")));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    Ok(found)
}

/// A file; or all files in a folder and those below, but hidden ones. `above` is where it lies, without links: one that leads
/// back there is left out.
fn add(path: &Path, above: &mut Vec<PathBuf>, found: &mut Vec<Input>) -> Result<(), Failure> {
    let failure = |error: io::Error| Failure::environment(path.display(), error);
    let about = fs::metadata(path).map_err(failure)?;
    if about.is_file() {
        let name = path.to_str().ok_or_else(|| Failure::environment(path.display(), "the name is not UTF-8"))?;
        found.push(Input { name: name.to_owned(), size: about.len(), place: Place::File(path.to_owned()), archived: false });
        return Ok(());
    }
    if !about.is_dir() {
        return Err(Failure::environment(path.display(), "neither a file nor a folder"));
    }
    let real = fs::canonicalize(path).map_err(failure)?;
    if above.contains(&real) {
        return Ok(());
    }
    above.push(real);
    for entry in fs::read_dir(path).map_err(failure)? {
        let path = entry.map_err(failure)?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden {
            add(&path, above, found)?;
        }
    }
    above.pop();
    Ok(())
}

/// What fits a pattern, in which `*` and `?` stand for anything but a slash.
fn matching(pattern: &str, found: &mut Vec<Input>) -> Result<(), Failure> {
    let fixed = pattern.find(['*', '?']).and_then(|at| pattern.get(..at)?.rfind('/')).map_or(0, |slash| slash + 1);
    let (root, rest) = pattern.split_at_checked(fixed).unwrap_or(("", pattern));
    let segments: Vec<&str> = rest.split('/').collect();
    descend(Path::new(root), &segments, found)
}

fn descend(folder: &Path, segments: &[&str], found: &mut Vec<Input>) -> Result<(), Failure> {
    let Some((segment, rest)) = segments.split_first() else { return add(folder, &mut Vec::new(), found) };
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let failure = |error: io::Error| Failure::environment(listed.display(), error);
    for entry in fs::read_dir(listed).map_err(failure)? {
        let name = entry.map_err(failure)?.file_name();
        let text = name.to_string_lossy();
        if fits(&text, segment) && (!text.starts_with('.') || segment.starts_with('.')) {
            let path = folder.join(&name);
            if rest.is_empty() || path.is_dir() {
                descend(&path, rest, found)?;
            }
        }
    }
    Ok(())
}

/// Whether a name fits a pattern of `*` and `?`.
pub(super) fn fits(name: &str, pattern: &str) -> bool {
    let (mut name, mut pattern) = (name, pattern);
    // Where the last star was, and what it has not taken yet.
    let mut star: Option<(&str, &str)> = None;
    loop {
        let mut rest = pattern.chars();
        match (rest.next(), name.chars().next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                pattern = rest.as_str();
                star = Some((pattern, name));
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                pattern = rest.as_str();
                name = name.get(found.len_utf8()..).unwrap_or_default();
            }
            _ => {
                let Some((behind, left)) = star else { return false };
                let Some(taken) = left.chars().next() else { return false };
                let left = left.get(taken.len_utf8()..).unwrap_or_default();
                (pattern, name, star) = (behind, left, Some((behind, left)));
            }
        }
    }
}

/// About how many bytes of text a log of this size has.
pub(super) fn text_bytes(name: &str, size: u64) -> u64 {
    if name.ends_with(".gz") { size.saturating_mul(UNPACKED) } else { size }
}

/// The text of what may be compressed by gzip, which is told by its first bytes.
pub(super) fn unpacked<'a>(reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    Ok(if is_packed(&mut reader)? { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) })
}

/// The files among these that can't be read, each with the reason; looked at on so many threads.
pub(super) fn unreadable(inputs: &[Input], threads: usize) -> Vec<(Input, String)> {
    let failed = |input: &Input| match &input.place {
        Place::File(path) => check(path, input.size).err(),
        Place::Object(..) => None,
    };
    let look = |inputs: &[Input]| -> Vec<(Input, String)> {
        inputs.iter().filter_map(|input| Some((input.clone(), failed(input)?.to_string()))).collect()
    };
    std::thread::scope(|scope| {
        let shares = inputs.chunks(inputs.len().div_ceil(threads).max(1));
        let begun: Vec<_> = shares.map(|share| scope.spawn(move || look(share))).collect();
        begun.into_iter().flat_map(|share| share.join().unwrap_or_default()).collect()
    })
}

/// A file has to open and not to be written any more, and one of gzip has to unpack to its end, where alone it shows to be
/// whole.
fn check(path: &Path, size: u64) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, as_it_was(path, size)?);
    if is_packed(&mut reader)? {
        io::copy(&mut MultiGzDecoder::new(reader), &mut io::sink())?;
    }
    Ok(())
}

/// A file of the size that it was found with.
pub(super) fn as_it_was(path: &Path, size: u64) -> io::Result<impl Read + use<>> {
    let file = File::open(path)?;
    match file.metadata()?.len() {
        now if now == size => Ok(file.take(size)),
        now => Err(io::Error::other(format!("it has {now} bytes, and had {size}"))),
    }
}

fn is_packed(reader: &mut impl BufRead) -> io::Result<bool> {
    Ok(reader.fill_buf()?.starts_with(&[0x1f, 0x8b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        let cases = [
            ("a.log", "*.log", true),
            ("a.log", "*", true),
            ("a.log", "?.log", true),
            ("ab.log", "?.log", false),
            ("a.log.gz", "*.log", false),
            ("aXbXc", "a*X*c", true),
            ("aXbXd", "a*X*c", false),
            ("", "*", true),
            ("", "?", false),
            ("é", "?", true),
        ];
        for (name, pattern, expected) in cases {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }
}
