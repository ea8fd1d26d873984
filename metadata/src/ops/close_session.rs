//! Closes the session of the request for good.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::{Context, Stop};
use crate::keys;
use crate::news::News;
use crate::outcome::{Answer, PosixError};
use crate::types::SessionId;

pub(crate) fn apply(context: &mut Context<'_>) -> Result<Answer, Stop> {
    let session = context.session.ok_or(PosixError::InvalidArgument)?;
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
    context.state.delete(keys::session(session));
    context
        .state
        .put(keys::closed_session(session), Bytes::new());
    context.news.push(News::SessionEnded(session));
    Ok(())
}
