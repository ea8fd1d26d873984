//! What logs hold and what is kept beside them: commands of the catalog, proposals, entries, positions.

use bytes::Bytes;
use holdfast_metadata::catalog::{CatalogCommand, NodeRole, ReplicationMode};
use holdfast_metadata::{Format, Mode, Operation, TouchAtime};
use holdfast_proto::ProposalBody;
use holdfast_proto::entry::Payload;
use holdfast_proto::{
    Blank, Entry, LogId, Member, Membership, StoredMembership, StoredPosition, Vote, Voters,
};

use super::commands::command;
use super::{INO, Named, time};

pub(crate) fn catalog_commands() -> Named<CatalogCommand> {
    let add_node = CatalogCommand::AddNode {
        id: 3,
        address: "127.0.0.3:7400".to_owned(),
        incarnation: [0xb1; 16],
    };
    let set_role = CatalogCommand::SetNodeRole {
        id: 3,
        role: NodeRole::Voter,
    };
    let format = Format {
        generation: 0x3132_3334,
        now: time(1_795_230_000, 999_999_999),
        uid: 1000,
        gid: 100,
        mode: Mode::new(0o755),
        awaits_load: false,
    };
    let create_volume = CatalogCommand::CreateVolume {
        name: "homes".to_owned(),
        replication: ReplicationMode::All,
        format,
    };
    let create_for_load = CatalogCommand::CreateVolume {
        name: "homes".to_owned(),
        replication: ReplicationMode::All,
        format: Format {
            awaits_load: true,
            ..format
        },
    };
    let delete_volume = CatalogCommand::DeleteVolume {
        name: "homes".to_owned(),
        request: None,
    };
    let delete_once = CatalogCommand::DeleteVolume {
        name: "homes".to_owned(),
        request: Some([0xc3; 16]),
    };
    let force_new_cluster = CatalogCommand::ForceNewCluster {
        cluster_id: [0xd7; 16],
        node: 3,
    };
    vec![
        (
            "catalog_create_cluster",
            CatalogCommand::CreateCluster {
                cluster_id: [0xa5; 16],
            },
        ),
        ("catalog_add_node", add_node),
        ("catalog_set_node_role", set_role),
        ("catalog_remove_node", CatalogCommand::RemoveNode { id: 3 }),
        ("catalog_create_volume", create_volume),
        ("catalog_create_volume_for_load", create_for_load),
        ("catalog_delete_volume", delete_volume),
        ("catalog_delete_volume_once", delete_once),
        ("catalog_force_new_cluster", force_new_cluster),
    ]
}

pub(crate) fn proposals() -> Named<ProposalBody> {
    let touch = command(Operation::TouchAtime(TouchAtime { ino: INO }));
    vec![
        ("proposal_command", ProposalBody::Command(touch)),
        (
            "proposal_catalog",
            ProposalBody::Catalog(CatalogCommand::RemoveNode { id: 3 }),
        ),
    ]
}

pub(crate) fn entries() -> Named<Entry> {
    let entry = |payload| Entry {
        log_id: Some(log_id()),
        payload: Some(payload),
    };
    let proposal = Bytes::from_static(b"proposal");
    vec![
        ("entry_blank", entry(Payload::Blank(Blank {}))),
        ("entry_proposal", entry(Payload::Proposal(proposal))),
        ("entry_membership", entry(Payload::Membership(membership()))),
    ]
}

pub(crate) fn stored_position() -> StoredPosition {
    StoredPosition {
        last_log_id: Some(log_id()),
        membership: Some(StoredMembership {
            log_id: Some(LogId {
                term: 4,
                node: 1,
                index: 0x3031,
            }),
            membership: Some(membership()),
        }),
    }
}

fn log_id() -> LogId {
    LogId {
        term: 5,
        node: 2,
        index: 0x3132_3334,
    }
}

fn membership() -> Membership {
    let member = |id: u64| Member {
        id,
        address: format!("127.0.0.{id}:7400"),
    };
    Membership {
        configurations: vec![Voters { ids: vec![1, 2] }, Voters { ids: vec![1, 3] }],
        nodes: (1..=4).map(member).collect(),
    }
}

pub(crate) fn vote() -> Vote {
    Vote {
        term: 5,
        node: 2,
        committed: true,
    }
}
