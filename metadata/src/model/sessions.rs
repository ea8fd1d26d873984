//! Who may send commands, and what was answered already.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checked, Expected};
use crate::command::OpenSession;
use crate::limits::SESSION_TEXT_BYTES_MAX;
use crate::outcome::{Answer, PosixError, SessionInfo};
use crate::types::{RequestId, SessionId, Timestamp};

/// Every session that ever was.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    open: BTreeMap<SessionId, Session>,
    closed: BTreeSet<SessionId>,
}

#[derive(Debug, Clone)]
struct Session {
    info: SessionInfo,
    answered: BTreeMap<u64, Expected>,
}

impl Sessions {
    /// What a request is answered without running it.
    pub(super) fn answer(&self, request: RequestId) -> Option<Expected> {
        let gone = Some(Expected(Err(vec![PosixError::SessionGone])));
        match self.open.get(&request.session) {
            Some(session) if request.sequence < session.info.acknowledged => gone,
            Some(session) => session.answered.get(&request.sequence).cloned(),
            None => gone,
        }
    }

    /// The request was run.
    pub(super) fn answered(&mut self, request: RequestId, expected: &Expected) {
        if let Some(session) = self.open.get_mut(&request.session) {
            let acknowledged = request.acknowledged.min(request.sequence);
            session.info.acknowledged = session.info.acknowledged.max(acknowledged);
            session.answered.insert(request.sequence, expected.clone());
        }
    }

    pub(super) fn open(
        &mut self,
        request: Option<RequestId>,
        now: Timestamp,
        open: &OpenSession,
    ) -> Checked<Answer> {
        let session = session_of(request)?;
        let texts = [&open.host, &open.version, &open.mountpoint];
        if texts.iter().any(|text| text.len() > SESSION_TEXT_BYTES_MAX) {
            return Err(vec![PosixError::InvalidArgument]);
        }
        if self.closed.contains(&session) {
            return Err(vec![PosixError::SessionGone]);
        }
        let info = SessionInfo {
            session,
            acknowledged: 0,
            opened: now,
            host: open.host.clone(),
            process: open.process,
            version: open.version.clone(),
            mountpoint: open.mountpoint.clone(),
        };
        if let Some(Session { info: known, .. }) = self.open.get(&session) {
            let mut same = info;
            same.acknowledged = known.acknowledged;
            return if same == *known {
                Ok(Answer::Done)
            } else {
                Err(vec![PosixError::SessionGone])
            };
        }
        let answered = BTreeMap::new();
        self.open.insert(session, Session { info, answered });
        Ok(Answer::Done)
    }

    pub(super) fn close(&mut self, request: Option<RequestId>) -> Checked<Answer> {
        let session = session_of(request)?;
        self.end(session);
        if self.closed.contains(&session) {
            Ok(Answer::Done)
        } else {
            Err(vec![PosixError::SessionGone])
        }
    }

    pub(super) fn end(&mut self, session: SessionId) {
        if self.open.remove(&session).is_some() {
            self.closed.insert(session);
        }
    }

    pub(super) fn list(&self) -> Vec<SessionInfo> {
        let open = self.open.values();
        open.map(|session| session.info.clone()).collect()
    }
}

fn session_of(request: Option<RequestId>) -> Checked<SessionId> {
    match request {
        Some(request) => Ok(request.session),
        None => Err(vec![PosixError::InvalidArgument]),
    }
}
