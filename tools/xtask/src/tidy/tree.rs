//! The text files of the work tree, read once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What a build, a mount or git leaves at the top; never looked into.
const LEFT_OUT: [&str; 4] = [".git", ".holdfast", "mnt", "target"];

/// Paths relative to the top, in order, with their text.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: Vec<(String, String)>,
}

impl Tree {
    /// Reads the work tree below `root`. Files that are not text have no rules.
    pub(super) fn read(root: &Path) -> Result<Tree> {
        let mut tree = Tree::default();
        tree.add(root, "")?;
        tree.files.sort();
        Ok(tree)
    }

    /// A tree for a test.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Tree {
            files: files.collect(),
        }
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files()
            .find(|(other, _)| *other == path)
            .map(|(_, text)| text)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Those whose name ends so.
    pub(super) fn with_suffix(&self, suffix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| path.ends_with(suffix))
    }

    fn add(&mut self, root: &Path, directory: &str) -> Result<()> {
        let absolute = root.join(directory);
        for entry in fs::read_dir(&absolute).with_context(|| absolute.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if directory.is_empty() && LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            let path = if directory.is_empty() {
                name
            } else {
                format!("{directory}/{name}")
            };
            if entry.file_type()?.is_dir() {
                self.add(root, &path)?;
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                self.files.push((path, text));
            }
        }
        Ok(())
    }
}
