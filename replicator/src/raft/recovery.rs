//! A cluster that lost its quorum for ever goes on from the data directory of one node (decision 0018).
//!
//! **How.** To the log of each group goes what a leader of a later term would have left there that had only this node to ask:
//! its vote and a membership of one. What was in the log before stays before it, and is committed with it when the node
//! elects itself. `RECOVERY` is there from the first change to the last: a directory that has it is recovered again and
//! never started.

mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use futures_util::StreamExt;
use holdfast_metadata::Fault;
use holdfast_metadata::catalog::{CatalogCommand, CatalogState};
use holdfast_proto as proto;
use openraft::EntryPayload;
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage, RaftStateMachine};
use openraft::type_config::TypeConfigExt;

pub use self::survey::{SurveyedGroup, SurveyedLog};
use super::convert::from_message;
use super::log::{GroupLog, LogDatabase, LogOptions};
use super::machine::{GroupKind, GroupStore};
use super::node_directory::{NodeDirectory, NodeFile, RandomId, hex, random_id};
use super::node_error::NodeError;
use super::poison::Poison;
use super::registry::check_state;
use super::type_config::{Entry, GroupId, LogId, Membership, Peer, Proposal, TypeConfig, Vote};
use crate::fault_point::{FaultPoint, reach};
use crate::replicator::Pending;

/// A stopped node of a cluster; nobody else can start it while this is there.
#[expect(
    missing_debug_implementations,
    reason = "what there is to show is the survey"
)]
pub struct Recovery {
    directory: NodeDirectory,
    file: NodeFile,
    cluster: RandomId,
    log: LogDatabase,
    /// What the catalog says when all of its log counts.
    state: CatalogState,
    groups: BTreeMap<GroupId, OpenGroup>,
    survey: Vec<SurveyedGroup>,
}

/// What a node has of a group.
struct OpenGroup {
    store: GroupStore,
    log: GroupLog,
}

impl OpenGroup {
    async fn open(
        directory: &NodeDirectory,
        log: &LogDatabase,
        id: GroupId,
        kind: GroupKind,
    ) -> Result<OpenGroup, Fault> {
        let path = directory.groups().join(id.to_string());
        let store = GroupStore::open(&path, kind, Poison::new())?;
        let mut log = log.group(id)?;
        check_state(id, &store, &mut log).await?;
        Ok(OpenGroup { store, log })
    }

    async fn applied(&self) -> Result<Option<LogId>, Fault> {
        let applied = self.store.state_machine().applied_state().await;
        Ok(applied.map_err(|error| failed(&error))?.0)
    }
}

