//! What is counted for whom, who is refused, and what comes back.

use bytes::Bytes;

use crate::command::{
    CopyRange, CountOwners, Create, Fallocate, FallocateMode, Mkdir, Operation, Reclaim,
    RenameFlags, SetAttributes, SetOwnerQuota, Write, WritePosition,
};
use crate::invariant;
use crate::ops::fixture::{Fixture, entry, name};
use crate::outcome::{Outcome, PosixError, Reply};
use crate::query::Query;
use crate::quota::Ledger;
use crate::store::Engine;
use crate::types::{Amounts, Credentials, InodeId, Mode, Owner};

const OVER: PosixError = PosixError::QuotaExceeded;
const ALICE: Owner = Owner::User(1000);
const STAFF: Owner = Owner::Group(50);
const NO_LIMIT: u64 = Amounts::NO_LIMIT;

fn alice() -> Credentials {
    Credentials {
        uid: 1000,
        gid: 1000,
        groups: vec![50],
    }
}

fn limit(fixture: &mut Fixture, owner: Owner, bytes: u64, inodes: u64) {
    let set = SetOwnerQuota {
        owner,
        bytes: Some(bytes),
        inodes: Some(inodes),
    };
    fixture.run(Operation::SetOwnerQuota(set)).unwrap();
}

/// Where everything is counted.
fn counting() -> Fixture {
    let mut fixture = Fixture::new();
    let count = CountOwners {
        on: true,
        records_max: 100,
    };
    fixture.run(Operation::CountOwners(count)).unwrap();
    fixture
}

fn used(fixture: &Fixture, owner: Owner) -> (u64, u64) {
    let engine = fixture.machine.engine();
    let violations = invariant::check(&engine.view(), &mut |_| ()).unwrap();
    assert_eq!(violations, Vec::new());
    let query = Query::Owners {
        from: owner,
        owners_max: 1,
    };
    match fixture.machine.query(&query).unwrap() {
        Ok(Reply::Owners(page)) => {
            let found = page.owners.iter().find(|info| info.owner == owner);
            found.map_or((0, 0), |info| (info.used.bytes, info.used.inodes))
        }
        other => panic!("{other:?}"),
    }
}

fn create_as(fixture: &mut Fixture, who: Credentials, parent: InodeId, text: &str) -> Outcome {
    let create = Create {
        parent,
        name: name(text),
        mode: Mode::new(0o644),
        umask: Mode::default(),
        exclusive: true,
    };
    fixture.run_as(who, Operation::Create(create))
}

fn write_as(
    fixture: &mut Fixture,
    who: Credentials,
    ino: InodeId,
    offset: u64,
    length: usize,
) -> Outcome {
    let write = Write {
        ino,
        position: WritePosition::At(offset),
        data: Bytes::from(vec![1; length]),
        clear_privileges: false,
    };
    fixture.run_as(who, Operation::Write(write))
}

fn chown(fixture: &mut Fixture, who: Credentials, set: SetAttributes) -> Outcome {
    fixture.run_as(who, Operation::SetAttributes(set))
}

/// A file of Alice, where everything is counted.
fn with_file() -> (Fixture, InodeId) {
    let mut fixture = counting();
    let outcome = create_as(&mut fixture, alice(), InodeId::ROOT, "file");
    (fixture, entry(outcome).ino)
}

#[test]
fn what_a_user_makes_counts_for_user_and_group_until_it_is_reclaimed() {
    let (mut fixture, file) = with_file();
    write_as(&mut fixture, alice(), file, 0, 6_000).unwrap();
    assert_eq!(used(&fixture, ALICE), (6_000, 1));
    assert_eq!(used(&fixture, Owner::Group(1000)), (6_000, 1));
    // A name is no inode.
    fixture.link(file, InodeId::ROOT, "name").unwrap();
    let flags = RenameFlags::default();
    let (from, to) = ((InodeId::ROOT, "name"), (InodeId::ROOT, "other"));
    fixture.rename(from, to, flags).unwrap();
    assert_eq!(used(&fixture, ALICE), (6_000, 1));
    fixture.unlink(InodeId::ROOT, "file").unwrap();
    fixture.create(InodeId::ROOT, "over it");
    let (from, to) = ((InodeId::ROOT, "over it"), (InodeId::ROOT, "other"));
    fixture.rename(from, to, flags).unwrap();
    assert_eq!(used(&fixture, ALICE), (6_000, 1), "an orphan counts");
    let inodes = vec![file];
    let reclaim = Reclaim { inodes, term: None };
    fixture.run(Operation::Reclaim(reclaim)).unwrap();
    assert_eq!(used(&fixture, ALICE), (0, 0));
}

#[test]
fn the_inode_too_many_leaves_no_trace() {
    let (mut fixture, _) = with_file();
    limit(&mut fixture, ALICE, NO_LIMIT, 2);
    let root = InodeId::ROOT;
    let directory = Mkdir {
        parent: root,
        name: name("directory"),
        mode: Mode::new(0o755),
        umask: Mode::default(),
    };
    fixture
        .run_as(alice(), Operation::Mkdir(directory))
        .unwrap();
    let before = fixture.attributes(root).unwrap();
    assert_eq!(create_as(&mut fixture, alice(), root, "more"), Err(OVER));
    assert_eq!(fixture.attributes(root).unwrap(), before);
    let found = fixture.lookup(root, "more");
    assert_eq!(found, Err(PosixError::NotFound));
    assert_eq!(used(&fixture, ALICE), (0, 2));
    fixture.create(root, "that of root");
}

