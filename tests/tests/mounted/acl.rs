//! POSIX access lists.

use std::fs;
use std::os::unix::fs::MetadataExt;

use holdfast_tests::Mounted;

#[test]
fn a_default_list_is_handed_down_and_the_umask_is_then_ignored() {
    let mut mounted = Mounted::new();
    mounted
        .shell("mkdir top; setfacl -d -m u::rwx,u:1234:rwx,g::r-x,o::- top")
        .success();
    mounted
        .shell("umask 077; touch top/file; mkdir top/sub; touch top/sub/deep")
        .success();
    mounted.remount();
    let file = mounted.shell("getfacl -cpE top/file").success();
    for entry in [
        "user::rw-",
        "user:1234:rwx",
        "group::r-x",
        "mask::rw-",
        "other::---",
    ] {
        assert!(
            file.lines().any(|line| line == entry),
            "{entry} is not in {file}"
        );
    }
    let sub = mounted.shell("getfacl -cpE top/sub").success();
    for entry in [
        "user:1234:rwx",
        "mask::rwx",
        "default:user:1234:rwx",
        "default:mask::rwx",
    ] {
        assert!(
            sub.lines().any(|line| line == entry),
            "{entry} is not in {sub}"
        );
    }
    let deep = mounted.shell("getfacl -cpE top/sub/deep").success();
    assert!(deep.contains("user:1234:rwx"), "{deep}");
    assert_eq!(
        fs::metadata(mounted.path("top/file")).unwrap().mode() & 0o777,
        0o660
    );
}

#[test]
fn a_list_is_enforced() {
    let mounted = Mounted::new();
    mounted
        .shell("echo secret > file; chmod 600 file; setfacl -m u:1234:r file")
        .success();
    assert_eq!(
        mounted.shell_as(1234, 1234, "cat file").success(),
        "secret\n"
    );
    assert!(
        !mounted
            .shell_as(1234, 1234, "echo x > file")
            .status
            .success()
    );
    assert!(!mounted.shell_as(1235, 1235, "cat file").status.success());
    mounted.shell("setfacl -m m::- file").success();
    assert!(!mounted.shell_as(1234, 1234, "cat file").status.success());
}

#[test]
fn mode_and_list_stay_in_step() {
    let mounted = Mounted::new();
    mounted
        .shell("touch file; setfacl -m u:1234:rwx file")
        .success();
    assert_eq!(
        fs::metadata(mounted.path("file")).unwrap().mode() & 0o070,
        0o070
    );
    mounted.shell("chmod g=r file").success();
    let list = mounted.shell("getfacl -cpE file").success();
    assert!(
        list.contains("mask::r--") && list.contains("user:1234:rwx"),
        "{list}"
    );
    mounted.shell("setfacl -m g::-,m::rw file").success();
    assert_eq!(
        fs::metadata(mounted.path("file")).unwrap().mode() & 0o070,
        0o060
    );
    mounted.shell("setfacl -b file").success();
    let list = mounted.shell("getfacl -cpE file").success();
    assert!(!list.contains("mask") && !list.contains("1234"), "{list}");
}
