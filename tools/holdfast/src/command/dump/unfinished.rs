//! A file that has its name only once it is whole.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

/// `FILE.partial`, which becomes FILE.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    is_published: bool,
}

impl Unfinished {
    /// Refuses to replace a file, and to write where another process does.
    pub(super) fn create(path: &Path) -> anyhow::Result<Unfinished> {
        if path.symlink_metadata().is_ok() {
            bail!(
                "{} is there already: remove it, or choose another name",
                path.display()
            );
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let cannot = || format!("cannot write {}", partial.display());
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&partial)
            .with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another dump is writing {}", partial.display());
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
        }
        // What a dump that was killed has left.
        file.set_len(0).with_context(cannot)?;
        Ok(Unfinished {
            path: path.to_owned(),
            partial,
            file,
            is_published: false,
        })
    }

    /// To write to.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// All is written: makes it durable, and gives it its name.
    pub(super) fn publish(mut self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.path.display());
        self.file.sync_all().with_context(cannot)?;
        rename(&self.partial, &self.path).with_context(cannot)?;
        self.is_published = true;
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .with_context(|| format!("cannot write {}", directory.display()))
    }
}

/// Not over a file that came meanwhile, where the filesystem can promise that.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        Err(nix::Error::EINVAL | nix::Error::ENOSYS) => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_published {
            drop(fs::remove_file(&self.partial));
        }
    }
}
