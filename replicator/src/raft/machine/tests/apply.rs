//! Applying: in chunks of what is there, at the place the log says, or not at all.

use std::time::Duration;

use bytes::Bytes;
use holdfast_metadata::{Fault, InodeId, LogIndex, Operation, Write, WritePosition};
use openraft::EntryPayload;
use openraft::storage::RaftStateMachine;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::fixture::{
    apply, entry, entry_of, made, malformed, membership, open, proposal, whole_index,
};
use crate::raft::machine::{GroupKind, GroupStore};
use crate::raft::poison::Poison;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ready_is_applied_in_few_batches() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("1"));
    apply(&mut store.state_machine(), (1..=1000).map(entry))
        .await
        .unwrap();
    assert_eq!(whole_index(&store), 1000);
    let metrics = store.metrics();
    assert_eq!((metrics.batches, metrics.entries), (2, 1000));
    assert_eq!(metrics.applied, LogIndex(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_limit_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("1"));
    let write = |index| {
        let write = Operation::Write(Write {
            ino: InodeId::ROOT,
            position: WritePosition::At(0),
            data: Bytes::from(vec![0; 1024 * 1024]),
            clear_privileges: false,
        });
        entry_of(index, EntryPayload::Normal(proposal(write)))
    };
    apply(&mut store.state_machine(), (1..=9).map(write))
        .await
        .unwrap();
    assert_eq!(store.metrics().batches, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_an_entry_that_is_not_there_yet() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("1"));
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut machine = store.state_machine();
    let applying =
        tokio::spawn(async move { machine.apply(UnboundedReceiverStream::new(receiver)).await });
    let mut applied = store.on_applied();
    for last in [3, 4, 9] {
        let first = applied.borrow().0 + 1;
        (first..=last).for_each(|index| sender.send(Ok((entry(index), None))).unwrap());
        let reached = applied.wait_for(|index| index.0 == last);
        tokio::time::timeout(Duration::from_secs(30), reached)
            .await
            .unwrap()
            .unwrap();
    }
    drop(sender);
    applying.await.unwrap().unwrap();
    assert_eq!(whole_index(&store), 9);
}

#[tokio::test]
async fn entries_of_raft_itself_move_the_position() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1");
    let voters = membership(&[1, 2, 3]);
    let store = open(&path);
    let entries = [
        entry_of(0, EntryPayload::Membership(membership(&[1]))),
        entry(1),
        entry_of(2, EntryPayload::Membership(voters.clone())),
        entry_of(3, EntryPayload::Blank),
    ];
    let mut machine = store.state_machine();
    for entry in entries {
        apply(&mut machine, [entry]).await.unwrap();
    }
    store.close().unwrap();
    drop((machine, store));
    let store = open(&path);
    let (last, stored) = store.state_machine().applied_state().await.unwrap();
    assert_eq!(last.unwrap().index, 3);
    assert_eq!(stored.log_id().unwrap().index, 2);
    assert_eq!(*stored.membership(), voters);
    assert_eq!(made(&store.machine()), [1]);
}

#[tokio::test]
async fn a_proposal_that_does_not_decode_stops_the_group_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let poison = Poison::new();
    let store = GroupStore::open(
        &directory.path().join("1"),
        super::fixture::VOLUME,
        poison.clone(),
    )
    .unwrap();
    let mut machine = store.state_machine();
    apply(&mut machine, [entry(1)]).await.unwrap();
    let error = apply(&mut machine, [entry(2), malformed(3)])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("log entry"), "{error}");
    assert!(matches!(poison.fault(), Some(Fault::Corrupt { .. })));
    assert_eq!(whole_index(&store), 1);
    assert!(
        apply(&mut machine, [entry(2)]).await.is_err(),
        "it goes on after a fault"
    );
}

#[tokio::test]
async fn a_command_of_another_kind_of_group_stops_the_group() {
    let directory = tempfile::tempdir().unwrap();
    let poison = Poison::new();
    let store = GroupStore::open(
        &directory.path().join("0"),
        GroupKind::Catalog,
        poison.clone(),
    )
    .unwrap();
    assert!(apply(&mut store.state_machine(), [entry(1)]).await.is_err());
    assert!(matches!(poison.fault(), Some(Fault::Corrupt { .. })));
}

#[tokio::test]
async fn a_full_disk_stops_the_group() {
    let directory = tempfile::tempdir().unwrap();
    let poison = Poison::new();
    let store = GroupStore::open(
        &directory.path().join("1"),
        super::fixture::VOLUME,
        poison.clone(),
    )
    .unwrap();
    let error = store.shared.fail(Fault::NoSpace);
    assert!(error.to_string().contains("no space"), "{error}");
    assert_eq!(poison.fault(), Some(&Fault::NoSpace));
    assert!(apply(&mut store.state_machine(), [entry(1)]).await.is_err());
}
