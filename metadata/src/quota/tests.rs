//! What is counted, what is refused, and what comes back.

use bytes::Bytes;

use crate::command::{
    CopyRange, Fallocate, FallocateMode, Operation, Reclaim, RenameFlags, SetAttributes, SetQuota,
    Write, WritePosition,
};
use crate::invariant;
use crate::ops::fixture::Fixture;
use crate::outcome::{Outcome, PosixError, Reply};
use crate::query::Query;
use crate::store::Engine;
use crate::types::{Amounts, InodeId};

const OVER: PosixError = PosixError::QuotaExceeded;

fn set(fixture: &mut Fixture, ino: InodeId, bytes: u64, inodes: u64) {
    let set = SetQuota {
        ino,
        bytes: Some(bytes),
        inodes: Some(inodes),
    };
    fixture.run(Operation::SetQuota(set)).unwrap();
}

fn used(fixture: &Fixture, ino: InodeId) -> Vec<(u64, u64)> {
    let engine = fixture.machine.engine();
    let violations = invariant::check(&engine.view(), &mut |_| ()).unwrap();
    assert_eq!(violations, Vec::new());
    match fixture.machine.query(&Query::QuotasAround { ino }).unwrap() {
        Ok(Reply::Quotas(quotas)) => quotas
            .iter()
            .map(|quota| (quota.used.bytes, quota.used.inodes))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn write(fixture: &mut Fixture, ino: InodeId, offset: u64, length: usize) -> Outcome {
    fixture.run(Operation::Write(Write {
        ino,
        position: WritePosition::At(offset),
        data: Bytes::from(vec![1; length]),
        clear_privileges: false,
    }))
}

fn allocate(fixture: &mut Fixture, ino: InodeId, length: u64, mode: FallocateMode) -> Outcome {
    let offset = 0;
    fixture.run(Operation::Fallocate(Fallocate {
        ino,
        offset,
        length,
        mode,
    }))
}

fn resize(fixture: &mut Fixture, ino: InodeId, size: u64) -> Outcome {
    let size = Some(size);
    fixture.run(Operation::SetAttributes(SetAttributes {
        size,
        ..SetAttributes::nothing(ino)
    }))
}

/// A tree with one file in it.
fn tree(bytes: u64, inodes: u64) -> (Fixture, InodeId, InodeId) {
    let mut fixture = Fixture::new();
    let root = fixture.mkdir(InodeId::ROOT, "tree");
    set(&mut fixture, root, bytes, inodes);
    let file = fixture.create(root, "file");
    (fixture, root, file)
}

#[test]
fn every_kind_of_inode_counts_and_the_one_too_many_leaves_no_trace() {
    let (mut fixture, root, _) = tree(Amounts::NO_LIMIT, 4);
    fixture.mkdir(root, "directory");
    fixture.symlink(root, "symlink", b"file").unwrap();
    let before = fixture.attributes(root).unwrap();
    assert_eq!(fixture.symlink(root, "more", b"file"), Err(OVER));
    assert_eq!(fixture.attributes(root).unwrap(), before);
    let name = fixture.lookup(root, "more");
    assert_eq!(name, Err(PosixError::NotFound));
    assert_eq!(used(&fixture, root), [(0, 4)]);
    fixture.mkdir(InodeId::ROOT, "outside");
}

#[test]
fn bytes_count_as_blocks_do_and_come_back() {
    let (mut fixture, root, file) = tree(10_000, Amounts::NO_LIMIT);
    write(&mut fixture, file, 1 << 40, 6_000).unwrap();
    assert_eq!(used(&fixture, root), [(6_000, 2)]);
    assert_eq!(write(&mut fixture, file, 0, 4_001), Err(OVER));
    write(&mut fixture, file, 0, 4_000).unwrap();
    assert_eq!(used(&fixture, root), [(10_000, 2)]);
    // What is replaced makes room for what replaces it.
    write(&mut fixture, file, 1 << 40, 6_000).unwrap();
    let all = 1 << 41;
    let fill = FallocateMode::Allocate { keep_size: true };
    assert_eq!(allocate(&mut fixture, file, 4_001, fill), Err(OVER));
    allocate(&mut fixture, file, all, FallocateMode::PunchHole).unwrap();
    assert_eq!(used(&fixture, root), [(0, 2)]);
    allocate(&mut fixture, file, 10_000, fill).unwrap();
    allocate(
        &mut fixture,
        file,
        10_000,
        FallocateMode::ZeroRange { keep_size: false },
    )
    .unwrap();
    resize(&mut fixture, file, 100).unwrap();
    assert_eq!(used(&fixture, root), [(100, 2)]);
    // A hole costs nothing.
    resize(&mut fixture, file, all).unwrap();
    assert_eq!(used(&fixture, root), [(100, 2)]);
}

#[test]
fn a_copy_counts_as_much_as_what_it_shares() {
    let (mut fixture, root, file) = tree(5_000, Amounts::NO_LIMIT);
    let copy = fixture.create(root, "copy");
    write(&mut fixture, file, 0, 3_000).unwrap();
    let mut share = |length| {
        fixture.run(Operation::CopyRange(CopyRange {
            source: file,
            source_offset: 0,
            destination: copy,
            destination_offset: 0,
            length,
        }))
    };
    assert_eq!(share(2_001), Err(OVER));
    share(2_000).unwrap();
    assert_eq!(used(&fixture, root), [(5_000, 3)]);
}

#[test]
fn what_is_removed_counts_until_it_is_reclaimed() {
    let (mut fixture, root, file) = tree(5_000, 3);
    write(&mut fixture, file, 0, 5_000).unwrap();
    fixture.create(root, "full");
    fixture.unlink(root, "file").unwrap();
    assert_eq!(used(&fixture, root), [(5_000, 3)]);
    let reclaim = Reclaim {
        inodes: vec![file],
        term: None,
    };
    fixture.run(Operation::Reclaim(reclaim)).unwrap();
    assert_eq!(used(&fixture, root), [(0, 2)]);
}

#[test]
fn a_tree_is_counted_as_long_as_anything_of_it_is_left() {
    let (mut fixture, root, file) = tree(5_000, 3);
    write(&mut fixture, file, 0, 10).unwrap();
    fixture.unlink(root, "file").unwrap();
    fixture.rmdir(InodeId::ROOT, "tree").unwrap();
    let mut reclaim = |ino| {
        let inodes = vec![ino];
        fixture.run(Operation::Reclaim(Reclaim { inodes, term: None }))
    };
    reclaim(root).unwrap();
    assert_eq!(used(&fixture, file), [(10, 1)]);
    // Open files without a name are still bound.
    assert_eq!(write(&mut fixture, file, 0, 5_001), Err(OVER));
    let inodes = vec![file];
    let reclaim = Reclaim { inodes, term: None };
    fixture.run(Operation::Reclaim(reclaim)).unwrap();
    let all = Query::Quotas {
        after: InodeId::new(0),
        quotas_max: 9,
    };
    assert_eq!(
        fixture.machine.query(&all).unwrap(),
        Ok(Reply::Quotas(vec![]))
    );
    assert_eq!(used(&fixture, InodeId::ROOT), []);
}

#[test]
fn a_tree_counts_in_those_around_it() {
    let (mut fixture, outer, _) = tree(5_000, 5);
    let inner = fixture.mkdir(outer, "inner");
    set(&mut fixture, inner, 1_000, Amounts::NO_LIMIT);
    let file = fixture.create(inner, "file");
    assert_eq!(write(&mut fixture, file, 0, 1_001), Err(OVER));
    write(&mut fixture, file, 0, 1_000).unwrap();
    assert_eq!(used(&fixture, file), [(1_000, 2), (1_000, 4)]);
    fixture.create(inner, "last");
    assert_eq!(fixture.symlink(inner, "more", b"x"), Err(OVER));
    set(&mut fixture, inner, 6_000, Amounts::NO_LIMIT);
    assert_eq!(write(&mut fixture, file, 0, 5_001), Err(OVER));
    write(&mut fixture, file, 0, 5_000).unwrap();
}

#[test]
fn names_do_not_lead_from_one_tree_to_another() {
    let (mut fixture, root, file) = tree(5_000, 5);
    let other = Err(PosixError::CrossDevice);
    let outside = fixture.create(InodeId::ROOT, "outside");
    let (flags, top) = (RenameFlags::default(), InodeId::ROOT);
    let exchange = RenameFlags {
        exchange: true,
        ..flags
    };
    assert_eq!(fixture.link(file, top, "name"), other);
    assert_eq!(fixture.link(outside, root, "name"), other);
    assert_eq!(fixture.rename((root, "file"), (top, "x"), flags), other);
    assert_eq!(fixture.rename((top, "outside"), (root, "x"), flags), other);
    let swapped = fixture.rename((top, "outside"), (root, "file"), exchange);
    assert_eq!(swapped, other);
    // The root of a tree is a name like any other outside of it.
    fixture
        .rename((top, "tree"), (top, "moved"), flags)
        .unwrap();
    fixture.link(file, root, "name").unwrap();
    assert_eq!(used(&fixture, root), [(0, 2)]);
}

#[test]
fn above_a_limit_that_was_lowered_only_what_grows_is_refused() {
    let (mut fixture, root, file) = tree(5_000, 5);
    write(&mut fixture, file, 0, 4_000).unwrap();
    fixture.create(root, "another");
    set(&mut fixture, root, 1_000, 1);
    write(&mut fixture, file, 0, 4_000).unwrap();
    assert_eq!(write(&mut fixture, file, 0, 4_001), Err(OVER));
    assert_eq!(fixture.symlink(root, "x", b"x"), Err(OVER));
    resize(&mut fixture, file, 2_000).unwrap();
    fixture.unlink(root, "another").unwrap();
    assert_eq!(used(&fixture, root), [(2_000, 3)]);
}

#[test]
fn a_whiteout_is_one_inode_more() {
    let (mut fixture, root, _) = tree(5_000, 2);
    let flags = RenameFlags {
        whiteout: true,
        ..RenameFlags::default()
    };
    let outcome = fixture.rename((root, "file"), (root, "moved"), flags);
    assert_eq!(outcome, Err(OVER));
}

#[test]
fn without_a_tree_nothing_is_noted_and_so_no_record_is_read() {
    let (fixture, root, _) = tree(1, 2);
    let view = fixture.machine.engine().view();
    let mut ledger = super::Ledger::default();
    for (ino, noted) in [(InodeId::ROOT, 0), (root, 1)] {
        let inode = crate::ops::load_inode(&view, ino).unwrap();
        ledger.take_inode(ino, &inode);
        ledger.take_bytes(ino, &inode, 10);
        ledger.give_bytes(ino, &inode, 10);
        ledger.give_inode(ino, &inode);
        assert_eq!(ledger.trees.len(), noted, "one sum a tree");
    }
}
