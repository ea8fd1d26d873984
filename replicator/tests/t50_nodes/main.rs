//! Nodes in this process, on sockets of loopback and real disks: the contract, and a life from the first node to the last.
#![expect(clippy::unwrap_used, reason = "these functions are tests")]

mod nodes;

use holdfast_metadata::{Answer, LockMode, LockOwner, LockRange, LockSpace, Operation, SetLock};
use holdfast_proto::{
    CreateVolumeRequest, DeleteVolumeRequest, EvictSessionRequest, ListLocksRequest,
    ListSessionsRequest, RemoveNodeRequest, TransferLeaderTo,
};
use holdfast_replicator::testing::{block_on, command, create, lookup, mkdir};
use holdfast_replicator::{
    NodeError, PosixMetadataReplicator, RemoteReplicator, ReplicateError, Start, StoppedNode,
    replicator_contract,
};
use tonic::Status;

use self::nodes::{Nodes, PURGE_ENTRIES, VOLUME, wait};

/// A mount on another machine.
fn elsewhere() -> (RemoteReplicator, Nodes) {
    let nodes = Nodes::start(3);
    (nodes.connect(VOLUME), nodes)
}

/// A mount in the process of the node that leads.
fn beside() -> (RemoteReplicator, Nodes) {
    let nodes = Nodes::start(1);
    let replicator = RemoteReplicator::beside(nodes.node(1), nodes.options(VOLUME)).unwrap();
    (replicator, nodes)
}

replicator_contract!(remote, super::elsewhere());
replicator_contract!(local, super::beside());

fn assert_says(refusal: &Status, word: &str) {
    assert!(refusal.message().contains(word), "{refusal:?}");
}

fn assert_has(replicator: &RemoteReplicator, names: &[&str]) {
    for name in names {
        let found = block_on(replicator.query(lookup(name))).unwrap();
        assert!(found.is_ok(), "{name}: {found:?}");
    }
}

#[test]
fn a_cluster_grows_and_shrinks_while_its_volume_is_used() {
    let mut nodes = Nodes::start(1);
    let replicator = nodes.connect(VOLUME);
    block_on(replicator.start()).unwrap();
    block_on(replicator.replicate(mkdir("of-one")))
        .unwrap()
        .unwrap();
    nodes.join(2);
    nodes.join(3);
    nodes.wait_voters(&[1, 2, 3]);
    block_on(replicator.replicate(mkdir("of-three")))
        .unwrap()
        .unwrap();
    nodes.wait_equal();
    let removal = RemoveNodeRequest { id: 1 };
    nodes.drive(2, async |admin| {
        let mut progress = admin.remove_node(removal).await?.into_inner();
        while progress.message().await?.is_some() {}
        Ok(())
    });
    nodes.wait_voters(&[2, 3]);
    nodes.stop(1);
    let removed = nodes.try_node(1, Start::Existing).unwrap();
    let unwanted = nodes.run(removed.failed());
    assert!(matches!(unwanted, NodeError::Unwanted(_)), "{unwanted}");
    nodes.run(removed.stop());
    block_on(replicator.replicate(mkdir("of-two")))
        .unwrap()
        .unwrap();
    assert_has(&replicator, &["of-one", "of-three", "of-two"]);
    nodes.wait_equal();
}

#[test]
fn a_leader_that_stops_hands_over_and_comes_back_where_it_was() {
    let mut nodes = Nodes::start(3);
    let replicator = nodes.connect(VOLUME);
    block_on(replicator.start()).unwrap();
    for round in 0..3_u32 {
        let name = format!("round-{round}");
        block_on(replicator.replicate(create(&name)))
            .unwrap()
            .unwrap();
        let leader = nodes.leader();
        nodes.stop(leader);
        let store = StoppedNode::open(&nodes.data(leader)).unwrap().unwrap();
        assert_eq!(store.volumes().unwrap().len(), 1);
        assert_has(&replicator, &[&name]);
        drop(store);
        nodes.restart(leader);
        nodes.wait_equal();
    }
    assert_has(&replicator, &["round-0", "round-1", "round-2"]);
}

#[test]
fn leadership_goes_where_it_is_told_to() {
    let nodes = Nodes::start(3);
    for to in [1, 2, 3] {
        let transfer = TransferLeaderTo {
            group: 0,
            all_groups: true,
            node: to,
            only_here: false,
        };
        nodes.drive(1, async |admin| admin.transfer_leader(transfer).await);
        wait("it leads every group", || {
            let status = nodes.status(to);
            status.groups.iter().all(|group| group.leader == to)
        });
    }
}

