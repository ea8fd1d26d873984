//! The catalog through its door: commands in, outcomes and state out.

use super::*;
use crate::state_machine::Format;
use crate::store::MemoryEngine;
use crate::types::Timestamp;

const CLUSTER: [u8; 16] = [1; 16];

/// A catalog and the place of its next batch.
struct Fixture {
    catalog: Catalog<MemoryEngine>,
    index: u64,
}

impl Fixture {
    fn empty() -> Fixture {
        Fixture {
            catalog: Catalog::open(MemoryEngine::new()).unwrap(),
            index: 0,
        }
    }

    /// A cluster of nodes 1 to 3, the first two of them voters.
    fn new() -> Fixture {
        let mut fixture = Fixture::empty();
        let mut commands = vec![CatalogCommand::CreateCluster {
            cluster_id: CLUSTER,
        }];
        commands.extend([1, 2, 3].map(node));
        commands.extend([1, 2].map(|id| role(id, NodeRole::Voter)));
        let outcomes = fixture.apply(&commands);
        assert_eq!(outcomes, vec![Ok(CatalogAnswer::Done); 6]);
        fixture
    }

    fn apply(&mut self, commands: &[CatalogCommand]) -> Vec<CatalogOutcome> {
        self.index += 1;
        self.catalog.apply_at(at(self.index), commands).unwrap()
    }

    fn run(&mut self, command: CatalogCommand) -> CatalogOutcome {
        self.apply(&[command]).remove(0)
    }

    /// The command is refused like this, and nothing but the position changes.
    fn refuses(&mut self, command: CatalogCommand, error: CatalogError) {
        let before = self.catalog.state();
        assert_eq!(self.run(command), Err(error));
        assert_eq!(self.catalog.state(), before);
    }

    /// The same engine after a restart.
    fn reopened(self) -> Fixture {
        Fixture {
            catalog: Catalog::open(self.catalog.engine).unwrap(),
            index: self.index,
        }
    }
}

fn at(index: u64) -> Position {
    Position {
        index: LogIndex(index),
        record: Bytes::from(format!("note {index}")),
    }
}

fn address(id: u64) -> String {
    format!("node{id}.example:710{id}")
}

fn node(id: u64) -> CatalogCommand {
    CatalogCommand::AddNode {
        id,
        address: address(id),
        incarnation: [id as u8; 16],
    }
}

fn node_at(id: u64, incarnation: u8, address: &str) -> CatalogCommand {
    CatalogCommand::AddNode {
        id,
        address: address.to_owned(),
        incarnation: [incarnation; 16],
    }
}

fn role(id: u64, role: NodeRole) -> CatalogCommand {
    CatalogCommand::SetNodeRole { id, role }
}

fn volume(name: &str, generation: u32) -> CatalogCommand {
    CatalogCommand::CreateVolume {
        name: name.to_owned(),
        replication: ReplicationMode::Quorum,
        format: Format::of_root(generation, Timestamp::default()),
    }
}

fn delete(name: &str) -> CatalogCommand {
    CatalogCommand::DeleteVolume {
        name: name.to_owned(),
        request: None,
    }
}

fn delete_once(name: &str, request: u16) -> CatalogCommand {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&request.to_be_bytes());
    CatalogCommand::DeleteVolume {
        name: name.to_owned(),
        request: Some(id),
    }
}

#[test]
fn a_cluster_is_created_once() {
    let mut fixture = Fixture::empty();
    for command in [node(1), role(1, NodeRole::Voter), volume("a", 1)] {
        fixture.refuses(command, CatalogError::NoCluster);
    }
    let create = |cluster_id| CatalogCommand::CreateCluster { cluster_id };
    assert_eq!(fixture.run(create(CLUSTER)), Ok(CatalogAnswer::Done));
    assert_eq!(fixture.run(create(CLUSTER)), Ok(CatalogAnswer::Done));
    let exists = CatalogError::ClusterExists {
        cluster_id: CLUSTER,
    };
    fixture.refuses(create([2; 16]), exists);
    assert_eq!(fixture.catalog.state().cluster_id, Some(CLUSTER));
}

#[test]
fn a_node_that_is_added_again_keeps_its_role_and_may_have_moved() {
    let mut fixture = Fixture::new();
    let before = fixture.catalog.state();
    assert_eq!(fixture.run(node(2)), Ok(CatalogAnswer::Done));
    assert_eq!(fixture.catalog.state(), before);
    let moved = node_at(2, 2, "10.0.0.2:7000");
    assert_eq!(fixture.run(moved), Ok(CatalogAnswer::Done));
    let state = fixture.reopened().catalog.state();
    let node = state.node(2).unwrap();
    assert_eq!(node.address, "10.0.0.2:7000");
    assert_eq!(node.role, NodeRole::Voter);
    assert_eq!(state.nodes.len(), 3);
}

