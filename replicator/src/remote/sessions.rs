//! Registers the session of the mount, and another one when the cluster has lost it.
//!
//! A cluster that does not know the session of a command (it was expired, or the volume was restored
//! from a copy) answers `SessionGone` and does nothing. The command then gets an id of a new session and
//! is tried again, but only if no earlier try of it can have been carried out, that is if each of them
//! was refused with certainty. Otherwise the first try may have taken effect while the session still
//! existed, its outcome is lost with the session, and a second try would be a second effect: the caller
//! is told `OutcomeUnknown`. No try under the old session can take effect later: the cluster refuses it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_metadata::{
    Command, Credentials, OpenSession, Operation, Outcome, PosixError, RequestId, Timestamp, limits,
};
use holdfast_proto::{decode_outcome, encode_command};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::asking::Asking;
use super::options::RemoteOptions;
use super::session::Session;
use crate::call::{AnswerBody, CallAnswer, CallBody};
use crate::error::ReplicateError;
use crate::sparing::Sparing;
use crate::tls::{Holder, Tls};

/// A registration that is refused (a full disk) is tried again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// The session of now.
#[derive(Debug)]
pub(super) struct Sessions {
    current: Mutex<Arc<Session>>,
    tls: Option<Tls>,
    asking: Arc<Asking>,
    runtime: Handle,
    who: OpenSession,
}

impl Sessions {
    pub(super) fn new(
        asking: Arc<Asking>,
        runtime: Handle,
        options: &RemoteOptions,
    ) -> io::Result<Sessions> {
        let tls = options.tls.clone();
        Ok(Sessions {
            current: Mutex::new(fresh(1, tls.as_ref())?),
            tls,
            asking,
            runtime,
            who: OpenSession {
                host: shortened(&options.host),
                process: std::process::id(),
                version: shortened(env!("CARGO_PKG_VERSION")),
                mountpoint: shortened(&options.mountpoint),
            },
        })
    }

    pub(super) fn current(&self) -> Arc<Session> {
        Arc::clone(&self.current.lock())
    }

    /// Has the current session registered, whoever waits for it or gives up.
    pub(super) fn register(self: &Arc<Sessions>) {
        let sessions = Arc::clone(self);
        self.runtime
            .spawn(async move { sessions.register_current().await });
    }

    /// The cluster does not know this session: another takes its place, unless one already has.
    pub(super) fn replace(self: &Arc<Sessions>, lost: &Session) -> Result<(), ReplicateError> {
        let mut current = self.current.lock();
        if current.id != lost.id {
            return Ok(());
        }
        let next = fresh(current.epoch + 1, self.tls.as_ref());
        *current = next.map_err(|error| ReplicateError::Unavailable {
            reason: format!("no random numbers for a session: {error}"),
        })?;
        tracing::warn!(
            session = lost.id.0,
            new_session = current.id.0,
            "the cluster has lost the session of this mount: it goes on under a new one"
        );
        drop(current);
        self.register();
        Ok(())
    }

    /// Says that nothing comes any more under the current session.
    pub(super) async fn close(&self) -> Result<(), ReplicateError> {
        let session = self.current();
        let command = command(session.registration(), Operation::CloseSession);
        let outcome = self.send(&command).await?;
        tracing::debug!(session = session.id.0, ?outcome, "the session is closed");
        Ok(())
    }

    async fn register_current(self: Arc<Sessions>) {
        let session = self.current();
        let open = Operation::OpenSession(self.who.clone());
        let command = command(session.registration(), open);
        loop {
            match self.send(&command).await {
                Ok(Ok(_)) => return session.set_opened(Ok(())),
                // Somebody else had this number, and closed it: those who wait will find the new one.
                Ok(Err(PosixError::SessionGone)) => {
                    return session.set_opened(self.replace(&session));
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the cluster does not take the session yet");
                    self.asking.sleep(AGAIN).await;
                }
                Err(error) => return session.set_opened(Err(error)),
            }
        }
    }

    async fn send(&self, command: &Command) -> Result<Outcome, ReplicateError> {
        let body = CallBody::Command(encode_command(command));
        outcome_in(self.asking.ask(body).await?.answer)
    }
}

/// A session of whom the certificate is made for.
fn fresh(epoch: u64, tls: Option<&Tls>) -> io::Result<Arc<Session>> {
    match tls.map(|tls| tls.own().holder) {
        Some(Holder::Client(rights)) => Session::new(epoch, Some(&rights)),
        Some(Holder::Node(_)) | None => Session::new(epoch, None),
    }
}

/// A node answered something else than what was asked for.
pub(super) fn not_understood(reason: &str) {
    static ANSWERS: Sparing = Sparing::new();
    if let Some(more) = ANSWERS.due() {
        tracing::error!(reason, more, "a node's answer is not understood");
    }
}

/// The outcome that a node answered to a command.
pub(super) fn outcome_in(answer: CallAnswer) -> Result<Outcome, ReplicateError> {
    let malformed = |reason: String| {
        not_understood(&reason);
        // The command was carried out, but what came of it cannot be told.
        ReplicateError::OutcomeUnknown
    };
    match answer.body {
        AnswerBody::Outcome(bytes) => {
            decode_outcome(bytes).map_err(|error| malformed(error.to_string()))
        }
        AnswerBody::Reply(_) | AnswerBody::Attended(_) => {
            Err(malformed("something else than an outcome".to_owned()))
        }
    }
}

fn command(request: RequestId, operation: Operation) -> Command {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Command {
        request: Some(request),
        now: Timestamp {
            seconds: since.as_secs() as i64,
            nanoseconds: since.subsec_nanos(),
        },
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

/// As much of a text as a session may have.
fn shortened(text: &str) -> String {
    let mut end = text.len().min(limits::SESSION_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
