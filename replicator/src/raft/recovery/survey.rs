//! What a stopped node has of each group.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::StreamExt;
use holdfast_metadata::catalog::{Catalog, CatalogState};
use holdfast_metadata::store::{Batch, View};
use holdfast_metadata::{Engine, Fault, LogIndex, MemoryEngine, Position, Timestamp};
use holdfast_proto::ProposalBody;
use openraft::EntryPayload;
use openraft::storage::{RaftLogReader, RaftLogStorage, RaftStateMachine};

use super::{OpenGroup, failed};
use crate::raft::machine::Machine;
use crate::raft::type_config::{Entry, GroupId, Membership};

/// How far back the time of the last change is looked for.
const LOOKED_AT_MAX: u64 = 4096;
const LOOKED_AT_ONCE: u64 = 64;

/// What is there of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyedGroup {
    /// Its number.
    pub number: u64,
    /// "catalog", or the name of the volume.
    pub name: String,
    /// Nothing when the node has nothing of this volume: it begins empty.
    pub log: Option<SurveyedLog>,
}

/// How far the data of a group goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyedLog {
    /// The term of the last entry.
    pub term: u64,
    /// The index of the last entry.
    pub last: u64,
    /// The last entry that is in the state; those after it are applied at the next start.
    pub applied: u64,
    /// Who voted, as the last membership in the log has it.
    pub voters: Vec<u64>,
    /// When the last change was made, by the clock of the mount that made it; if the log still has it.
    pub last_change: Option<Timestamp>,
}

/// All groups, the catalog first.
pub(super) async fn of(
    state: &CatalogState,
    groups: &BTreeMap<GroupId, OpenGroup>,
) -> Result<Vec<SurveyedGroup>, Fault> {
    let volumes = state.volumes.iter();
    let volumes = volumes.map(|volume| (volume.id, volume.name.as_str()));
    let mut survey = Vec::new();
    for (number, name) in std::iter::once((GroupId::CATALOG.0, "catalog")).chain(volumes) {
        let log = match groups.get(&GroupId(number)) {
            Some(group) => look(group).await.map_err(|error| failed(&error))?,
            None => None,
        };
        survey.push(SurveyedGroup {
            number,
            name: name.to_owned(),
            log,
        });
    }
    Ok(survey)
}

async fn look(group: &OpenGroup) -> io::Result<Option<SurveyedLog>> {
    let (applied, stored) = group.store.state_machine().applied_state().await?;
    let last = group.log.clone().get_log_state().await?.last_log_id;
    let Some(last) = last.max(applied) else {
        return Ok(None);
    };
    let applied = applied.map(|applied| applied.index);
    let mut voters = voters(stored.membership());
    for entry in entries(group, applied.map_or(0, |applied| applied + 1)).await? {
        if let EntryPayload::Membership(members) = entry.payload {
            voters = self::voters(&members);
        }
    }
    Ok(Some(SurveyedLog {
        term: last.leader_id.term,
        last: last.index,
        applied: applied.unwrap_or(0),
        voters,
        last_change: last_change(group, last.index).await?,
    }))
}

fn voters(membership: &Membership) -> Vec<u64> {
    membership.voter_ids().collect()
}

/// The entries from an index on that are no commands of a volume: there are few of them.
async fn entries(group: &OpenGroup, from: u64) -> io::Result<Vec<Entry>> {
    let mut log = group.log.clone();
    let mut read = Box::pin(log.entries_stream(from..).await);
    let mut entries = Vec::new();
    while let Some(entry) = read.next().await {
        let entry = entry?;
        if !matches!(entry.payload, EntryPayload::Normal(_)) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

async fn last_change(group: &OpenGroup, last: u64) -> io::Result<Option<Timestamp>> {
    let mut log = group.log.clone();
    let mut end = last + 1;
    let first = end.saturating_sub(LOOKED_AT_MAX);
    while end > first {
        let start = end.saturating_sub(LOOKED_AT_ONCE).max(first);
        let entries = log.try_get_log_entries(start..end).await?;
        let found = entries.into_iter().rev().find_map(|entry| time_of(&entry));
        if found.is_some() {
            return Ok(found);
        }
        end = start;
    }
    Ok(None)
}

/// When the change of an entry was made.
fn time_of(entry: &Entry) -> Option<Timestamp> {
    let EntryPayload::Normal(proposal) = &entry.payload else {
        return None;
    };
    match holdfast_proto::decode_proposal(proposal.0.clone()) {
        Ok(ProposalBody::Command(command)) => Some(command.now).filter(|now| now.seconds > 0),
        Ok(ProposalBody::Catalog(_)) | Err(_) => None,
    }
}

/// The catalog as it is when all of its log is applied; what is on the disk stays as it is.
pub(super) async fn whole_catalog(group: &OpenGroup) -> Result<CatalogState, Fault> {
    let machine = group.store.machine();
    let Machine::Catalog(stored) = machine.as_ref() else {
        return Err(Fault::corrupt("catalog", "its group holds a volume"));
    };
    let copy = MemoryEngine::new();
    let mut batch = Batch::default();
    stored
        .engine()
        .view()
        .scan(&[], &[0xff], &mut |key, value| {
            batch.set(key.to_vec(), Some(Bytes::copy_from_slice(value)));
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
    copy.commit(batch)?;
    let catalog = Catalog::open(copy)?;
    let next = group
        .applied()
        .await?
        .map_or(0, |applied| applied.index + 1);
    let mut log = group.log.clone();
    let mut entries = Box::pin(log.entries_stream(next..).await);
    while let Some(entry) = entries.next().await {
        let entry = entry.map_err(|error| failed(&error))?;
        let EntryPayload::Normal(proposal) = entry.payload else {
            continue;
        };
        let damaged = |error| Fault::corrupt(format!("log entry {}", entry.log_id), error);
        let body = holdfast_proto::decode_proposal(proposal.0);
        let ProposalBody::Catalog(command) = body.map_err(|error| damaged(error.to_string()))?
        else {
            return Err(damaged("a command of a volume".to_owned()));
        };
        let position = Position {
            index: LogIndex(entry.log_id.index + 1),
            record: Bytes::new(),
        };
        // Refused or not: it is what every replica makes of it.
        let _outcome = catalog.apply_at(position, &[command])?;
    }
    Ok(catalog.state())
}
