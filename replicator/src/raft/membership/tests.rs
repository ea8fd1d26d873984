//! Every situation has one next step, and following the steps arrives.

use holdfast_metadata::catalog::{NodeRecord, NodeRole};

use super::*;

fn peer(id: u64) -> Peer {
    Peer {
        address: format!("127.0.0.1:{id}"),
    }
}

fn catalog(nodes: &[(u64, NodeRole)]) -> CatalogState {
    let record = |(id, role): &(u64, NodeRole)| NodeRecord {
        id: *id,
        address: peer(*id).address,
        incarnation: [*id as u8; 16],
        role: *role,
    };
    CatalogState {
        nodes: nodes.iter().map(record).collect(),
        ..CatalogState::default()
    }
}

fn membership(voters: &[&[u64]], nodes: &[u64]) -> Membership {
    let voters = voters.iter().map(|ids| ids.iter().copied().collect());
    let nodes: BTreeMap<u64, Peer> = nodes.iter().map(|id| (*id, peer(*id))).collect();
    Membership::new(voters.collect(), nodes).unwrap()
}

fn step(members: &Membership, state: &CatalogState) -> Option<Change> {
    next_step(members, state, &|_| true)
}

const VOTERS: [(u64, NodeRole); 3] = [
    (1, NodeRole::Voter),
    (2, NodeRole::Voter),
    (3, NodeRole::Voter),
];

#[test]
fn what_is_as_it_should_be_stays() {
    let members = membership(&[&[1, 2, 3]], &[1, 2, 3]);
    assert_eq!(step(&members, &catalog(&VOTERS)), None);
}

#[test]
fn a_catalog_that_is_still_empty_changes_nothing() {
    let members = membership(&[&[1]], &[1]);
    assert_eq!(step(&members, &catalog(&[])), None);
}

#[test]
fn a_new_node_becomes_a_learner_first() {
    let members = membership(&[&[1, 2]], &[1, 2]);
    let nodes = BTreeMap::from([(3, peer(3))]);
    let expected = ChangeMembers::AddNodes(nodes);
    assert_eq!(step(&members, &catalog(&VOTERS)), Some(expected));
}

#[test]
fn a_learner_votes_when_it_has_nearly_caught_up_and_not_before() {
    let members = membership(&[&[1, 2]], &[1, 2, 3]);
    let state = catalog(&VOTERS);
    assert_eq!(next_step(&members, &state, &|_| false), None);
    let expected = ChangeMembers::AddVoterIds(BTreeSet::from([3]));
    assert_eq!(next_step(&members, &state, &|id| id == 3), Some(expected));
}

#[test]
fn a_node_that_is_to_stay_a_learner_does() {
    let members = membership(&[&[1, 2]], &[1, 2, 3]);
    let roles = [VOTERS[0], VOTERS[1], (3, NodeRole::Learner)];
    assert_eq!(step(&members, &catalog(&roles)), None);
}

#[test]
fn a_removed_node_stops_voting_and_is_then_forgotten() {
    let state = catalog(&VOTERS[..2]);
    let members = membership(&[&[1, 2, 3]], &[1, 2, 3]);
    let expected = ChangeMembers::RemoveVoters(BTreeSet::from([3]));
    assert_eq!(step(&members, &state), Some(expected));
    let members = membership(&[&[1, 2]], &[1, 2, 3]);
    let expected = ChangeMembers::RemoveNodes(BTreeSet::from([3]));
    assert_eq!(step(&members, &state), Some(expected));
}

#[test]
fn who_takes_the_place_of_a_dead_node_votes_before_that_one_leaves() {
    let state = catalog(&[VOTERS[0], VOTERS[1], (4, NodeRole::Voter)]);
    let members = membership(&[&[1, 2, 3]], &[1, 2, 3, 4]);
    let expected = ChangeMembers::AddVoterIds(BTreeSet::from([4]));
    assert_eq!(step(&members, &state), Some(expected));
}

#[test]
fn nobody_leaves_while_who_takes_the_place_is_catching_up() {
    let state = catalog(&[VOTERS[1], VOTERS[2], (4, NodeRole::Voter)]);
    let members = membership(&[&[1, 2, 3]], &[1, 2, 3, 4]);
    assert_eq!(next_step(&members, &state, &|_| false), None);
}

#[test]
fn the_last_voter_is_never_removed() {
    let members = membership(&[&[1]], &[1, 2]);
    let state = catalog(&[(2, NodeRole::Voter)]);
    assert_eq!(next_step(&members, &state, &|_| false), None);
}

#[test]
fn a_node_that_moved_is_found_at_its_new_address() {
    let mut state = catalog(&VOTERS);
    state.nodes[2].address = "127.0.0.1:99".to_owned();
    let moved = Peer {
        address: "127.0.0.1:99".to_owned(),
    };
    let members = membership(&[&[1, 2, 3]], &[1, 2, 3]);
    let expected = ChangeMembers::SetNodes(BTreeMap::from([(3, moved)]));
    assert_eq!(step(&members, &state), Some(expected));
}

#[test]
fn half_a_change_is_finished_first() {
    let members = membership(&[&[1, 2], &[1, 2, 3]], &[1, 2, 3]);
    let expected = ChangeMembers::AddVoterIds(BTreeSet::new());
    assert_eq!(step(&members, &catalog(&VOTERS)), Some(expected));
}
