//! The file `LOCK` of a data directory: held by the one process that serves it, and says which.
//!
//! The lock is `flock(2)`: the kernel releases it when the process ends, however it ends.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::open_error::OpenError;

/// Longest content worth reading: a number and a path.
const BYTES_MAX: u64 = 8192;

/// Holds the lock.
#[derive(Debug)]
pub(super) struct LockFile {
    file: Flock<File>,
    serves: bool,
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if self.serves {
            // The next holder may only read the directory, and does not write its name here.
            let _unwritten = self.file.set_len(0).err();
        }
    }
}

impl LockFile {
    /// Takes the lock to serve the directory, and leaves word who has it.
    pub(super) fn exclusive(
        directory: &Path,
        mountpoint: Option<&Path>,
    ) -> Result<LockFile, OpenError> {
        let path = directory.join("LOCK");
        let opened = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = opened.map_err(|error| OpenError::io(directory, error))?;
        let mut file = lock(directory, file, FlockArg::LockExclusiveNonblock)?;
        let content = describe(mountpoint);
        // Only for the message to others: what cannot be written is not worth failing for.
        let _unwritten = file
            .set_len(0)
            .and_then(|()| file.write_all(&content))
            .err();
        Ok(LockFile { file, serves: true })
    }

    /// Takes the lock to read the directory while nobody serves it; writes nothing.
    pub(super) fn shared(directory: &Path) -> Result<LockFile, OpenError> {
        let opened = File::open(directory.join("LOCK"));
        let file = opened.map_err(|error| OpenError::io(directory, error))?;
        let file = lock(directory, file, FlockArg::LockSharedNonblock)?;
        Ok(LockFile {
            file,
            serves: false,
        })
    }
}

fn lock(directory: &Path, file: File, how: FlockArg) -> Result<Flock<File>, OpenError> {
    match Flock::lock(file, how) {
        Ok(locked) => Ok(locked),
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let (pid, mountpoint) = if is_only_read(&file) {
                (0, None)
            } else {
                read_holder(&mut file)
            };
            Err(OpenError::InUse {
                path: directory.to_owned(),
                pid,
                mountpoint,
            })
        }
        Err((_, errno)) => Err(OpenError::io(directory, io::Error::from(errno))),
    }
}

/// Whether those who hold the lock share it: they leave no word, and what is there is of another.
fn is_only_read(file: &File) -> bool {
    file.try_clone()
        .is_ok_and(|file| Flock::lock(file, FlockArg::LockSharedNonblock).is_ok())
}

fn describe(mountpoint: Option<&Path>) -> Vec<u8> {
    let mut content = format!("{}\n", std::process::id()).into_bytes();
    if let Some(mountpoint) = mountpoint {
        content.extend_from_slice(mountpoint.as_os_str().as_bytes());
        content.push(b'\n');
    }
    content
}

fn read_holder(file: &mut File) -> (u32, Option<PathBuf>) {
    let mut content = Vec::new();
    // The holder may be between taking the lock and writing: then it is process 0.
    let _unread = file.take(BYTES_MAX).read_to_end(&mut content).err();
    let content = content.strip_suffix(b"\n").unwrap_or(&content);
    let mut lines = content.splitn(2, |byte| *byte == b'\n');
    let pid = lines
        .next()
        .and_then(|pid| std::str::from_utf8(pid).ok()?.parse().ok());
    // Left by a daemon that was killed: the holder is somebody who only reads the directory.
    if pid.is_none_or(|pid: u32| !Path::new(&format!("/proc/{pid}")).exists()) {
        return (0, None);
    }
    let mountpoint = lines
        .next()
        .map(|path| PathBuf::from(OsStr::from_bytes(path)));
    (pid.unwrap_or(0), mountpoint)
}
