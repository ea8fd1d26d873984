//! Everybody against every mode, with and without a list.

use super::*;
use crate::ops::fixture::Fixture;
use crate::ops::load_inode;
use crate::permission::fixture::{SPECIAL, list, user};
use crate::store::Engine;

struct File {
    fixture: Fixture,
    ino: InodeId,
}

impl File {
    /// Owner 1, group 50.
    fn new(kind: FileKind, mode: u32) -> File {
        let mut fixture = Fixture::new();
        let ino = fixture.make(kind, "file");
        fixture.dress(ino, 1, 50, mode);
        File { fixture, ino }
    }

    fn with_list(text: &str) -> File {
        let mut file = File::new(FileKind::Regular, 0o600);
        file.fixture
            .set_xattr(file.ino, acl::ACCESS, list(text))
            .unwrap();
        file
    }

    fn grants(&self, credentials: &Credentials, wanted: u16) -> bool {
        let view = self.fixture.machine.engine().view();
        let inode = load_inode(&view, self.ino).unwrap();
        is_granted(&view, self.ino, &inode, wanted, credentials).unwrap()
    }

    /// All that is granted, one by one.
    fn granted(&self, credentials: &Credentials) -> u16 {
        [4, 2, 1]
            .into_iter()
            .filter(|wanted| self.grants(credentials, *wanted))
            .sum()
    }
}

#[test]
fn the_first_class_that_fits_decides() {
    let file = File::new(FileKind::Regular, 0o6421);
    assert_eq!(file.granted(&user(1, &[50])), 4);
    assert_eq!(file.granted(&user(2, &[50])), 2);
    assert_eq!(file.granted(&user(50, &[])), 2);
    assert_eq!(file.granted(&user(2, &[])), 1);
    assert!(file.grants(&user(2, &[]), 0));
}

#[test]
fn the_superuser_executes_only_what_somebody_may_execute() {
    let file = File::new(FileKind::Regular, 0o000);
    assert!(file.grants(&Credentials::ROOT, 6));
    assert!(!file.grants(&Credentials::ROOT, 1));
    assert!(!file.grants(&Credentials::ROOT, 7));
    for mode in [0o100, 0o010, 0o001] {
        assert!(File::new(FileKind::Regular, mode).grants(&Credentials::ROOT, 7));
    }
    for kind in SPECIAL {
        assert!(!File::new(kind, 0o666).grants(&Credentials::ROOT, 1));
    }
}

#[test]
fn the_superuser_searches_every_directory() {
    assert!(File::new(FileKind::Directory, 0o000).grants(&Credentials::ROOT, 7));
}

#[test]
fn the_list_decides_for_all_but_the_owner() {
    let file = File::with_list("u::r--,u:1:rwx,u:2:rw-,g::-w-,g:60:--x,m::rwx,o::---");
    assert_eq!(file.granted(&user(1, &[])), 4);
    assert_eq!(file.granted(&user(2, &[])), 6);
    assert_eq!(file.granted(&user(3, &[50])), 2);
    assert_eq!(file.granted(&user(3, &[60])), 1);
    assert_eq!(file.granted(&user(3, &[50, 60])), 3);
    assert_eq!(file.granted(&user(3, &[])), 0);
}

#[test]
fn the_mask_bounds_users_and_groups() {
    let file = File::with_list("u::rwx,u:2:rwx,g::rwx,m::r--,o::rwx");
    assert_eq!(file.granted(&user(1, &[])), 7);
    assert_eq!(file.granted(&user(2, &[])), 4);
    assert_eq!(file.granted(&user(3, &[50])), 4);
    assert_eq!(file.granted(&user(3, &[])), 7);
}

#[test]
fn an_empty_mask_makes_the_kernel_pass_over_the_list() {
    let file = File::with_list("u::rwx,u:2:rwx,g::rwx,m::---,o::r--");
    assert_eq!(file.granted(&user(2, &[])), 4);
    assert_eq!(file.granted(&user(3, &[50])), 0);
}
