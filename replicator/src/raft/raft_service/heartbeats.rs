//! The heartbeats of all groups of a peer: handled at the same time, answered as they are ready.

use std::time::Duration;

use futures_util::{Stream, stream};
use holdfast_proto as proto;
use openraft::raft::{AppendEntriesResponse, StreamAppendError};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::strangers::Strangers;
use super::{Groups, not_here};
use crate::raft::convert::{AppendAnswer, MalformedMessage, from_message, to_message};

/// The leader has long stopped waiting; a group that hangs must not collect its heartbeats.
const PATIENCE: Duration = Duration::from_secs(1);
/// Answers that may wait to be sent, and that travel in one message.
const ANSWERS_MAX: usize = 4096;

/// The answers to `incoming`.
pub(super) fn answer<G: Groups>(
    groups: G,
    strangers: Strangers,
    incoming: Streaming<proto::HeartbeatBatch>,
) -> impl Stream<Item = Result<proto::HeartbeatAnswers, Status>> + Send + 'static {
    let (answers, ready) = mpsc::channel(ANSWERS_MAX);
    tokio::spawn(handle(groups, strangers, incoming, answers));
    stream::unfold(ready, |mut ready| async move {
        let mut answers = Vec::new();
        let count = ready.recv_many(&mut answers, ANSWERS_MAX).await;
        (count > 0).then(|| (Ok(proto::HeartbeatAnswers { answers }), ready))
    })
}

/// Until the peer ends the stream, or nobody takes the answers.
async fn handle<G: Groups>(
    groups: G,
    strangers: Strangers,
    mut incoming: Streaming<proto::HeartbeatBatch>,
    answers: mpsc::Sender<proto::HeartbeatAnswer>,
) {
    loop {
        let message = tokio::select! {
            message = incoming.message() => message,
            () = answers.closed() => return,
        };
        // What cannot be read any more ends the stream, and so does its end.
        let Ok(Some(batch)) = message else { return };
        for heartbeat in batch.heartbeats {
            // Those under way have their places: a peer that takes no answers is not listened to for more.
            let Ok(place) = answers.clone().reserve_owned().await else {
                return;
            };
            let (groups, strangers) = (groups.clone(), strangers.clone());
            tokio::spawn(async move {
                let answer = match heartbeat.request {
                    Some(request) => decide(&groups, &strangers, request).await,
                    None => Err(MalformedMessage("a heartbeat without a request").to_string()),
                };
                let answer = answer.unwrap_or_else(AppendAnswer::Failed);
                let answer = proto::HeartbeatAnswer {
                    call: heartbeat.call,
                    response: Some(to_message::append_response(answer)),
                };
                drop(place.send(answer));
            });
        }
    }
}

/// A malformed heartbeat fails alone: the others of the stream have nothing to do with it.
pub(in crate::raft) async fn decide<G: Groups>(
    groups: &G,
    strangers: &Strangers,
    request: proto::AppendRequest,
) -> Result<AppendAnswer, String> {
    let (group, request) =
        from_message::append_request(request).map_err(|malformed| malformed.to_string())?;
    let raft = groups
        .group_raft(group)
        .ok_or_else(|| not_here(group).message().to_owned())?;
    strangers
        .admit_leader(group, &raft, request.vote)
        .map_err(|status| status.message().to_owned())?;
    let previous = request.prev_log_id;
    let last = request
        .entries
        .last()
        .map(|entry| entry.log_id)
        .or(previous);
    let response = tokio::time::timeout(PATIENCE, raft.append_entries(request))
        .await
        .map_err(|_| format!("group {group} does not answer"))?
        .map_err(|error| error.to_string())?;
    match response {
        AppendEntriesResponse::Success => Ok(AppendAnswer::Decided(Ok(last))),
        AppendEntriesResponse::PartialSuccess(matched) => Ok(AppendAnswer::Decided(Ok(matched))),
        AppendEntriesResponse::HigherVote(vote) => Ok(AppendAnswer::Decided(Err(
            StreamAppendError::HigherVote(vote),
        ))),
        AppendEntriesResponse::Conflict => {
            let place = previous.ok_or_else(|| "a conflict with nothing".to_owned())?;
            Ok(AppendAnswer::Decided(Err(StreamAppendError::Conflict(
                place,
            ))))
        }
    }
}
