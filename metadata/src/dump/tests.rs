//! What is of the filesystem is in a dump, all of it and nothing else.

use bytes::Bytes;

use super::{Filesystem, may_hold, restore};
use crate::command::{Operation, Reclaim, SetQuota};
use crate::digest::digest;
use crate::invariant::{self, State};
use crate::keys::{self, BlockId};
use crate::ops::fixture::Fixture;
use crate::record::{
    Extent, ExtentHome, Inode, Orphan, OwnerQuota, Quota, SessionRecord, Shared, Volume,
};
use crate::snapshot::{self, SnapshotError};
use crate::state_machine::load_volume;
use crate::store::{Batch, Engine, MemoryEngine, View};
use crate::types::{Amounts, InodeId, Owner, OwnerCount, SessionId};

/// In the sound state.
const FILE: InodeId = InodeId::new(2);
const ORPHAN: InodeId = InodeId::new(4);

fn dump(engine: &MemoryEngine) -> Vec<u8> {
    let mut stream = Vec::new();
    snapshot::write(&Filesystem::of(engine.view()).unwrap(), &mut stream).unwrap();
    stream
}

fn set(engine: &MemoryEngine, entries: Vec<(Vec<u8>, Option<Bytes>)>) {
    let mut batch = Batch::default();
    for (key, value) in entries {
        batch.set(key, value);
    }
    engine.commit(batch).unwrap();
}

#[test]
fn a_dump_breaks_no_rule_and_has_nobody_in_it() {
    let state = State::sound();
    let filesystem = Filesystem::of(state.engine().view()).unwrap();
    let violations = invariant::check(&filesystem, &mut |_| ()).unwrap();
    assert_eq!(violations, Vec::new());
    assert_eq!(filesystem.volume().inodes, 4);
    assert_eq!(filesystem.volume().allocated, 150);
    for gone in [
        keys::position(),
        keys::session(SessionId(2)),
        keys::closed_session(SessionId(1)),
        keys::request_of(SessionId(2), 7),
        keys::orphan(ORPHAN),
        keys::inode(ORPHAN),
        keys::extent(ORPHAN, 0),
        // The file has the block alone now.
        keys::shared(BlockId(1)),
    ] {
        assert!(!filesystem.contains(&gone).unwrap(), "{gone:?}");
    }
    for there in [
        keys::inode(FILE),
        keys::block(BlockId(1)),
        keys::extent(FILE, 0),
        keys::volume(),
    ] {
        assert!(filesystem.contains(&there).unwrap(), "{there:?}");
    }
}

#[test]
fn what_is_loaded_has_the_same_dump() {
    let state = State::sound();
    let first = dump(state.engine());
    let loaded = MemoryEngine::new();
    let summary = restore(&loaded, 99, &mut first.as_slice()).unwrap();
    assert_eq!(dump(&loaded), first);
    let filesystem = Filesystem::of(loaded.view()).unwrap();
    assert_eq!(digest(&filesystem), Ok(summary.digest));
    let violations = invariant::check(&loaded.view(), &mut |_| ()).unwrap();
    assert_eq!(violations, Vec::new());
    let volume = load_volume(&loaded.view()).unwrap().unwrap();
    assert_eq!((volume.generation, volume.applied.0), (99, 0));
    // No number is given out a second time.
    assert_eq!((volume.next_inode, volume.next_block), (10, 10));
}

#[test]
fn who_has_it_mounted_makes_no_difference() {
    let state = State::sound();
    let before = dump(state.engine());
    let session = SessionRecord {
        acknowledged: 1,
        opened: crate::types::Timestamp::default(),
        process: 2,
        host: "another".to_owned(),
        version: "2".to_owned(),
        mountpoint: "/mnt".to_owned(),
    };
    set(
        state.engine(),
        vec![(keys::session(SessionId(3)), Some(session.encode()))],
    );
    assert_eq!(dump(state.engine()), before);
}

