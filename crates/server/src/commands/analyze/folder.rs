//! The CSVs of a folder and of the folders in it.

use crate::exit::UsageError;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most files that are read, of whatever kind.
const FILES_MAX: usize = 100_000;
/// The most folders in folders: links may go round in circles.
const DEPTH_MAX: usize = 16;

/// The CSVs in a folder, plain or packed: what each is called in it without `.gz`, and where it is. In the order of
/// their names.
pub(super) fn csv_files(folder: &Path) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let mut found = BTreeMap::new();
    let mut left = vec![(PathBuf::new(), 0)];
    let mut seen = 0;
    while let Some((inside, depth)) = left.pop() {
        let path = folder.join(&inside);
        let unread = || format!("{} cannot be read", path.display());
        for entry in path.read_dir().with_context(unread)? {
            let name = entry.with_context(unread)?.file_name();
            seen += 1;
            let (inside, path) = (inside.join(&name), path.join(&name));
            let kind = path.metadata();
            let kind = kind.with_context(|| format!("{} cannot be read", path.display()))?;
            if kind.is_dir() {
                left.push((inside, depth + 1));
            } else if let Some(called) = csv_name(&inside)
                && let Some(other) = found.insert(called, path.clone())
            {
                let (path, other) = (path.display(), other.display());
                let text = format!("{path} and {other} would be written into the same file");
                return Err(UsageError(text).into());
            }
            if seen > FILES_MAX || depth > DEPTH_MAX {
                let folder = folder.display();
                let text = format!(
                    "{folder} has more than {FILES_MAX} files, or folders {DEPTH_MAX} deep"
                );
                return Err(UsageError(text).into());
            }
        }
    }
    if found.is_empty() {
        let text = format!("there is no .csv in {}", folder.display());
        return Err(UsageError(text).into());
    }
    Ok(found.into_iter().collect())
}

/// The name of a CSV without `.gz`; none of what is no CSV.
fn csv_name(path: &Path) -> Option<PathBuf> {
    let is = |path: &Path, wanted: &str| {
        let extension = path.extension();
        extension.is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
    };
    let plain = if is(path, "gz") {
        path.with_extension("")
    } else {
        path.to_owned()
    };
    is(&plain, "csv").then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csvs_are_found_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        assert!(csv_files(folder.path()).is_err());
        for name in ["b/z.csv", "b/a.csv.gz", "a.CSV", "notes.txt", "b/README.md"] {
            file(name);
        }
        let found = csv_files(folder.path()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|(name, _)| name.to_str().unwrap())
            .collect();
        assert_eq!(names, ["a.CSV", "b/a.csv", "b/z.csv"]);
        file("b/a.csv");
        let error = csv_files(folder.path()).unwrap_err();
        assert!(error.to_string().contains("the same file"), "{error}");
        std::fs::remove_file(folder.path().join("b/a.csv")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/round")).unwrap();
        let error = csv_files(folder.path()).unwrap_err();
        assert!(error.to_string().contains("folders 16 deep"), "{error}");
    }
}