#[test]
fn bytes_count_however_they_come_and_go() {
    let (mut fixture, file) = with_file();
    limit(&mut fixture, ALICE, 10_000, NO_LIMIT);
    write_as(&mut fixture, alice(), file, 0, 6_000).unwrap();
    let too_much = write_as(&mut fixture, alice(), file, 6_000, 4_001);
    assert_eq!(too_much, Err(OVER));
    write_as(&mut fixture, alice(), file, 0, 6_000).unwrap();
    let allocate = |length, mode| {
        Operation::Fallocate(Fallocate {
            ino: file,
            offset: 0,
            length,
            mode,
        })
    };
    let grow = FallocateMode::Allocate { keep_size: false };
    let too_much = fixture.run_as(alice(), allocate(10_001, grow));
    assert_eq!(too_much, Err(OVER));
    fixture.run_as(alice(), allocate(10_000, grow)).unwrap();
    assert_eq!(used(&fixture, ALICE), (10_000, 1));
    let punch = allocate(9_000, FallocateMode::PunchHole);
    fixture.run_as(alice(), punch).unwrap();
    let size = Some(9_500);
    let shrink = SetAttributes {
        size,
        ..SetAttributes::nothing(file)
    };
    chown(&mut fixture, alice(), shrink).unwrap();
    assert_eq!(used(&fixture, ALICE), (500, 1));
    // What is shared counts for each; space that was only allocated is not shared.
    write_as(&mut fixture, alice(), file, 9_000, 500).unwrap();
    let copy = entry(create_as(&mut fixture, alice(), InodeId::ROOT, "copy")).ino;
    let copy = Operation::CopyRange(CopyRange {
        source: file,
        source_offset: 9_000,
        destination: copy,
        destination_offset: 0,
        length: 500,
    });
    fixture.run_as(alice(), copy.clone()).unwrap();
    assert_eq!(used(&fixture, ALICE), (1_000, 2));
    limit(&mut fixture, ALICE, 999, NO_LIMIT);
    fixture.run_as(alice(), copy).unwrap();
}

#[test]
fn root_passes_a_limit_and_what_it_adds_counts() {
    let (mut fixture, file) = with_file();
    limit(&mut fixture, ALICE, 1_000, 1);
    write_as(&mut fixture, Credentials::ROOT, file, 0, 2_000).unwrap();
    let own = fixture.create(InodeId::ROOT, "own");
    let give = SetAttributes {
        uid: Some(1000),
        ..SetAttributes::nothing(own)
    };
    chown(&mut fixture, Credentials::ROOT, give).unwrap();
    assert_eq!(used(&fixture, ALICE), (2_000, 2));
    assert_eq!(
        write_as(&mut fixture, alice(), file, 2_000, 1),
        Err(OVER),
        "above the limit nothing can be added"
    );
    write_as(&mut fixture, alice(), file, 0, 2_000).unwrap();
}

#[test]
fn who_gives_a_file_to_a_group_without_room_is_refused() {
    let (mut fixture, file) = with_file();
    write_as(&mut fixture, alice(), file, 0, 1_001).unwrap();
    limit(&mut fixture, STAFF, 1_000, NO_LIMIT);
    let give = SetAttributes {
        gid: Some(50),
        ..SetAttributes::nothing(file)
    };
    assert_eq!(chown(&mut fixture, alice(), give.clone()), Err(OVER));
    assert_eq!(fixture.attributes(file).unwrap().gid, 1000);
    assert_eq!(used(&fixture, STAFF), (0, 0));
    // Cut in the same command, it has room.
    let give_less = SetAttributes {
        size: Some(1_000),
        ..give.clone()
    };
    chown(&mut fixture, alice(), give_less).unwrap();
    assert_eq!(used(&fixture, STAFF), (1_000, 1));
    assert_eq!(used(&fixture, Owner::Group(1000)), (0, 0));
    assert_eq!(used(&fixture, ALICE), (1_000, 1));
    limit(&mut fixture, STAFF, NO_LIMIT, 0);
    // To whom it belongs already.
    chown(&mut fixture, alice(), give).unwrap();
}

#[test]
fn a_file_in_a_directory_of_a_group_counts_for_that() {
    let mut fixture = counting();
    let directory = fixture.mkdir(InodeId::ROOT, "shared");
    let share = SetAttributes {
        gid: Some(50),
        mode: Some(Mode::new(0o2777)),
        ..SetAttributes::nothing(directory)
    };
    chown(&mut fixture, Credentials::ROOT, share).unwrap();
    limit(&mut fixture, STAFF, NO_LIMIT, 2);
    create_as(&mut fixture, alice(), directory, "file").unwrap();
    let more = create_as(&mut fixture, alice(), directory, "more");
    assert_eq!(more, Err(OVER));
    assert_eq!(used(&fixture, STAFF), (0, 2));
    assert_eq!(used(&fixture, Owner::Group(1000)), (0, 0));
}

#[test]
fn where_nothing_is_counted_nothing_is_noted() {
    let (fixture, file) = with_file();
    let inode = crate::ops::load_inode(&fixture.machine.engine().view(), file).unwrap();
    let mut ledger = Ledger::default();
    ledger.take_inode(file, &inode);
    ledger.take_bytes(file, &inode, 10);
    ledger.change_owner(file, (1, 2), &inode);
    assert!(ledger.owners.is_empty());
}
