//! Changing the catalog from any node: the command goes to whoever leads group 0.

use std::time::Duration;

use holdfast_metadata::catalog::{CatalogAnswer, CatalogCommand};
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::identity::Identity;
use holdfast_proto::{ProposeCatalogRequest, propose_catalog_response};
use tokio::time::Instant;
use tonic::Request;

use super::network::Peers;
use super::registry::Registry;
use super::type_config::Applied;
use crate::refusal::{Endpoint, Refusal};

/// How long it looks for a leader.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one attempt at another node may take.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Changes the catalog.
#[derive(Debug, Clone)]
pub(crate) struct CatalogClient {
    registry: Registry,
    peers: Peers,
    identity: Identity,
}

/// Why the catalog was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogRefusal {
    /// The catalog says no, and why.
    #[error("{0}")]
    Refused(String),
    /// Nobody leads, or it did not answer.
    #[error("the catalog did not answer: {0}")]
    Unavailable(Refusal),
}

impl CatalogClient {
    pub(crate) fn new(registry: Registry, peers: Peers, identity: Identity) -> CatalogClient {
        CatalogClient {
            registry,
            peers,
            identity,
        }
    }

    /// Changes the catalog; commands can be repeated, so it tries until there is an answer.
    pub(crate) async fn change(
        &self,
        command: CatalogCommand,
    ) -> Result<CatalogAnswer, CatalogRefusal> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let refusal = match self.attempt(&command).await {
                Err(CatalogRefusal::Unavailable(refusal)) => refusal,
                done => return done,
            };
            if Instant::now() >= deadline {
                return Err(CatalogRefusal::Unavailable(refusal));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, command: &CatalogCommand) -> Result<CatalogAnswer, CatalogRefusal> {
        match self.here(command).await {
            Err(CatalogRefusal::Unavailable(Refusal::NotLeader {
                leader: Some(leader),
            })) if leader.id != self.registry.node() => self.there(&leader, command).await,
            answer => answer,
        }
    }

    /// Changes the catalog if this node leads it.
    pub(crate) async fn here(
        &self,
        command: &CatalogCommand,
    ) -> Result<CatalogAnswer, CatalogRefusal> {
        let proposal = holdfast_proto::encode_proposal_catalog(command);
        let catalog = self
            .registry
            .catalog()
            .map_err(CatalogRefusal::Unavailable)?;
        let applied = catalog.propose(proposal).await;
        match applied.map_err(CatalogRefusal::Unavailable)?.applied {
            Applied::Catalog(Ok(answer)) => Ok(answer),
            Applied::Catalog(Err(error)) => Err(CatalogRefusal::Refused(error.to_string())),
            Applied::Nothing | Applied::Command(_) => Err(CatalogRefusal::Refused(
                "not a group of a catalog".to_owned(),
            )),
        }
    }

    async fn there(
        &self,
        leader: &Endpoint,
        command: &CatalogCommand,
    ) -> Result<CatalogAnswer, CatalogRefusal> {
        let unavailable = |reason: String| {
            let reason = format!("node {} at {}: {reason}", leader.id, leader.address);
            CatalogRefusal::Unavailable(Refusal::Unavailable { reason })
        };
        let mut client = AdminClient::new(self.peers.channel(leader.id, &leader.address));
        let mut request = Request::new(ProposeCatalogRequest {
            command: Some(holdfast_proto::encode_catalog_message(command)),
        });
        self.identity.attach(request.metadata_mut());
        request.set_timeout(ATTEMPT);
        let response = client.propose_catalog(request).await;
        let response = response.map_err(|status| unavailable(status.message().to_owned()))?;
        match response.into_inner().result {
            Some(propose_catalog_response::Result::Done(_)) => Ok(CatalogAnswer::Done),
            Some(propose_catalog_response::Result::Volume(id)) => Ok(CatalogAnswer::Volume { id }),
            Some(propose_catalog_response::Result::Refused(reason)) => {
                Err(CatalogRefusal::Refused(reason))
            }
            None => Err(unavailable("an answer without a result".to_owned())),
        }
    }
}
