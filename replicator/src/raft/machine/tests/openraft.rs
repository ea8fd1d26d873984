//! The state machine in the hands of openraft: its own tests, and who gets which answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{Answer, Fault, FileName, InodeId, PosixError, Query, Reply};
use holdfast_proto::identity::Identity;
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::{Config, Raft, StorageError};
use tempfile::TempDir;

use super::fixture::{make, open, proposal};
use crate::raft::log::{GroupLog, LogDatabase, LogOptions};
use crate::raft::machine::{GroupMachine, GroupStore, Machine};
use crate::raft::network::Peers;
use crate::raft::poison::Poison;
use crate::raft::type_config::{Applied, GroupId, Peer, TypeConfig};

const GROUP: GroupId = GroupId(1);

/// openraft's tests of a pair of a log and a state machine.
type Tests = Suite<TypeConfig, GroupLog, GroupMachine, Builder, (LogDatabase, TempDir)>;

struct Builder;

impl StoreBuilder<TypeConfig, GroupLog, GroupMachine, (LogDatabase, TempDir)> for Builder {
    async fn build(
        &self,
    ) -> Result<((LogDatabase, TempDir), GroupLog, GroupMachine), StorageError<TypeConfig>> {
        let directory = tempfile::tempdir().unwrap();
        let (database, log) = log(&directory);
        let machine = open(&directory.path().join("1")).state_machine();
        Ok(((database, directory), log, machine))
    }
}

fn log(directory: &TempDir) -> (LogDatabase, GroupLog) {
    let path = directory.path().join("log");
    let database = LogDatabase::open(&path, &LogOptions::default(), Poison::new()).unwrap();
    let log = database.group(GROUP).unwrap();
    (database, log)
}

fn inode(store: &GroupStore, name: u64) -> InodeId {
    let machine = store.machine();
    let Machine::Volume(volume) = machine.as_ref() else {
        panic!("not a volume");
    };
    let lookup = Query::Lookup {
        parent: InodeId::ROOT,
        name: FileName::new(name.to_string().as_bytes()).unwrap(),
    };
    match volume.query(&lookup) {
        Ok(Ok(Reply::Attributes(attributes))) => attributes.ino,
        other => panic!("{name} is not there: {other:?}"),
    }
}

/// Those that touch the state machine, but for the one in which the log of an empty state was purged: with that
/// ours stops instead of taking a snapshot of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn openraft_accepts_the_state_machine() {
    macro_rules! run {
        ($($name:ident)*) => {$(
            let (_place, log, machine) = Builder.build().await.unwrap();
            let tested = Tests::$name(log, machine).await;
            assert!(tested.is_ok(), "{}: {tested:?}", stringify!($name));
        )*};
    }
    run! {
        get_membership_initial
        get_membership_from_log_and_empty_sm
        get_membership_from_empty_log_and_sm
        get_membership_from_log_le_sm_last_applied
        get_membership_from_log_gt_sm_last_applied_1
        get_membership_from_log_gt_sm_last_applied_2
        get_initial_state_without_init
        get_initial_state_membership_from_empty_log_and_sm
        get_initial_state_membership_from_sm_inlog_is_smaller
        get_initial_state_membership_from_log_insm_is_smaller
        get_initial_state_with_state
        get_initial_state_last_log_gt_sm
        get_initial_state_last_log_lt_sm
        get_initial_state_re_apply_committed
        last_applied_state
        snapshot_meta
        snapshot_meta_optional
        apply_single
        apply_multiple
    }
    Tests::transfer_snapshot(&Builder).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_empty_while_its_log_was_purged_stops_the_group() {
    let (place, log, _) = Builder.build().await.unwrap();
    let store = open(&place.1.path().join("2"));
    let machine = store.state_machine();
    assert!(
        Tests::get_initial_state_log_ids(log, machine)
            .await
            .is_err()
    );
    assert!(matches!(
        store.shared.poison.fault(),
        Some(Fault::Corrupt { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_the_outcome_of_their_own_command() {
    const NAMES: u64 = 300;
    let directory = tempfile::tempdir().unwrap();
    let (_database, log) = log(&directory);
    let store = open(&directory.path().join("1"));
    let identity = Identity {
        cluster: None,
        node: Some(1),
        program: "test",
    };
    let network = Peers::new(identity, None).network(GROUP);
    let config = Arc::new(Config::default().validate().unwrap());
    let raft = Raft::new(1, config, network, log, store.state_machine())
        .await
        .unwrap();
    raft.initialize(BTreeMap::from([(1, Peer::default())]))
        .await
        .unwrap();
    raft.wait(Some(Duration::from_secs(30)))
        .current_leader(1, "it leads")
        .await
        .unwrap();
    // Each name twice: one of the two makes it, the other is told that it is there.
    let writes = (0..2 * NAMES).map(|write| {
        let raft = raft.clone();
        tokio::spawn(async move {
            let written = raft.client_write(proposal(make(write % NAMES))).await;
            (write % NAMES, written.unwrap().data)
        })
    });
    let mut made = BTreeMap::new();
    for write in writes.collect::<Vec<_>>() {
        match write.await.unwrap() {
            (name, Applied::Command(Ok(Answer::Entry { attributes, .. }))) => {
                assert_eq!(made.insert(name, attributes.ino), None);
            }
            (_, Applied::Command(Err(PosixError::Exists))) => {}
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(made.len() as u64, NAMES);
    for (name, ino) in made {
        assert_eq!(inode(&store, name), ino);
    }
    let metrics = store.metrics();
    assert!(metrics.batches < metrics.entries, "{metrics:?}");
    raft.shutdown().await.unwrap();
}
