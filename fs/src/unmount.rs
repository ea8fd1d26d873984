//! Ends a mount from inside its daemon.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};

use crate::mount_error::MountError;
use crate::mount_flags::MountId;

/// Unmounts; may be kept where signals are handled.
#[derive(Debug, Clone)]
pub struct Unmounter {
    mount: Arc<MountId>,
}

impl Unmounter {
    pub(crate) fn new(mount: MountId) -> Unmounter {
        Unmounter {
            mount: Arc::new(mount),
        }
    }

    /// Whether one still sees the mount at its directory.
    pub(crate) fn is_mounted(&self) -> bool {
        self.mount.is_mounted()
    }

    /// Takes the mount away from its directory. Files that are open stay usable, and the mount ends with
    /// the last of them; without any it ends now. Does nothing when it is gone already.
    pub fn unmount(&self) -> Result<(), MountError> {
        if !self.is_mounted() {
            return Ok(());
        }
        let path = &self.mount.path;
        let result = match umount2(path, MntFlags::UMOUNT_NOFOLLOW) {
            Err(Errno::EBUSY) => umount2(path, MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH),
            other => other,
        };
        match result {
            Ok(()) | Err(Errno::EINVAL) => Ok(()),
            Err(Errno::EPERM) => self.ask_fusermount(),
            Err(errno) => Err(self.failed(errno.desc().to_owned())),
        }
    }

    /// Ends the mount even though files are open: who uses them gets `ECONNABORTED`.
    pub fn abort(&self) -> Result<(), MountError> {
        let connection = format!("/sys/fs/fuse/connections/{}/abort", self.mount.minor);
        match fs::write(connection, b"1") {
            Ok(()) => Ok(()),
            // It has ended, or nobody has mounted the directory of connections.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.force(),
            Err(error) => Err(self.failed(error.to_string())),
        }
    }

    /// The same by another way, which takes the mount away from its directory if no file is open.
    fn force(&self) -> Result<(), MountError> {
        if !self.is_mounted() {
            return Ok(());
        }
        let flags = MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_FORCE;
        match umount2(&self.mount.path, flags) {
            // What is open keeps it there; it answers nobody any more.
            Ok(()) | Err(Errno::EBUSY | Errno::EINVAL) => Ok(()),
            Err(Errno::EPERM) => self.ask_fusermount(),
            Err(errno) => Err(self.failed(errno.desc().to_owned())),
        }
    }

    /// Only `fusermount3` may unmount for a user.
    fn ask_fusermount(&self) -> Result<(), MountError> {
        let output = Command::new("fusermount3")
            .args(["-u", "-z", "--"])
            .arg(&self.mount.path)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| self.failed(format!("fusermount3: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    fn failed(&self, reason: String) -> MountError {
        MountError::Unmount {
            path: self.mount.path.clone(),
            reason,
        }
    }
}

/// Gives back the mountpoint of a mount that did not come to life.
pub(crate) fn detach(path: &Path) {
    if let Err(errno) = umount2(path, MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH) {
        tracing::warn!(%errno, path = %path.display(), "the mountpoint stays occupied");
    }
}
