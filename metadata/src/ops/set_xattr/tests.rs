//! Names, values, flags and namespaces; access lists are tested where they are kept.

use super::*;
use crate::command::Operation;
use crate::limits::XATTR_NAME_BYTES_MAX;
use crate::ops::fixture::Fixture;
use crate::outcome::Reply;
use crate::permission::fixture::SPECIAL;
use crate::query::Query;
use crate::types::{InodeFlags, InodeId};

fn file() -> (Fixture, InodeId) {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    (fixture, ino)
}

fn set(fixture: &mut Fixture, ino: InodeId, mode: SetXattrMode) -> Result<Answer, PosixError> {
    fixture.run(Operation::SetXattr(SetXattr {
        ino,
        name: b"user.color"[..].into(),
        value: "blue".into(),
        mode,
    }))
}

fn names(fixture: &Fixture, ino: InodeId) -> Vec<u8> {
    match fixture.machine.query(&Query::ListXattr { ino }).unwrap() {
        Ok(Reply::XattrNames(names)) => names,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_attribute_is_made_counted_listed_and_read() {
    let (mut fixture, ino) = file();
    assert_eq!(names(&fixture, ino), b"");
    fixture.set_xattr(ino, b"user.color", "blue").unwrap();
    fixture.set_xattr(ino, b"trusted.x", "").unwrap();
    fixture.set_xattr(ino, b"security.x", vec![0; 3]).unwrap();
    assert_eq!(fixture.stat(ino).xattrs, 3);
    assert_eq!(fixture.stat(ino).ctime, fixture.now());
    assert_eq!(names(&fixture, ino), b"security.x\0trusted.x\0user.color\0");
    assert_eq!(fixture.xattr(ino, b"user.color").unwrap(), "blue");
    assert_eq!(fixture.xattr(ino, b"trusted.x").unwrap(), "");
    assert_eq!(
        fixture.xattr(ino, b"user.shape"),
        Err(PosixError::NoAttribute)
    );
}

#[test]
fn an_attribute_is_replaced_and_counted_once() {
    let (mut fixture, ino) = file();
    fixture.set_xattr(ino, b"user.color", "red").unwrap();
    set(&mut fixture, ino, SetXattrMode::Either).unwrap();
    assert_eq!(fixture.stat(ino).xattrs, 1);
    assert_eq!(fixture.xattr(ino, b"user.color").unwrap(), "blue");
}

#[test]
fn create_wants_it_to_be_new_and_replace_to_be_there() {
    let (mut fixture, ino) = file();
    let missing = set(&mut fixture, ino, SetXattrMode::Replace);
    assert_eq!(missing, Err(PosixError::NoAttribute));
    set(&mut fixture, ino, SetXattrMode::Create).unwrap();
    let there = set(&mut fixture, ino, SetXattrMode::Create);
    assert_eq!(there, Err(PosixError::Exists));
    set(&mut fixture, ino, SetXattrMode::Replace).unwrap();
    assert_eq!(fixture.stat(ino).xattrs, 1);
}

#[test]
fn names_have_255_bytes_and_values_64_kibibytes() {
    let (mut fixture, ino) = file();
    let mut name = b"user.".to_vec();
    name.resize(XATTR_NAME_BYTES_MAX, b'n');
    let value = vec![7; XATTR_VALUE_BYTES_MAX];
    fixture.set_xattr(ino, &name, value.clone()).unwrap();
    assert_eq!(fixture.xattr(ino, &name).unwrap(), value);
    let too_big = fixture.set_xattr(ino, &name, [value, vec![7]].concat());
    assert_eq!(too_big, Err(PosixError::TooBig));
    name.push(b'n');
    assert_eq!(
        fixture.set_xattr(ino, &name, ""),
        Err(PosixError::OutOfRange)
    );
}

#[test]
fn a_name_has_a_known_namespace_and_something_in_it() {
    let (mut fixture, ino) = file();
    for name in [&b""[..], b"user.", b"trusted.", b"security.", b"user.a\0b"] {
        let outcome = fixture.set_xattr(ino, name, "");
        assert_eq!(outcome, Err(PosixError::InvalidArgument), "{name:?}");
        assert_eq!(fixture.xattr(ino, name), Err(PosixError::InvalidArgument));
    }
    for name in [
        &b"user"[..],
        b"color",
        b"os2.x",
        b"system.x",
        b"system.posix_acl_access2",
    ] {
        let outcome = fixture.set_xattr(ino, name, "");
        assert_eq!(outcome, Err(PosixError::NotSupported), "{name:?}");
        assert_eq!(fixture.xattr(ino, name), Err(PosixError::NotSupported));
    }
}

#[test]
fn only_files_and_directories_have_attributes_of_users() {
    let mut fixture = Fixture::new();
    fixture.set_xattr(InodeId::ROOT, b"user.x", "").unwrap();
    let mut others = vec![fixture.make_symlink("link")];
    for kind in SPECIAL {
        others.push(fixture.make(kind, &format!("{kind:?}")));
    }
    for ino in others {
        let outcome = fixture.set_xattr(ino, b"user.x", "");
        assert_eq!(outcome, Err(PosixError::NotPermitted));
        fixture.set_xattr(ino, b"trusted.x", "").unwrap();
        fixture.set_xattr(ino, b"security.x", "").unwrap();
    }
}

#[test]
fn a_protected_inode_keeps_its_attributes() {
    for bits in [InodeFlags::IMMUTABLE, InodeFlags::APPEND] {
        let (mut fixture, ino) = file();
        fixture.flag(ino, bits);
        for name in [&b"user.x"[..], acl::ACCESS] {
            let outcome = fixture.set_xattr(ino, name, "");
            assert_eq!(outcome, Err(PosixError::NotPermitted));
        }
    }
}

#[test]
fn a_thousand_attributes_are_kept_apart_from_those_of_the_next_inode() {
    let (mut fixture, ino) = file();
    let next = fixture.make(FileKind::Regular, "next");
    fixture.set_xattr(next, b"user.next", "").unwrap();
    for number in 0..1000 {
        fixture
            .set_xattr(ino, format!("user.{number}").as_bytes(), "value")
            .unwrap();
    }
    let names = names(&fixture, ino);
    assert_eq!(names.split(|byte| *byte == 0).count(), 1001);
    assert_eq!(fixture.stat(ino).xattrs, 1000);
}

#[test]
fn an_inode_that_is_gone_has_no_attributes() {
    let mut fixture = Fixture::new();
    let gone = InodeId::new(99);
    assert_eq!(
        fixture.set_xattr(gone, b"user.x", ""),
        Err(PosixError::InodeGone)
    );
    assert_eq!(fixture.xattr(gone, b"user.x"), Err(PosixError::InodeGone));
    let names = fixture
        .machine
        .query(&Query::ListXattr { ino: gone })
        .unwrap();
    assert_eq!(names, Err(PosixError::InodeGone));
}
