//! What has become of a wait.

use crate::keys;
use crate::lock::{TableId, Tables};
use crate::ops::Stop;
use crate::outcome::{PosixError, Reply, TicketState};
use crate::store::View;
use crate::types::{InodeId, LockSpace, SessionId};

pub(crate) fn answer(
    view: &dyn View,
    ino: InodeId,
    session: SessionId,
    sequence: u64,
) -> Result<Reply, Stop> {
    // A wait of a session that has ended is not one that was granted.
    if !view.contains(&keys::session(session))? {
        return Err(PosixError::SessionGone.into());
    }
    let mut tables = Tables::new(view);
    for space in LockSpace::ALL {
        let table = tables.table(TableId { ino, space })?;
        if table.turn_of(session, sequence).is_some() {
            return Ok(Reply::Ticket(TicketState::Waiting));
        }
        if table.was_granted(session, sequence) {
            return Ok(Reply::Ticket(TicketState::Granted));
        }
    }
    Ok(Reply::Ticket(TicketState::Unknown))
}
