//! What a client may not name: decision 0012.

use std::collections::BTreeMap;

use holdfast_metadata::record::LoadProgress;
use holdfast_metadata::{
    EmptyTrash, ExpireSession, InodeId, LoadStep, Operation, PosixError, Query, Reclaim, SessionId,
    SetTrash,
};
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::refusal::Kind;
use holdfast_proto::{
    CatalogCommand, ForceNewCluster, ProposeCatalogRequest, RemoveNode, catalog_command,
};
use holdfast_tests::Cluster;
use holdfast_tests::cluster::{CATALOG, Calls, Said, VOLUME, channel, command, create, headers};
use tonic::Code;

use super::{Calm, NO_VOLUME, PATIENCE, lines};

/// What the node said to the one call under way.
#[track_caller]
fn said(calls: &mut Calls, cluster: &Cluster, call: u64) -> Said {
    let mut all: BTreeMap<u64, Said> = calls.answers(cluster.speaker(), PATIENCE).unwrap();
    all.remove(&call).unwrap()
}

#[track_caller]
fn kind(said: Said) -> Kind {
    match said {
        Said::Refused(refusal) => refusal.kind(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_only_a_leader_decides_is_refused_from_a_client_and_logged_once() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    let file = calm.client.lookup(InodeId::ROOT, "before").unwrap().ino;
    let mut calls = cluster
        .speaker()
        .calls_of_session(cluster.node(1).address(), VOLUME);
    for _ in 0..100 {
        for operation in [
            Operation::ExpireSession(ExpireSession {
                session: SessionId(1),
                term: 1,
            }),
            Operation::Reclaim(Reclaim {
                inodes: vec![file],
                term: None,
            }),
            Operation::RefusePastTerm,
            Operation::RefuseNoSpace,
            Operation::Load(LoadStep::Finish(LoadProgress::default())),
            Operation::SetTrash(SetTrash { keep_seconds: None }),
            Operation::EmptyTrash(EmptyTrash {
                names_max: 1,
                term: 1,
            }),
        ] {
            let call = calls.send_command(VOLUME, &command(operation), true);
            assert_eq!(kind(said(&mut calls, &cluster, call)), Kind::Malformed);
        }
    }
    assert_eq!(lines(&cluster, 1, "refused: a call"), 1);
    calm.assert_unharmed(&cluster, "duties of a leader");
}

#[test]
fn the_catalog_is_no_volume_and_a_volume_that_is_not_there_is_refused() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    let mut calls = cluster
        .speaker()
        .calls_of_session(cluster.node(1).address(), VOLUME);
    for volume in [CATALOG, NO_VOLUME, u64::MAX] {
        let create = command(create(InodeId::ROOT, "stranger"));
        let call = calls.send_command(volume, &create, false);
        let refused = kind(said(&mut calls, &cluster, call));
        assert!(
            matches!(refused, Kind::NoSuchVolume | Kind::Unavailable),
            "{refused:?}"
        );
        let call = calls.send_query(volume, &Query::Sessions, false);
        let refused = kind(said(&mut calls, &cluster, call));
        assert!(
            matches!(refused, Kind::NoSuchVolume | Kind::Unavailable),
            "{refused:?}"
        );
    }
    calm.assert_unharmed(&cluster, "volumes that are none");
}

#[test]
fn numbers_that_no_inode_has_are_answered_and_harm_nobody() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    let mut calls = cluster
        .speaker()
        .calls_of_session(cluster.node(1).address(), VOLUME);
    for ino in [0, 1 << 48, u64::MAX].map(InodeId::new) {
        let call = calls.send_command(VOLUME, &command(create(ino, "name")), true);
        let gone = Said::Outcome(Err(PosixError::InodeGone));
        assert_eq!(said(&mut calls, &cluster, call), gone);
        let call = calls.send_query(VOLUME, &Query::Attributes { ino }, true);
        let gone = Said::Reply(Err(PosixError::InodeGone));
        assert_eq!(said(&mut calls, &cluster, call), gone);
        let locks = Query::Locks {
            ino: Some(ino),
            after: bytes::Bytes::new(),
            entries_max: usize::MAX,
        };
        let call = calls.send_query(VOLUME, &locks, true);
        let answer = said(&mut calls, &cluster, call);
        assert!(matches!(answer, Said::Reply(Ok(_))), "{answer:?}");
    }
    assert_eq!(lines(&cluster, 1, "panicked"), 0);
    calm.assert_unharmed(&cluster, "numbers without an inode");
}

#[test]
fn a_session_that_nobody_opened_changes_nothing() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    let mut calls = cluster.speaker().calls(cluster.node(1).address());
    let guessed = holdfast_metadata::RequestId {
        session: SessionId(1),
        sequence: 1,
        acknowledged: 0,
    };
    for operation in [create(InodeId::ROOT, "guess"), Operation::CloseSession] {
        let mut guess = command(operation);
        guess.request = Some(guessed);
        let call = calls.send_command(VOLUME, &guess, true);
        let gone = Said::Outcome(Err(PosixError::SessionGone));
        assert_eq!(said(&mut calls, &cluster, call), gone);
    }
    let mut nobody = command(create(InodeId::ROOT, "nobody"));
    nobody.request = None;
    let call = calls.send_command(VOLUME, &nobody, true);
    assert_eq!(kind(said(&mut calls, &cluster, call)), Kind::Malformed);
    calm.assert_unharmed(&cluster, "a session that was guessed");
}

#[test]
fn who_is_no_node_cannot_change_the_catalog_by_the_way_of_nodes() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    for sender in [None, Some(99_u64)] {
        let address = cluster.node(1).address().to_owned();
        let refused = cluster.speaker().run(async move {
            let remove = catalog_command::Operation::RemoveNode(RemoveNode { id: 1 });
            let mut request = headers(ProposeCatalogRequest {
                command: Some(CatalogCommand {
                    operation: Some(remove),
                }),
            });
            if let Some(id) = sender {
                request.metadata_mut().insert("holdfast-node", id.into());
            }
            let mut admin = AdminClient::new(channel(&address));
            admin.propose_catalog(request).await.map(drop)
        });
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    }
    calm.assert_unharmed(&cluster, "changes of the catalog");
}

#[test]
fn nobody_can_force_a_new_cluster_over_the_network() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    let address = cluster.node(1).address().to_owned();
    let refused = cluster.speaker().run(async move {
        let force = ForceNewCluster {
            cluster_id: vec![7; 16].into(),
            node: 1,
        };
        let mut request = headers(ProposeCatalogRequest {
            command: Some(CatalogCommand {
                operation: Some(catalog_command::Operation::ForceNewCluster(force)),
            }),
        });
        request.metadata_mut().insert("holdfast-node", 1.into());
        let mut admin = AdminClient::new(channel(&address));
        admin.propose_catalog(request).await.map(drop)
    });
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("holdfast recover"), "{refused}");
    calm.assert_unharmed(&cluster, "a new cluster that was forced");
}
