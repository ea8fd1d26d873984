//! The flags of `chattr(1)` that refuse changes.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};

use holdfast_tests::{Mounted, errno};
use nix::errno::Errno;

#[test]
fn an_immutable_file_refuses_every_change_until_the_flag_goes() {
    let mut mounted = Mounted::new();
    let path = mounted.path("file");
    fs::write(&path, "fixed").unwrap();
    mounted.shell("chattr +i file").success();
    mounted.remount();
    assert!(mounted.shell("lsattr file").success().contains('i'));
    assert_eq!(errno(File::options().write(true).open(&path)), Errno::EPERM);
    assert_eq!(
        errno(File::options().append(true).open(&path)),
        Errno::EPERM
    );
    assert_eq!(errno(fs::remove_file(&path)), Errno::EPERM);
    assert_eq!(
        errno(fs::rename(&path, mounted.path("other"))),
        Errno::EPERM
    );
    assert_eq!(
        errno(fs::hard_link(&path, mounted.path("other"))),
        Errno::EPERM
    );
    let mode = fs::Permissions::from_mode(0o777);
    assert_eq!(errno(fs::set_permissions(&path, mode)), Errno::EPERM);
    assert_eq!(errno(chown(&path, Some(1), None)), Errno::EPERM);
    assert_eq!(fs::read_to_string(&path).unwrap(), "fixed");
    mounted
        .shell("chattr -i file; echo changed > file; rm file")
        .success();
}

#[test]
fn an_append_only_file_grows_and_nothing_else() {
    let mounted = Mounted::new();
    let path = mounted.path("log");
    fs::write(&path, "first\n").unwrap();
    mounted.shell("chattr +a log").success();
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"second\n")
        .unwrap();
    assert_eq!(errno(File::options().write(true).open(&path)), Errno::EPERM);
    assert_eq!(errno(File::create(&path)), Errno::EPERM);
    assert_eq!(errno(fs::remove_file(&path)), Errno::EPERM);
    assert_eq!(
        errno(fs::rename(&path, mounted.path("other"))),
        Errno::EPERM
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
    mounted.shell("chattr -a log; rm log").success();
}

#[test]
fn directories_obey_the_flags() {
    let mounted = Mounted::new();
    mounted
        .shell("mkdir fixed growing; touch fixed/old growing/old")
        .success();
    mounted
        .shell("chattr +i fixed; chattr +a growing")
        .success();
    assert_eq!(
        errno(fs::write(mounted.path("fixed/new"), "")),
        Errno::EPERM
    );
    assert_eq!(
        errno(fs::remove_file(mounted.path("fixed/old"))),
        Errno::EPERM
    );
    fs::write(mounted.path("growing/new"), "").unwrap();
    assert_eq!(
        errno(fs::remove_file(mounted.path("growing/new"))),
        Errno::EPERM
    );
    let moved = fs::rename(mounted.path("growing/new"), mounted.path("growing/other"));
    assert_eq!(errno(moved), Errno::EPERM);
    mounted
        .shell("chattr -i fixed; chattr -a growing; rm -r fixed growing")
        .success();
}

/// As xfstests' generic/079 has it.
#[test]
fn what_the_flags_forbid_is_eperm_also_for_a_directory_that_is_not_empty() {
    let mounted = Mounted::new();
    mounted
        .shell("mkdir -p fixed/full/file growing/full/file free/full/file empty")
        .success();
    mounted
        .shell("chattr +i fixed free/full; chattr +a growing")
        .success();
    for full in ["fixed/full", "growing/full", "free/full"] {
        let path = mounted.path(full);
        assert_eq!(errno(fs::remove_dir(&path)), Errno::EPERM, "rmdir {full}");
        let replaced = fs::rename(mounted.path("empty"), &path);
        assert_eq!(errno(replaced), Errno::EPERM, "rename onto {full}");
    }
    mounted
        .shell("chattr -i fixed free/full; chattr -a growing")
        .success();
    for full in ["fixed/full", "growing/full", "free/full"] {
        let path = mounted.path(full);
        assert_eq!(
            errno(fs::remove_dir(&path)),
            Errno::ENOTEMPTY,
            "rmdir {full}"
        );
    }
}

#[test]
fn only_root_sets_the_flags() {
    let mounted = Mounted::new();
    mounted.shell("touch file; chown 1234:1234 file").success();
    let refused = mounted.shell_as(1234, 1234, "chattr +i file");
    assert!(!refused.status.success());
    fs::write(mounted.path("file"), "still writable").unwrap();
}
