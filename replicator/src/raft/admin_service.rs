//! What operators, and nodes that join, ask of a node.

mod lead;
mod settings;

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::Stream;
use holdfast_metadata::catalog::{
    CatalogAnswer, CatalogCommand, CatalogState, NodeRole, ReplicationMode,
};
use holdfast_metadata::{Format, Timestamp};
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::admin_server::Admin;
use holdfast_proto::identity::{Identity, UNWANTED_HEADER, sender};
use holdfast_proto::{
    CatalogDone, CreateVolumeRequest, CreateVolumeResponse, DeleteVolumeRequest,
    DeleteVolumeResponse, DigestRequest, DigestResponse, GroupStatus, JoinRequest, JoinResponse,
    ListVolumesRequest, ListVolumesResponse, Progress, PromoteNodeRequest, ProposeCatalogRequest,
    ProposeCatalogResponse, RemoveNodeRequest, SetTrashRequest, SetTrashResponse,
    ShowVolumeRequest, ShowVolumeResponse, StatusRequest, StatusResponse, TransferLeaderDone,
    TransferLeaderTo, propose_catalog_response,
};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use super::catalog_client::{CatalogClient, CatalogRefusal};
use super::gate::CallerRights;
use super::network::Peers;
use super::node_directory::random_id;
use super::poison::Poison;
use super::progress;
use super::registry::Registry;
use super::status;
use super::type_config::GroupId;
use crate::refusal::Refusal;

/// How long a node may take to say that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Serves [`Admin`].
#[derive(Debug, Clone)]
pub(crate) struct AdminService {
    pub(crate) registry: Registry,
    pub(crate) catalog: CatalogClient,
    pub(crate) peers: Peers,
    pub(crate) identity: Identity,
    pub(crate) poison: Poison,
    pub(crate) started: Instant,
}

impl AdminService {
    /// How this node is, as far as the caller may know. It reads the state of volumes, which may wait for a disk.
    pub(crate) fn say(&self, caller: &CallerRights) -> Result<StatusResponse, Refusal> {
        let visible = visible(self.registry.catalog_state()?, caller);
        let knows = |group: GroupId| {
            let is_volume = visible.volumes.iter().any(|volume| volume.id == group.0);
            is_volume || group == GroupId::CATALOG || caller.sees_all()
        };
        Ok(self.answer(&visible, status::groups(&self.registry, &visible, knows)))
    }

    /// The same without what mounts do, from memory.
    pub(crate) fn glance(&self) -> Result<StatusResponse, Refusal> {
        let state = self.registry.catalog_state()?;
        Ok(self.answer(&state, status::groups_at_a_glance(&self.registry, &state)))
    }

    fn answer(&self, state: &CatalogState, groups: Vec<GroupStatus>) -> StatusResponse {
        let options = self.registry.options();
        let fault = self.poison.fault().map(ToString::to_string);
        StatusResponse {
            cluster_id: Bytes::from(state.cluster_id.map_or_else(Vec::new, |id| id.to_vec())),
            node: options.id,
            address: options.advertise.clone(),
            version: options.program.to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            space: Some(status::space(&self.registry)),
            groups,
            nodes: status::nodes(state),
            volumes: status::volumes(state),
            fault: fault.unwrap_or_default(),
            removed: state.removed.clone(),
        }
    }

    async fn change(&self, command: CatalogCommand) -> Result<CatalogAnswer, Status> {
        self.catalog.change(command).await.map_err(refused)
    }

    /// Only nodes pass on what they change in the catalog; others have calls of their own for what they may.
    fn check_is_node(&self, headers: &MetadataMap) -> Result<(), Status> {
        let state = self.registry.catalog_state().map_err(unavailable)?;
        let sender = sender(headers);
        if sender.is_some_and(|id| state.nodes.iter().any(|node| node.id == id)) {
            return Ok(());
        }
        let reason = "only a node of this cluster may propose a change of the catalog";
        Err(Status::permission_denied(reason))
    }

