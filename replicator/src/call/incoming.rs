//! Reads answers and gives each to who waits for it.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::Fault;
use holdfast_proto::refusal::Kind;
use holdfast_proto::{CallResponse, CallResponses, call_response};
use parking_lot::Mutex;
use tonic::{Code, Status, Streaming};

use super::kept::Kept;
use super::queue::Queue;
use super::{AnswerBody, CallAnswer};
use crate::refusal::{Endpoint, Refusal};
use crate::replicator::Space;

/// Until the stream ends, however it does.
pub(super) async fn read(
    mut answers: Streaming<CallResponses>,
    queue: Arc<Queue>,
    kept: Arc<Kept>,
    nodes: Arc<Mutex<Vec<Endpoint>>>,
) {
    let reason = loop {
        match answers.message().await {
            Ok(Some(message)) => {
                if !message.copies.is_empty() {
                    // Before the answers: they may tell what is not so any more according to what is kept.
                    queue.hears(kept.take(message.copies));
                }
                if !message.nodes.is_empty() {
                    *nodes.lock() = message.nodes.into_iter().map(Endpoint::from).collect();
                }
                for response in message.responses {
                    queue.answer(response.call, understand(response));
                }
            }
            Ok(None) => break "the node ended the stream".to_owned(),
            Err(status) => break describe(&status),
        }
    };
    queue.close(&reason);
}

/// What went wrong, for a line of a log: the innermost cause says most.
pub(crate) fn describe(status: &Status) -> String {
    if let Some(reason) = crate::tls::explain(status) {
        return reason;
    }
    let mut source = std::error::Error::source(status);
    let mut innermost = None;
    while let Some(error) = source {
        innermost = Some(error.to_string());
        source = error.source();
    }
    match (innermost, status.code()) {
        (Some(cause), _) => cause,
        (None, Code::Unavailable | Code::Unknown) if !status.message().is_empty() => {
            status.message().to_owned()
        }
        (None, code) => format!("{}: {}", code.description(), status.message()),
    }
}

fn understand(response: CallResponse) -> Result<CallAnswer, Refusal> {
    let leader = response.leader.map(Endpoint::from);
    let body = match response.body {
        Some(call_response::Body::Outcome(bytes)) => AnswerBody::Outcome(bytes),
        Some(call_response::Body::Reply(bytes)) => AnswerBody::Reply(bytes),
        Some(call_response::Body::Attended(attended)) => AnswerBody::Attended(attended),
        Some(call_response::Body::Refusal(refusal)) => return Err(refused(&refusal, leader)),
        // An answer this program does not know: something was done, perhaps.
        None => return Err(Refusal::OutcomeUnknown),
    };
    let space = response.space.map(|space| Space {
        total: space.total,
        available: space.available,
    });
    let lease = response.lease_milliseconds;
    Ok(CallAnswer {
        body,
        leader,
        space,
        lease: (lease > 0).then(|| Duration::from_millis(lease)),
    })
}

fn refused(refusal: &holdfast_proto::Refusal, leader: Option<Endpoint>) -> Refusal {
    let reason = refusal.message.clone();
    match refusal.kind() {
        Kind::NotLeader => Refusal::NotLeader { leader },
        Kind::Unavailable => Refusal::Unavailable { reason },
        Kind::Overloaded => Refusal::Overloaded,
        // A kind of a later version: only this is safe to say of it.
        Kind::OutcomeUnknown | Kind::Unspecified => Refusal::OutcomeUnknown,
        Kind::NoSuchVolume => Refusal::NoSuchVolume,
        Kind::Malformed => Refusal::Malformed { reason },
        Kind::Fault => Refusal::Fault(Fault::Io(reason)),
    }
}
