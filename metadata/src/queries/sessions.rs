//! The open sessions.

use std::ops::ControlFlow;

use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::ops::Stop;
use crate::outcome::{Reply, SessionInfo};
use crate::record::SessionRecord;
use crate::store::View;
use crate::types::SessionId;

pub(crate) fn answer(view: &dyn View) -> Result<Reply, Stop> {
    let (start, end) = keys::all(Prefix::Session);
    let mut sessions = Vec::new();
    view.scan(&start, &end, &mut |key, value| {
        let session =
            keys::first_number(key).ok_or_else(|| Fault::corrupt("session key", "short"))?;
        let record = SessionRecord::decode(value)?;
        sessions.push(SessionInfo {
            session: SessionId(session),
            acknowledged: record.acknowledged,
            opened: record.opened,
            host: record.host,
            process: record.process,
            version: record.version,
            mountpoint: record.mountpoint,
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Reply::Sessions(sessions))
}
