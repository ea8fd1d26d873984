//! What must be true of every simulation: one file a rule. One log, equal states and sound states are looked at while it
//! runs, the others when it is over. That everybody gets answers in the end, and nothing panics, [`world`](super::world) sees.

mod acknowledged;
mod asked_for;
mod equal_states;
mod exactly_once;
mod freshness;
mod lock_exclusion;
mod one_log;
mod replay;
mod state;

use std::collections::BTreeMap;

use holdfast_metadata::{Outcome, RequestId, SessionId};
use tokio::time::Instant;

pub(super) use self::equal_states::EqualStates;
pub(super) use self::one_log::same_entry;
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
    let changes = history.changes();
    asked_for::check(&changes, &replay.effects)?;
    let acknowledged = acknowledged::check(&changes, &replay)?;
    exactly_once::check(&replay, machine)?;
    lock_exclusion::check(&history.holds())?;
    freshness::check(entries, &acknowledged, &history.reads())?;
    Ok(replay.tally)
}

fn key(request: RequestId) -> (SessionId, u64) {
    (request.session, request.sequence)
}
