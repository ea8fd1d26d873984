//! The groups and volumes of this node: started, found and stopped as the catalog says.
//!
//! **Invariant.** A node has a replica of every volume that its catalog knows. What the catalog deleted is stopped and
//! its files are removed; numbers of volumes are never reused, so a catalog that is behind removes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::catalog::{CatalogState, VolumeRecord};
use holdfast_metadata::{Fault, TableCache};
use holdfast_proto::identity::Identity;
use openraft::storage::RaftLogStorage;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::attendance::Attendance;
use super::everyone::Everyone;
use super::group::Group;
use super::log::LogDatabase;
use super::machine::{GroupKind, GroupStore, Machine};
use super::network::{HeartbeatCounts, Peers};
use super::node_disk::NodeDisk;
use super::options::NodeOptions;
use super::poison::Poison;
use super::raft_service::Groups;
use super::type_config::{GroupId, Peer, TypeConfig};
use super::volume::Volume;
use crate::fault_point::{FaultPoint, reach};
use crate::refusal::{Endpoint, Refusal};

/// How long to wait before a group that did not start is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The groups and volumes of this node.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    options: NodeOptions,
    directory: PathBuf,
    log: LogDatabase,
    peers: Peers,
    identity: Identity,
    disk: NodeDisk,
    /// Of all volumes.
    cache: TableCache,
    groups: RwLock<BTreeMap<GroupId, Arc<Group>>>,
    volumes: RwLock<BTreeMap<u64, Volume>>,
    /// Why groups are not there that should be.
    failed: RwLock<BTreeMap<GroupId, String>>,
    /// All nodes of the cluster, as the catalog here has them.
    nodes: watch::Sender<Vec<Endpoint>>,
    follower: Mutex<Option<JoinHandle<()>>>,
}

impl Registry {
    pub(crate) fn new(
        options: NodeOptions,
        directory: PathBuf,
        log: LogDatabase,
        peers: Peers,
        identity: Identity,
        disk: NodeDisk,
    ) -> Registry {
        Registry {
            shared: Arc::new(Shared {
                cache: TableCache::new(options.cache_bytes),
                options,
                directory,
                log,
                peers,
                identity,
                disk,
                groups: RwLock::default(),
                volumes: RwLock::default(),
                failed: RwLock::default(),
                nodes: watch::Sender::default(),
                follower: Mutex::default(),
            }),
        }
    }

    /// Starts the catalog, and whatever it says, now and later.
    pub(crate) async fn start(&self) -> Result<(), Refusal> {
        self.start_group(GroupId::CATALOG, GroupKind::Catalog)
            .await?;
        let registry = self.clone();
        *self.shared.follower.lock() = Some(tokio::spawn(async move {
            registry.follow_catalog().await;
        }));
        Ok(())
    }

    /// Hands over what it leads, then stops everything.
    pub(crate) async fn stop(&self) {
        if let Some(follower) = self.shared.follower.lock().take() {
            follower.abort();
        }
        self.shared.volumes.write().clear();
        let groups = std::mem::take(&mut *self.shared.groups.write());
        for group in groups.values() {
            group.stop().await;
        }
    }

    /// This node's number.
    pub(crate) fn node(&self) -> u64 {
        self.shared.options.id
    }

    /// What the node was told.
    pub(crate) fn options(&self) -> &NodeOptions {
        &self.shared.options
    }

    /// The log of all groups.
    pub(crate) fn log(&self) -> &LogDatabase {
        &self.shared.log
    }

    /// What was read of the tables of all volumes.
    pub(crate) fn cache(&self) -> &TableCache {
        &self.shared.cache
    }

    /// The disk of this node.
    pub(crate) fn disk(&self) -> &NodeDisk {
        &self.shared.disk
    }

    /// How many heartbeats this node has sent.
    pub(crate) fn heartbeats(&self) -> HeartbeatCounts {
        self.shared.peers.heartbeats()
    }

    pub(crate) fn group(&self, id: GroupId) -> Option<Arc<Group>> {
        self.shared.groups.read().get(&id).cloned()
    }

    /// All groups that run here.
    pub(crate) fn groups(&self) -> Vec<Arc<Group>> {
        self.shared.groups.read().values().cloned().collect()
    }

    /// Groups that should run here and do not, with the reason.
    pub(crate) fn failed(&self) -> BTreeMap<GroupId, String> {
        self.shared.failed.read().clone()
    }

    pub(crate) fn volume(&self, id: u64) -> Option<Volume> {
        self.shared.volumes.read().get(&id).cloned()
    }

