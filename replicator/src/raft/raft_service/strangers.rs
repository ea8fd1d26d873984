//! Who may speak as a candidate or as the leader of a group: its members, and others while nobody leads it.
//!
//! A node that was away for long may not know yet that another one is a member, and hears it from that one: so a number that
//! is unknown here is not refused for good. But as long as a member leads, nobody who is none is listened to: a node of
//! another test, or one that was removed, would depose the leader with a later term, and openraft asks a leader's messages
//! and the elections of a hand-over for nothing but the term.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver;
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::Status;

use super::GroupRaft;
use crate::raft::complaints::Complaints;
use crate::raft::type_config::{GroupId, Vote};

/// A term grows by one in an election. Who is further ahead than all elections there can be would use up the numbers.
const TERMS_MAX: u64 = 1 << 40;

/// Remembers when each group last heard a leader that is a member.
#[derive(Debug, Clone)]
pub(in crate::raft) struct Strangers {
    lease: Duration,
    heard: Arc<Mutex<BTreeMap<GroupId, Instant>>>,
    complaints: Complaints,
}

impl Strangers {
    /// A leader that was not heard for `lease` does not lead any more.
    pub(in crate::raft) fn new(lease: Duration, complaints: Complaints) -> Strangers {
        Strangers {
            lease,
            heard: Arc::default(),
            complaints,
        }
    }

    /// Whether who leads with this vote may speak.
    pub(super) fn admit_leader(
        &self,
        group: GroupId,
        raft: &GroupRaft,
        vote: Vote,
    ) -> Result<(), Status> {
        if self.admit(group, raft, vote)? {
            self.heard.lock().insert(group, Instant::now());
        }
        Ok(())
    }

    /// Whether who wants this vote may ask for it.
    pub(super) fn admit_candidate(
        &self,
        group: GroupId,
        raft: &GroupRaft,
        vote: Vote,
    ) -> Result<(), Status> {
        self.admit(group, raft, vote).map(drop)
    }

    /// Answers whether it is a member, whose vote is as late as that known here.
    fn admit(&self, group: GroupId, raft: &GroupRaft, vote: Vote) -> Result<bool, Status> {
        let metrics = raft.metrics();
        let metrics = metrics.borrow_watched();
        let (term, node) = (vote.leader_id.term, vote.leader_id.node_id);
        if term > metrics.current_term.saturating_add(TERMS_MAX) {
            return Err(self.refused(format!("no election of group {group} had term {term} yet")));
        }
        let members = metrics.membership_config.membership();
        if members.get_node(&node).is_some() {
            return Ok(vote >= metrics.vote);
        }
        let is_new = members.nodes().next().is_none();
        let leads = metrics.state == ServerState::Leader;
        if !is_new && (leads || self.is_led(group)) {
            let reason =
                format!("node {node} is no member of group {group}, and a member leads it");
            return Err(self.refused(reason));
        }
        Ok(false)
    }

    fn is_led(&self, group: GroupId) -> bool {
        let heard = self.heard.lock().get(&group).copied();
        heard.is_some_and(|heard| heard.elapsed() < self.lease)
    }

    fn refused(&self, reason: String) -> Status {
        self.complaints.refused("a stranger", &reason);
        Status::failed_precondition(reason)
    }
}