#[test]
fn another_data_directory_is_another_node() {
    let mut fixture = Fixture::new();
    let exists = CatalogError::NodeExists {
        id: 2,
        address: address(2),
    };
    fixture.refuses(node_at(2, 9, "10.0.0.2:7000"), exists);
}

#[test]
fn two_nodes_are_not_at_one_address() {
    let mut fixture = Fixture::new();
    for (id, incarnation) in [(4, 4), (1, 1)] {
        let taken = CatalogError::AddressTaken {
            address: address(2),
            id: 2,
        };
        fixture.refuses(node_at(id, incarnation, &address(2)), taken);
    }
}

#[test]
fn an_id_counts_from_1_and_an_address_has_a_host_and_a_port() {
    let mut fixture = Fixture::new();
    fixture.refuses(
        node_at(0, 1, "host:1"),
        CatalogError::InvalidNodeId { id: 0 },
    );
    let long = format!("{}:1", "h".repeat(258));
    let wrong = [
        "",
        "host",
        ":1",
        "host:",
        "host:0",
        "host:65536",
        "host:+1",
        "a host:1",
        &long,
    ];
    for address in wrong {
        let invalid = CatalogError::InvalidAddress {
            address: address.to_owned(),
        };
        fixture.refuses(node_at(9, 9, address), invalid);
    }
    for address in ["[::1]:7100", "127.0.0.1:65535", "h:1"] {
        let outcome = fixture.run(node_at(9, 9, address));
        assert_eq!(outcome, Ok(CatalogAnswer::Done), "{address}");
    }
}

#[test]
fn a_cluster_keeps_a_voter() {
    let mut fixture = Fixture::new();
    let removed = fixture.run(CatalogCommand::RemoveNode { id: 1 });
    assert_eq!(removed, Ok(CatalogAnswer::Done));
    let last = CatalogError::LastVoter { id: 2 };
    fixture.refuses(CatalogCommand::RemoveNode { id: 2 }, last.clone());
    fixture.refuses(role(2, NodeRole::Learner), last);
    for command in [
        CatalogCommand::RemoveNode { id: 9 },
        role(9, NodeRole::Voter),
        role(9, NodeRole::Learner),
    ] {
        fixture.refuses(command, CatalogError::UnknownNode { id: 9 });
    }
    let removed = fixture.run(CatalogCommand::RemoveNode { id: 3 });
    assert_eq!(removed, Ok(CatalogAnswer::Done));
    let ids: Vec<u64> = fixture.catalog.state().nodes.iter().map(|n| n.id).collect();
    assert_eq!(ids, [2]);
}

#[test]
fn the_id_of_a_removed_node_is_never_given_again() {
    let mut fixture = Fixture::new();
    let remove = || CatalogCommand::RemoveNode { id: 3 };
    assert_eq!(fixture.run(remove()), Ok(CatalogAnswer::Done));
    let mut fixture = fixture.reopened();
    let state = fixture.catalog.state();
    assert_eq!(state.removed, [3]);
    let gone = CatalogError::NodeRemoved { id: 3 };
    // Neither with a new data directory nor with the one it had: it may hold a vote that others count on.
    for command in [
        node(3),
        node_at(3, 9, "10.0.0.3:7000"),
        role(3, NodeRole::Voter),
    ] {
        fixture.refuses(command, gone.clone());
    }
    assert_eq!(fixture.run(remove()), Ok(CatalogAnswer::Done));
    assert_eq!(fixture.catalog.state(), state);
    // Its address is free for a node with another id.
    let other = fixture.run(node_at(4, 4, &address(3)));
    assert_eq!(other, Ok(CatalogAnswer::Done));
    fixture.run(CatalogCommand::RemoveNode { id: 1 }).unwrap();
    assert_eq!(fixture.reopened().catalog.state().removed, [1, 3]);
}

#[test]
fn a_volume_begins_with_the_voters_of_its_day() {
    let mut fixture = Fixture::new();
    let first = fixture.run(volume("a", 1));
    assert_eq!(first, Ok(CatalogAnswer::Volume { id: 1 }));
    fixture.run(role(3, NodeRole::Voter)).unwrap();
    let second = fixture.run(volume("b", 1));
    assert_eq!(second, Ok(CatalogAnswer::Volume { id: 2 }));
    let state = fixture.catalog.state();
    let voters = |name| state.volume(name).unwrap().initial_voters.clone();
    assert_eq!(voters("a"), [1, 2]);
    assert_eq!(voters("b"), [1, 2, 3]);
}

