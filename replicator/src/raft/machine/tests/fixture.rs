//! A group whose entry `n` makes the directory `n`, so that its state tells how far it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;
use holdfast_metadata::{
    Command, Cookie, Credentials, FileName, Format, InodeId, Mkdir, Mode, Operation, Query, Reply,
    TableCache, Timestamp,
};
use openraft::EntryPayload;
use openraft::storage::{RaftSnapshotBuilder, RaftStateMachine};
use openraft::vote::RaftLeaderIdExt;

use crate::raft::machine::disk::Disk;
use crate::raft::machine::position::AppliedState;
use crate::raft::machine::{GroupKind, GroupMachine, GroupStore, Machine};
use crate::raft::poison::Poison;
use crate::raft::snapshot::SnapshotDirectory;
use crate::raft::type_config::{Entry, LogId, Membership, Peer, Proposal};

pub(in crate::raft) const VOLUME: GroupKind = GroupKind::Volume(Format::of_root(
    7,
    Timestamp {
        seconds: 0,
        nanoseconds: 0,
    },
));

pub(in crate::raft) fn open(path: &Path) -> GroupStore {
    GroupStore::open(path, VOLUME, Poison::new()).unwrap()
}

pub(in crate::raft) fn open_on(disk: &Disk, path: &Path) -> io::Result<GroupStore> {
    GroupStore::open_on(
        disk.clone(),
        TableCache::default(),
        path,
        VOLUME,
        Poison::new(),
    )
    .map_err(io::Error::other)
}

pub(in crate::raft) fn log_id(index: u64) -> LogId {
    LogId {
        leader_id:
            openraft::alias::LeaderIdOf::<crate::raft::type_config::TypeConfig>::new_committed(1, 1),
        index,
    }
}

fn command(operation: Operation) -> Command {
    Command {
        request: None,
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

pub(in crate::raft) fn proposal(operation: Operation) -> Proposal {
    let command = holdfast_proto::encode_command(&command(operation));
    Proposal(holdfast_proto::encode_proposal_command(command))
}

/// Makes a directory.
pub(in crate::raft) fn make(index: u64) -> Operation {
    Operation::Mkdir(Mkdir {
        parent: InodeId::ROOT,
        name: FileName::new(index.to_string().as_bytes()).unwrap(),
        mode: Mode::new(0o755),
        umask: Mode::new(0),
    })
}

pub(in crate::raft) fn entry(index: u64) -> Entry {
    entry_of(index, EntryPayload::Normal(proposal(make(index))))
}

pub(in crate::raft) fn entry_of(index: u64, payload: EntryPayload<Proposal, u64, Peer>) -> Entry {
    Entry {
        log_id: log_id(index),
        payload,
    }
}

pub(in crate::raft) fn malformed(index: u64) -> Entry {
    let bytes = Bytes::from_static(b"\xff\xff\xff");
    entry_of(index, EntryPayload::Normal(Proposal(bytes)))
}

/// Voters without addresses.
pub(in crate::raft) fn membership(voters: &[u64]) -> Membership {
    let ids = voters.iter().copied().collect();
    let nodes: Vec<(u64, Peer)> = voters
        .iter()
        .map(|id| {
            let address = format!("127.0.0.1:{id}");
            (*id, Peer { address })
        })
        .collect();
    Membership::new(
        vec![ids],
        nodes
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>(),
    )
    .unwrap()
}

pub(in crate::raft) async fn apply(
    machine: &mut GroupMachine,
    entries: impl IntoIterator<Item = Entry>,
) -> io::Result<()> {
    let items: Vec<_> = entries.into_iter().map(|entry| Ok((entry, None))).collect();
    machine.apply(stream::iter(items)).await
}

/// Applies what makes these directories.
pub(in crate::raft) async fn apply_range(store: &GroupStore, first: u64, last: u64) {
    let entries: Vec<Entry> = (first..=last).map(entry).collect();
    apply(&mut store.state_machine(), entries).await.unwrap();
}

pub(in crate::raft) async fn build(store: &GroupStore) -> io::Result<SnapshotDirectory> {
    let mut machine = store.state_machine();
    let mut builder = machine.try_create_snapshot_builder(true).await.unwrap();
    builder
        .build_snapshot()
        .await
        .map(|snapshot| snapshot.snapshot)
}

pub(in crate::raft) async fn install(
    store: &GroupStore,
    snapshot: &SnapshotDirectory,
) -> io::Result<()> {
    let mut machine = store.state_machine();
    machine
        .install_snapshot(&snapshot.meta, snapshot.clone())
        .await
}

/// Sends a snapshot as the network does, in small pieces.
pub(in crate::raft) fn receive(
    store: &GroupStore,
    snapshot: &SnapshotDirectory,
) -> io::Result<SnapshotDirectory> {
    let incoming = store.incoming();
    let place = incoming.offer(&snapshot.meta, &snapshot.files);
    let (first, mut offset) = place.map_err(io::Error::other)?;
    for (file, (name, _)) in snapshot.files.iter().enumerate().skip(first) {
        let bytes = fs::read(snapshot.path.join(name)).unwrap();
        let rest = &bytes[offset as usize..];
        for piece in rest.chunks((bytes.len() / 2).max(1)) {
            incoming
                .write(file, offset, piece)
                .map_err(io::Error::other)?;
            offset += piece.len() as u64;
        }
        offset = 0;
    }
    incoming.finish().map_err(io::Error::other)
}

/// The numbers of the directories that are there.
pub(in crate::raft) fn made(machine: &Machine) -> Vec<u64> {
    let Machine::Volume(volume) = machine else {
        panic!("not a volume");
    };
    let listing = Query::ReadDirectory {
        ino: InodeId::ROOT,
        after: Cookie::default(),
        entries_max: 1_000_000,
        with_attributes: false,
    };
    let Ok(Ok(Reply::Directory { entries, .. })) = volume.query(&listing) else {
        panic!("no listing");
    };
    let names = entries
        .iter()
        .filter_map(|entry| str::from_utf8(&entry.name).ok());
    let mut numbers: Vec<u64> = names.filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// The index the state says it is at, once it is known that it has every effect up to there and no other.
pub(in crate::raft) fn whole_index(store: &GroupStore) -> u64 {
    let machine = store.machine();
    let index = AppliedState::of_machine(&machine).unwrap().index().0;
    let numbers = made(&machine);
    assert_eq!(
        numbers,
        (1..=index).collect::<Vec<u64>>(),
        "the state is not whole"
    );
    assert_eq!(store.on_applied().borrow().0, index);
    index
}

pub(in crate::raft) fn index_of(snapshot: &SnapshotDirectory) -> u64 {
    snapshot.meta.last_log_id.unwrap().index
}

/// The index of the current snapshot, once every byte of it was checked; 0 when there is none.
pub(in crate::raft) async fn snapshot_index(store: &GroupStore) -> u64 {
    let current = store.state_machine().get_current_snapshot().await.unwrap();
    current.map_or(0, |current| {
        current.snapshot.verify().unwrap();
        index_of(&current.snapshot)
    })
}

/// What is in the directory of a group, without what RocksDB keeps.
pub(in crate::raft) fn tree(path: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for (above, prefix) in [
        ("", ""),
        ("snapshots", "snapshots/"),
        ("incoming", "incoming/"),
    ] {
        for entry in fs::read_dir(path.join(above)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            names.push(format!("{prefix}{name}"));
        }
    }
    names.sort_unstable();
    names
}

pub(in crate::raft) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
