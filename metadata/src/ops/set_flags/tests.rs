//! Who may set which flags, and what they change.

use super::*;
use crate::command::{Operation, RenameFlags};
use crate::ops::fixture::Fixture;
use crate::permission::fixture::user;
use crate::types::{Attributes, Credentials, FileKind, InodeId};

fn set(
    fixture: &mut Fixture,
    credentials: Credentials,
    ino: InodeId,
    bits: u32,
    project: Option<u32>,
) -> Result<Attributes, PosixError> {
    let flags = InodeFlags::new(bits).unwrap();
    let command = SetFlags {
        ino,
        flags,
        project,
    };
    match fixture.run_as(credentials, Operation::SetFlags(command))? {
        Answer::Attributes(attributes) => Ok(attributes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_flag_and_the_project_are_kept() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    let before = fixture.stat(ino);
    let after = set(
        &mut fixture,
        Credentials::ROOT,
        ino,
        InodeFlags::SETTABLE,
        Some(9),
    )
    .unwrap();
    let expected = Attributes {
        flags: InodeFlags::new(InodeFlags::SETTABLE).unwrap(),
        project: 9,
        ctime: fixture.now(),
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(fixture.stat(ino), expected);
}

#[test]
fn flags_are_replaced_and_the_project_stays() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    set(
        &mut fixture,
        Credentials::ROOT,
        ino,
        InodeFlags::IMMUTABLE,
        Some(9),
    )
    .unwrap();
    let after = set(
        &mut fixture,
        Credentials::ROOT,
        ino,
        InodeFlags::NO_DUMP,
        None,
    )
    .unwrap();
    assert_eq!(
        (after.flags.bits(), after.project),
        (InodeFlags::NO_DUMP, 9)
    );
}

#[test]
fn the_owner_sets_what_does_not_protect() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.dress(ino, 1, 1, 0o666);
    set(&mut fixture, user(1, &[]), ino, InodeFlags::NO_ATIME, None).unwrap();
    let other = set(&mut fixture, user(2, &[]), ino, 0, None);
    assert_eq!(other, Err(PosixError::NotPermitted));
}

#[test]
fn only_the_superuser_gives_and_takes_protection() {
    for bits in [InodeFlags::IMMUTABLE, InodeFlags::APPEND] {
        let mut fixture = Fixture::new();
        let ino = fixture.make(FileKind::Regular, "file");
        fixture.dress(ino, 1, 1, 0o666);
        let given = set(&mut fixture, user(1, &[]), ino, bits, None);
        assert_eq!(given, Err(PosixError::NotPermitted));
        set(&mut fixture, Credentials::ROOT, ino, bits, None).unwrap();
        let taken = set(&mut fixture, user(1, &[]), ino, 0, None);
        assert_eq!(taken, Err(PosixError::NotPermitted));
        let kept = bits | InodeFlags::NO_DUMP;
        set(&mut fixture, user(1, &[]), ino, kept, None).unwrap();
    }
}

#[test]
fn an_inode_that_is_gone_has_no_flags() {
    let outcome = set(
        &mut Fixture::new(),
        Credentials::ROOT,
        InodeId::new(99),
        0,
        None,
    );
    assert_eq!(outcome, Err(PosixError::InodeGone));
}

#[test]
fn what_a_flag_forbids_comes_before_what_is_in_the_directory() {
    let mut fixture = Fixture::new();
    let full = fixture.mkdir(InodeId::ROOT, "full");
    fixture.create(full, "file");
    fixture.mkdir(InodeId::ROOT, "empty");
    for flag in [InodeFlags::IMMUTABLE, InodeFlags::APPEND] {
        for ino in [full, InodeId::ROOT] {
            set(&mut fixture, Credentials::ROOT, ino, flag, None).unwrap();
            let refused = fixture.rmdir(InodeId::ROOT, "full");
            assert_eq!(refused, Err(PosixError::NotPermitted));
            let refused = fixture.rename(
                (InodeId::ROOT, "empty"),
                (InodeId::ROOT, "full"),
                RenameFlags::default(),
            );
            assert_eq!(refused, Err(PosixError::NotPermitted));
            set(&mut fixture, Credentials::ROOT, ino, 0, None).unwrap();
        }
    }
    let refused = fixture.rmdir(InodeId::ROOT, "full");
    assert_eq!(refused, Err(PosixError::NotEmpty));
}
