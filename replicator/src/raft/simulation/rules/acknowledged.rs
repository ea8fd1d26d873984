//! What was acknowledged is in the log, with the outcome that was told, and was run after it was asked for.

use holdfast_metadata::PosixError;

use super::replay::Replay;
use super::{Acknowledged, key};
use crate::raft::simulation::history::Change;

/// The acknowledged changes, by the time of their answers.
pub(super) fn check(changes: &[Change], replay: &Replay) -> Result<Vec<Acknowledged>, String> {
    let mut acknowledged = Vec::new();
    for change in changes {
        let Some((answered, outcome)) = &change.answered else {
            continue;
        };
        let told = &change.told;
        let request = change.request;
        if *outcome == Err(PosixError::SessionGone) {
            if replay.ended.contains(&request.session) {
                // An earlier try may have been run, or none.
                continue;
            }
            return Err(format!(
                "said to be gone, and never ended: {request:?} {told}"
            ));
        }
        let Some((index, expected)) = replay.effects.get(&key(request)) else {
            return Err(format!("acknowledged and lost: {request:?} {told}"));
        };
        // Number 0 is that of opening and of closing a session.
        if outcome != expected && request.sequence != 0 {
            return Err(format!(
                "{request:?} {told} at {index} makes {expected:?}, and {outcome:?} was told"
            ));
        }
        acknowledged.push(Acknowledged {
            change: change.clone(),
            answered: *answered,
            index: *index,
        });
    }
    acknowledged.sort_by_key(|acknowledged| acknowledged.answered);
    Ok(acknowledged)
}
