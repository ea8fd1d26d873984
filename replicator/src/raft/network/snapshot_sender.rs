//! Sends a whole snapshot: offers it, and sends what the receiver does not have yet.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use holdfast_proto as proto;
use openraft::StorageError;
use openraft::errors::StreamingError;
use openraft::raft::SnapshotResponse;
use openraft::type_config::TypeConfigExt;
use tokio::sync::oneshot;
use tokio_stream::wrappers::ReceiverStream;

use super::link::{Link, unreachable};
use super::snapshot_reader::{self, Place};
use crate::raft::convert::{from_message, to_message};
use crate::raft::snapshot::SnapshotDirectory;
use crate::raft::type_config::{GroupId, TypeConfig, Vote};

type Snapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotDirectory>;
type Failure = StreamingError<TypeConfig>;

/// The receiver writes a small file and syncs it.
const OFFER_PATIENCE: Duration = Duration::from_secs(10);

/// Until it is installed, or the receiver knows a later vote. After an error the next attempt goes on where
/// this one stopped. A connection that dies is noticed by its keep-alive.
pub(super) async fn send(
    link: &Link,
    group: GroupId,
    vote: Vote,
    snapshot: Snapshot,
) -> Result<SnapshotResponse<TypeConfig>, Failure> {
    let directory = snapshot.snapshot;
    let answer = offer(link, group, vote, &directory).await?;
    let current = from_message::receiver_vote(answer.vote).map_err(unreachable)?;
    if current > vote {
        return Ok(SnapshotResponse::new(current));
    }
    let place = Place {
        file: answer.file as usize,
        offset: answer.offset,
    };
    let opening = proto::SnapshotChunk {
        group: group.0,
        vote: Some(to_message::vote(vote)),
        last_log_id: directory.meta.last_log_id.map(to_message::log_id),
        file: answer.file,
        offset: answer.offset,
        compressed: Bytes::new(),
        length: 0,
        checksum: 0,
    };
    tracing::info!(%group, file = place.file, offset = place.offset, "sending a snapshot");
    // An error ends the stream before the snapshot is complete, so that the receiver does not take it.
    let failed: Arc<OnceLock<io::Error>> = Arc::default();
    let failure = Arc::clone(&failed);
    let read = ReceiverStream::new(snapshot_reader::read(directory, opening, place));
    let chunks = read.scan(failure, |failure, chunk| {
        let taken = chunk.map_err(|error| failure.set(error)).ok();
        std::future::ready(taken)
    });
    // The connection keeps the stream when this future is dropped, so it must end by itself.
    let (_wanted, unwanted) = oneshot::channel::<()>();
    let chunks = chunks.take_until(unwanted);
    let sent = link.bulk_client().send_snapshot(link.request(chunks)).await;
    if let Some(error) = failed.get() {
        return Err(Failure::StorageError(StorageError::read_snapshot(
            None,
            TypeConfig::err_from_error(error),
        )));
    }
    let response = sent.map_err(|status| link.unreachable(&status))?;
    let current = from_message::receiver_vote(response.into_inner().vote);
    Ok(SnapshotResponse::new(current.map_err(unreachable)?))
}

async fn offer(
    link: &Link,
    group: GroupId,
    vote: Vote,
    directory: &SnapshotDirectory,
) -> Result<proto::SnapshotOfferResponse, Failure> {
    let files = directory
        .files
        .iter()
        .map(|(name, length)| proto::SnapshotFile {
            name: name.clone(),
            length: *length,
        });
    let offer = proto::SnapshotOffer {
        group: group.0,
        vote: Some(to_message::vote(vote)),
        meta: Some(to_message::snapshot_meta(&directory.meta)),
        files: files.collect(),
    };
    let mut client = link.bulk_client();
    let call = client.offer_snapshot(link.request(offer));
    let answer = tokio::time::timeout(OFFER_PATIENCE, call)
        .await
        .map_err(|_| unreachable("no answer to the offer of a snapshot"))?
        .map_err(|status| link.unreachable(&status))?;
    Ok(answer.into_inner())
}
