//! Brings the membership of the groups that this node leads to what the catalog says.
//!
//! The catalog holds what is wanted: which nodes there are, and which of them vote. The leader of each group makes
//! one step at a time towards it, by joint consensus: first a learner, a voter when it has nearly caught up, and out
//! when the catalog does not know it any more. Any step can be repeated, so a new leader simply goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::catalog::{CatalogState, NodeRole};
use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;

use super::group::Group;
use super::registry::Registry;
use super::type_config::{Membership, Peer};
use crate::fault_point::{FaultPoint, reach};

/// How often it looks.
const TICK: Duration = Duration::from_millis(200);

/// One change may take so long before the other groups are looked at.
const STEP: Duration = Duration::from_secs(5);

/// A learner that misses no more than this is promoted: it gets the rest while the change is committed.
const NEARLY: u64 = 500;

type Change = ChangeMembers<u64, Peer>;

/// Goes on until the task is aborted.
pub(crate) async fn run(registry: Registry) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(state) = registry.catalog_state() else {
            continue;
        };
        for group in registry.groups() {
            if group.leads() {
                advance(&group, &state).await;
            }
        }
    }
}

/// Makes one step, if one is needed.
async fn advance(group: &Arc<Group>, state: &CatalogState) {
    let step = {
        let metrics = group.raft().metrics();
        let metrics = metrics.borrow_watched();
        let effective = metrics.membership_config.log_id();
        let settled = effective == metrics.committed_membership_config.log_id();
        if !settled {
            return;
        }
        let last = metrics.last_log_index.unwrap_or(0);
        let caught_up = |id: u64| {
            let matched = metrics.replication.as_ref().and_then(|all| *all.get(&id)?);
            matched.is_some_and(|matched| matched.index + NEARLY >= last)
        };
        next_step(metrics.membership_config.membership(), state, &caught_up)
    };
    let Some(step) = step else { return };
    tracing::info!(group = %group.id(), %step, "changing the membership");
    reach(FaultPoint::MembershipDecided);
    // A change that finds no quorum must not hold up the other groups. It goes on by itself, or the next look finds
    // it half done and finishes it.
    match tokio::time::timeout(STEP, group.raft().change_membership(step, false)).await {
        Ok(Ok(_)) => reach(FaultPoint::MembershipChanged),
        Ok(Err(error)) => {
            tracing::info!(group = %group.id(), %error, "the membership did not change: trying again");
        }
        Err(_) => tracing::warn!(group = %group.id(), "the change finds no quorum"),
    }
}

/// What to do next so that the membership becomes what the catalog says.
fn next_step(
    membership: &Membership,
    state: &CatalogState,
    caught_up: &dyn Fn(u64) -> bool,
) -> Option<Change> {
    let members: BTreeMap<u64, &Peer> = membership.nodes().map(|(id, peer)| (*id, peer)).collect();
    let voters: BTreeSet<u64> = membership.voter_ids().collect();
    // A new cluster's catalog has its first member before it has its first record.
    if state.nodes.is_empty() {
        return None;
    }
    if membership.get_joint_config().len() > 1 {
        // A leader died between the two halves of a change: finish it.
        return Some(ChangeMembers::AddVoterIds(BTreeSet::new()));
    }
    let peer = |address: &str| Peer {
        address: address.to_owned(),
    };
    let missing = state
        .nodes
        .iter()
        .find(|node| !members.contains_key(&node.id));
    if let Some(node) = missing {
        let nodes = BTreeMap::from([(node.id, peer(&node.address))]);
        return Some(ChangeMembers::AddNodes(nodes));
    }
    let moved = state.nodes.iter().find(|node| {
        members
            .get(&node.id)
            .is_some_and(|peer| peer.address != node.address)
    });
    if let Some(node) = moved {
        let nodes = BTreeMap::from([(node.id, peer(&node.address))]);
        return Some(ChangeMembers::SetNodes(nodes));
    }
    let is_wanted = |id: &u64| state.nodes.iter().any(|node| node.id == *id);
    let votes = |id: &u64| {
        let mut nodes = state.nodes.iter();
        nodes.any(|node| node.id == *id && node.role == NodeRole::Voter)
    };
    let ready: BTreeSet<u64> = members
        .keys()
        .filter(|id| votes(id) && !voters.contains(id) && caught_up(**id))
        .copied()
        .collect();
    // Adding before removing never lowers the number of failures the group survives.
    if !ready.is_empty() {
        return Some(ChangeMembers::AddVoterIds(ready));
    }
    // Somebody who is to vote does not yet: who leaves is still needed for the quorum.
    if members.keys().any(|id| votes(id) && !voters.contains(id)) {
        return None;
    }
    let leaving: BTreeSet<u64> = voters.iter().filter(|id| !votes(id)).copied().collect();
    if !leaving.is_empty() && leaving.len() < voters.len() {
        return Some(ChangeMembers::RemoveVoters(leaving));
    }
    let gone: BTreeSet<u64> = members
        .keys()
        .filter(|id| !is_wanted(id) && !voters.contains(id))
        .copied()
        .collect();
    (!gone.is_empty()).then_some(ChangeMembers::RemoveNodes(gone))
}

#[cfg(test)]
mod tests;
