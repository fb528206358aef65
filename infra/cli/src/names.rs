//! Names for what comes of several files.

use std::collections::HashSet;
use std::path::PathBuf;

/// A name for each file: its own, and for a later one of the same name `name~2`, `name~3` and so on. File systems may not
/// tell upper from lower case, so names that differ in that only are the same name here.
pub(crate) fn unique(files: &[PathBuf]) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = |file: &PathBuf| {
        let name = file.file_name().map_or_else(|| "-".into(), |name| name.to_string_lossy().into_owned());
        let mut unique = name.clone();
        let mut count = 1;
        while !taken.insert(unique.to_lowercase()) {
            count += 1;
            unique = format!("{name}~{count}");
        }
        unique
    };
    files.iter().map(unique).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_same_name_get_names_of_their_own() {
        let files = ["a/x.jpg", "b/x.jpg", "X.JPG", "x.jpg~2", "a/x.jpg"].map(PathBuf::from);
        assert_eq!(unique(&files), ["x.jpg", "x.jpg~2", "X.JPG~3", "x.jpg~2~2", "x.jpg~4"]);
    }
}
