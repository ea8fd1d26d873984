//! A command that is tried again takes effect once: its outcome is kept beside its effect.
//!
//! The record is written in the same batch as the effect, under the session and the sequence of the
//! request, and lives until the session says that the outcome has reached it. From then on the
//! session's watermark stands for it: a duplicate that comes later is refused, however much later, and
//! so is one whose session is not open.

use std::ops::{ControlFlow, Range};

use crate::command::{Command, Operation};
use crate::fault::Fault;
use crate::keys;
use crate::outcome::{Outcome, PosixError};
use crate::record::{OutcomeRecord, SessionRecord};
use crate::store::{Transaction, View};
use crate::types::{RequestId, SessionId};

/// Up to so many sequences, removing what may not be there is less work than looking what is.
const BLIND_REMOVALS_MAX: u64 = 64;

/// What is to be done with a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It runs, and no outcome is kept.
    Run,
    /// It runs, and its outcome is kept.
    RunOnce(Place),
    /// It was run before, or never will be.
    Answered(Outcome),
}

/// Where an outcome is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    request: RequestId,
    /// The watermark of the session before the command.
    acknowledged: u64,
}

/// Looks whether a command may run.
pub(crate) fn admit(state: &(impl View + ?Sized), command: &Command) -> Result<Admission, Fault> {
    let Some(request) = command.request else {
        return Ok(Admission::Run);
    };
    let of_sessions = matches!(
        command.operation,
        Operation::OpenSession(_) | Operation::CloseSession | Operation::ExpireSession(_)
    );
    if of_sessions {
        // Running them again changes nothing.
        return Ok(Admission::Run);
    }
    let acknowledged = match acknowledged_by(state, request.session)? {
        Some(acknowledged) if request.sequence >= acknowledged => acknowledged,
        Some(_) | None => return Ok(Admission::Answered(Err(PosixError::SessionGone))),
    };
    Ok(match recall(state, request)? {
        Some(outcome) => Admission::Answered(outcome),
        None => Admission::RunOnce(Place {
            request,
            acknowledged,
        }),
    })
}

/// Keeps the outcome of a command, and forgets those that have reached the session.
pub(crate) fn remember(
    state: &mut dyn Transaction,
    place: Place,
    outcome: &Outcome,
) -> Result<(), Fault> {
    let request = place.request;
    // Nobody has the outcome of the command at hand yet.
    let acknowledged = request.acknowledged.min(request.sequence);
    if acknowledged > place.acknowledged {
        forget(state, request.session, place.acknowledged..acknowledged)?;
        let key = keys::session(request.session);
        if let Some(record) = state.get(&key)? {
            state.put(key, SessionRecord::acknowledge(&record, acknowledged)?);
        }
    }
    let record = OutcomeRecord {
        outcome: outcome.clone(),
    };
    state.put(keys::request(request), record.encode());
    Ok(())
}

/// The watermark of a session; `None` when it is not open.
fn acknowledged_by(state: &(impl View + ?Sized), session: SessionId) -> Result<Option<u64>, Fault> {
    let mut acknowledged = Ok(None);
    state.with_value(&keys::session(session), &mut |bytes| {
        acknowledged = SessionRecord::acknowledged_in(bytes).map(Some);
    })?;
    acknowledged
}

/// The outcome of an earlier attempt at the same command.
fn recall(state: &(impl View + ?Sized), request: RequestId) -> Result<Option<Outcome>, Fault> {
    let mut outcome = Ok(None);
    state.with_value(&keys::request(request), &mut |bytes| {
        outcome = OutcomeRecord::decode(bytes).map(|record| Some(record.outcome));
    })?;
    outcome
}

fn forget(
    state: &mut dyn Transaction,
    session: SessionId,
    sequences: Range<u64>,
) -> Result<(), Fault> {
    if sequences.end - sequences.start <= BLIND_REMOVALS_MAX {
        for sequence in sequences {
            state.delete(keys::request_of(session, sequence));
        }
        return Ok(());
    }
    let (start, end) = keys::requests_between(session, sequences.start, sequences.end);
    let mut arrived = Vec::new();
    state.scan(&start, &end, &mut |key, _| {
        arrived.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    for key in arrived {
        state.delete(key);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
