//! Every change of a group's directory goes through here: each is a step after which a test may crash.

#[cfg(test)]
pub(in crate::raft) mod crash;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The filesystem, one step at a time.
#[derive(Debug, Clone, Default)]
pub(in crate::raft) struct Disk {
    #[cfg(test)]
    crash: Option<crash::Crash>,
}

/// What a step does, and what has to be synced before a power failure spares it.
#[derive(Debug, Clone, Copy)]
pub(in crate::raft) enum Step<'a> {
    CreateDirectory(&'a Path),
    /// Of a new file.
    Write(&'a Path),
    /// To a file that may be there.
    Append(&'a Path),
    Link(&'a Path),
    Rename(&'a Path, &'a Path),
    Remove(&'a Path),
    SyncFile(&'a Path),
    SyncDirectory(&'a Path),
    /// What RocksDB makes durable itself, but for the entry in the directory above.
    Database(&'a Path),
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::CreateDirectory(path)
            | Step::Write(path)
            | Step::Append(path)
            | Step::Link(path)
            | Step::Remove(path)
            | Step::SyncFile(path)
            | Step::SyncDirectory(path)
            | Step::Database(path) => path.display().fmt(formatter),
            Step::Rename(from, to) => write!(formatter, "{} to {}", from.display(), to.display()),
        }
    }
}

impl Disk {
    /// Runs one step, unless the test crashed before it.
    #[cfg_attr(
        not(test),
        expect(
            clippy::unused_self,
            reason = "only the disk of a test has something to say"
        )
    )]
    fn step<T>(&self, step: Step<'_>, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        #[cfg(test)]
        if let Some(crash) = &self.crash {
            return crash.step(step, run);
        }
        run().map_err(|error| io::Error::new(error.kind(), format!("{step}: {error}")))
    }

    /// Makes a directory that is not there.
    pub(in crate::raft) fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.step(Step::CreateDirectory(path), || fs::create_dir(path))
    }

    /// Writes a file that is not there or of which nothing is needed.
    pub(in crate::raft) fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step(Step::Write(path), || fs::write(path, bytes))
    }

    /// Writes at the end of a file that is open.
    pub(in crate::raft) fn append(
        &self,
        file: &File,
        path: &Path,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.step(Step::Append(path), || file.write_all_at(bytes, offset))
    }

    /// Opens a file of which the first bytes are good, and forgets the rest.
    pub(in crate::raft) fn open_at(&self, path: &Path, length: u64) -> io::Result<File> {
        self.step(Step::Append(path), || {
            let mut options = OpenOptions::new();
            let file = options
                .create(true)
                .write(true)
                .truncate(false)
                .open(path)?;
            file.set_len(length)?;
            Ok(file)
        })
    }

    /// Gives a file that never changes any more a second name.
    pub(in crate::raft) fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Link(to), || fs::hard_link(from, to))
    }

    /// Copies a file.
    pub(in crate::raft) fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Write(to), || fs::copy(from, to).map(drop))
    }

    /// Renames a file or directory; a file of the new name is replaced.
    pub(in crate::raft) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Rename(from, to), || fs::rename(from, to))
    }

    /// Removes a file, or a directory and what is in it; it may be gone already.
    pub(in crate::raft) fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Remove(path), || {
            let removed = match fs::symlink_metadata(path) {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
                Ok(_) => fs::remove_file(path),
                Err(error) => Err(error),
            };
            removed.or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
        })
    }

    /// Removes what nobody uses any more. Nobody waits for it, and what it leaves is removed at the next open.
    pub(in crate::raft) fn remove_behind(&self, path: &Path) {
        let (disk, removed) = (self.clone(), path.to_owned());
        let remove = move || {
            if let Err(error) = disk.remove(&removed) {
                tracing::warn!(path = %removed.display(), %error, "cannot remove what is not needed any more");
            }
        };
        // A test counts the steps, so they come in their order.
        if cfg!(test) {
            return remove();
        }
        let spawned = std::thread::Builder::new()
            .name("holdfast-remove".to_owned())
            .spawn(remove);
        if let Err(error) = spawned {
            tracing::warn!(%error, "cannot remove a directory before the next start");
        }
    }

    /// Makes the bytes of a file durable.
    pub(in crate::raft) fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.step(Step::SyncFile(path), || File::open(path)?.sync_all())
    }

    /// Makes the names in a directory durable.
    pub(in crate::raft) fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.step(Step::SyncDirectory(path), || File::open(path)?.sync_all())
    }

    /// Writes a file that is there as a whole, durably, or not at all.
    pub(in crate::raft) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let draft = path.with_extension("tmp");
        self.write(&draft, bytes)?;
        self.sync_file(&draft)?;
        self.rename(&draft, path)?;
        self.sync_directory(parent)
    }

    /// Lets RocksDB make or change a directory; it syncs what it writes.
    pub(in crate::raft) fn database<T>(
        &self,
        path: &Path,
        run: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.step(Step::Database(path), run)
    }
}