#[test]
fn followers_that_were_away_for_long_get_a_snapshot() {
    let mut nodes = Nodes::start(3);
    let replicator = nodes.connect(VOLUME);
    block_on(replicator.start()).unwrap();
    let away = 1 + nodes.leader() % 3;
    nodes.stop(away);
    for number in 0..PURGE_ENTRIES {
        let made = block_on(replicator.replicate(create(&format!("file-{number}"))));
        made.unwrap().unwrap();
    }
    wait("the log is purged", || {
        let status = nodes.status(nodes.leader());
        status.groups.iter().any(|group| group.purged_index > 0)
    });
    nodes.restart(away);
    nodes.wait_equal();
    let metrics = nodes.node(away).metrics();
    let mut counts = metrics.lines().filter_map(|line| {
        let (name, count) = line.split_once(' ')?;
        let is_volume = name.starts_with("holdfast_snapshots_installed_total");
        is_volume.then_some(count)
    });
    assert!(counts.any(|count| count != "0"), "{metrics}");
}

#[test]
fn volumes_come_and_go_while_the_nodes_run() {
    let nodes = Nodes::start(3);
    let make = CreateVolumeRequest {
        name: "second".to_owned(),
        replication: 0,
        awaits_load: false,
    };
    let again = make.clone();
    nodes.drive(2, async |admin| admin.create_volume(make).await);
    let refused = nodes.ask(3, async |admin| admin.create_volume(again).await);
    assert_says(&refused.unwrap_err(), "second");
    let replicator = nodes.connect("second");
    block_on(replicator.start()).unwrap();
    block_on(replicator.replicate(mkdir("here")))
        .unwrap()
        .unwrap();
    nodes.wait_equal();
    block_on(replicator.stop()).unwrap();
    let delete = DeleteVolumeRequest {
        name: "second".to_owned(),
    };
    let again = delete.clone();
    nodes.drive(1, async |admin| admin.delete_volume(delete).await);
    let refused = nodes.ask(1, async |admin| admin.delete_volume(again).await);
    assert_says(&refused.unwrap_err(), "second");
    wait("nobody has it any more", || {
        (1..=3).all(|id| nodes.status(id).groups.len() == 2)
    });
}

#[test]
fn who_is_evicted_has_lost_its_locks_and_is_told() {
    let nodes = Nodes::start(3);
    let replicator = nodes.connect(VOLUME);
    block_on(replicator.start()).unwrap();
    let made = block_on(replicator.replicate(create("file")))
        .unwrap()
        .unwrap();
    let Answer::Entry { attributes, .. } = made else {
        panic!("{made:?}");
    };
    let ino = attributes.ino;
    let volume = replicator.shared().unwrap();
    let epoch = volume.epoch();
    let lock = command(Operation::SetLock(SetLock {
        ino,
        space: LockSpace::Posix,
        owner: LockOwner(1),
        range: LockRange::WHOLE,
        mode: LockMode::Exclusive,
        process: 1,
        wait: false,
    }));
    let never = Box::pin(std::future::pending());
    let locked = block_on(volume.set_lock(epoch, lock, false, never)).unwrap();
    assert_eq!(locked, Ok(Answer::Locked));
    let name = || VOLUME.to_owned();
    let sessions = nodes.ask_sessions(async |admin| {
        let list = ListSessionsRequest { volume: name() };
        admin.list_sessions(list).await
    });
    let locks = || {
        nodes.ask_sessions(async |admin| {
            let list = ListLocksRequest {
                volume: name(),
                ino: ino.get(),
                after: Vec::new().into(),
            };
            admin.list_locks(list).await
        })
    };
    assert_eq!(locks().locks.len(), 1);
    let session = sessions.sessions[0].session;
    nodes.ask_sessions(async |admin| {
        let evict = EvictSessionRequest {
            volume: name(),
            session,
        };
        admin.evict_session(evict).await
    });
    assert_eq!(locks().locks.len(), 0);
    let write = block_on(volume.replicate_in(epoch, create("late")));
    assert_eq!(write, Err(ReplicateError::SessionLost));
    // The next one is made without further ado.
    block_on(replicator.replicate(create("anew")))
        .unwrap()
        .unwrap();
}
