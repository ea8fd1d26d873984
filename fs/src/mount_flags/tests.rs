//! The flags of a mount, as the mount table shows them.

use super::*;

const SAMPLE: &[u8] = b"\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 22 0:45 / /mnt/hold\\040fast rw,noatime,nodiratime - fuse.holdfast data rw,user_id=0,group_id=0
37 22 0:46 / /mnt/two ro,relatime master:2 propagate_from:1 - fuse two rw,sync,dirsync
38 22 0:47 / /mnt/two rw,nosuid - fuse three rw
";

fn mount(path: &str, minor: u64) -> MountId {
    MountId {
        path: PathBuf::from(path),
        major: 0,
        minor,
    }
}

fn flags(mount: &MountId) -> MountFlags {
    lines(SAMPLE).rfind(|line| line.is(mount)).unwrap().flags()
}

#[test]
fn escaped_paths_are_found() {
    let flags = flags(&mount("/mnt/hold fast", 45));
    assert_eq!(flags.atime.policy, AtimePolicy::Never);
    assert!(!flags.atime.directories && !flags.atime.read_only);
}

#[test]
fn paths_may_hold_any_bytes() {
    let line = Line::parse(b"1 2 0:9 / /mnt/\xff\\134x rw - fuse a rw").unwrap();
    assert_eq!(line.path.as_os_str().as_bytes(), b"/mnt/\xff\\x");
}

#[test]
fn flags_of_the_mount_and_of_its_filesystem_are_read() {
    let flags = flags(&mount("/mnt/two", 46));
    assert_eq!(flags.atime.policy, AtimePolicy::Relatime);
    assert!(flags.atime.read_only && flags.synchronous && flags.directory_synchronous);
}

#[test]
fn without_a_word_about_access_times_they_are_strict() {
    assert_eq!(
        flags(&mount("/mnt/two", 47)).atime.policy,
        AtimePolicy::Strict
    );
}

#[test]
fn the_last_mount_on_a_path_is_the_one_that_is_seen() {
    let top = lines(SAMPLE)
        .rfind(|line| line.path == Path::new("/mnt/two"))
        .unwrap();
    assert!(top.is(&mount("/mnt/two", 47)) && !top.is(&mount("/mnt/two", 46)));
}
