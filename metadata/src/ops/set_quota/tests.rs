//! Who may set a quota, where, and when it ends.

use super::*;
use crate::command::{Operation, Reclaim, RenameFlags, SetFlags};
use crate::ops::fixture::Fixture;
use crate::outcome::{Outcome, QuotaInfo, Reply};
use crate::query::Query;
use crate::types::{Credentials, InodeFlags, InodeId};

fn set(fixture: &mut Fixture, ino: InodeId, bytes: Option<u64>) -> Outcome {
    let inodes = None;
    fixture.run(Operation::SetQuota(SetQuota { ino, bytes, inodes }))
}

fn lift(fixture: &mut Fixture, ino: InodeId) -> Outcome {
    fixture.run(Operation::SetQuota(SetQuota::lifted(ino)))
}

fn around(fixture: &Fixture, ino: InodeId) -> Vec<QuotaInfo> {
    match fixture.machine.query(&Query::QuotasAround { ino }).unwrap() {
        Ok(Reply::Quotas(quotas)) => quotas,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_superuser_sets_quotas() {
    let mut fixture = Fixture::new();
    let owner = Credentials {
        uid: 1000,
        gid: 1000,
        groups: Vec::new(),
    };
    let set = SetQuota {
        ino: InodeId::ROOT,
        bytes: Some(1),
        inodes: None,
    };
    let outcome = fixture.run_as(owner, Operation::SetQuota(set));
    assert_eq!(outcome, Err(PosixError::NotPermitted));
}

#[test]
fn only_an_empty_directory_becomes_a_tree() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(InodeId::ROOT, "directory");
    let file = fixture.create(directory, "file");
    let some = Some(1000);
    assert_eq!(set(&mut fixture, file, some), Err(PosixError::NotDirectory));
    assert_eq!(
        set(&mut fixture, directory, some),
        Err(PosixError::NotEmpty)
    );
    let gone = InodeId::new(99);
    assert_eq!(set(&mut fixture, gone, some), Err(PosixError::InodeGone));
    fixture.unlink(directory, "file").unwrap();
    set(&mut fixture, directory, some).unwrap();
    // The limits of a tree can be changed whatever is in it.
    fixture.create(directory, "file");
    set(&mut fixture, directory, Some(2000)).unwrap();
    let limits = around(&fixture, directory)[0].limits;
    let inodes = Amounts::NO_LIMIT;
    assert_eq!(
        limits,
        Amounts {
            bytes: 2000,
            inodes
        }
    );
    fixture.mkdir(InodeId::ROOT, "removed");
    let removed = fixture.lookup(InodeId::ROOT, "removed").unwrap();
    fixture.rmdir(InodeId::ROOT, "removed").unwrap();
    assert_eq!(set(&mut fixture, removed, some), Err(PosixError::NotFound));
}

#[test]
fn the_root_of_a_volume_can_be_a_tree() {
    let mut fixture = Fixture::new();
    set(&mut fixture, InodeId::ROOT, Some(10)).unwrap();
    let file = fixture.create(InodeId::ROOT, "file");
    assert_eq!(around(&fixture, file)[0].used.inodes, 2);
}

#[test]
fn a_tree_without_limits_ends_with_the_last_inode_below_its_root() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(InodeId::ROOT, "directory");
    let nothing = lift(&mut fixture, directory);
    assert_eq!(nothing, Err(PosixError::NoAttribute));
    set(&mut fixture, directory, Some(10)).unwrap();
    let file = fixture.create(directory, "file");
    lift(&mut fixture, directory).unwrap();
    let counted = around(&fixture, directory);
    assert_eq!(counted[0].limits, Amounts::UNLIMITED);
    let (from, to) = ((directory, "file"), (InodeId::ROOT, "file"));
    let outcome = fixture.rename(from, to, RenameFlags::default());
    assert_eq!(outcome, Err(PosixError::CrossDevice));
    fixture.unlink(directory, "file").unwrap();
    lift(&mut fixture, directory).unwrap();
    let orphaned = around(&fixture, directory);
    assert_eq!(orphaned[0].used.inodes, 2, "an orphan is something, too");
    let reclaim = Reclaim {
        inodes: vec![file],
        term: None,
    };
    fixture.run(Operation::Reclaim(reclaim)).unwrap();
    assert_eq!(around(&fixture, directory), []);
    let file = fixture.create(directory, "file");
    assert_eq!(
        around(&fixture, file),
        [],
        "it is a directory like any other"
    );
    let nothing = lift(&mut fixture, directory);
    assert_eq!(nothing, Err(PosixError::NoAttribute));
}

#[test]
fn what_cannot_be_changed_gets_no_quota() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(InodeId::ROOT, "directory");
    let command = SetFlags {
        ino: directory,
        flags: InodeFlags::new(InodeFlags::IMMUTABLE).unwrap(),
        project: None,
    };
    fixture.run(Operation::SetFlags(command)).unwrap();
    let outcome = set(&mut fixture, directory, Some(10));
    assert_eq!(outcome, Err(PosixError::NotPermitted));
}

#[test]
fn trees_are_not_nested_without_end() {
    let mut fixture = Fixture::new();
    let mut directory = InodeId::ROOT;
    for _ in 0..QUOTA_DEPTH_MAX {
        directory = fixture.mkdir(directory, "x");
        set(&mut fixture, directory, Some(10)).unwrap();
    }
    assert_eq!(around(&fixture, directory).len(), QUOTA_DEPTH_MAX);
    directory = fixture.mkdir(directory, "x");
    let outcome = set(&mut fixture, directory, Some(10));
    assert_eq!(outcome, Err(PosixError::TooManyLinks));
}