/// A dump may be the last there is of a damaged volume.
#[test]
fn a_note_that_is_wrong_leaves_nothing_out() {
    let whole = dump(State::sound().engine());
    for ino in [FILE, InodeId::new(77)] {
        let state = State::sound();
        let note = Orphan::default().encode();
        set(state.engine(), vec![(keys::orphan(ino), Some(note))]);
        assert_eq!(dump(state.engine()), whole, "{ino}");
    }
}

#[test]
fn blocks_that_only_orphans_have_are_left_out_and_others_are_counted_without_them() {
    let state = State::sound();
    let engine = state.engine();
    let part = |block, start, length| {
        let home = ExtentHome::Block { block, start };
        Some(Extent { length, home }.encode())
    };
    let inode = |ino, more| {
        let mut inode = Inode::decode(&engine.view().get(&keys::inode(ino)).unwrap().unwrap());
        let inode = inode.as_mut().unwrap();
        inode.allocated += more;
        inode.size = 1000;
        inode.encode()
    };
    let volume = load_volume(&engine.view()).unwrap().unwrap();
    let volume = Volume {
        allocated: volume.allocated + 130,
        ..volume
    };
    let (own, both) = (BlockId(2), BlockId(1));
    let shared = |extents| Some(Shared { extents }.encode());
    set(
        engine,
        vec![
            (keys::volume(), Some(volume.encode())),
            (keys::inode(FILE), Some(inode(FILE, 10))),
            (keys::inode(ORPHAN), Some(inode(ORPHAN, 120))),
            (keys::block(own), Some(Bytes::from(vec![1; 60]))),
            (keys::shared(own), shared(2)),
            (keys::extent(ORPHAN, 200), part(own, 0, 60)),
            (keys::extent(ORPHAN, 300), part(own, 0, 60)),
            (keys::shared(both), shared(3)),
            (keys::extent(FILE, 150), part(both, 0, 10)),
        ],
    );
    assert_eq!(
        invariant::check(&engine.view(), &mut |_| ()),
        Ok(Vec::new())
    );
    let filesystem = Filesystem::of(engine.view()).unwrap();
    assert_eq!(invariant::check(&filesystem, &mut |_| ()), Ok(Vec::new()));
    assert!(!filesystem.contains(&keys::block(own)).unwrap());
    let left = filesystem.get(&keys::shared(both)).unwrap();
    assert_eq!(left, shared(2));
}

#[test]
fn quotas_are_counted_without_orphans_and_gone_where_these_are_alone() {
    let state = State::sound();
    let engine = state.engine();
    let alone = InodeId::new(9);
    let in_tree = |ino: InodeId, tree| {
        let mut inode = Inode::decode(&engine.view().get(&keys::inode(ino)).unwrap().unwrap());
        let inode = inode.as_mut().unwrap();
        inode.tree = Some(tree);
        (keys::inode(ino), Some(inode.encode()))
    };
    let quota = |outer, bytes, inodes| {
        let quota = Quota {
            outer,
            limits: Amounts::UNLIMITED,
            used: Amounts { bytes, inodes },
        };
        Some(quota.encode())
    };
    // The orphan is all that is left of a tree in that of the whole volume.
    let all = [1, 2, 3, 5].map(|ino| in_tree(InodeId::new(ino), InodeId::ROOT));
    set(engine, all.into());
    set(
        engine,
        vec![
            in_tree(ORPHAN, alone),
            (keys::quota(InodeId::ROOT), quota(None, 250, 5)),
            (keys::quota(alone), quota(Some(InodeId::ROOT), 100, 1)),
        ],
    );
    assert_eq!(
        invariant::check(&engine.view(), &mut |_| ()),
        Ok(Vec::new())
    );
    let filesystem = Filesystem::of(engine.view()).unwrap();
    assert_eq!(invariant::check(&filesystem, &mut |_| ()), Ok(Vec::new()));
    let shown = filesystem.get(&keys::quota(InodeId::ROOT)).unwrap();
    assert_eq!(shown, quota(None, 150, 4));
    assert!(!filesystem.contains(&keys::quota(alone)).unwrap());
}

