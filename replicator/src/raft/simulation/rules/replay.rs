//! The committed entries, applied once more to a machine in memory that sees each request once.

use bytes::Bytes;
use std::collections::BTreeMap;

use holdfast_metadata::{
    Digest, Engine, LogIndex, MemoryEngine, Operation, Position, PosixError, Query, Reply,
    StateMachine, digest, load_position,
};
use holdfast_proto::ProposalBody;
use openraft::EntryPayload;

use super::{Effects, key};
use crate::raft::machine::Machine;
use crate::raft::machine::of_term::of_term;
use crate::raft::simulation::node::FORMAT;
use crate::raft::type_config::{Entry, Proposal};

pub(super) struct Replay {
    machine: StateMachine<MemoryEngine>,
    /// The first outcome of each request.
    pub(super) effects: Effects,
    next: u64,
}

impl Replay {
    pub(super) fn new() -> Replay {
        Replay {
            machine: StateMachine::open(MemoryEngine::new(), FORMAT).unwrap(),
            effects: BTreeMap::new(),
            next: 0,
        }
    }

    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        let index = entry.log_id.index;
        if index != self.next {
            return Err(format!("entry {} is committed nowhere", self.next));
        }
        self.next += 1;
        let commands = match &entry.payload {
            EntryPayload::Blank | EntryPayload::Membership(_) => Vec::new(),
            EntryPayload::Normal(Proposal(bytes)) => match decode(bytes.clone())? {
                ProposalBody::Command(command) => {
                    vec![of_term(command, entry.log_id.leader_id.term)]
                }
                ProposalBody::Catalog(_) => return Err("a command of the catalog".to_owned()),
            },
        };
        let position = |index| Position {
            index: LogIndex(index + 1),
            record: Bytes::new(),
        };
        let Some(command) = commands.into_iter().next() else {
            return self.run(position(index), &[]).map(drop);
        };
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
                return self.run(position(index), &[]).map(drop);
            }
            let outcome = self.run(position(index), &[command])?;
            self.effects.insert(key(request), (index, outcome));
        } else {
            let request = command.request;
            let outcome = self.run(position(index), &[command])?;
            if let Some(request) = request {
                self.effects.insert(key(request), (index, outcome));
            }
        }
        Ok(())
    }

    fn run(
        &self,
        position: Position,
        commands: &[holdfast_metadata::Command],
    ) -> Result<holdfast_metadata::Outcome, String> {
        let applied = self.machine.apply_at(position, commands);
        let applied = applied.map_err(|fault| fault.to_string())?;
        let outcome = applied.outcomes.into_iter().next();
        Ok(outcome.unwrap_or(Ok(holdfast_metadata::Answer::Done)))
    }

    pub(super) fn answer(&self, query: &Query) -> Result<Reply, PosixError> {
        self.machine.query(query).unwrap()
    }

    /// A node that has applied everything has the state that comes of each request once.
    pub(super) fn check_final(&self, machine: &Machine) -> Result<(), String> {
        let Machine::Volume(volume) = machine else {
            return Err("not a volume".to_owned());
        };
        let record = load_position(&volume.engine().view()).map_err(|fault| fault.to_string())?;
        let position = Position {
            index: LogIndex(self.next),
            record: record.unwrap_or_default(),
        };
        // It differs only in what a position has besides the index.
        let applied = self.machine.apply_at(position, &[]);
        applied.map_err(|fault| fault.to_string())?;
        let expected: Digest = digest(&self.machine.engine().view()).unwrap();
        let found = digest(&volume.engine().view()).unwrap();
        if expected == found {
            Ok(())
        } else {
            Err(format!(
                "the state is {found}, and each request once makes {expected}"
            ))
        }
    }
}

fn decode(bytes: Bytes) -> Result<ProposalBody, String> {
    holdfast_proto::decode_proposal(bytes).map_err(|error| error.to_string())
}
