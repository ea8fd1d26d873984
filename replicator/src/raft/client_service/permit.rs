//! What the certificate at the other end of a stream allows, asked of each call that comes: which volumes, whether to change anything,
//! and in whose sessions.
//!
//! The node that the client speaks to asks; it passes on only what is allowed. The node that leads takes what another node passes on as
//! asked, because only a node can: `forwarded` is taken from nobody else.

use std::collections::BTreeSet;

use holdfast_metadata::{Operation, PosixError};
use holdfast_proto::{CallRequest, call_request, decode_command, decode_query, encode_outcome};

use crate::call::{AnswerBody, CallAnswer};
use crate::raft::gate::CallerRights;
use crate::raft::router::Router;
use crate::refusal::Refusal;
use crate::tls::Rights;

/// What may be asked on one stream.
#[derive(Debug)]
pub(super) struct Permit {
    caller: CallerRights,
    /// The upper half of the numbers of the caller's sessions.
    sessions: Option<u32>,
    router: Router,
    /// Volumes that were asked for, and are allowed. A number is never another volume's.
    allowed: BTreeSet<u64>,
}

impl Permit {
    pub(super) fn new(caller: CallerRights, router: Router) -> Permit {
        Permit {
            sessions: caller.restricted().map(Rights::sessions),
            caller,
            router,
            allowed: BTreeSet::new(),
        }
    }

    /// Whether a call may go on; if not, what it is answered instead.
    pub(super) fn check(
        &mut self,
        request: &CallRequest,
    ) -> Result<(), Result<CallAnswer, Refusal>> {
        let Some(rights) = self.caller.restricted() else {
            return Ok(());
        };
        let malformed = |reason: String| Err(Err(Refusal::Malformed { reason }));
        if request.forwarded {
            return malformed(format!(
                "client/{} passes on a call, and is no node",
                rights.name
            ));
        }
        if !self.allowed.contains(&request.volume) {
            match self.router.volume_name(request.volume) {
                Some(name) if rights.may_use(&name) => {
                    self.allowed.insert(request.volume);
                }
                // Not what it is called: the names of others are not told.
                Some(_) => {
                    let (client, volume) = (&rights.name, request.volume);
                    return malformed(format!(
                        "client/{client} has no right to volume number {volume}"
                    ));
                }
                // Not passed on: it may come to be there before it is looked for again.
                None => return Err(Err(self.router.missing(request.volume))),
            }
        }
        let (session, command) = match &request.body {
            Some(call_request::Body::Command(bytes)) => match decode_command(bytes.clone()) {
                Ok(command) => {
                    let session = command.request.map(|request| request.session.0);
                    (session, Some(command))
                }
                // What is not understood is refused where everything is.
                Err(_) => (None, None),
            },
            Some(call_request::Body::Attend(attend)) => (Some(attend.session), None),
            Some(call_request::Body::Query(bytes)) => {
                let query = decode_query(bytes.clone());
                let session = query.ok().and_then(|query| query.session());
                (session.map(|session| session.0), None)
            }
            None => (None, None),
        };
        if let Some(session) = session.filter(|session| Some(upper_half(*session)) != self.sessions)
        {
            let client = &rights.name;
            return malformed(format!(
                "session {session:016x} is not one of client/{client}"
            ));
        }
        match command.map(|command| command.operation) {
            Some(
                Operation::SetQuota(_) | Operation::SetOwnerQuota(_) | Operation::CountOwners(_),
            ) if !rights.admin => Err(Ok(refused(PosixError::NotPermitted))),
            // As a program hears it that may read a file and not write it.
            Some(operation) if rights.read_only && changes(&operation) => {
                Err(Ok(refused(PosixError::AccessDenied)))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What says whose a session is.
fn upper_half(session: u64) -> u32 {
    (session >> 32) as u32
}

fn refused(error: PosixError) -> CallAnswer {
    let outcome = encode_outcome(&Err(error));
    CallAnswer {
        body: AnswerBody::Outcome(outcome),
        leader: None,
        space: None,
        lease: None,
    }
}

/// Whether it changes files. Who only reads has a session and locks, too.
fn changes(operation: &Operation) -> bool {
    match operation {
        Operation::Sync
        | Operation::OpenSession(_)
        | Operation::CloseSession
        | Operation::SetLock(_)
        | Operation::Unlock(_)
        | Operation::CancelLock(_) => false,
        Operation::Create(_)
        | Operation::Mknod(_)
        | Operation::Mkdir(_)
        | Operation::Symlink(_)
        | Operation::Link(_)
        | Operation::Unlink(_)
        | Operation::Rmdir(_)
        | Operation::Rename(_)
        | Operation::SetAttributes(_)
        | Operation::SetFlags(_)
        | Operation::SetQuota(_)
        | Operation::SetOwnerQuota(_)
        | Operation::CountOwners(_)
        | Operation::TouchAtime(_)
        | Operation::Write(_)
        | Operation::Fallocate(_)
        | Operation::CopyRange(_)
        | Operation::SetXattr(_)
        | Operation::RemoveXattr(_)
        | Operation::Reclaim(_)
        | Operation::RefuseNoSpace
        | Operation::ExpireSession(_)
        | Operation::RefusePastTerm
        | Operation::Load(_)
        | Operation::SetTrash(_)
        | Operation::EmptyTrash(_) => true,
    }
}
