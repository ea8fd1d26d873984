//! Retries against the whole state machine.

use super::*;
use crate::command::{Command, Mkdir, Operation, Rmdir};
use crate::ops::fixture::{Fixture, name};
use crate::outcome::{Answer, PosixError};
use crate::store::Engine;
use crate::types::{Credentials, InodeId, Mode, SessionId, Timestamp};

fn request(session: u64, sequence: u64, acknowledged: u64) -> RequestId {
    RequestId {
        session: SessionId(session),
        sequence,
        acknowledged,
    }
}

fn mkdir(request: RequestId, text: &str) -> Command {
    Command {
        request: Some(request),
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        operation: Operation::Mkdir(Mkdir {
            parent: InodeId::ROOT,
            name: name(text),
            mode: Mode::new(0o755),
            umask: Mode::default(),
        }),
    }
}

fn run(fixture: &Fixture, command: Command) -> Outcome {
    fixture.machine.apply_next(&[command]).unwrap().remove(0)
}

fn remembers(fixture: &Fixture, request: RequestId) -> bool {
    recall(&fixture.machine.engine().view(), request)
        .unwrap()
        .is_some()
}

#[test]
fn a_retry_is_answered_alike_and_takes_no_effect() {
    let fixture = Fixture::new();
    let first = run(&fixture, mkdir(request(1, 1, 0), "a"));
    assert!(matches!(first, Ok(Answer::Entry { created: true, .. })));
    assert_eq!(run(&fixture, mkdir(request(1, 1, 0), "a")), first);
    assert_eq!(fixture.names(InodeId::ROOT), ["a"]);
}

#[test]
fn a_retry_in_the_same_batch_is_answered_alike() {
    let fixture = Fixture::new();
    let command = mkdir(request(1, 1, 0), "a");
    let outcomes = fixture
        .machine
        .apply_next(&[command.clone(), command])
        .unwrap();
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[0], outcomes[1]);
}

#[test]
fn an_error_is_remembered_too() {
    let fixture = Fixture::new();
    run(&fixture, mkdir(request(1, 1, 0), "a")).unwrap();
    let refused = run(&fixture, mkdir(request(1, 2, 0), "a"));
    assert_eq!(refused, Err(PosixError::Exists));
    let rmdir = Operation::Rmdir(Rmdir {
        parent: InodeId::ROOT,
        name: name("a"),
    });
    let command = Command {
        operation: rmdir,
        ..mkdir(request(1, 3, 0), "a")
    };
    run(&fixture, command).unwrap();
    assert_eq!(run(&fixture, mkdir(request(1, 2, 0), "a")), refused);
}

#[test]
fn sessions_do_not_share_their_sequences() {
    let fixture = Fixture::new();
    run(&fixture, mkdir(request(1, 1, 0), "a")).unwrap();
    run(&fixture, mkdir(request(2, 1, 0), "b")).unwrap();
    assert_eq!(fixture.names(InodeId::ROOT), ["a", "b"]);
}

#[test]
fn outcomes_that_arrived_are_forgotten_and_no_others() {
    let fixture = Fixture::new();
    for sequence in 1..=4 {
        run(
            &fixture,
            mkdir(request(1, sequence, 0), &sequence.to_string()),
        )
        .unwrap();
    }
    run(&fixture, mkdir(request(2, 1, 0), "other")).unwrap();
    run(&fixture, mkdir(request(1, 5, 3), "5")).unwrap();
    let remembered: Vec<u64> = (1..=5)
        .filter(|sequence| remembers(&fixture, request(1, *sequence, 0)))
        .collect();
    assert_eq!(remembered, [3, 4, 5]);
    assert!(remembers(&fixture, request(2, 1, 0)));
}

#[test]
fn a_command_without_a_request_leaves_no_record() {
    let fixture = Fixture::new();
    let command = Command {
        request: None,
        ..mkdir(request(1, 1, 0), "a")
    };
    run(&fixture, command).unwrap();
    let (start, end) = keys::all(keys::Prefix::Request);
    let view = fixture.machine.engine().view();
    let mut records = 0;
    view.scan(&start, &end, &mut |_, _| {
        records += 1;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(records, 0);
}
