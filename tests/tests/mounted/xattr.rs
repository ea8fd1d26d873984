//! Extended attributes.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use holdfast_tests::{Mounted, errno, system};
use nix::errno::Errno;

#[test]
fn a_file_has_a_thousand_attributes_of_64_kib() {
    let mut mounted = Mounted::new();
    let path = mounted.path("file");
    File::create_new(&path).unwrap();
    let name = |number: u32| format!("user.attribute{number:04}");
    let value = |number: u32| vec![(number % 251) as u8; 65536];
    for number in 0..1000 {
        system::set_xattr(&path, &name(number), &value(number), 0).unwrap();
    }
    mounted.remount();
    let mut names = system::list_xattrs(&path).unwrap();
    names.sort();
    assert_eq!(names, (0..1000).map(name).collect::<Vec<_>>());
    for number in (0..1000).step_by(7) {
        assert!(system::get_xattr(&path, &name(number)).unwrap() == value(number));
    }
    for number in 0..1000 {
        system::remove_xattr(&path, &name(number)).unwrap();
    }
    assert_eq!(system::list_xattrs(&path).unwrap(), Vec::<String>::new());
}

#[test]
fn create_and_replace_are_exact() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    File::create_new(&path).unwrap();
    let replaced = system::set_xattr(&path, "user.a", b"0", libc::XATTR_REPLACE);
    assert_eq!(errno(replaced), Errno::ENODATA);
    system::set_xattr(&path, "user.a", b"1", libc::XATTR_CREATE).unwrap();
    let created = system::set_xattr(&path, "user.a", b"2", libc::XATTR_CREATE);
    assert_eq!(errno(created), Errno::EEXIST);
    system::set_xattr(&path, "user.a", b"3", libc::XATTR_REPLACE).unwrap();
    assert_eq!(system::get_xattr(&path, "user.a").unwrap(), b"3");
    system::remove_xattr(&path, "user.a").unwrap();
    assert_eq!(errno(system::remove_xattr(&path, "user.a")), Errno::ENODATA);
}

#[test]
fn values_of_no_bytes_and_of_all_bytes_are_kept_and_larger_ones_refused() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    File::create_new(&path).unwrap();
    let all: Vec<u8> = (0..=255).collect();
    system::set_xattr(&path, "user.empty", b"", 0).unwrap();
    system::set_xattr(&path, "user.all", &all, 0).unwrap();
    assert_eq!(system::get_xattr(&path, "user.empty").unwrap(), b"");
    assert_eq!(system::get_xattr(&path, "user.all").unwrap(), all);
    assert_eq!(
        system::get_xattr_into(&path, "user.all", &mut []).unwrap(),
        256
    );
    assert_eq!(
        errno(system::get_xattr_into(&path, "user.all", &mut [0; 10])),
        Errno::ERANGE
    );
    assert_eq!(
        errno(system::set_xattr(&path, "user.large", &vec![0; 65537], 0)),
        Errno::E2BIG
    );
    let long = format!("user.{}", "n".repeat(251));
    assert_eq!(
        errno(system::set_xattr(&path, &long, b"", 0)),
        Errno::ERANGE
    );
}

#[test]
fn each_namespace_has_its_rules() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    fs::write(&path, "").unwrap();
    mounted.shell("chmod 666 file").success();
    for name in ["user.a", "trusted.a", "security.a"] {
        system::set_xattr(&path, name, b"value", 0).unwrap();
        assert_eq!(system::get_xattr(&path, name).unwrap(), b"value");
    }
    let names = mounted
        .shell_as(1234, 1234, "getfattr -m - -d --absolute-names file")
        .success();
    assert!(
        names.contains("user.a=") && !names.contains("trusted.a="),
        "{names}"
    );
    assert_eq!(
        errno(system::set_xattr(&path, "unknown.a", b"", 0)),
        Errno::EOPNOTSUPP
    );
    symlink("file", mounted.path("link")).unwrap();
    assert_eq!(
        errno(system::set_xattr(&mounted.path("link"), "user.a", b"", 0)),
        Errno::EPERM
    );
    system::set_xattr(&mounted.path("link"), "trusted.a", b"link", 0).unwrap();
    assert_eq!(
        system::get_xattr(&mounted.path("link"), "trusted.a").unwrap(),
        b"link"
    );
}