    /// Refuses to remove a node when those that stay could not go on without it.
    async fn check_removal(&self, id: u64) -> Result<(), Status> {
        let state = self.registry.catalog_state().map_err(unavailable)?;
        if state.removed.contains(&id) {
            // Who asks again wants to see how it goes on.
            return Ok(());
        }
        let Some(node) = state.nodes.iter().find(|node| node.id == id) else {
            return Err(Status::not_found(format!("there is no node {id}")));
        };
        if node.role != NodeRole::Voter {
            return Ok(());
        }
        let staying: Vec<_> = state
            .nodes
            .iter()
            .filter(|node| node.id != id && node.role == NodeRole::Voter)
            .collect();
        if staying.is_empty() {
            return Err(Status::failed_precondition(format!(
                "node {id} is the only voter: add another node and wait until it votes"
            )));
        }
        let mut silent = Vec::new();
        for node in &staying {
            if node.id != self.registry.node() && !self.is_alive(node.id, &node.address).await {
                silent.push(node.id.to_string());
            }
        }
        let alive = staying.len() - silent.len();
        if alive * 2 > staying.len() {
            return Ok(());
        }
        Err(Status::failed_precondition(format!(
            "without node {id} there would be {} voters of which {} do not answer (node {}): \
             a quorum would be lost. Bring those back or remove them first",
            staying.len(),
            silent.len(),
            silent.join(", ")
        )))
    }

    async fn is_alive(&self, id: u64, address: &str) -> bool {
        let mut client = AdminClient::new(self.peers.channel(id, address));
        let mut request = Request::new(StatusRequest {});
        self.identity.attach(request.metadata_mut());
        request.set_timeout(SIGN_OF_LIFE);
        let answer = tokio::time::timeout(SIGN_OF_LIFE, client.status(request)).await;
        matches!(answer, Ok(Ok(_)))
    }
}

type ProgressStream = Pin<Box<dyn Stream<Item = Result<Progress, Status>> + Send>>;

