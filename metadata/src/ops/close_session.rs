//! Closes the session of the request for good.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::{Context, Stop};
use crate::keys;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(context: &mut Context<'_>) -> Result<Answer, Stop> {
    let session = context.session.ok_or(PosixError::InvalidArgument)?;
    let closed = keys::closed_session(session);
    if context.state.contains(&closed)? {
        return Ok(Answer::Done);
    }
    let key = keys::session(session);
    if !context.state.contains(&key)? {
        return Err(PosixError::SessionGone.into());
    }
    let (start, end) = keys::requests_of(session);
    let mut requests = Vec::new();
    context.state.scan(&start, &end, &mut |key, _| {
        requests.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    for request in requests {
        context.state.delete(request);
    }
    context.state.delete(key);
    context.state.put(closed, Bytes::new());
    Ok(Answer::Done)
}
