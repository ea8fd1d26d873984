//! Nodes that share one state machine, as if everything were replicated at once.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{
    Command, Format, MemoryEngine, OpenSession, Operation, Outcome, RequestId, SessionId,
    StateMachine, Timestamp,
};
use holdfast_proto::{
    CallRequest, call_request, decode_command, decode_query, encode_outcome, encode_reply,
};
use parking_lot::Mutex;

use super::super::options::Timing;
use super::super::{RemoteOptions, RemoteReplicator};
use crate::call::testing::{FakeNode, Reaction};
use crate::replicator::PosixMetadataReplicator;
use crate::testing::{block_on, command};

/// The state that all nodes have.
#[derive(Clone)]
pub(super) struct State(Arc<Mutex<StateMachine<MemoryEngine>>>);

impl State {
    pub(super) fn new() -> State {
        let format = Format::of_root(1, Timestamp::default());
        let machine = StateMachine::open(MemoryEngine::new(), format).unwrap();
        State(Arc::new(Mutex::new(machine)))
    }

    pub(super) fn apply(&self, command: &Command) -> Outcome {
        let outcomes = self.0.lock().apply_next(std::slice::from_ref(command));
        outcomes.unwrap().pop().unwrap()
    }

    /// As the contract opens one.
    pub(super) fn open_session(&self, session: u64) {
        let open = Operation::OpenSession(OpenSession {
            host: "host".to_owned(),
            process: 1,
            version: "1".to_owned(),
            mountpoint: "/mnt".to_owned(),
        });
        let request = RequestId {
            session: SessionId(session),
            sequence: 0,
            acknowledged: 0,
        };
        let open = Command {
            request: Some(request),
            ..command(open)
        };
        assert!(self.apply(&open).is_ok());
    }

    /// Ends a session behind the back of its mount.
    pub(super) fn expire(&self, session: SessionId) {
        let request = RequestId {
            session,
            sequence: 0,
            acknowledged: 0,
        };
        let close = Command {
            request: Some(request),
            ..command(Operation::CloseSession)
        };
        assert!(self.apply(&close).is_ok());
    }

    /// What a node that leads does.
    pub(super) fn answer(&self, request: &CallRequest) -> Reaction {
        match request.body.clone().unwrap() {
            call_request::Body::Command(bytes) => {
                let command = decode_command(bytes).unwrap();
                Reaction::Outcome(encode_outcome(&self.apply(&command)))
            }
            call_request::Body::Query(bytes) => {
                let query = decode_query(bytes).unwrap();
                let reply = self.0.lock().query(&query).unwrap();
                Reaction::Reply(encode_reply(reply))
            }
            call_request::Body::Attend(_) => Reaction::Silence,
        }
    }

    /// A node that leads.
    pub(super) fn leader(&self) -> FakeNode {
        let state = self.clone();
        FakeNode::start(move |request| state.answer(request))
    }
}

/// Short where something is waited for, and otherwise as in real life.
pub(super) fn timing() -> Timing {
    Timing {
        tick: Duration::from_millis(10),
        stop_max: Duration::from_millis(300),
        ..Timing::default()
    }
}

pub(super) fn options(nodes: &[&FakeNode]) -> RemoteOptions {
    let addresses = nodes.iter().map(|node| node.address.clone());
    RemoteOptions::new(addresses.collect(), "volume")
}

pub(super) fn connect(nodes: &[&FakeNode]) -> RemoteReplicator {
    started(options(nodes), timing())
}

pub(super) fn started(options: RemoteOptions, timing: Timing) -> RemoteReplicator {
    let replicator = RemoteReplicator::connect_with(options, timing, None).unwrap();
    block_on(replicator.start()).unwrap();
    replicator
}

/// The command in a request, if it is one that a program asked for.
pub(super) fn operation_in(request: &CallRequest) -> Option<Command> {
    let Some(call_request::Body::Command(bytes)) = request.body.clone() else {
        return None;
    };
    let command = decode_command(bytes).unwrap();
    let is_session = matches!(
        command.operation,
        Operation::OpenSession(_) | Operation::CloseSession
    );
    (!is_session).then_some(command)
}

/// The ids of the commands that a node was sent.
pub(super) fn ids(node: &FakeNode) -> Vec<RequestId> {
    let commands = node.seen();
    let commands = commands.iter().filter_map(operation_in);
    commands.filter_map(|command| command.request).collect()
}