#[tonic::async_trait]
impl Admin for AdminService {
    async fn propose_catalog(
        &self,
        request: Request<ProposeCatalogRequest>,
    ) -> Result<Response<ProposeCatalogResponse>, Status> {
        self.identity.check(request.metadata())?;
        self.check_is_node(request.metadata())?;
        let command = request.into_inner().command;
        let command = command.ok_or_else(|| Status::invalid_argument("no command"))?;
        let command = holdfast_proto::decode_catalog_message(command)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        if matches!(command, CatalogCommand::ForceNewCluster { .. }) {
            return Err(Status::permission_denied(
                "a cluster is recovered where the data is: holdfast recover",
            ));
        }
        let result = match self.catalog.here(&command).await {
            Ok(CatalogAnswer::Done) => propose_catalog_response::Result::Done(CatalogDone {}),
            Ok(CatalogAnswer::Volume { id }) => propose_catalog_response::Result::Volume(id),
            Err(CatalogRefusal::Refused(reason)) => {
                propose_catalog_response::Result::Refused(reason)
            }
            Err(CatalogRefusal::Unavailable(refusal)) => return Err(unavailable(refusal)),
        };
        Ok(Response::new(ProposeCatalogResponse {
            result: Some(result),
        }))
    }

    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Status> {
        self.identity.check(request.metadata())?;
        let caller = CallerRights::of(request.extensions());
        self.say(&caller).map(Response::new).map_err(unavailable)
    }

    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        self.identity.check(request.metadata())?;
        let caller = CallerRights::of(request.extensions());
        let join = request.into_inner();
        caller.check_node(join.id)?;
        let incarnation = <[u8; 16]>::try_from(join.incarnation.as_ref())
            .map_err(|_| Status::invalid_argument("an incarnation has 16 bytes"))?;
        let known = self.registry.catalog_state().map_err(unavailable)?;
        if known.cluster_id.is_none() {
            // Its first node is still making it: who joins asks again.
            return Err(Status::unavailable("the cluster is not made yet"));
        }
        if known.removed.contains(&join.id)
            && self
                .registry
                .groups()
                .iter()
                .any(|group| group.member(join.id).is_some())
        {
            // Its vote may be what its removal waits for.
            return Err(Status::unavailable("the node is being removed"));
        }
        let voted = known
            .nodes
            .iter()
            .any(|node| node.id == join.id && node.role == NodeRole::Voter);
        let add = CatalogCommand::AddNode {
            id: join.id,
            address: join.address,
            incarnation,
        };
        self.catalog.change(add).await.map_err(unwanted)?;
        if !join.as_learner && !voted {
            let role = NodeRole::Voter;
            self.change(CatalogCommand::SetNodeRole { id: join.id, role })
                .await?;
        }
        let cluster = self.identity.cluster.unwrap_or_default();
        Ok(Response::new(JoinResponse {
            cluster_id: Bytes::copy_from_slice(&cluster),
        }))
    }

    type PromoteNodeStream = ProgressStream;

    async fn promote_node(
        &self,
        request: Request<PromoteNodeRequest>,
    ) -> Result<Response<ProgressStream>, Status> {
        self.identity.check(request.metadata())?;
        let id = request.into_inner().id;
        let role = NodeRole::Voter;
        self.change(CatalogCommand::SetNodeRole { id, role })
            .await?;
        let votes = move |group: &progress::Members| group.voters.contains(&id);
        Ok(Response::new(progress::until(
            self.registry.clone(),
            format!("node {id} votes"),
            votes,
        )))
    }

    type RemoveNodeStream = ProgressStream;

    async fn remove_node(
        &self,
        request: Request<RemoveNodeRequest>,
    ) -> Result<Response<ProgressStream>, Status> {
        self.identity.check(request.metadata())?;
        let id = request.into_inner().id;
        self.check_removal(id).await?;
        if id == self.registry.node() {
            return Err(Status::failed_precondition(
                "this is the node that is to be removed: ask another one, which sees how it goes",
            ));
        }
        self.change(CatalogCommand::RemoveNode { id }).await?;
        let gone = move |group: &progress::Members| {
            !group.voters.contains(&id) && !group.learners.contains(&id)
        };
        Ok(Response::new(progress::until(
            self.registry.clone(),
            format!("node {id} is out"),
            gone,
        )))
    }

    async fn transfer_leader(
        &self,
        request: Request<TransferLeaderTo>,
    ) -> Result<Response<TransferLeaderDone>, Status> {
        self.identity.check(request.metadata())?;
        self.give_lead(request.into_inner()).await?;
        Ok(Response::new(TransferLeaderDone {}))
    }

    async fn list_volumes(
        &self,
        request: Request<ListVolumesRequest>,
    ) -> Result<Response<ListVolumesResponse>, Status> {
        self.identity.check(request.metadata())?;
        let caller = CallerRights::of(request.extensions());
        let state = self.registry.catalog_state().map_err(unavailable)?;
        let state = visible(state, &caller);
        Ok(Response::new(ListVolumesResponse {
            volumes: status::volumes(&state),
        }))
    }

    async fn create_volume(
        &self,
        request: Request<CreateVolumeRequest>,
    ) -> Result<Response<CreateVolumeResponse>, Status> {
        self.identity.check(request.metadata())?;
        let request = request.into_inner();
        let replication = match request.replication() {
            holdfast_proto::ReplicationMode::All => ReplicationMode::All,
            holdfast_proto::ReplicationMode::Quorum
            | holdfast_proto::ReplicationMode::Unspecified => ReplicationMode::Quorum,
        };
        let command = create_volume(request.name, replication, request.awaits_load)
            .map_err(|error| Status::internal(error.to_string()))?;
        match self.change(command).await? {
            CatalogAnswer::Volume { id } => Ok(Response::new(CreateVolumeResponse { volume: id })),
            CatalogAnswer::Done => Err(Status::internal("the catalog made no volume")),
        }
    }

    async fn delete_volume(
        &self,
        request: Request<DeleteVolumeRequest>,
    ) -> Result<Response<DeleteVolumeResponse>, Status> {
        self.identity.check(request.metadata())?;
        let name = request.into_inner().name;
        let request = random_id().map_err(|error| Status::internal(error.to_string()))?;
        let request = Some(request);
        self.change(CatalogCommand::DeleteVolume { name, request })
            .await?;
        Ok(Response::new(DeleteVolumeResponse {}))
    }

    async fn show_volume(
        &self,
        request: Request<ShowVolumeRequest>,
    ) -> Result<Response<ShowVolumeResponse>, Status> {
        self.identity.check(request.metadata())?;
        settings::show(&self.registry, &request.into_inner().name)
            .await
            .map(Response::new)
    }

    async fn set_trash(
        &self,
        request: Request<SetTrashRequest>,
    ) -> Result<Response<SetTrashResponse>, Status> {
        self.identity.check(request.metadata())?;
        settings::set_trash(&self.registry, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn digest(
        &self,
        request: Request<DigestRequest>,
    ) -> Result<Response<DigestResponse>, Status> {
        self.identity.check(request.metadata())?;
        let id = GroupId(request.into_inner().group);
        let group = self.registry.group(id);
        let group = group.ok_or_else(|| Status::not_found(format!("there is no group {id}")))?;
        let store = group.store().clone();
        let digest = tokio::task::spawn_blocking(move || store.machine().digest());
        let (applied, digest) = digest
            .await
            .map_err(|error| Status::internal(error.to_string()))?
            .map_err(|fault| Status::data_loss(fault.to_string()))?;
        Ok(Response::new(DigestResponse {
            applied_index: applied.0,
            digest: Bytes::copy_from_slice(&digest.get().to_be_bytes()),
        }))
    }
}

/// Without the volumes that the caller may not know of.
fn visible(mut state: CatalogState, caller: &CallerRights) -> CatalogState {
    state.volumes.retain(|volume| caller.may_see(&volume.name));
    state
}

/// The command that makes a volume; what is random or depends on the time is chosen here, once.
pub(crate) fn create_volume(
    name: String,
    replication: ReplicationMode,
    awaits_load: bool,
) -> std::io::Result<CatalogCommand> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let now = Timestamp {
        seconds: now.as_secs() as i64,
        nanoseconds: now.subsec_nanos(),
    };
    let [a, b, c, d, ..] = random_id()?;
    Ok(CatalogCommand::CreateVolume {
        name,
        replication,
        format: Format {
            awaits_load,
            ..Format::of_root(u32::from_be_bytes([a, b, c, d]), now)
        },
    })
}

fn refused(refusal: CatalogRefusal) -> Status {
    match refusal {
        CatalogRefusal::Refused(reason) => Status::failed_precondition(reason),
        CatalogRefusal::Unavailable(refusal) => unavailable(refusal),
    }
}

/// The catalog does not want the node: that is final, and told apart from what two programs have against each other.
fn unwanted(refusal: CatalogRefusal) -> Status {
    match refusal {
        CatalogRefusal::Refused(reason) => {
            // Proxies and HTTP/2 itself make statuses, too; they do not say this.
            let mut status = Status::permission_denied(reason);
            let decided = MetadataValue::from_static("true");
            status.metadata_mut().insert(UNWANTED_HEADER, decided);
            status
        }
        CatalogRefusal::Unavailable(refusal) => unavailable(refusal),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the end of an error, as map_err wants it"
)]
fn unavailable(refusal: Refusal) -> Status {
    Status::unavailable(refusal.to_string())
}
