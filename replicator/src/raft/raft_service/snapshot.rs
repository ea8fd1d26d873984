//! Receives snapshots: says where to go on, keeps the chunks, and has the whole installed.

use futures_util::{Stream, TryStreamExt};
use holdfast_metadata::Fault;
use holdfast_proto as proto;
use openraft::async_runtime::WatchReceiver;
use openraft::storage::Snapshot;
use tonic::Status;

use super::strangers::Strangers;
use super::{GroupRaft, Groups, fatal_status, not_here};
use crate::raft::convert::{MalformedMessage, from_message, to_message};
use crate::raft::network::CHUNK_BYTES;
use crate::raft::runtime;
use crate::raft::snapshot::{Incoming, IncomingError, SnapshotDirectory};
use crate::raft::type_config::{GroupId, LogId, Vote};

/// Where the sender goes on; a later vote than its own says that it must not.
pub(in crate::raft) async fn offer<G: Groups>(
    groups: &G,
    strangers: &Strangers,
    message: proto::SnapshotOffer,
) -> Result<proto::SnapshotOfferResponse, Status> {
    let group = GroupId(message.group);
    let vote = from_message::leader_vote(message.vote)?;
    let meta = from_message::present(message.meta, "an offer without a snapshot")?;
    let meta = from_message::snapshot_meta(meta)?;
    check_leadership(vote, meta.last_log_id)?;
    let files: Vec<(String, u64)> = message
        .files
        .into_iter()
        .map(|file| (file.name, file.length))
        .collect();
    let raft = groups.group_raft(group).ok_or_else(|| not_here(group))?;
    let store = groups.group_store(group).ok_or_else(|| not_here(group))?;
    strangers.admit_leader(group, &raft, vote)?;
    let current = current_vote(&raft);
    let (file, offset) = if current > vote {
        (0, 0)
    } else {
        let incoming = store.incoming();
        blocking(move || incoming.offer(&meta, &files)).await?
    };
    Ok(proto::SnapshotOfferResponse {
        vote: Some(to_message::vote(current)),
        file: file as u32,
        offset,
    })
}

/// Keeps what comes; when it is whole, has it installed. Whatever ends this earlier, the next offer goes on
/// behind the bytes that were kept.
pub(in crate::raft) async fn receive<G: Groups>(
    groups: &G,
    strangers: &Strangers,
    mut chunks: impl Stream<Item = Result<proto::SnapshotChunk, Status>> + Unpin,
) -> Result<proto::SnapshotResponse, Status> {
    let nothing = MalformedMessage("a snapshot without a beginning");
    let opening = chunks.try_next().await?.ok_or(nothing)?;
    let group = GroupId(opening.group);
    let vote = from_message::leader_vote(opening.vote)?;
    let last_log_id = opening.last_log_id.map(from_message::log_id);
    check_leadership(vote, last_log_id)?;
    let raft = groups.group_raft(group).ok_or_else(|| not_here(group))?;
    let store = groups.group_store(group).ok_or_else(|| not_here(group))?;
    strangers.admit_leader(group, &raft, vote)?;
    let incoming = store.incoming();
    let mut next = Some(opening);
    while let Some(chunk) = next {
        let current = current_vote(&raft);
        if current > vote {
            return Ok(answer(current));
        }
        if chunk.length > 0 {
            let incoming = incoming.clone();
            blocking(move || keep(&incoming, &chunk)).await?;
        }
        next = chunks.try_next().await?;
    }
    let snapshot = blocking(move || incoming.finish()).await?;
    if snapshot.meta.last_log_id != last_log_id {
        return Err(Status::aborted("another snapshot is being received"));
    }
    let installed = raft
        .install_full_snapshot(vote, installable(snapshot))
        .await;
    let response = installed.map_err(|fatal| fatal_status(&fatal))?;
    Ok(answer(response.vote))
}

fn answer(vote: Vote) -> proto::SnapshotResponse {
    proto::SnapshotResponse {
        vote: Some(to_message::vote(vote)),
    }
}

fn installable(
    snapshot: SnapshotDirectory,
) -> openraft::alias::SnapshotOf<crate::raft::type_config::TypeConfig, SnapshotDirectory> {
    Snapshot {
        meta: snapshot.meta.clone(),
        snapshot,
    }
}

/// openraft panics when a leader sends what a later leader wrote.
fn check_leadership(vote: Vote, last_log_id: Option<LogId>) -> Result<(), MalformedMessage> {
    let last = last_log_id.ok_or(MalformedMessage("a snapshot of nothing"))?;
    if last.leader_id > vote.leader_id {
        return Err(MalformedMessage("a snapshot that is later than its sender"));
    }
    Ok(())
}

fn current_vote(raft: &GroupRaft) -> Vote {
    raft.metrics().borrow_watched().vote
}

fn keep(incoming: &Incoming, chunk: &proto::SnapshotChunk) -> Result<(), IncomingError> {
    incoming.write(chunk.file as usize, chunk.offset, &unpacked(chunk)?)
}

/// The bytes of a chunk; however long it says it is, they are no more than the greatest chunk has.
pub(in crate::raft) fn unpacked(chunk: &proto::SnapshotChunk) -> Result<Vec<u8>, IncomingError> {
    let refused = |reason: &str| IncomingError::Refused(reason.to_owned());
    let length = chunk.length as usize;
    if length > CHUNK_BYTES {
        return Err(refused("a chunk is too long"));
    }
    let bytes = lz4_flex::block::decompress(&chunk.compressed, length)
        .map_err(|error| refused(&format!("a chunk is damaged: {error}")))?;
    if bytes.len() != length || crc32fast::hash(&bytes) != chunk.checksum {
        return Err(refused("a chunk is damaged"));
    }
    Ok(bytes)
}

/// Runs what writes and syncs files where it holds up nobody.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, IncomingError> + Send + 'static,
) -> Result<T, Status> {
    match runtime::blocking(run).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(IncomingError::Refused(reason))) => Err(Status::aborted(reason)),
        Ok(Err(IncomingError::Fault(fault @ Fault::NoSpace))) => {
            Err(Status::resource_exhausted(fault.to_string()))
        }
        Ok(Err(IncomingError::Fault(fault))) => Err(Status::internal(fault.to_string())),
        Err(_) => Err(Status::unavailable("this node is stopping")),
    }
}