    /// Why a call to a volume that is not here cannot be answered.
    pub(crate) fn missing(&self, volume: u64) -> Refusal {
        if self.was_deleted(volume) {
            Refusal::NoSuchVolume
        } else {
            Refusal::Unavailable {
                reason: format!("volume {volume} is not started on this node"),
            }
        }
    }

    /// What this node knows of the catalog; another node may know more.
    pub(crate) fn catalog_state(&self) -> Result<CatalogState, Refusal> {
        let catalog = self.catalog()?;
        match catalog.store().machine().as_ref() {
            Machine::Catalog(catalog) => Ok(catalog.state()),
            Machine::Volume(_) => Err(Refusal::Fault(Fault::corrupt(
                "catalog",
                "its group holds a volume",
            ))),
        }
    }

    /// Whether the catalog, as this node knows it, had such a volume once.
    fn was_deleted(&self, volume: u64) -> bool {
        let Ok(catalog) = self.catalog() else {
            return false;
        };
        match catalog.store().machine().as_ref() {
            Machine::Catalog(catalog) => catalog.was_deleted(volume),
            Machine::Volume(_) => false,
        }
    }

    /// All nodes of the cluster, as this node knows them, now and later.
    pub(crate) fn on_nodes(&self) -> watch::Receiver<Vec<Endpoint>> {
        self.shared.nodes.subscribe()
    }

    /// The catalog's group.
    pub(crate) fn catalog(&self) -> Result<Arc<Group>, Refusal> {
        self.group(GroupId::CATALOG)
            .ok_or_else(super::group::stopping)
    }

    async fn follow_catalog(&self) {
        let Ok(catalog) = self.catalog() else { return };
        let mut applied = catalog.store().on_applied();
        loop {
            let all_well = self.reconcile().await;
            let changed = applied.changed();
            let news = if all_well {
                changed.await
            } else {
                tokio::select! {
                    news = changed => news,
                    () = tokio::time::sleep(RETRY) => Ok(()),
                }
            };
            if news.is_err() {
                return;
            }
        }
    }

    /// Starts and stops groups until they are what the catalog says; false when that did not work out.
    async fn reconcile(&self) -> bool {
        let state = match self.catalog_state() {
            Ok(state) => state,
            Err(refusal) => {
                tracing::error!(%refusal, "cannot read the catalog");
                return false;
            }
        };
        let nodes = state.nodes.iter();
        let addresses = nodes.map(|node| (node.id, node.address.clone()));
        self.shared.peers.learn(addresses.collect());
        self.tell_nodes(&state);
        self.remove_deleted().await;
        let mut all_well = true;
        for record in &state.volumes {
            let id = GroupId(record.id);
            if self.group(id).is_some() {
                continue;
            }
            match self.start_volume(&state, record).await {
                Ok(()) => {
                    self.shared.failed.write().remove(&id);
                }
                Err(refusal) => {
                    tracing::error!(volume = record.name, %refusal, "a volume does not start here");
                    self.shared.failed.write().insert(id, refusal.to_string());
                    all_well = false;
                }
            }
        }
        all_well
    }

    /// Tells those who follow where the nodes are, when that has changed.
    fn tell_nodes(&self, state: &CatalogState) {
        let nodes = state.nodes.iter().map(|node| Endpoint {
            id: node.id,
            address: node.address.clone(),
        });
        let nodes: Vec<Endpoint> = nodes.collect();
        self.shared.nodes.send_if_modified(|known| {
            let has_changed = *known != nodes;
            *known = nodes;
            has_changed
        });
    }

    async fn start_volume(
        &self,
        state: &CatalogState,
        record: &VolumeRecord,
    ) -> Result<(), Refusal> {
        let kind = GroupKind::Volume(record.format);
        reach(FaultPoint::VolumeCommitted);
        let group = self.start_group(GroupId(record.id), kind).await?;
        reach(FaultPoint::VolumeUninitialized);
        if record.initial_voters.contains(&self.node()) {
            let peer = |id: &u64| {
                let node = state.nodes.iter().find(|node| node.id == *id);
                // Who was removed meanwhile still counts: fewer first voters would be another quorum.
                let address = node.map(|node| node.address.clone()).unwrap_or_default();
                (*id, Peer { address })
            };
            let peers: BTreeMap<u64, Peer> = record.initial_voters.iter().map(peer).collect();
            // All of the first voters say the same; who has heard of the group already does not listen.
            let _already = group.raft().initialize(peers).await.err();
        }
        reach(FaultPoint::VolumeUnserved);
        let shared = &self.shared;
        let timing = shared.options.timing;
        let everyone = Everyone::new(
            group.id(),
            group.raft().clone(),
            shared.peers.clone(),
            shared.identity.clone(),
            timing.election_max + timing.heartbeat,
        );
        let attendance = Attendance::start(&group, timing.session_lease);
        let volume = Volume::new(record, group, everyone, shared.disk.clone(), attendance);
        self.shared.volumes.write().insert(record.id, volume);
        Ok(())
    }

