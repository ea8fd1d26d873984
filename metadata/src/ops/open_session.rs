//! Opens the session of the request.

use super::{Context, Stop};
use crate::command::OpenSession;
use crate::keys;
use crate::limits::SESSION_TEXT_BYTES_MAX;
use crate::news::News;
use crate::outcome::{Answer, PosixError};
use crate::record::SessionRecord;

pub(crate) fn apply(context: &mut Context<'_>, open: &OpenSession) -> Result<Answer, Stop> {
    let session = context.request()?.session;
    let texts = [&open.host, &open.version, &open.mountpoint];
    if texts.iter().any(|text| text.len() > SESSION_TEXT_BYTES_MAX) {
        return Err(PosixError::InvalidArgument.into());
    }
    // Opened again, it would let through every duplicate of what it sent before.
    if context.state.contains(&keys::closed_session(session))? {
        return Err(PosixError::SessionGone.into());
    }
    let key = keys::session(session);
    if let Some(record) = context.state.get(&key)? {
        // Numbers are random: two mounts may choose the same, and the later one takes another then. Those of one image look the
        // same but for the moment, which a mount that asks again says again.
        let record = SessionRecord::decode(&record)?;
        return if record.opened == context.now && is_of(&record, open) {
            Ok(Answer::Done)
        } else {
            Err(PosixError::SessionGone.into())
        };
    }
    let record = SessionRecord {
        acknowledged: 0,
        opened: context.now,
        process: open.process,
        host: open.host.clone(),
        version: open.version.clone(),
        mountpoint: open.mountpoint.clone(),
    };
    context.state.put(key, record.encode());
    context.news.push(News::SessionOpened(session));
    Ok(Answer::Done)
}

fn is_of(record: &SessionRecord, open: &OpenSession) -> bool {
    let OpenSession {
        host,
        process,
        version,
        mountpoint,
    } = open;
    (&record.host, &record.process) == (host, process)
        && (&record.version, &record.mountpoint) == (version, mountpoint)
}
