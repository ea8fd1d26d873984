//! Set-user-id, set-group-id and file capabilities go when somebody without privilege writes.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use holdfast_tests::{Mounted, errno, system};
use nix::errno::Errno;

/// `struct vfs_cap_data` of revision 2 with `CAP_NET_RAW`.
const CAPABILITY: [u8; 20] = [0, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn privileged(path: &Path, mode: u32) {
    File::create(path).unwrap().set_len(10).unwrap();
    system::set_xattr(path, "security.capability", &CAPABILITY, 0).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, mode);
}

fn assert_cleared(path: &Path, mode: u32) {
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, mode);
    let capability = system::get_xattr(path, "security.capability");
    assert_eq!(errno(capability), Errno::ENODATA);
}

#[test]
fn a_write_without_privilege_clears_them() {
    let mounted = Mounted::new();
    privileged(&mounted.path("file"), 0o6777);
    mounted.shell_as(1234, 1234, "echo x >> file").success();
    assert_cleared(&mounted.path("file"), 0o777);
}

#[test]
fn a_truncate_without_privilege_clears_them() {
    let mounted = Mounted::new();
    privileged(&mounted.path("file"), 0o6777);
    mounted.shell_as(1234, 1234, "truncate -s 3 file").success();
    assert_cleared(&mounted.path("file"), 0o777);
    privileged(&mounted.path("other"), 0o6777);
    mounted.shell_as(1234, 1234, ": > other").success();
    assert_cleared(&mounted.path("other"), 0o777);
}

#[test]
fn a_fallocate_without_privilege_clears_set_user_id() {
    let mounted = Mounted::new();
    privileged(&mounted.path("file"), 0o6777);
    mounted
        .shell_as(1234, 1234, "fallocate -l 8192 file")
        .success();
    assert_eq!(
        fs::metadata(mounted.path("file")).unwrap().mode() & 0o7777,
        0o777
    );
}

#[test]
fn a_change_of_the_owner_clears_them_but_not_of_a_directory() {
    let mounted = Mounted::new();
    privileged(&mounted.path("file"), 0o6755);
    chown(mounted.path("file"), Some(77), Some(77)).unwrap();
    assert_cleared(&mounted.path("file"), 0o755);
    fs::create_dir(mounted.path("directory")).unwrap();
    fs::set_permissions(
        mounted.path("directory"),
        fs::Permissions::from_mode(0o2755),
    )
    .unwrap();
    chown(mounted.path("directory"), Some(77), Some(77)).unwrap();
    assert_eq!(
        fs::metadata(mounted.path("directory")).unwrap().mode() & 0o7777,
        0o2755
    );
}

#[test]
fn a_write_of_root_keeps_set_user_id() {
    let mounted = Mounted::new();
    privileged(&mounted.path("file"), 0o4755);
    mounted.shell("echo x >> file").success();
    assert_eq!(
        fs::metadata(mounted.path("file")).unwrap().mode() & 0o7777,
        0o4755
    );
}
