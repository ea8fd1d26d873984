//! Without privilege, through fusermount3.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use holdfast_tests::run;

use crate::scene::{Scene, binary};

/// What a user (nobody: fusermount3 wants one with a name) does. A namespace of its own has a `/dev/fuse` for everybody, as Debian has it.
const SCRIPT: &str = r#"
set -e
mknod fuse c 10 229
chmod 666 fuse
mount --bind fuse /dev/fuse
mkdir home
cp "$0" holdfast
chown nobody:nogroup home mnt
exec setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_DATA_HOME HOME="$PWD/home" sh -ec '
    ./holdfast mount mnt
    grep " $PWD/mnt " /proc/self/mountinfo
    echo content > mnt/file
    stat -c "%u %a" mnt/file
    ./holdfast umount mnt
    ./holdfast fsck --data home/.local/share/holdfast/*
'
"#;

#[test]
fn a_user_can_mount_and_unmount() {
    let scene = Scene::new();
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = scene.command("unshare", &["-m", "sh", "-c", SCRIPT, binary()]);
    let said = run(&mut command).success();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert!(
        lines[0].contains("/home/.local/share/holdfast/var-tmp-"),
        "{said}"
    );
    assert!(
        lines[1].contains("fuse.holdfast") && lines[1].contains("nosuid"),
        "{said}"
    );
    assert_eq!(lines[2], "65534 644");
    assert!(lines[3].ends_with("is clean"), "{said}");
}
