//! `replication = all`: a command is acknowledged when every voter has applied it.
//!
//! Such a volume stands still while a voter is away. That is found out before a command is proposed, so that
//! its sender hears the reason and tries again, instead of waiting for an entry that nobody will acknowledge.

use std::time::Duration;

use futures_util::future::try_join_all;
use holdfast_proto::AwaitAppliedRequest;
use holdfast_proto::identity::Identity;
use holdfast_proto::raft_client::RaftClient;
use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver;
use tonic::Request;

use super::group::GroupRaft;
use super::network::Peers;
use super::type_config::GroupId;
use crate::refusal::Refusal;

/// How long a voter may take to apply what is committed; then the outcome is unknown.
const PATIENCE: Duration = Duration::from_secs(5);

/// The other voters of a group.
#[derive(Debug, Clone)]
pub(crate) struct Everyone {
    group: GroupId,
    raft: GroupRaft,
    peers: Peers,
    identity: Identity,
    /// A voter that has been silent for longer is away.
    silence: Duration,
}

struct Voter {
    id: u64,
    address: String,
    silent: Option<Duration>,
}

impl Everyone {
    pub(crate) fn new(
        group: GroupId,
        raft: GroupRaft,
        peers: Peers,
        identity: Identity,
        silence: Duration,
    ) -> Everyone {
        Everyone {
            group,
            raft,
            peers,
            identity,
            silence,
        }
    }

    /// Refuses while a voter is away.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let away = self
            .voters()
            .into_iter()
            .find(|voter| voter.silent.is_none_or(|silent| silent > self.silence));
        match away {
            None => Ok(()),
            Some(voter) => Err(Refusal::Unavailable {
                reason: format!(
                    "node {} does not answer, and the volume is replicated to all",
                    voter.id
                ),
            }),
        }
    }

    /// Waits until all of them have applied the entry.
    pub(crate) async fn applied(&self, index: u64) -> Result<(), Refusal> {
        // They learn that it is committed from the next message.
        if self.raft.trigger().heartbeat().await.is_err() {
            return Err(Refusal::OutcomeUnknown);
        }
        let waits = self.voters().into_iter().map(|voter| async move {
            let mut client = RaftClient::new(self.peers.channel(voter.id, &voter.address));
            let mut request = Request::new(AwaitAppliedRequest {
                group: self.group.0,
                index,
            });
            self.identity.attach(request.metadata_mut());
            client.await_applied(request).await
        });
        match tokio::time::timeout(PATIENCE, try_join_all(waits)).await {
            Ok(Ok(_)) => Ok(()),
            // It is committed, and will be applied; the next attempt gets its outcome when all are there.
            Ok(Err(_)) | Err(_) => Err(Refusal::OutcomeUnknown),
        }
    }

    /// All voters but this node.
    fn voters(&self) -> Vec<Voter> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let others = membership.voter_ids().filter(|id| *id != metrics.id);
        let voter = |id: u64| {
            let address = membership.get_node(&id)?.address.clone();
            let heard = metrics.heartbeat.as_ref().and_then(|all| *all.get(&id)?);
            Some(Voter {
                id,
                address,
                silent: heard.map(|heard| heard.elapsed()),
            })
        };
        others.filter_map(voter).collect()
    }
}