#[test]
fn a_volume_needs_a_voter() {
    let mut fixture = Fixture::empty();
    let create = CatalogCommand::CreateCluster {
        cluster_id: CLUSTER,
    };
    fixture.apply(&[create, node(1)]);
    fixture.refuses(volume("a", 1), CatalogError::NoVoter);
}

#[test]
fn the_number_of_a_volume_is_never_given_again() {
    let mut fixture = Fixture::new();
    fixture.run(volume("a", 1)).unwrap();
    assert_eq!(fixture.run(delete("a")), Ok(CatalogAnswer::Done));
    let mut fixture = fixture.reopened();
    let again = fixture.run(volume("a", 1));
    assert_eq!(again, Ok(CatalogAnswer::Volume { id: 2 }));
    assert_eq!(fixture.catalog.state().volumes.len(), 1);
    let told = [0, 1, 2, 3].map(|id| fixture.catalog.was_deleted(id));
    assert_eq!(told, [false, true, false, false]);
}

#[test]
fn a_deletion_that_is_tried_again_takes_effect_once() {
    let mut fixture = Fixture::new();
    fixture.run(volume("a", 1)).unwrap();
    assert_eq!(fixture.run(delete_once("a", 1)), Ok(CatalogAnswer::Done));
    let mut fixture = fixture.reopened();
    assert_eq!(fixture.run(delete_once("a", 1)), Ok(CatalogAnswer::Done));
    // Whoever asks for the first time hears the truth, and what has the name by now is another volume.
    let missing = CatalogError::NoSuchVolume {
        name: "a".to_owned(),
    };
    fixture.refuses(delete_once("a", 2), missing.clone());
    fixture.refuses(delete("a"), missing);
    fixture.run(volume("a", 2)).unwrap();
    assert_eq!(fixture.run(delete_once("a", 1)), Ok(CatalogAnswer::Done));
    assert_eq!(fixture.catalog.state().volumes.len(), 1);
    // One that was refused did nothing, and may do it later.
    assert_eq!(fixture.run(delete_once("a", 2)), Ok(CatalogAnswer::Done));
    assert_eq!(fixture.catalog.state().volumes.len(), 0);
}

#[test]
fn what_is_remembered_of_deletions_is_bounded() {
    let mut fixture = Fixture::new();
    for request in 0..300 {
        fixture.run(volume("a", u32::from(request))).unwrap();
        fixture.run(delete_once("a", request)).unwrap();
    }
    let known = fixture.catalog.lock().deletions.requests.len();
    assert_eq!(known, 256);
    let again = fixture.run(delete_once("a", 44));
    assert_eq!(again, Ok(CatalogAnswer::Done));
}

#[test]
fn a_volume_that_is_created_again_is_found_and_another_is_refused() {
    let mut fixture = Fixture::new();
    let outcomes = fixture.apply(&[volume("a", 1), volume("a", 1)]);
    assert_eq!(outcomes, vec![Ok(CatalogAnswer::Volume { id: 1 }); 2]);
    let exists = CatalogError::VolumeExists {
        name: "a".to_owned(),
        id: 1,
    };
    fixture.refuses(volume("a", 2), exists);
}

#[test]
fn names_of_volumes_are_plain() {
    let mut fixture = Fixture::new();
    let long = "a".repeat(65);
    let wrong = [
        "", ".", "..", "-a", "_a", "A", "a/b", "a b", "a\0", "\u{e9}", &long,
    ];
    for name in wrong {
        let invalid = || CatalogError::InvalidName {
            name: name.to_owned(),
        };
        fixture.refuses(volume(name, 1), invalid());
        fixture.refuses(delete(name), invalid());
    }
    let longest = "9".repeat(64);
    for name in ["a", "0", "a.b_c-d", "v1.", &longest] {
        assert!(fixture.run(volume(name, 1)).is_ok(), "{name}");
    }
    let missing = CatalogError::NoSuchVolume {
        name: "other".to_owned(),
    };
    fixture.refuses(delete("other"), missing);
}

