//! Lists in the state: inheritance, `chmod`, and setting them.

use super::*;
use crate::command::{Create, Mkdir, Operation, SetAttributes, SetXattr, SetXattrMode};
use crate::keys;
use crate::ops::fixture::{Fixture, entry, name};
use crate::ops::load_inode;
use crate::permission::fixture::{SPECIAL, list, user};
use crate::record::Xattr;
use crate::store::{Batch, Engine};
use crate::types::{Attributes, Credentials};

const INHERITED: &str = "u::rwx,u:7:rwx,g::r-x,m::rwx,o::r-x";

fn create(fixture: &mut Fixture, mode: u32) -> Attributes {
    entry(fixture.run(Operation::Create(Create {
        parent: InodeId::ROOT,
        name: name("file"),
        mode: Mode::new(mode),
        umask: Mode::new(0o077),
        exclusive: true,
    })))
}

fn mkdir(fixture: &mut Fixture, mode: u32) -> Attributes {
    entry(fixture.run(Operation::Mkdir(Mkdir {
        parent: InodeId::ROOT,
        name: name("directory"),
        mode: Mode::new(mode),
        umask: Mode::new(0o077),
    })))
}

fn set_mode(fixture: &mut Fixture, ino: InodeId, mode: u32) {
    let mode = Some(Mode::new(mode));
    fixture
        .set(
            Credentials::ROOT,
            SetAttributes {
                mode,
                ..SetAttributes::nothing(ino)
            },
        )
        .unwrap();
}

#[test]
fn without_a_default_list_the_umask_decides() {
    let mut fixture = Fixture::new();
    let file = create(&mut fixture, 0o6666);
    assert_eq!((file.mode, file.xattrs), (Mode::new(0o6600), 0));
    assert_eq!(mkdir(&mut fixture, 0o1777).mode, Mode::new(0o1700));
}

#[test]
fn another_attribute_of_the_directory_is_no_default_list() {
    let mut fixture = Fixture::new();
    fixture
        .set_xattr(InodeId::ROOT, b"user.color", "blue")
        .unwrap();
    assert_eq!(create(&mut fixture, 0o666).mode, Mode::new(0o600));
}

#[test]
fn a_default_list_decides_instead_of_the_umask() {
    let mut fixture = Fixture::new();
    fixture
        .set_xattr(InodeId::ROOT, DEFAULT, list(INHERITED))
        .unwrap();
    let file = create(&mut fixture, 0o666);
    assert_eq!((file.mode, file.xattrs), (Mode::new(0o664), 1));
    let access = fixture.xattr(file.ino, ACCESS).unwrap();
    assert_eq!(access, list("u::rw-,u:7:rwx,g::r-x,m::rw-,o::r--"));
    assert_eq!(
        fixture.xattr(file.ino, DEFAULT),
        Err(PosixError::NoAttribute)
    );
}

#[test]
fn a_directory_hands_the_default_list_on() {
    let mut fixture = Fixture::new();
    fixture
        .set_xattr(InodeId::ROOT, DEFAULT, list(INHERITED))
        .unwrap();
    let directory = mkdir(&mut fixture, 0o770);
    assert_eq!((directory.mode, directory.xattrs), (Mode::new(0o770), 2));
    assert_eq!(
        fixture.xattr(directory.ino, DEFAULT).unwrap(),
        list(INHERITED)
    );
    let access = fixture.xattr(directory.ino, ACCESS).unwrap();
    assert_eq!(access, list("u::rwx,u:7:rwx,g::r-x,m::rwx,o::---"));
}

#[test]
fn an_inherited_list_that_is_a_mode_is_not_stored() {
    let mut fixture = Fixture::new();
    fixture
        .set_xattr(InodeId::ROOT, DEFAULT, list("u::rwx,g::r--,o::r--"))
        .unwrap();
    let file = create(&mut fixture, 0o666);
    assert_eq!((file.mode, file.xattrs), (Mode::new(0o644), 0));
    let directory = mkdir(&mut fixture, 0o777);
    assert_eq!((directory.mode, directory.xattrs), (Mode::new(0o744), 1));
}

#[test]
fn a_symlink_inherits_nothing() {
    let mut fixture = Fixture::new();
    fixture
        .set_xattr(InodeId::ROOT, DEFAULT, list(INHERITED))
        .unwrap();
    let link = fixture.make_symlink("link");
    let link = fixture.stat(link);
    assert_eq!((link.mode, link.xattrs), (Mode::new(0o777), 0));
}

#[test]
fn chmod_changes_the_list() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.set_xattr(ino, ACCESS, list(INHERITED)).unwrap();
    set_mode(&mut fixture, ino, 0o640);
    assert_eq!(fixture.mode(ino), 0o640);
    assert_eq!(
        fixture.xattr(ino, ACCESS).unwrap(),
        list("u::rw-,u:7:rwx,g::r-x,m::r--,o::---")
    );
    assert_eq!(fixture.stat(ino).xattrs, 1);
}