    async fn start_group(&self, id: GroupId, kind: GroupKind) -> Result<Arc<Group>, Refusal> {
        let shared = &self.shared;
        let directory = shared.directory.join(id.to_string());
        // A group whose state fails stops alone; the log belongs to all of them.
        let poison = Poison::new();
        let cache = shared.cache.clone();
        let open = move || GroupStore::open_with(cache, &directory, kind, poison);
        let store = tokio::task::spawn_blocking(open)
            .await
            .map_err(|_| super::group::stopping())??;
        store.remember_changes(shared.options.changes);
        let mut log = shared.log.group(id)?;
        check_state(id, &store, &mut log).await?;
        let network = shared.peers.network(id);
        let group = Group::start(id, &shared.options, log, store, network, &shared.disk).await?;
        shared.groups.write().insert(id, group.clone());
        Ok(group)
    }

    /// Stops and removes what the catalog has deleted, also what was left by an earlier run.
    async fn remove_deleted(&self) {
        let mut deleted: Vec<GroupId> = {
            let groups = self.shared.groups.read();
            let ids = groups.keys().copied();
            ids.filter(|id| self.was_deleted(id.0)).collect()
        };
        for entry in fs::read_dir(&self.shared.directory).into_iter().flatten() {
            let name = entry.ok().map(|entry| entry.file_name());
            let id = name.and_then(|name| name.to_str()?.parse().ok());
            if let Some(id) = id.filter(|id| self.was_deleted(*id)) {
                deleted.push(GroupId(id));
            }
        }
        deleted.sort_unstable();
        deleted.dedup();
        for id in deleted {
            self.remove_group(id).await;
        }
    }

    async fn remove_group(&self, id: GroupId) {
        self.shared.volumes.write().remove(&id.0);
        self.shared.failed.write().remove(&id);
        let group = self.shared.groups.write().remove(&id);
        if let Some(group) = group {
            group.stop().await;
        }
        reach(FaultPoint::DeletionBegun);
        if let Err(fault) = self.shared.log.remove_group(id).await {
            tracing::error!(group = %id, %fault, "cannot remove the log of a deleted volume");
        }
        reach(FaultPoint::DeletionWithoutLog);
        let directory = self.shared.directory.join(id.to_string());
        match fs::remove_dir_all(&directory) {
            Ok(()) => tracing::info!(group = %id, "removed the files of a deleted volume"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(group = %id, %error, "cannot remove the files of a deleted volume");
            }
        }
    }
}

/// What the log has let go of must be in the state: nothing else on this node has it.
///
/// A power failure may also leave a state that is ahead of its log: an entry is applied when a quorum has synced it, which
/// may be without this node. openraft then lets the log begin behind the state, so a snapshot must be as late as that: who
/// leads with an older one has nothing to bring a follower up with. And what its log has beyond that place, of an earlier term,
/// is nothing that was ever decided: a leader of the later term had replaced it, and the power failure brought it back.
pub(in crate::raft) async fn check_state(
    id: GroupId,
    store: &GroupStore,
    log: &mut impl RaftLogStorage<TypeConfig>,
) -> Result<(), Fault> {
    let kept = log.get_log_state().await;
    let kept = kept.map_err(|error| Fault::Io(error.to_string()))?;
    let applied = store.on_applied().borrow().0;
    match kept.last_purged_log_id {
        Some(purged) if applied < purged.index => {
            return Err(Fault::corrupt(
                format!("state of group {id}"),
                format!(
                    "it ends at entry {applied}, and the log begins after entry {}: a part of the data directory is \
                     missing. Remove the node from the cluster, and let a new one join",
                    purged.index
                ),
            ));
        }
        Some(_) | None => {}
    }
    let ends = kept.last_log_id.map_or(0, |last| last.index);
    if ends < applied || kept.last_log_id < store.last_applied()? {
        tracing::info!(group = %id, applied, ends, "the state is ahead of the log: taking a snapshot of it");
        store.snapshot().await?;
        if ends >= applied {
            let truncated = log.truncate_after(kept.last_purged_log_id).await;
            truncated.map_err(|error| Fault::Io(error.to_string()))?;
        }
    }
    Ok(())
}

impl Groups for Registry {
    fn group_raft(&self, id: GroupId) -> Option<super::group::GroupRaft> {
        self.group(id).map(|group| group.raft().clone())
    }

    fn group_store(&self, id: GroupId) -> Option<GroupStore> {
        self.group(id).map(|group| group.store().clone())
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("node", &self.options.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
