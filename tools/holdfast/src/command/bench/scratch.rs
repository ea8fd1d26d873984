//! The directory a run works in, which goes away with everything in it.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, bail};

/// A directory of our own inside a directory of the user's. Removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    removed: bool,
}

impl Scratch {
    /// Makes `holdfast-bench-PID` in `parent`, or says why this directory can not be measured.
    fn create(parent: &Path, name: &str) -> anyhow::Result<Scratch> {
        let metadata =
            fs::metadata(parent).with_context(|| format!("cannot measure {}", parent.display()))?;
        if !metadata.is_dir() {
            bail!("cannot measure {}: it is not a directory", parent.display());
        }
        let path = fs::canonicalize(parent)?.join(name);
        fs::create_dir(&path).with_context(|| format!("cannot write in {}", parent.display()))?;
        Ok(Scratch {
            path,
            removed: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn remove(mut self) -> anyhow::Result<()> {
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

/// A scratch directory in each of the directories, or none.
pub(super) fn create_all(directories: &[PathBuf]) -> anyhow::Result<Vec<Scratch>> {
    let name = |index: usize| match index {
        0 => format!("holdfast-bench-{}", process::id()),
        // The same directory may be given twice, to see how far apart two equal things come out.
        _ => format!("holdfast-bench-{}-{}", process::id(), index + 1),
    };
    directories
        .iter()
        .enumerate()
        .map(|(index, parent)| Scratch::create(parent, &name(index)))
        .collect()
}

/// Lets the filesystems write what they still hold back, so that no phase pays for the one before it.
pub(super) fn settle(scratches: &[Scratch]) -> anyhow::Result<()> {
    for scratch in scratches {
        File::open(scratch.path())
            .and_then(|directory| Ok(nix::unistd::syncfs(directory.as_fd())?))
            .with_context(|| {
                format!(
                    "cannot flush the filesystem of {}",
                    scratch.path().display()
                )
            })?;
    }
    Ok(())
}

/// Removes all of them, as far as possible, and tells the first failure.
pub(super) fn remove_all(scratches: Vec<Scratch>) -> anyhow::Result<()> {
    let outcomes: Vec<_> = scratches.into_iter().map(Scratch::remove).collect();
    outcomes.into_iter().collect()
}
