//! `-o remount`: the kernel changes the flags of a mount; the daemon is not asked.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::anyhow;

use crate::mount_options::Settings;
use crate::mount_table;

/// Becomes `mount -i -o remount,... DIR`. The helper is not called again (`-i`), and the words go
/// along as they came: without its `rw` a mount would stay read-only.
pub(crate) fn run(settings: &Settings, mountpoint: &Path) -> anyhow::Error {
    // What mount(8) says to that leaves open what is wrong.
    if let Ok(None) = mount_table::resolve(mountpoint).and_then(|path| mount_table::find(&path)) {
        return anyhow!(
            "nothing is mounted at {}: mount it first, without remount",
            mountpoint.display()
        );
    }
    let mut words = vec!["remount".to_owned()];
    words.extend_from_slice(&settings.kernel_words);
    let error = Command::new("mount")
        .args(["-i", "-o"])
        .arg(words.join(","))
        .arg(mountpoint)
        .exec();
    anyhow!(error).context("cannot run mount(8)")
}
