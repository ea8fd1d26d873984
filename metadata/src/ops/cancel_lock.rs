//! Ends a wait.

use std::collections::BTreeSet;

use super::{Context, Stop};
use crate::command::CancelLock;
use crate::lock::{Place, TableId};
use crate::outcome::Answer;
use crate::types::LockSpace;

pub(crate) fn apply(context: &mut Context<'_>, cancel: CancelLock) -> Result<Answer, Stop> {
    let session = context.request()?.session;
    context.change_locks(|tables| {
        for space in LockSpace::ALL {
            let ino = cancel.ino;
            let id = TableId { ino, space };
            let table = tables.table(id)?;
            if let Some(turn) = table.turn_of(session, cancel.sequence) {
                tables.dequeue(Place { turn, table: id })?;
                tables.settle(BTreeSet::from([id]))?;
                return Ok(Answer::Done);
            }
            if table.was_granted(session, cancel.sequence) {
                return Ok(Answer::Locked);
            }
        }
        Ok(Answer::Done)
    })
}
