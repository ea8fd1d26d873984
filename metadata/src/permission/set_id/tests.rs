//! Every case of a set-group-id directory.

use super::*;
use crate::ops::fixture::Fixture;
use crate::ops::load_inode;
use crate::permission::fixture::user;
use crate::store::Engine;
use crate::types::InodeId;

/// An inode for a directory of group 50 with this mode.
fn directory(mode: u32) -> Inode {
    let mut fixture = Fixture::new();
    fixture.dress(InodeId::ROOT, 0, 50, mode);
    load_inode(&fixture.machine.engine().view(), InodeId::ROOT).unwrap()
}

fn owner(credentials: &Credentials, parent: u32, kind: FileKind, mode: u32) -> (u32, u32, u16) {
    let (uid, gid, mode) = new_inode_owner(credentials, &directory(parent), kind, Mode::new(mode));
    (uid, gid, mode.bits())
}

#[test]
fn elsewhere_everything_belongs_to_its_maker() {
    for kind in FileKind::ALL {
        assert_eq!(owner(&user(1, &[]), 0o777, kind, 0o2755), (1, 1, 0o2755));
    }
}

#[test]
fn everything_takes_the_group_of_the_directory() {
    for kind in FileKind::ALL
        .into_iter()
        .filter(|kind| *kind != FileKind::Directory)
    {
        assert_eq!(owner(&user(1, &[]), 0o2777, kind, 0o644), (1, 50, 0o644));
    }
}

#[test]
fn a_directory_takes_the_bit_as_well() {
    for credentials in [Credentials::ROOT, user(1, &[]), user(1, &[50])] {
        let (_, gid, mode) = owner(&credentials, 0o2777, FileKind::Directory, 0o755);
        assert_eq!((gid, mode), (50, 0o2755));
    }
}

#[test]
fn a_program_keeps_its_bit_only_when_its_maker_is_in_the_group() {
    let mode = |credentials: &Credentials| owner(credentials, 0o2777, FileKind::Regular, 0o2755).2;
    assert_eq!(mode(&user(1, &[])), 0o755);
    assert_eq!(mode(&user(1, &[50])), 0o2755);
    assert_eq!(mode(&Credentials::ROOT), 0o2755);
}

#[test]
fn a_bit_without_group_execution_is_no_privilege() {
    assert_eq!(
        owner(&user(1, &[]), 0o2777, FileKind::Regular, 0o2745).2,
        0o2745
    );
}