impl Recovery {
    /// Opens the data directory of a node that does not run, and looks at what it has. Nothing is changed that a start would
    /// not change.
    pub fn open(path: &Path) -> Pending<'_, Result<Recovery, NodeError>> {
        Box::pin(Recovery::look(path))
    }

    async fn look(path: &Path) -> Result<Recovery, NodeError> {
        let unrecoverable = |reason: String| NodeError::Unrecoverable {
            path: path.to_owned(),
            reason,
        };
        let no_node = || unrecoverable("it is not the data directory of a node".to_owned());
        let directory = NodeDirectory::open_made(path)?.ok_or_else(no_node)?;
        let file = directory.file.ok_or_else(no_node)?;
        let no_cluster = || unrecoverable("the node never came into a cluster".to_owned());
        let cluster = file.cluster.ok_or_else(no_cluster)?;
        if directory.is_bootstrapping() || !directory.groups().exists() {
            return Err(no_cluster());
        }
        directory.check_log()?;
        let log = directory.log();
        let log = LogDatabase::open(&log, &LogOptions::on_disk_of(&log), Poison::new())?;
        let catalog = GroupKind::Catalog;
        let catalog = OpenGroup::open(&directory, &log, GroupId::CATALOG, catalog).await?;
        let state = survey::whole_catalog(&catalog).await?;
        if state.node(file.node).is_none() {
            let removed = format!(
                "its cluster has removed node {}, or never knew it: recover from a node that was a member, or take out \
                 what is there with holdfast dump --data",
                file.node
            );
            return Err(unrecoverable(removed));
        }
        let mut groups = BTreeMap::from([(GroupId::CATALOG, catalog)]);
        for volume in &state.volumes {
            let id = GroupId(volume.id);
            if directory.groups().join(id.to_string()).exists() {
                let kind = GroupKind::Volume(volume.format);
                groups.insert(id, OpenGroup::open(&directory, &log, id, kind).await?);
            }
        }
        let survey = survey::of(&state, &groups).await?;
        Ok(Recovery {
            directory,
            file,
            cluster,
            log,
            state,
            groups,
            survey,
        })
    }

    /// Whose data it is.
    pub fn node(&self) -> u64 {
        self.file.node
    }

    /// The cluster it belongs to now, as 32 hexadecimal digits.
    pub fn cluster(&self) -> String {
        hex(self.cluster)
    }

    /// Where the others knew the node.
    pub fn address(&self) -> &str {
        let node = self.state.node(self.file.node);
        node.map_or("", |node| &node.address)
    }

    /// The other nodes of the cluster, by their numbers: their data counts for nothing afterwards.
    pub fn others(&self) -> Vec<u64> {
        let ids = self.state.nodes.iter().map(|node| node.id);
        ids.filter(|id| *id != self.file.node).collect()
    }

    /// Whether an earlier recovery did not come to its end.
    pub fn was_cut_off(&self) -> bool {
        self.directory.is_recovering()
    }

    /// What is there of each group; the catalog is the first.
    pub fn survey(&self) -> &[SurveyedGroup] {
        &self.survey
    }

    /// Makes the node the only one of a new cluster, in which all that its log has is committed; answers the id of that
    /// cluster. When it fails, or the process ends, it can be done again, and must be.
    pub fn force_new_cluster(self) -> Pending<'static, Result<String, NodeError>> {
        Box::pin(self.force())
    }

    async fn force(mut self) -> Result<String, NodeError> {
        let path = self.directory.path().to_owned();
        let cluster = random_id().map_err(|error| NodeError::io(&path, error))?;
        self.directory.begin_recovery()?;
        reach(FaultPoint::RecoveryBegun);
        for volume in &self.state.volumes {
            let id = GroupId(volume.id);
            let (mut log, applied) = match self.groups.get(&id) {
                Some(group) => (group.log.clone(), group.applied().await?),
                None => (self.log.group(id)?, None),
            };
            self.take_over(&mut log, applied, None).await?;
            reach(FaultPoint::RecoveryHalfDone);
        }
        if let Some(catalog) = self.groups.get(&GroupId::CATALOG) {
            let force = CatalogCommand::ForceNewCluster {
                cluster_id: cluster,
                node: self.file.node,
            };
            let force = holdfast_proto::encode_proposal_catalog(&force);
            let mut log = catalog.log.clone();
            self.take_over(&mut log, catalog.applied().await?, Some(Proposal(force)))
                .await?;
            apply_all(catalog).await?;
        }
        for group in self.groups.values() {
            group.store.close()?;
        }
        reach(FaultPoint::RecoveryUnnamed);
        self.directory.write(NodeFile {
            cluster: Some(cluster),
            ..self.file
        })?;
        reach(FaultPoint::RecoveryUnfinished);
        self.log.close();
        self.directory.end_recovery()?;
        Ok(hex(cluster))
    }

    /// Writes what a leader of a later term would have written that is the only voter.
    async fn take_over(
        &self,
        log: &mut GroupLog,
        applied: Option<LogId>,
        before: Option<Proposal>,
    ) -> Result<(), Fault> {
        let node = self.file.node;
        let written = async {
            let mut last = log.get_log_state().await?.last_log_id;
            if let Some(applied) = applied
                && last.is_none_or(|last| last.index < applied.index)
            {
                // The state is ahead: what its end consists of is in the snapshot that was taken of it when it was opened.
                log.purge(applied).await?;
                last = Some(applied);
            }
            let voted = log.read_vote().await?.map_or(0, |vote| vote.leader_id.term);
            let term = 1 + voted.max(last.map_or(0, |last| last.leader_id.term));
            log.save_vote(&Vote::new_committed(term, node)).await?;
            let payloads = before.map(EntryPayload::Normal).into_iter();
            let payloads = payloads.chain([EntryPayload::Membership(self.alone()?)]);
            let first = last.map_or(0, |last| last.index + 1);
            let entries = (first..).zip(payloads).map(|(index, payload)| Entry {
                log_id: from_message::log_id(proto::LogId { term, node, index }),
                payload,
            });
            let entries: Vec<Entry> = entries.collect();
            let (sender, answer) = TypeConfig::oneshot();
            log.append(entries, IOFlushed::signal(sender)).await?;
            answer.await.map_err(io::Error::other)?
        };
        written.await.map_err(|error: io::Error| failed(&error))
    }

    /// The membership that consists of this node.
    fn alone(&self) -> io::Result<Membership> {
        let node = self.file.node;
        let address = self.address().to_owned();
        let peers = BTreeMap::from([(node, Peer { address })]);
        Membership::new(vec![BTreeSet::from([node])], peers).map_err(io::Error::other)
    }
}

/// Lets the state have all that the log has: what the node does first when it starts depends on it.
async fn apply_all(group: &OpenGroup) -> Result<(), Fault> {
    let next = group
        .applied()
        .await?
        .map_or(0, |applied| applied.index + 1);
    let mut log = group.log.clone();
    let entries = log.entries_stream(next..).await;
    let entries = entries.map(|entry| entry.map(|entry| (entry, None)));
    let applied = group.store.state_machine().apply(Box::pin(entries)).await;
    applied.map_err(|error| failed(&error))
}

/// What openraft's traits say of a fault.
fn failed(error: &io::Error) -> Fault {
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref());
    fault
        .cloned()
        .unwrap_or_else(|| Fault::Io(error.to_string()))
}
