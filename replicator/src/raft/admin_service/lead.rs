//! Handing over the lead of groups.

use std::time::Duration;

use holdfast_proto::TransferLeaderTo;
use holdfast_proto::admin_client::AdminClient;
use tonic::{Code, Request, Status};

use super::AdminService;
use crate::raft::group::Group;
use crate::raft::type_config::GroupId;

/// How long a leader may take to hand over.
const HAND_OVER: Duration = Duration::from_secs(5);
/// Between two tries while somebody is elected.
const AGAIN: Duration = Duration::from_millis(50);

impl AdminService {
    /// Of one group or of all, to a node or to whoever is best.
    pub(super) async fn give_lead(&self, request: TransferLeaderTo) -> Result<(), Status> {
        let TransferLeaderTo {
            group,
            all_groups,
            node,
            only_here,
        } = request;
        let groups = if all_groups {
            self.registry.groups()
        } else {
            let found = self.registry.group(GroupId(group));
            vec![found.ok_or_else(|| Status::not_found(format!("there is no group {group}")))?]
        };
        let to = (node != 0).then_some(node);
        for group in groups {
            if !only_here {
                self.transfer(&group, to).await?;
            } else if group.leads() {
                self.hand_over_here(&group, to).await?;
            } else {
                return Err(nobody_leads(&group));
            }
        }
        Ok(())
    }

    /// Hands over one group until the node leads that is to: another may win the election that this begins.
    async fn transfer(&self, group: &Group, to: Option<u64>) -> Result<(), Status> {
        let handed = async {
            loop {
                match self.hand_over(group, to).await {
                    Err(status) if status.code() == Code::Unavailable => {
                        tokio::time::sleep(AGAIN).await;
                    }
                    ended => return ended,
                }
            }
        };
        match tokio::time::timeout(HAND_OVER, handed).await {
            Ok(ended) => ended,
            Err(_) if group.leader().is_none() => Err(nobody_leads(group)),
            Err(_) => Err(not_handed_over(group)),
        }
    }

    /// Tries once, here or at the node that leads. Unavailable, if another leads by now, or nobody.
    async fn hand_over(&self, group: &Group, to: Option<u64>) -> Result<(), Status> {
        if group.leads() {
            return self.hand_over_here(group, to).await;
        }
        let leader = group
            .leader()
            .filter(|leader| leader.id != self.registry.node());
        let leader = leader.ok_or_else(|| nobody_leads(group))?;
        if to == Some(leader.id) {
            return Ok(());
        }
        let mut client = AdminClient::new(self.peers.channel(leader.id, &leader.address));
        let mut request = Request::new(TransferLeaderTo {
            group: group.id().0,
            all_groups: false,
            node: to.unwrap_or_default(),
            only_here: true,
        });
        self.identity.attach(request.metadata_mut());
        client.transfer_leader(request).await.map(|_| ())
    }

    async fn hand_over_here(&self, group: &Group, to: Option<u64>) -> Result<(), Status> {
        if to == Some(self.registry.node()) {
            return Ok(());
        }
        if let Some(next) = to.and_then(|to| group.member(to))
            && !self.is_alive(next.id, &next.address).await
        {
            // Nobody would lead until those who answer have elected somebody else.
            return Err(not_handed_over(group));
        }
        if !group.hand_over(to, HAND_OVER).await {
            return Err(not_handed_over(group));
        }
        match group.leader() {
            Some(leader) if to.is_none_or(|to| to == leader.id) => Ok(()),
            _ => Err(nobody_leads(group)),
        }
    }
}

fn nobody_leads(group: &Group) -> Status {
    Status::unavailable(format!("nobody leads group {} now", group.id()))
}

fn not_handed_over(group: &Group) -> Status {
    Status::failed_precondition(format!(
        "group {} was not handed over: is the other node a voter that answers?",
        group.id()
    ))
}
