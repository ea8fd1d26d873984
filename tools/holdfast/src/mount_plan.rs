//! What is to be mounted where, checked before anything is touched.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::cli::MountArguments;
use crate::mount_options::Settings;
use crate::{data_path, mount_table};

/// A mount whose paths and options are understood.
#[derive(Debug)]
pub(crate) struct MountPlan {
    /// Absolute, without symlinks; may not exist yet.
    pub(crate) data: PathBuf,
    /// Absolute, without symlinks.
    pub(crate) mountpoint: PathBuf,
    /// What the options say, the source included.
    pub(crate) settings: Settings,
}

impl MountPlan {
    /// Checks whatever can be checked without opening the data directory.
    pub(crate) fn new(
        arguments: &MountArguments,
        mut settings: Settings,
    ) -> anyhow::Result<MountPlan> {
        check_fuse()?;
        let mountpoint = check_mountpoint(&arguments.mountpoint)?;
        let given = match &arguments.data {
            Some(data) => data.clone(),
            None => data_path::default_for(&mountpoint)?,
        };
        let data = data_path::resolve(&given)
            .with_context(|| format!("cannot use data directory {}", given.display()))?;
        check_apart(&data, &mountpoint)?;
        if settings.mount.source.is_empty() {
            settings.mount.source = match &arguments.source {
                Some(source) => source.clone(),
                None => given.to_string_lossy().into_owned(),
            };
        }
        Ok(MountPlan {
            data,
            mountpoint,
            settings,
        })
    }
}

fn check_fuse() -> anyhow::Result<()> {
    let device = fs::metadata("/dev/fuse").is_ok_and(|data| data.file_type().is_char_device());
    ensure!(
        device,
        "/dev/fuse is missing: load the kernel module (modprobe fuse), or start the container \
         with --device /dev/fuse --cap-add SYS_ADMIN"
    );
    Ok(())
}

fn check_mountpoint(given: &Path) -> anyhow::Result<PathBuf> {
    let shown = given.display();
    let mountpoint = match mount_table::resolve(given).and_then(|path| {
        let data = fs::metadata(&path)?;
        Ok((path, data.is_dir()))
    }) {
        Ok((path, true)) => path,
        Ok((_, false)) => bail!("mountpoint {shown} is not a directory: choose a directory"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("mountpoint {shown} does not exist: make it first (mkdir -p {shown})")
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            bail!("mountpoint {shown} is not a directory: a part of its path is a file")
        }
        Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => bail!(
            "the daemon of an earlier mount at {shown} has died: unmount it first (holdfast umount \
             {shown})"
        ),
        Err(error) => return Err(error).context(format!("cannot use mountpoint {shown}")),
    };
    Ok(mountpoint)
}

/// A data directory under its own mountpoint could not be reached any more, and the other way round
/// the daemon would serve what it stores.
fn check_apart(data: &Path, mountpoint: &Path) -> anyhow::Result<()> {
    ensure!(
        data != mountpoint,
        "{} cannot be both data directory and mountpoint: choose another mountpoint",
        data.display()
    );
    ensure!(
        !data.starts_with(mountpoint),
        "data directory {} is inside mountpoint {}: choose two separate directories",
        data.display(),
        mountpoint.display()
    );
    ensure!(
        !mountpoint.starts_with(data),
        "mountpoint {} is inside data directory {}: choose two separate directories",
        mountpoint.display(),
        data.display()
    );
    Ok(())
}