#[test]
fn a_lifted_tree_in_which_only_orphans_are_left_has_ended() {
    let mut fixture = Fixture::new();
    let outer = fixture.mkdir(InodeId::ROOT, "outer");
    let set = |ino, inodes| {
        Operation::SetQuota(SetQuota {
            ino,
            bytes: None,
            inodes: Some(inodes),
        })
    };
    fixture.run(set(outer, 10)).unwrap();
    let inner = fixture.mkdir(outer, "inner");
    fixture.run(set(inner, 5)).unwrap();
    let file = fixture.create(inner, "file");
    fixture.unlink(inner, "file").unwrap();
    fixture.run(set(inner, Amounts::NO_LIMIT)).unwrap();
    let while_open = dump(fixture.machine.engine());
    let reclaim = Reclaim {
        inodes: vec![file],
        term: None,
    };
    fixture.run(Operation::Reclaim(reclaim)).unwrap();
    assert_eq!(while_open, dump(fixture.machine.engine()));
}

#[test]
fn owners_are_counted_without_orphans_and_gone_where_these_are_alone() {
    let state = State::sound();
    let engine = state.engine();
    let mut orphan = Inode::decode(&engine.view().get(&keys::inode(ORPHAN)).unwrap().unwrap());
    let orphan = orphan.as_mut().unwrap();
    (orphan.uid, orphan.gid) = (7, 8);
    let mut volume = load_volume(&engine.view()).unwrap().unwrap();
    volume.owners = OwnerCount::ALL;
    let quota = |bytes_limit, bytes, inodes| {
        let limits = Amounts {
            bytes: bytes_limit,
            ..Amounts::UNLIMITED
        };
        let used = Amounts { bytes, inodes };
        Some(OwnerQuota { limits, used }.encode())
    };
    let none = Amounts::NO_LIMIT;
    let key = keys::owner;
    set(
        engine,
        vec![
            (keys::volume(), Some(volume.encode())),
            (keys::inode(ORPHAN), Some(orphan.encode())),
            (key(Owner::User(0)), quota(none, 150, 4)),
            (key(Owner::Group(0)), quota(none, 150, 4)),
            (key(Owner::User(7)), quota(none, 100, 1)),
            (key(Owner::Group(8)), quota(5, 100, 1)),
        ],
    );
    assert_eq!(
        invariant::check(&engine.view(), &mut |_| ()),
        Ok(Vec::new())
    );
    let filesystem = Filesystem::of(engine.view()).unwrap();
    assert_eq!(invariant::check(&filesystem, &mut |_| ()), Ok(Vec::new()));
    assert!(!filesystem.contains(&key(Owner::User(7))).unwrap());
    // A limit is kept.
    assert_eq!(
        filesystem.get(&key(Owner::Group(8))).unwrap(),
        quota(5, 0, 0)
    );
    let loaded = MemoryEngine::new();
    restore(&loaded, 7, &mut dump(engine).as_slice()).unwrap();
    assert_eq!(
        invariant::check(&loaded.view(), &mut |_| ()),
        Ok(Vec::new())
    );
    let volume = load_volume(&loaded.view()).unwrap().unwrap();
    assert_eq!(volume.owners, OwnerCount::ALL);
}

#[test]
fn a_stream_with_more_than_a_filesystem_is_refused() {
    let state = State::sound();
    let mut stream = Vec::new();
    snapshot::write(&state.engine().view(), &mut stream).unwrap();
    let engine = MemoryEngine::new();
    let error = restore(&engine, 1, &mut stream.as_slice()).unwrap_err();
    assert!(matches!(error, SnapshotError::Corrupt { .. }), "{error}");
    assert_eq!(load_volume(&engine.view()), Ok(None));
}

#[test]
fn a_record_that_does_not_decode_is_no_record_of_a_dump() {
    assert!(!may_hold(&keys::inode(FILE), b"?"));
    assert!(!may_hold(b"I1", b""));
    assert!(!may_hold(b"", b""));
    assert!(!may_hold(&keys::turn(), b""));
    assert!(may_hold(&keys::block(BlockId(1)), b"bytes"));
}
