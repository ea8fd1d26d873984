//! Random requests around random commands: retries, late duplicates, sessions that come and go.

use holdfast_metadata::{
    Command, Credentials, ExpireSession, OpenSession, Operation, RequestId, SessionId,
};
use proptest::prelude::*;

use super::commands;

/// What is sent beside a command.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The command, as a request of this session that acknowledges all but this many; perhaps it is first
    /// refused for want of space.
    Request(u64, u64, bool),
    /// A command that was sent before, once more.
    Again(usize),
    /// The request of a command that was sent before, refused for want of space.
    Refused(usize),
    /// The session is opened, or opened again.
    Open(u64),
    /// The session is closed, or closed again.
    Close(u64),
    /// The leader has not heard of the session.
    Expire(u64),
}

/// As [`commands`], sent by sessions 1 to 3, of which one is not there at first.
pub(crate) fn requests(length: usize) -> impl Strategy<Value = Vec<Command>> {
    let steps = prop::collection::vec(step(), length);
    (commands(length), steps).prop_map(|(commands, steps)| {
        let mut sent: Vec<Command> = [1, 2]
            .map(|session| of_session(session, open_session()))
            .into();
        let mut sequences = [0_u64; 4];
        let mut steps = steps.into_iter();
        for command in commands {
            loop {
                match steps.next().unwrap_or(Step::Request(1, 3, false)) {
                    Step::Request(session, waiting, refused_first) => {
                        let last = &mut sequences[session as usize];
                        *last += 1;
                        let request = Some(RequestId {
                            session: SessionId(session),
                            sequence: *last,
                            acknowledged: (*last + 2).saturating_sub(waiting),
                        });
                        let command = Command { request, ..command };
                        if refused_first {
                            sent.push(refused(&command));
                        }
                        sent.push(command);
                        break;
                    }
                    Step::Again(place) => sent.push(sent[place % sent.len()].clone()),
                    Step::Refused(place) => sent.push(refused(&sent[place % sent.len()])),
                    Step::Open(session) => sent.push(of_session(session, open_session())),
                    Step::Close(session) => sent.push(of_session(session, Operation::CloseSession)),
                    Step::Expire(session) => sent.push(expire(session)),
                }
            }
        }
        sent
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (1..=3_u64, 0..=4_u64, prop::bool::weighted(0.1))
            .prop_map(|(session, waiting, refused)| Step::Request(session, waiting, refused)),
        10 => any::<usize>().prop_map(Step::Again),
        4 => any::<usize>().prop_map(Step::Refused),
        1 => (1..=3_u64).prop_map(Step::Open),
        1 => (1..=3_u64).prop_map(Step::Close),
        1 => (1..=3_u64).prop_map(Step::Expire),
    ]
}

/// The leader has not heard of the session.
pub(super) fn expire(session: u64) -> Command {
    Command {
        request: None,
        ..of_session(
            session,
            Operation::ExpireSession(ExpireSession {
                session: SessionId(session),
                term: 1,
            }),
        )
    }
}

/// What a leader without space proposes instead.
fn refused(command: &Command) -> Command {
    Command {
        operation: Operation::RefuseNoSpace,
        ..command.clone()
    }
}

pub(super) fn of_session(session: u64, operation: Operation) -> Command {
    Command {
        request: Some(RequestId {
            session: SessionId(session),
            sequence: 0,
            acknowledged: 0,
        }),
        now: super::time_of(0),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

pub(crate) fn open_session() -> Operation {
    Operation::OpenSession(OpenSession {
        host: "host".to_owned(),
        process: 1,
        version: "1".to_owned(),
        mountpoint: "/mnt".to_owned(),
    })
}
