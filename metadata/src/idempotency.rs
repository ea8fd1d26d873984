//! A command that is tried again takes effect once: its outcome is kept beside its effect.
//!
//! The record is written in the same batch as the effect, under the session and the sequence of the
//! request, and lives until the session says that the outcome has reached it.

use std::ops::ControlFlow;

use crate::fault::Fault;
use crate::keys;
use crate::outcome::Outcome;
use crate::record::OutcomeRecord;
use crate::store::{Transaction, View};
use crate::types::RequestId;

/// The outcome of an earlier attempt at the same command.
pub(crate) fn recall(
    state: &(impl View + ?Sized),
    request: RequestId,
) -> Result<Option<Outcome>, Fault> {
    let mut outcome = Ok(None);
    state.with_value(&keys::request(request), &mut |bytes| {
        outcome = OutcomeRecord::decode(bytes).map(|record| Some(record.outcome));
    })?;
    outcome
}

/// Keeps the outcome of a command, and forgets those that have reached the session.
pub(crate) fn remember(
    state: &mut dyn Transaction,
    request: RequestId,
    outcome: &Outcome,
) -> Result<(), Fault> {
    let (start, end) = keys::requests_below(request.session, request.acknowledged);
    let mut arrived = Vec::new();
    state.scan(&start, &end, &mut |key, _| {
        arrived.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    for key in arrived {
        state.delete(key);
    }
    let record = OutcomeRecord {
        outcome: outcome.clone(),
    };
    state.put(keys::request(request), record.encode());
    Ok(())
}

#[cfg(test)]
mod tests;
