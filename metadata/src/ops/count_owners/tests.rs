//! Counting goes on step by step while files come, change and go.

use bytes::Bytes;

use super::*;
use crate::command::{Operation, Reclaim, SetOwnerQuota, Write, WritePosition};
use crate::invariant;
use crate::ops::fixture::Fixture;
use crate::outcome::{OwnerInfo, Owners, Reply};
use crate::query::Query;
use crate::store::Engine;
use crate::types::Credentials;

fn step(fixture: &mut Fixture, on: bool) {
    let records_max = 2;
    let count = CountOwners { on, records_max };
    fixture.run(Operation::CountOwners(count)).unwrap();
    let engine = fixture.machine.engine();
    let violations = invariant::check(&engine.view(), &mut |_| ()).unwrap();
    assert_eq!(violations, Vec::new());
}

fn write(fixture: &mut Fixture, ino: InodeId, length: usize) {
    let write = Write {
        ino,
        position: WritePosition::End,
        data: Bytes::from(vec![1; length]),
        clear_privileges: false,
    };
    fixture.run(Operation::Write(write)).unwrap();
}

fn owners(fixture: &Fixture) -> Owners {
    let query = Query::Owners {
        from: Owner::FIRST,
        owners_max: 9,
    };
    match fixture.machine.query(&query).unwrap() {
        Ok(Reply::Owners(owners)) => owners,
        other => panic!("{other:?}"),
    }
}

fn of_root(fixture: &Fixture) -> (u64, u64) {
    let OwnerInfo { owner, used, .. } = owners(fixture).owners[0];
    assert_eq!(owner, Owner::User(0));
    (used.bytes, used.inodes)
}

/// The root directory and the files 2 to 6, of ten bytes each.
fn in_use() -> Fixture {
    let mut fixture = Fixture::new();
    for name in ["2", "3", "4", "5", "6"] {
        let file = fixture.create(InodeId::ROOT, name);
        write(&mut fixture, file, 10);
    }
    fixture
}

fn remove(fixture: &mut Fixture, name: &str, ino: u64) {
    fixture.unlink(InodeId::ROOT, name).unwrap();
    let inodes = vec![InodeId::new(ino)];
    let reclaim = Reclaim { inodes, term: None };
    fixture.run(Operation::Reclaim(reclaim)).unwrap();
}

#[test]
fn what_changes_before_the_mark_is_counted_and_what_changes_after_it_is_found() {
    let mut fixture = in_use();
    step(&mut fixture, true);
    assert_eq!(owners(&fixture).count, OwnerCount::Below(InodeId::new(3)));
    assert_eq!(of_root(&fixture), (10, 2));
    write(&mut fixture, InodeId::new(2), 1);
    write(&mut fixture, InodeId::new(5), 2);
    assert_eq!(of_root(&fixture), (11, 2));
    remove(&mut fixture, "2", 2);
    remove(&mut fixture, "3", 3);
    assert_eq!(of_root(&fixture), (0, 1));
    fixture.create(InodeId::ROOT, "7");
    step(&mut fixture, true);
    assert_eq!(of_root(&fixture), (22, 3));
    step(&mut fixture, true);
    assert_eq!(owners(&fixture).count, OwnerCount::ALL);
    assert_eq!(of_root(&fixture), (32, 5));
    fixture.create(InodeId::ROOT, "8");
    step(&mut fixture, true);
    assert_eq!(of_root(&fixture), (32, 6), "counted, and not twice");
}

#[test]
fn it_is_forgotten_step_by_step_and_may_begin_anew() {
    let mut fixture = in_use();
    for _ in 0..4 {
        step(&mut fixture, true);
    }
    for uid in 1..=3 {
        let set = SetOwnerQuota {
            owner: Owner::User(uid),
            bytes: Some(1),
            inodes: None,
        };
        fixture.run(Operation::SetOwnerQuota(set)).unwrap();
    }
    // Records of users 0 to 3 and of group 0.
    step(&mut fixture, false);
    assert_eq!(owners(&fixture).count, OwnerCount::Forgetting);
    assert_eq!(owners(&fixture).owners, []);
    fixture.create(InodeId::ROOT, "7");
    step(&mut fixture, true);
    assert_eq!(owners(&fixture).count, OwnerCount::Forgetting);
    step(&mut fixture, true);
    assert_eq!(owners(&fixture).count, OwnerCount::Off);
    step(&mut fixture, false);
    assert_eq!(owners(&fixture).count, OwnerCount::Off);
    for _ in 0..4 {
        step(&mut fixture, true);
    }
    assert_eq!(of_root(&fixture), (50, 7));
    let owners = owners(&fixture).owners;
    let limits = owners.iter().map(|info| info.limits);
    assert!(limits.eq([Amounts::UNLIMITED; 2]));
}

#[test]
fn only_the_superuser_counts() {
    let user = Credentials {
        uid: 1000,
        gid: 1000,
        groups: Vec::new(),
    };
    let (on, records_max) = (true, 1);
    let count = Operation::CountOwners(CountOwners { on, records_max });
    let outcome = Fixture::new().run_as(user, count);
    assert_eq!(outcome, Err(PosixError::NotPermitted));
}
