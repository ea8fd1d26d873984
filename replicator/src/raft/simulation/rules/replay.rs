//! The committed entries, applied once more to a machine in memory that sees each request once.

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

use holdfast_metadata::{
    Answer, Command, Digest, Engine, LogIndex, MemoryEngine, Operation, Outcome, Position,
    PosixError, Query, Reply, SessionId, StateMachine, digest,
};
use holdfast_proto::ProposalBody;
use openraft::EntryPayload;

use super::{Effects, key};
use crate::raft::simulation::node::FORMAT;
use crate::raft::simulation::tally::Tally;
use crate::raft::type_config::{Entry, Proposal};

pub(super) struct Replay {
    machine: StateMachine<MemoryEngine>,
    /// The first outcome of each request.
    pub(super) effects: Effects,
    /// Sessions that were closed or expired.
    pub(super) ended: BTreeSet<SessionId>,
    /// What happened in it how often.
    pub(super) tally: Tally,
    next: u64,
}

impl Replay {
    pub(super) fn new() -> Replay {
        Replay {
            machine: StateMachine::open(MemoryEngine::new(), FORMAT).unwrap(),
            effects: BTreeMap::new(),
            ended: BTreeSet::new(),
            tally: Tally::default(),
            next: 0,
        }
    }

    /// With what the position has besides the index.
    pub(super) fn apply(&mut self, entry: &Entry, record: Bytes) -> Result<(), String> {
        let index = entry.log_id.index;
        if index != self.next {
            return Err(format!("entry {} is committed nowhere", self.next));
        }
        self.next += 1;
        let command = match &entry.payload {
            EntryPayload::Blank | EntryPayload::Membership(_) => None,
            EntryPayload::Normal(Proposal(bytes)) => match decode(bytes.clone())? {
                ProposalBody::Command(command) => Some(command),
                ProposalBody::Catalog(_) => return Err("a command of the catalog".to_owned()),
            },
        };
        let position = Position {
            index: LogIndex(index + 1),
            record,
        };
        let Some(command) = command else {
            return self.run(position, &[]).map(drop);
        };
        if matches!(command.operation, Operation::ExpireSession(_)) {
            self.tally.count("expiries");
        }
        let of = command.operation.term();
        if of.is_some_and(|of| of != entry.log_id.leader_id.term) {
            // Whoever decided that did not lead any more: it counts for nothing.
            self.tally.count("decisions of a past term");
            return self.run(position, &[]).map(drop);
        }
        let ended = match (&command.operation, command.request) {
            (Operation::ExpireSession(expired), _) => Some(expired.session),
            (Operation::CloseSession, Some(request)) => Some(request.session),
            _ => None,
        };
        self.ended.extend(ended);
        let of_sessions = matches!(
            command.operation,
            Operation::OpenSession(_) | Operation::CloseSession
        );
        if let Some(request) = command.request
            && !of_sessions
        {
            let known = self.effects.get(&key(request));
            if known.is_some_and(|(_, outcome)| *outcome != Err(PosixError::SessionGone)) {
                // It had its effect.
                return self.run(position, &[]).map(drop);
            }
            let outcome = self.run(position, &[command])?;
            self.effects.insert(key(request), (index, outcome));
        } else {
            let request = command.request;
            let outcome = self.run(position, &[command])?;
            if let Some(request) = request {
                self.effects.insert(key(request), (index, outcome));
            }
        }
        Ok(())
    }

    fn run(&self, position: Position, commands: &[Command]) -> Result<Outcome, String> {
        let applied = self.machine.apply_at(position, commands);
        let applied = applied.map_err(|fault| fault.to_string())?;
        let outcome = applied.outcomes.into_iter().next();
        Ok(outcome.unwrap_or(Ok(Answer::Done)))
    }

    pub(super) fn answer(&self, query: &Query) -> Result<Reply, PosixError> {
        self.machine.query(query).unwrap()
    }

    /// The state that comes of each request once.
    pub(super) fn digest(&self) -> Digest {
        digest(&self.machine.engine().view()).unwrap()
    }
}

fn decode(bytes: Bytes) -> Result<ProposalBody, String> {
    holdfast_proto::decode_proposal(bytes).map_err(|error| error.to_string())
}