#[test]
fn a_restart_finds_everything_and_goes_on_at_its_place() {
    let mut fixture = Fixture::new();
    fixture.apply(&[volume("a", 1), volume("b", 2)]);
    fixture.run(CatalogCommand::RemoveNode { id: 3 }).unwrap();
    let (state, index) = (fixture.catalog.state(), fixture.index);
    let catalog = fixture.reopened().catalog;
    assert_eq!(catalog.state(), state);
    assert_eq!(catalog.applied(), LogIndex(index));
    assert_eq!(catalog.position(), Ok(Some(at(index).record)));
    for passed in [index - 1, index] {
        let fault = catalog.apply_at(at(passed), &[]).unwrap_err();
        assert!(fault.to_string().contains("batch"), "{fault}");
    }
    assert_eq!(catalog.apply_at(at(index + 5), &[]), Ok(Vec::new()));
    assert_eq!(catalog.applied(), LogIndex(index + 5));
}

#[test]
fn how_a_log_is_cut_into_batches_changes_nothing() {
    let commands = [
        CatalogCommand::CreateCluster {
            cluster_id: CLUSTER,
        },
        node(1),
        node(2),
        role(1, NodeRole::Voter),
        volume("a", 1),
        delete("b"),
        volume("b", 1),
        delete("a"),
        CatalogCommand::RemoveNode { id: 2 },
        node(2),
        CatalogCommand::RemoveNode { id: 1 },
    ];
    let length = commands.len();
    let run = |batch: usize| {
        let catalog = Catalog::open(MemoryEngine::new()).unwrap();
        let mut outcomes = Vec::new();
        for (number, chunk) in commands.chunks(batch).enumerate() {
            let last = length.min((number + 1) * batch);
            outcomes.extend(catalog.apply_at(at(last as u64), chunk).unwrap());
        }
        let digest = crate::digest(&catalog.engine().view()).unwrap();
        (outcomes, catalog.state(), digest)
    };
    let whole = run(length);
    for batch in 1..length {
        assert_eq!(run(batch), whole, "batches of {batch}");
    }
}

#[test]
fn a_volume_and_a_catalog_are_not_taken_for_each_other() {
    let format = Format::of_root(1, Timestamp::default());
    let machine = crate::StateMachine::open(MemoryEngine::new(), format).unwrap();
    let mut stored = Batch::default();
    let visit = &mut |key: &[u8], value: &[u8]| {
        stored.set(key.to_vec(), Some(Bytes::copy_from_slice(value)));
        Ok(ControlFlow::Continue(()))
    };
    machine.engine().view().scan(&[], &[0xff], visit).unwrap();
    let engine = MemoryEngine::new();
    engine.commit(stored).unwrap();
    let fault = Catalog::open(engine).unwrap_err().to_string();
    assert!(fault.contains("catalog record: missing"), "{fault}");

    let engine = Fixture::new().catalog.engine;
    let fault = crate::StateMachine::open(engine, format).unwrap_err();
    assert!(fault.to_string().contains("volume record: missing"));
}

#[test]
fn errors_are_understood_by_a_stranger() {
    let taken = CatalogError::AddressTaken {
        address: "h:1".to_owned(),
        id: 2,
    };
    assert_eq!(taken.to_string(), "node 2 has the address h:1 already");
    assert_eq!(
        CatalogError::NodeRemoved { id: 3 }.to_string(),
        "node 3 was removed; ids are never used again: choose another --id"
    );
    let other = CatalogError::ClusterExists {
        cluster_id: [0xab; 16],
    };
    let id = "ab".repeat(16);
    assert_eq!(
        other.to_string(),
        format!("this node belongs to another cluster ({id})")
    );
}

#[test]
fn a_forced_new_cluster_has_one_node_that_votes_and_another_name() {
    let mut fixture = Fixture::new();
    let force = |node| CatalogCommand::ForceNewCluster {
        cluster_id: [2; 16],
        node,
    };
    fixture.refuses(force(9), CatalogError::UnknownNode { id: 9 });
    assert_eq!(fixture.run(force(3)), Ok(CatalogAnswer::Done));
    let state = fixture.catalog.state();
    assert_eq!(state.cluster_id, Some([2; 16]));
    assert_eq!(state.removed, [1, 2]);
    let voters: Vec<u64> = state.voters().map(|node| node.id).collect();
    assert_eq!((voters, state.nodes.len()), (vec![3], 1));
    // Again, because the first time was cut off.
    assert_eq!(fixture.run(force(3)), Ok(CatalogAnswer::Done));
    fixture.refuses(force(1), CatalogError::NodeRemoved { id: 1 });
    assert_eq!(fixture.reopened().catalog.state(), state);
}
