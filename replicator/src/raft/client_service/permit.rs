//! What the certificate at the other end of a stream allows, asked of each call that comes: which volumes, whether to change anything,
//! in whose sessions, and as whom.
//!
//! The node that the client speaks to asks; it passes on only what is allowed. The node that leads takes what another node passes on as
//! asked, because only a node can: `forwarded` is taken from nobody else.

use std::collections::BTreeSet;

use holdfast_metadata::{Command, Operation, PosixError, Query};
use holdfast_proto::{
    CallRequest, call_request, decode_command, decode_query, encode_command, encode_outcome,
    encode_query,
};

use crate::call::{AnswerBody, CallAnswer};
use crate::raft::gate::CallerRights;
use crate::raft::router::Router;
use crate::raft::runtime::time_of_day;
use crate::refusal::Refusal;
use crate::tls::{Rights, Squash};

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

    /// Whether a call may go on; if not, what it is answered instead. It goes on as one of whom the certificate makes of everybody.
    pub(super) fn check(
        &mut self,
        request: &mut CallRequest,
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
        let client = &rights.name;
        let Some(mut call) = Call::read(request) else {
            // A later version at the leader might understand it.
            return malformed(format!(
                "client/{client} asks for what this node does not understand, and cannot allow"
            ));
        };
        if let Some(session) = call.session()
            && Some(upper_half(session)) != self.sessions
        {
            return malformed(format!(
                "session {session:016x} is not one of client/{client}"
            ));
        }
        if let Call::Command(command) = &call {
            let operation = &command.operation;
            if needs_admin(operation) && !rights.admin {
                return Err(Ok(refused(PosixError::NotPermitted)));
            }
            // As a program hears it that may read a file and not write it.
            if rights.read_only && changes(operation) {
                return Err(Ok(refused(PosixError::AccessDenied)));
            }
        }
        if let Some(squash) = rights.squash {
            call.squash(squash);
            call.write(request);
        }
        Ok(())
    }
}

/// What is asked.
enum Call {
    Command(Command),
    Query(Query),
    Attend { session: u64 },
}

impl Call {
    fn read(request: &CallRequest) -> Option<Call> {
        match request.body.as_ref()? {
            call_request::Body::Command(bytes) => {
                decode_command(bytes.clone()).ok().map(Call::Command)
            }
            call_request::Body::Query(bytes) => decode_query(bytes.clone()).ok().map(Call::Query),
            call_request::Body::Attend(attend) => Some(Call::Attend {
                session: attend.session,
            }),
        }
    }

    /// In whose name it is asked.
    fn session(&self) -> Option<u64> {
        match self {
            Call::Command(command) => command.request.map(|request| request.session.0),
            Call::Query(query) => query.session().map(|session| session.0),
            Call::Attend { session } => Some(*session),
        }
    }

    fn squash(&mut self, squash: Squash) {
        match self {
            Call::Command(command) => command.squash(squash.credentials(), time_of_day()),
            Call::Query(query) => *query = query.clone().squashed(squash.credentials()),
            Call::Attend { .. } => {}
        }
    }

    /// Copies would answer without asking whether that user may have the answer.
    fn write(&self, request: &mut CallRequest) {
        request.keep = false;
        match self {
            Call::Command(command) => {
                request.body = Some(call_request::Body::Command(encode_command(command)));
            }
            Call::Query(query) => {
                request.body = Some(call_request::Body::Query(encode_query(query)));
            }
            Call::Attend { .. } => {}
        }
    }
}

fn needs_admin(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::SetQuota(_) | Operation::SetOwnerQuota(_) | Operation::CountOwners(_)
    )
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
