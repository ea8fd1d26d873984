//! Telling the cluster that a node is there, and where: when it joins, and each time that it starts.

use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_proto::JoinRequest;
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::admin_server::Admin;
use holdfast_proto::identity::{Identity, UNWANTED_HEADER};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::admin_service::AdminService;
use super::network::Peers;
use super::node_error::NodeError;
use super::options::NodeOptions;
use crate::tls;

/// How long a node tries to join.
const JOIN: Duration = Duration::from_mins(1);
/// How long one node may take to answer; it looks for a leader meanwhile.
const ANSWER: Duration = Duration::from_secs(15);
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks one node after the other to become a node of its cluster, until one answers; answers with the cluster.
pub(super) async fn join(
    addresses: &[String],
    request: JoinRequest,
    options: &NodeOptions,
) -> Result<[u8; 16], NodeError> {
    let identity = Identity {
        cluster: None,
        node: Some(options.id),
        program: options.program,
    };
    let peers = Peers::new(identity.clone(), options.tls.clone());
    let deadline = Instant::now() + JOIN;
    loop {
        let mut reasons = Vec::new();
        for address in addresses {
            let channel = peers.channel_to_any(address);
            match ask(channel, &identity, &request).await {
                Ok(cluster) => {
                    return <[u8; 16]>::try_from(cluster.as_ref())
                        .map_err(|_| NodeError::Join(format!("{address} names no cluster")));
                }
                Err(status) if is_final(&status) => {
                    return Err(NodeError::Join(format!("{address}: {}", status.message())));
                }
                Err(status) => {
                    let reason = tls::explain(&status);
                    let reason = reason.unwrap_or_else(|| status.message().to_owned());
                    reasons.push(format!("{address}: {reason}"));
                }
            }
        }
        if Instant::now() >= deadline {
            return Err(NodeError::Join(format!(
                "nobody answered for {} s ({})",
                JOIN.as_secs(),
                reasons.join("; ")
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What a node that has started tells its cluster: it may be at another address than when it was last seen.
#[derive(Debug)]
pub(super) struct Announcement {
    /// This node's own, which may lead the catalog.
    pub(super) admin: AdminService,
    pub(super) request: JoinRequest,
}

impl Announcement {
    /// Tells it until it is written down; an error says that the cluster does not want this node any more.
    ///
    /// The others are told at the same time as this node itself: they wait for a leader, and if that is this node they
    /// look for it where it was. They hear where it is from nobody else.
    pub(super) async fn make(self) -> Result<(), String> {
        let settled = tokio::select! {
            settled = until_settled(|| self.tell_itself()) => settled,
            settled = until_settled(|| self.tell_others()) => settled,
        };
        settled.map_err(|status| status.message().to_owned())
    }

    async fn tell_itself(&self) -> Result<(), Status> {
        let mut request = Request::new(self.request.clone());
        self.admin.identity.attach(request.metadata_mut());
        self.admin.join(request).await.map(drop)
    }

    /// One after the other, until one has settled it.
    async fn tell_others(&self) -> Result<(), Status> {
        let mut answer = Err(Status::unavailable("there is no other node"));
        for (id, address) in self.others() {
            let AdminService {
                peers, identity, ..
            } = &self.admin;
            let channel = peers.channel(id, &address);
            let asked = ask(channel, identity, &self.request).await;
            answer = asked.map(drop);
            if is_settled(&answer) {
                break;
            }
        }
        answer
    }

    /// Where the catalog of this node says that the others are.
    fn others(&self) -> Vec<(u64, String)> {
        let state = self.admin.registry.catalog_state().unwrap_or_default();
        let others = state.nodes.into_iter();
        let others = others.filter(|node| node.id != self.request.id);
        others.map(|node| (node.id, node.address)).collect()
    }
}

async fn ask(
    channel: Channel,
    identity: &Identity,
    request: &JoinRequest,
) -> Result<Bytes, Status> {
    let mut client = AdminClient::new(channel);
    let mut request = Request::new(request.clone());
    identity.attach(request.metadata_mut());
    request.set_timeout(ANSWER);
    let response = client.join(request).await?;
    Ok(response.into_inner().cluster_id)
}

/// Repeats what has not settled it, also when a peer refuses to talk: it may be of another version while the nodes
/// are updated.
async fn until_settled<F: Future<Output = Result<(), Status>>>(
    tell: impl Fn() -> F,
) -> Result<(), Status> {
    loop {
        let answer = tell().await;
        if is_settled(&answer) {
            return answer;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Nobody else needs to be asked.
fn is_settled(answer: &Result<(), Status>) -> bool {
    match answer {
        Ok(()) => true,
        Err(status) => is_unwanted(status),
    }
}

/// The catalog has decided.
fn is_unwanted(status: &Status) -> bool {
    status.metadata().contains_key(UNWANTED_HEADER)
}

/// Asking again would get the same answer.
fn is_final(status: &Status) -> bool {
    is_unwanted(status)
        || matches!(
            status.code(),
            Code::FailedPrecondition
                | Code::InvalidArgument
                | Code::PermissionDenied
                | Code::Unauthenticated
        )
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataValue;

    use super::*;

    #[test]
    fn only_the_catalog_ends_a_node_that_has_joined() {
        let mut decided = Status::permission_denied("node 3 was removed");
        // From a proxy, or from somebody who wants TLS.
        assert!(!is_settled(&Err(decided.clone())));
        let header = MetadataValue::from_static("true");
        decided.metadata_mut().insert(UNWANTED_HEADER, header);
        assert!(is_settled(&Err(decided)) && is_settled(&Ok(())));
        // A peer of another version, or of another cluster at an address that one of ours had.
        let other = Status::failed_precondition("protocol 1 cannot talk to protocol 2");
        assert!(is_final(&other), "who joins is told at once");
        assert!(!is_settled(&Err(other)));
        assert!(!is_settled(&Err(Status::unavailable("nobody leads"))));
    }
}
