//! `local.config`: what xfstests reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::backend::{SCRATCH, TEST};

/// Where a run has its things, below one directory.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Everything.
    pub(crate) work: PathBuf,
    /// The mounts, below it.
    pub(crate) mounts: PathBuf,
    pub(crate) test: PathBuf,
    pub(crate) scratch: PathBuf,
    /// The data of the backend.
    pub(crate) data: PathBuf,
    /// What the tests leave: `NNN.full`, `NNN.out.bad`.
    pub(crate) results: PathBuf,
    pub(crate) config: PathBuf,
}

impl Places {
    /// Makes the directories. Users of the tests have to get through them.
    pub(crate) fn make(work: &Path) -> anyhow::Result<Places> {
        let work = std::path::absolute(work)?;
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
        if !work.to_str().is_some_and(|path| path.chars().all(plain)) {
            bail!("{}: xfstests cannot work with such a path", work.display());
        }
        let mounts = work.join("mnt");
        let places = Places {
            test: mounts.join("test"),
            scratch: mounts.join("scratch"),
            data: work.join("data"),
            results: work.join("results"),
            config: work.join("local.config"),
            mounts,
            work,
        };
        for directory in [&places.test, &places.scratch, &places.data, &places.results] {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        Ok(places)
    }

    /// Writes `local.config`.
    pub(crate) fn configure(&self, subtype: &str) -> anyhow::Result<()> {
        let text = format(self, subtype);
        fs::write(&self.config, text).with_context(|| self.config.display().to_string())
    }
}

fn format(places: &Places, subtype: &str) -> String {
    let options = "-oallow_other,default_permissions,dev,suid";
    let settings = [
        ("FSTYP", "fuse".to_owned()),
        ("FUSE_SUBTYP", format!(".{subtype}")),
        ("TEST_DEV", TEST.to_owned()),
        ("TEST_DIR", places.test.display().to_string()),
        ("SCRATCH_DEV", SCRATCH.to_owned()),
        ("SCRATCH_MNT", places.scratch.display().to_string()),
        ("MOUNT_OPTIONS", options.to_owned()),
        ("TEST_FS_MOUNT_OPTS", options.to_owned()),
        ("RESULT_BASE", places.results.display().to_string()),
    ];
    settings
        .map(|(name, value)| format!("export {name}='{value}'\n"))
        .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_name_both_trees_and_where_they_are_mounted() {
        let directory = tempfile::tempdir().unwrap();
        let places = Places::make(directory.path()).unwrap();
        places.configure("holdfast-1").unwrap();
        let text = fs::read_to_string(&places.config).unwrap();
        assert!(
            text.contains("export SCRATCH_DEV='holdfast-scratch'\n"),
            "{text}"
        );
        assert!(
            text.contains("export FUSE_SUBTYP='.holdfast-1'\n"),
            "{text}"
        );
        assert!(places.test.is_dir() && places.scratch.is_dir() && places.results.is_dir());
    }

    #[test]
    fn a_path_that_a_shell_would_take_apart_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a b", "a'b", "$a"] {
            Places::make(&directory.path().join(name)).unwrap_err();
        }
    }
}