#[test]
fn chmod_leaves_the_default_list() {
    let mut fixture = Fixture::new();
    fixture
        .set_xattr(InodeId::ROOT, DEFAULT, list(INHERITED))
        .unwrap();
    set_mode(&mut fixture, InodeId::ROOT, 0o700);
    assert_eq!(
        fixture.xattr(InodeId::ROOT, DEFAULT).unwrap(),
        list(INHERITED)
    );
    assert_eq!(
        fixture.xattr(InodeId::ROOT, ACCESS),
        Err(PosixError::NoAttribute)
    );
}

#[test]
fn setting_the_list_sets_the_mode() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.dress(ino, 1, 1, 0o4600);
    fixture
        .set_xattr(ino, ACCESS, list("u::rw-,u:7:rwx,g::r-x,m::r--,o::--x"))
        .unwrap();
    let file = fixture.stat(ino);
    assert_eq!((file.mode, file.xattrs), (Mode::new(0o4641), 1));
    assert_eq!(file.ctime, fixture.now());
}

#[test]
fn a_list_that_is_a_mode_replaces_the_stored_one() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.set_xattr(ino, ACCESS, list(INHERITED)).unwrap();
    fixture
        .set_xattr(ino, ACCESS, list("u::r--,g::r--,o::---"))
        .unwrap();
    let file = fixture.stat(ino);
    assert_eq!((file.mode, file.xattrs), (Mode::new(0o440), 0));
    assert_eq!(fixture.xattr(ino, ACCESS), Err(PosixError::NoAttribute));
}

#[test]
fn an_empty_value_removes_the_list_and_leaves_the_mode() {
    for empty in [&[][..], &[2, 0, 0, 0]] {
        let mut fixture = Fixture::new();
        let ino = fixture.make(FileKind::Directory, "directory");
        fixture.set_xattr(ino, ACCESS, list(INHERITED)).unwrap();
        fixture.set_xattr(ino, DEFAULT, list(INHERITED)).unwrap();
        for name in [ACCESS, DEFAULT, ACCESS] {
            fixture.set_xattr(ino, name, empty.to_vec()).unwrap();
        }
        let directory = fixture.stat(ino);
        assert_eq!((directory.mode, directory.xattrs), (Mode::new(0o775), 0));
    }
}

#[test]
fn setting_the_list_takes_set_group_id_from_who_is_not_in_the_group() {
    let cases = [
        (user(1, &[]), 0o664),
        (user(1, &[50]), 0o2664),
        (Credentials::ROOT, 0o2664),
    ];
    for (credentials, mode) in cases {
        let mut fixture = Fixture::new();
        let ino = fixture.make(FileKind::Regular, "file");
        fixture.dress(ino, 1, 50, 0o2600);
        let command = Operation::SetXattr(SetXattr {
            ino,
            name: ACCESS.into(),
            value: list("u::rw-,u:7:r--,g::rw-,m::rw-,o::r--"),
            mode: SetXattrMode::Either,
        });
        fixture.run_as(credentials, command).unwrap();
        assert_eq!(fixture.mode(ino), mode);
    }
}

#[test]
fn a_malformed_list_is_invalid_and_changes_nothing() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Directory, "directory");
    let before = fixture.stat(ino);
    for name in [ACCESS, DEFAULT] {
        let outcome = fixture.set_xattr(ino, name, list("u::rwx,o::---"));
        assert_eq!(outcome, Err(PosixError::InvalidArgument));
    }
    assert_eq!(fixture.stat(ino), before);
}

#[test]
fn only_directories_have_a_default_list() {
    let mut fixture = Fixture::new();
    for kind in SPECIAL.into_iter().chain([FileKind::Regular]) {
        let ino = fixture.make(kind, &format!("{kind:?}"));
        let outcome = fixture.set_xattr(ino, DEFAULT, list(INHERITED));
        assert_eq!(outcome, Err(PosixError::AccessDenied), "{kind:?}");
        fixture.set_xattr(ino, DEFAULT, "").unwrap();
        fixture.set_xattr(ino, ACCESS, list(INHERITED)).unwrap();
    }
}

#[test]
fn a_symlink_has_no_list() {
    let mut fixture = Fixture::new();
    let ino = fixture.make_symlink("link");
    for name in [ACCESS, DEFAULT] {
        let outcome = fixture.set_xattr(ino, name, list(INHERITED));
        assert_eq!(outcome, Err(PosixError::NotSupported));
    }
}

#[test]
fn a_stored_list_that_makes_no_sense_is_a_fault() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.set_xattr(ino, ACCESS, list(INHERITED)).unwrap();
    let mut batch = Batch::default();
    let broken = Xattr::encode(b"\x02\0\0\0broken");
    batch.set(keys::xattr(ino, ACCESS), Some(broken));
    let engine = fixture.machine.engine();
    engine.commit(batch).unwrap();
    let inode = load_inode(&engine.view(), ino).unwrap();
    let fault = load(&engine.view(), ino, &inode, ACCESS).unwrap_err();
    assert!(fault.to_string().contains("access list"));
}
