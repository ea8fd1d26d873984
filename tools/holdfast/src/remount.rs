//! `-o remount`: the kernel changes the flags of a mount; the daemon is not asked.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::anyhow;

use crate::mount_options::Settings;

/// Becomes `mount -i -o remount,... DIR`. The helper is not called again (`-i`), and the words go
/// along as they came: without its `rw` a mount would stay read-only.
pub(crate) fn run(settings: &Settings, mountpoint: &Path) -> anyhow::Error {
    let mut words = vec!["remount".to_owned()];
    words.extend_from_slice(&settings.kernel_words);
    let error = Command::new("mount")
        .args(["-i", "-o"])
        .arg(words.join(","))
        .arg(mountpoint)
        .exec();
    anyhow!(error).context("cannot run mount(8)")
}
