//! The tree of xfstests: whether it is built, and which tests are in a group.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::test_name::TestName;

/// What only a build makes.
const BUILT: [&str; 3] = ["check", "ltp/fsx", "tests/generic/group.list"];

/// A built tree of xfstests.
#[derive(Debug)]
pub(crate) struct Tree {
    path: PathBuf,
}

impl Tree {
    /// Fails if it is something else, or not built.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Tree> {
        let path = fs::canonicalize(path).with_context(|| path.display().to_string())?;
        for file in BUILT {
            let message = "is it a tree of xfstests, and built (make)?";
            ensure!(
                path.join(file).exists(),
                "{} has no {file}: {message}",
                path.display()
            );
        }
        Ok(Tree { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The tests that are named, alone or by their groups, without those that `without` names.
    pub(crate) fn select(
        &self,
        named: &[String],
        without: &[String],
    ) -> anyhow::Result<BTreeSet<TestName>> {
        let mut selected = BTreeSet::new();
        for name in named {
            selected.append(&mut self.find(name)?);
        }
        for name in without {
            let left_out = self.find(name)?;
            selected.retain(|test| !left_out.contains(test));
        }
        Ok(selected)
    }

    fn find(&self, name: &str) -> anyhow::Result<BTreeSet<TestName>> {
        let Some((folder, rest)) = name.split_once('/') else {
            bail!("{name:?} is neither a test nor a group: write generic/001 or generic/quick");
        };
        let path = self.path.join("tests").join(folder).join("group.list");
        let list = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let found = in_group(&list, folder, rest);
        ensure!(!found.is_empty(), "there is no test or group {name}");
        Ok(found)
    }
}

/// Lines are `001 auto quick rw`.
fn in_group(list: &str, folder: &str, wanted: &str) -> BTreeSet<TestName> {
    let lines = list.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let number = words.next()?;
        let wanted = number == wanted || words.any(|group| group == wanted);
        wanted.then(|| format!("{folder}/{number}").parse().ok())?
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_whole_words_and_a_test_by_its_number() {
        let list = "# quick\n001 auto quick rw\n002 auto quicker\n010 quick\n";
        let names = |wanted| -> Vec<String> {
            let found = in_group(list, "generic", wanted);
            found.iter().map(TestName::to_string).collect()
        };
        assert_eq!(names("quick"), ["generic/001", "generic/010"]);
        assert_eq!(names("002"), ["generic/002"]);
        assert!(names("acl").is_empty());
    }

    #[test]
    fn what_is_not_a_built_tree_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("check"), "").unwrap();
        let error = Tree::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("ltp/fsx"), "{error}");
    }

    #[test]
    fn a_group_can_be_left_out_of_another() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("tests/generic");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("group.list"), "001 auto quick\n002 auto\n").unwrap();
        let path = directory.path().to_owned();
        let selected = Tree { path }
            .select(&["generic/auto".into()], &["generic/quick".into()])
            .unwrap();
        let names: Vec<String> = selected.iter().map(TestName::to_string).collect();
        assert_eq!(names, ["generic/002"]);
    }
}
