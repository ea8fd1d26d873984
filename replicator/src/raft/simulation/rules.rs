//! What must be true of every simulation: one file a rule. Equal states, sound states and the log ([`witness`](super::witness))
//! are looked at while it runs, the others when it is over.

mod acknowledged;
mod equal_states;
mod exactly_once;
mod freshness;
mod lock_exclusion;
mod replay;
mod state;

use std::collections::BTreeMap;

use holdfast_metadata::{Outcome, RequestId, SessionId};
use tokio::time::Instant;

pub(super) use self::equal_states::EqualStates;
use self::replay::Replay;
pub(super) use self::state::state_is_sound;
use super::history::{Change, History};
use super::tally::Tally;
use crate::raft::machine::Machine;
use crate::raft::type_config::Entry;

/// What became of each request, and at which index.
type Effects = BTreeMap<(SessionId, u64), (u64, Outcome)>;

/// A change whose outcome was heard.
struct Acknowledged {
    change: Change,
    answered: Instant,
    index: u64,
}

/// The first rule that is broken; without one, what the log has seen.
pub(super) fn check(
    entries: &[Entry],
    history: &History,
    machine: &Machine,
) -> Result<Tally, String> {
    let Machine::Volume(machine) = machine else {
        return Err("not a volume".to_owned());
    };
    let position = machine.position().map_err(|fault| fault.to_string())?;
    let mut replay = Replay::new();
    for (number, entry) in entries.iter().enumerate() {
        // The state tells the term and the members of the last entry.
        let is_last = number + 1 == entries.len();
        let record = position.clone().filter(|_| is_last);
        replay.apply(entry, record.unwrap_or_default())?;
    }
    let acknowledged = acknowledged::check(&history.changes(), &replay.effects)?;
    exactly_once::check(&replay, machine)?;
    freshness::check(entries, &acknowledged, &history.reads())?;
    lock_exclusion::check(&history.holds())?;
    Ok(replay.tally)
}

fn key(request: RequestId) -> (SessionId, u64) {
    (request.session, request.sequence)
}
