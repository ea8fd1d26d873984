//! Closes the session of the request for good.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::{Context, Stop};
use crate::keys;
use crate::lock::TableId;
use crate::news::News;
use crate::outcome::{Answer, PosixError};
use crate::types::{InodeId, LockSpace, SessionId};

pub(crate) fn apply(context: &mut Context<'_>) -> Result<Answer, Stop> {
    let session = context.request()?.session;
    if context.state.contains(&keys::closed_session(session))? {
        return Ok(Answer::Done);
    }
    if !context.state.contains(&keys::session(session))? {
        return Err(PosixError::SessionGone.into());
    }
    end(context, session)?;
    Ok(Answer::Done)
}

/// Ends a session that is open: nothing of it is left but that it was.
pub(crate) fn end(context: &mut Context<'_>, session: SessionId) -> Result<(), Stop> {
    let (start, end) = keys::requests_of(session);
    let mut requests = Vec::new();
    context.state.scan(&start, &end, &mut |key, _| {
        requests.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    for request in requests {
        context.state.delete(request);
    }
    release(context, session)?;
    context.state.delete(keys::session(session));
    context
        .state
        .put(keys::closed_session(session), Bytes::new());
    context.news.push(News::SessionEnded(session));
    Ok(())
}

/// Gives up all the session has locked and waits for.
fn release(context: &mut Context<'_>, session: SessionId) -> Result<(), Stop> {
    let (start, end) = keys::lock_counts_of(session);
    let mut inodes = Vec::new();
    context.state.scan(&start, &end, &mut |key, _| {
        inodes.extend(keys::second_number(key).map(InodeId::new));
        Ok(ControlFlow::Continue(()))
    })?;
    context.change_locks(|tables| {
        let mut changed = BTreeSet::new();
        for &ino in &inodes {
            for space in LockSpace::ALL {
                let id = TableId { ino, space };
                tables.release(id, session)?;
                changed.insert(id);
            }
        }
        Ok(tables.settle(changed)?)
    })
}
