//! The directory a run works in, which goes away with everything in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::super::scratch_name;

/// A directory of our own inside a directory of the user's. Removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    removed: bool,
}

impl Scratch {
    /// Makes one in `parent`, or says why this directory can not be measured.
    pub(super) fn create(parent: &Path, index: usize) -> anyhow::Result<Scratch> {
        let metadata =
            fs::metadata(parent).with_context(|| format!("cannot measure {}", parent.display()))?;
        if !metadata.is_dir() {
            bail!("cannot measure {}: it is not a directory", parent.display());
        }
        let path = fs::canonicalize(parent)?.join(scratch_name(index));
        fs::create_dir(&path).with_context(|| format!("cannot write in {}", parent.display()))?;
        Ok(Scratch {
            path,
            removed: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn remove(mut self) -> anyhow::Result<()> {
        self.removed = true;
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| {
                    format!("cannot remove {}: please remove it", self.path.display())
                })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!(
                "cannot remove {}: {error}; please remove it",
                self.path.display()
            );
        }
    }
}
