//! Closes a session that its leader has not heard of.

use super::{Context, Stop, close_session};
use crate::command::ExpireSession;
use crate::keys;
use crate::outcome::Answer;

pub(crate) fn apply(context: &mut Context<'_>, expire: ExpireSession) -> Result<Answer, Stop> {
    if context.state.contains(&keys::session(expire.session))? {
        close_session::end(context, expire.session)?;
    }
    Ok(Answer::Done)
}
