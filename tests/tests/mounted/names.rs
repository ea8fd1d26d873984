//! Names and symlink targets.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;

use holdfast_tests::{Mounted, errno};
use nix::errno::Errno;

#[test]
fn a_name_may_have_any_bytes_but_slash_and_nul() {
    let mut mounted = Mounted::new();
    let names: BTreeSet<OsString> = (1..=255_u8)
        .filter(|byte| *byte != b'/')
        .map(|byte| OsString::from_vec(vec![b'n', byte, b'\xff', b'm']))
        .collect();
    for name in &names {
        fs::write(mounted.root().join(name), name.as_bytes()).unwrap();
    }
    mounted.remount();
    let listed: BTreeSet<OsString> = fs::read_dir(mounted.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(listed, names);
    for name in &names {
        assert_eq!(
            fs::read(mounted.root().join(name)).unwrap(),
            name.as_bytes()
        );
    }
}

#[test]
fn a_name_has_up_to_255_bytes() {
    let mounted = Mounted::new();
    let longest = mounted.path(&"n".repeat(255));
    fs::write(&longest, "content").unwrap();
    fs::rename(&longest, mounted.path(&"m".repeat(255))).unwrap();
    assert_eq!(
        fs::read(mounted.path(&"m".repeat(255))).unwrap(),
        b"content"
    );
    let longer = mounted.path(&"n".repeat(256));
    assert_eq!(errno(fs::write(&longer, "")), Errno::ENAMETOOLONG);
    assert_eq!(errno(fs::create_dir(&longer)), Errno::ENAMETOOLONG);
    assert_eq!(errno(fs::metadata(&longer)), Errno::ENAMETOOLONG);
}

#[test]
fn a_symlink_has_up_to_4095_bytes_and_is_read_back_byte_for_byte() {
    let mut mounted = Mounted::new();
    let target: Vec<u8> = (0..4095_u32).map(|at| (at % 255 + 1) as u8).collect();
    symlink(OsStr::from_bytes(&target), mounted.path("link")).unwrap();
    mounted.remount();
    let read = fs::read_link(mounted.path("link")).unwrap();
    assert_eq!(read.as_os_str().as_bytes(), target);
    let longer = "t".repeat(4096);
    assert_eq!(
        errno(symlink(longer, mounted.path("longer"))),
        Errno::ENAMETOOLONG
    );
}
