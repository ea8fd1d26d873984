//! What can be removed and what it changes.

use super::*;
use crate::command::Operation;
use crate::ops::fixture::Fixture;
use crate::outcome::Outcome;
use crate::permission::acl;
use crate::permission::fixture::list;
use crate::types::{FileKind, InodeFlags, InodeId, Mode};

fn remove(fixture: &mut Fixture, ino: InodeId, name: &[u8]) -> Outcome {
    let name = name.into();
    fixture.run(Operation::RemoveXattr(RemoveXattr { ino, name }))
}

#[test]
fn a_removed_attribute_is_not_there_and_not_counted() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.set_xattr(ino, b"user.a", "1").unwrap();
    fixture.set_xattr(ino, b"user.b", "2").unwrap();
    assert_eq!(remove(&mut fixture, ino, b"user.a"), Ok(Answer::Done));
    let file = fixture.stat(ino);
    assert_eq!((file.xattrs, file.ctime), (1, fixture.now()));
    assert_eq!(fixture.xattr(ino, b"user.a"), Err(PosixError::NoAttribute));
    assert_eq!(fixture.xattr(ino, b"user.b").unwrap(), "2");
}

#[test]
fn what_is_not_there_is_not_removed() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    let before = fixture.stat(ino);
    assert_eq!(
        remove(&mut fixture, ino, b"user.a"),
        Err(PosixError::NoAttribute)
    );
    assert_eq!(remove(&mut fixture, ino, acl::ACCESS), Ok(Answer::Done));
    assert_eq!(
        remove(&mut fixture, ino, b"system.a"),
        Err(PosixError::NotSupported)
    );
    assert_eq!(fixture.stat(ino), before);
}

#[test]
fn the_mode_stays_as_the_access_list_left_it() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    let value = list("u::rw-,u:7:r--,g::---,m::rwx,o::---");
    fixture.set_xattr(ino, acl::ACCESS, value).unwrap();
    remove(&mut fixture, ino, acl::ACCESS).unwrap();
    let file = fixture.stat(ino);
    assert_eq!((file.mode, file.xattrs), (Mode::new(0o670), 0));
}

#[test]
fn a_protected_inode_keeps_its_attributes() {
    for bits in [InodeFlags::IMMUTABLE, InodeFlags::APPEND] {
        let mut fixture = Fixture::new();
        let ino = fixture.make(FileKind::Regular, "file");
        fixture.set_xattr(ino, b"user.a", "1").unwrap();
        fixture.flag(ino, bits);
        assert_eq!(
            remove(&mut fixture, ino, b"user.a"),
            Err(PosixError::NotPermitted)
        );
    }
}

#[test]
fn user_attributes_of_other_kinds_are_not_permitted() {
    let mut fixture = Fixture::new();
    let ino = fixture.make_symlink("link");
    assert_eq!(
        remove(&mut fixture, ino, b"user.a"),
        Err(PosixError::NotPermitted)
    );
}

#[test]
fn an_inode_that_is_gone_is_gone() {
    let outcome = remove(&mut Fixture::new(), InodeId::new(99), b"user.a");
    assert_eq!(outcome, Err(PosixError::InodeGone));
}
