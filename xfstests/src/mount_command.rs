//! What makes `mount -t fuse.NAME` mount Holdfast for the time of a run: a program in `/sbin` of a name of its own,
//! so that an installed Holdfast stays as it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct MountCommand {
    path: PathBuf,
    subtype: String,
}

impl MountCommand {
    /// `work` gets a link to the program, which by its name knows that mount(8) calls it. Mounting
    /// SOURCE mounts the tree `trees/SOURCE`.
    pub(crate) fn install(
        holdfast: &Path,
        work: &Path,
        trees: &str,
    ) -> anyhow::Result<MountCommand> {
        let link = work.join("mount.fuse.holdfast");
        // Of an earlier run in the same directory.
        fs::remove_file(&link).ok();
        symlink(holdfast, &link).with_context(|| link.display().to_string())?;
        let subtype = format!("holdfast-xfstests-{}", std::process::id());
        let path = PathBuf::from(format!("/sbin/mount.fuse.{subtype}"));
        fs::write(&path, script(&link, trees)).with_context(|| path.display().to_string())?;
        let command = MountCommand { path, subtype };
        fs::set_permissions(&command.path, Permissions::from_mode(0o755))?;
        Ok(command)
    }

    /// The NAME.
    pub(crate) fn subtype(&self) -> &str {
        &self.subtype
    }
}

impl Drop for MountCommand {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// xfstests wants to see the type `fuse`, without a subtype, and unmounts by the source: that must not be a path.
fn script(link: &Path, trees: &str) -> String {
    let link = link.display();
    format!(
        "#!/bin/sh\n# Of a run of xfstests/run, which removes it.\nsource=$1\nshift\n\
         exec '{link}' '{trees}/'\"$source\" \"$@\" -o \"fstype=fuse,fsname=$source\"\n"
    )
}
