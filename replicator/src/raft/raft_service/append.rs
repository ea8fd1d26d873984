//! A stream of entries: each request is handed to Raft before the one before it is answered.

use std::sync::{Arc, OnceLock};

use futures_util::{Stream, StreamExt, stream};
use holdfast_proto as proto;
use openraft::raft::AppendEntriesRequest;
use tonic::{Status, Streaming};

use super::strangers::Strangers;
use super::{Groups, fatal_status, not_here};
use crate::raft::convert::{AppendAnswer, MalformedMessage, from_message, to_message};
use crate::raft::type_config::{GroupId, TypeConfig};

type Answer = Result<proto::AppendResponse, Status>;

/// The answers to `incoming`, whose first request names the group. They end after the first entries that
/// Raft does not take, or with the error of the stream that they came from.
pub(super) fn answer<G: Groups>(
    groups: G,
    strangers: Strangers,
    mut incoming: Streaming<proto::AppendRequest>,
) -> impl Stream<Item = Answer> + Send + 'static {
    // The sender waits for our headers before it sends the first request.
    let begin = async move {
        match incoming.message().await {
            Ok(Some(first)) => begin(&groups, strangers, first, incoming).unwrap_or_else(ended_by),
            Ok(None) => stream::empty().boxed(),
            Err(status) => ended_by(status),
        }
    };
    stream::once(begin).flatten()
}

fn begin<G: Groups>(
    groups: &G,
    strangers: Strangers,
    first: proto::AppendRequest,
    incoming: Streaming<proto::AppendRequest>,
) -> Result<stream::BoxStream<'static, Answer>, Status> {
    let (group, first) = from_message::append_request(first)?;
    let raft = groups.group_raft(group).ok_or_else(|| not_here(group))?;
    strangers.admit_leader(group, &raft, first.vote)?;
    let asked = raft.clone();
    let failed: Arc<OnceLock<Status>> = Arc::default();
    let failure = Arc::clone(&failed);
    let further = incoming.scan(failure, move |failure, message| {
        let request = message.and_then(|message| further_request(group, message));
        let request = request.and_then(|request| {
            strangers.admit_leader(group, &asked, request.vote)?;
            Ok(request)
        });
        std::future::ready(request.map_err(|status| failure.set(status)).ok())
    });
    let requests = stream::once(std::future::ready(first)).chain(further);
    let answers = raft.stream_append(requests).map(|result| match result {
        Ok(result) => Ok(to_message::append_response(AppendAnswer::Decided(result))),
        Err(fatal) => Err(fatal_status(&fatal)),
    });
    let last = stream::once(async move { failed.get().cloned().map(Err) });
    Ok(answers.chain(last.filter_map(std::future::ready)).boxed())
}

fn further_request(
    group: GroupId,
    message: proto::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Status> {
    let (named, request) = from_message::append_request(message)?;
    if named != group {
        return Err(MalformedMessage("entries of two groups in one stream").into());
    }
    Ok(request)
}

fn ended_by(status: Status) -> stream::BoxStream<'static, Answer> {
    stream::once(std::future::ready(Err(status))).boxed()
}
