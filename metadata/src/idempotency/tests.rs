//! Retries and late duplicates against the whole state machine.

use std::ops::ControlFlow;

use super::*;
use crate::command::{Mkdir, OpenSession, Rmdir};
use crate::limits::SESSION_TEXT_BYTES_MAX;
use crate::ops::fixture::{Fixture, name};
use crate::outcome::{Answer, Reply, SessionInfo};
use crate::query::Query;
use crate::store::Engine;
use crate::types::{Credentials, InodeId, Mode, Timestamp};

fn request(session: u64, sequence: u64, acknowledged: u64) -> RequestId {
    RequestId {
        session: SessionId(session),
        sequence,
        acknowledged,
    }
}

fn command(request: RequestId, operation: Operation) -> Command {
    Command {
        request: Some(request),
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

fn mkdir(request: RequestId, text: &str) -> Command {
    let mkdir = Mkdir {
        parent: InodeId::ROOT,
        name: name(text),
        mode: Mode::new(0o755),
        umask: Mode::default(),
    };
    command(request, Operation::Mkdir(mkdir))
}

fn rmdir(request: RequestId, text: &str) -> Command {
    let rmdir = Rmdir {
        parent: InodeId::ROOT,
        name: name(text),
        seen: None,
    };
    command(request, Operation::Rmdir(rmdir))
}

/// What a leader without space proposes instead of a command.
fn refused(command: Command) -> Command {
    let operation = Operation::RefuseNoSpace;
    Command {
        operation,
        ..command
    }
}

fn open(session: u64) -> Command {
    let open = OpenSession {
        host: format!("host{session}"),
        process: 40,
        version: "1.2".to_owned(),
        mountpoint: "/mnt".to_owned(),
    };
    command(request(session, 0, 0), Operation::OpenSession(open))
}

fn close(session: u64) -> Command {
    command(request(session, 99, 0), Operation::CloseSession)
}

/// A volume with sessions 1 and 2.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    for session in [1, 2] {
        assert_eq!(run(&fixture, open(session)), Ok(Answer::Done));
    }
    fixture
}

fn run(fixture: &Fixture, command: Command) -> Outcome {
    fixture.machine.apply_next(&[command]).unwrap().remove(0)
}

/// Every outcome that is kept, as session and sequence.
fn remembered(fixture: &Fixture) -> Vec<(u64, u64)> {
    let (start, end) = keys::all(keys::Prefix::Request);
    let mut remembered = Vec::new();
    let view = fixture.machine.engine().view();
    view.scan(&start, &end, &mut |key, _| {
        let numbers = (keys::first_number(key), keys::second_number(key));
        remembered.push((numbers.0.unwrap(), numbers.1.unwrap()));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    remembered
}

fn sessions(fixture: &Fixture) -> Vec<SessionInfo> {
    match fixture.machine.query(&Query::Sessions) {
        Ok(Ok(Reply::Sessions(sessions))) => sessions,
        other => panic!("unexpected answer {other:?}"),
    }
}

#[test]
fn a_retry_is_answered_alike_and_takes_no_effect() {
    let fixture = fixture();
    let first = run(&fixture, mkdir(request(1, 1, 0), "a"));
    assert!(matches!(first, Ok(Answer::Entry { created: true, .. })));
    assert_eq!(run(&fixture, mkdir(request(1, 1, 0), "a")), first);
    assert_eq!(fixture.names(InodeId::ROOT), ["a"]);
}

#[test]
fn a_retry_that_finds_no_space_gets_the_answer_of_the_first_attempt() {
    let fixture = fixture();
    let command = mkdir(request(1, 1, 0), "a");
    let first = run(&fixture, command.clone());
    assert!(matches!(first, Ok(Answer::Entry { created: true, .. })));
    assert_eq!(run(&fixture, refused(command)), first);
}

#[test]
fn what_was_refused_for_want_of_space_stays_refused() {
    let fixture = fixture();
    let command = mkdir(request(1, 1, 0), "a");
    let no_space = Err(PosixError::NoSpace);
    assert_eq!(run(&fixture, refused(command.clone())), no_space);
    assert_eq!(run(&fixture, command), no_space, "there is space again");
    assert!(fixture.names(InodeId::ROOT).is_empty());
    let next = run(&fixture, mkdir(request(1, 2, 2), "a"));
    assert!(matches!(next, Ok(Answer::Entry { created: true, .. })));
    assert_eq!(remembered(&fixture), [(1, 2)]);
}

#[test]
fn a_retry_in_the_same_batch_is_answered_alike() {
    let fixture = fixture();
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
    let fixture = fixture();
    run(&fixture, mkdir(request(1, 1, 0), "a")).unwrap();
    let refused = run(&fixture, mkdir(request(1, 2, 0), "a"));
    assert_eq!(refused, Err(PosixError::Exists));
    run(&fixture, rmdir(request(1, 3, 0), "a")).unwrap();
    assert_eq!(run(&fixture, mkdir(request(1, 2, 0), "a")), refused);
}

#[test]
fn a_duplicate_after_its_outcome_was_acknowledged_does_not_run_again() {
    let fixture = fixture();
    run(&fixture, mkdir(request(1, 1, 0), "a")).unwrap();
    // The outcome has arrived, and a second run would succeed.
    run(&fixture, rmdir(request(1, 2, 2), "a")).unwrap();
    let before = fixture.machine.engine().view().get(&keys::volume());
    let late = run(&fixture, mkdir(request(1, 1, 0), "a"));
    assert_eq!(late, Err(PosixError::SessionGone));
    assert_eq!(fixture.names(InodeId::ROOT), Vec::<String>::new());
    assert_eq!(remembered(&fixture), [(1, 2)]);
    assert_ne!(fixture.machine.engine().view().get(&keys::volume()), before);
}

#[test]
fn a_duplicate_of_a_session_that_was_closed_does_not_run_again() {
    let fixture = fixture();
    run(&fixture, mkdir(request(1, 1, 0), "a")).unwrap();
    run(&fixture, rmdir(request(1, 2, 0), "a")).unwrap();
    assert_eq!(run(&fixture, close(1)), Ok(Answer::Done));
    // All that the session ever sent comes once more, and in the same order.
    assert_eq!(run(&fixture, open(1)), Err(PosixError::SessionGone));
    let late = run(&fixture, mkdir(request(1, 1, 0), "a"));
    assert_eq!(late, Err(PosixError::SessionGone));
    assert_eq!(fixture.names(InodeId::ROOT), Vec::<String>::new());
    assert_eq!(run(&fixture, close(1)), Ok(Answer::Done));
}

#[test]
fn a_session_that_was_never_opened_sends_nothing() {
    let fixture = fixture();
    let refused = run(&fixture, mkdir(request(3, 1, 0), "a"));
    assert_eq!(refused, Err(PosixError::SessionGone));
    assert_eq!(run(&fixture, close(3)), Err(PosixError::SessionGone));
    assert_eq!(fixture.names(InodeId::ROOT), Vec::<String>::new());
    assert_eq!(remembered(&fixture), []);
    assert_eq!(run(&fixture, open(3)), Ok(Answer::Done));
    run(&fixture, mkdir(request(3, 1, 0), "a")).unwrap();
}

#[test]
fn sessions_do_not_share_their_sequences() {
    let fixture = fixture();
    run(&fixture, mkdir(request(1, 1, 0), "a")).unwrap();
    run(&fixture, mkdir(request(2, 1, 0), "b")).unwrap();
    assert_eq!(fixture.names(InodeId::ROOT), ["a", "b"]);
}

#[test]
fn outcomes_that_arrived_are_forgotten_and_no_others() {
    // Few are removed one by one, many are looked for.
    for step in [1, BLIND_REMOVALS_MAX] {
        let fixture = fixture();
        for number in 1..=4 {
            let text = number.to_string();
            run(&fixture, mkdir(request(1, number * step, 0), &text)).unwrap();
        }
        run(&fixture, mkdir(request(2, 1, 0), "other")).unwrap();
        run(&fixture, mkdir(request(1, 5 * step, 3 * step), "5")).unwrap();
        let kept = [3, 4, 5].map(|number| (1, number * step));
        assert_eq!(remembered(&fixture), [&kept[..], &[(2, 1)]].concat());
        assert_eq!(sessions(&fixture)[0].acknowledged, 3 * step);
    }
}

#[test]
fn what_was_acknowledged_stays_acknowledged() {
    let fixture = fixture();
    run(&fixture, mkdir(request(1, 7, 6), "a")).unwrap();
    // Overtaken on its way: it was sent before.
    run(&fixture, mkdir(request(1, 6, 2), "b")).unwrap();
    assert_eq!(sessions(&fixture)[0].acknowledged, 6);
    let late = run(&fixture, mkdir(request(1, 5, 2), "c"));
    assert_eq!(late, Err(PosixError::SessionGone));
}

#[test]
fn a_request_does_not_acknowledge_itself() {
    let fixture = fixture();
    let first = run(&fixture, mkdir(request(1, 4, u64::MAX), "a"));
    assert_eq!(sessions(&fixture)[0].acknowledged, 4);
    assert_eq!(run(&fixture, mkdir(request(1, 4, u64::MAX), "a")), first);
}

#[test]
fn sessions_are_listed_until_they_are_closed() {
    let fixture = fixture();
    // A retry of opening changes nothing.
    run(&fixture, mkdir(request(2, 5, 5), "a")).unwrap();
    assert_eq!(run(&fixture, open(2)), Ok(Answer::Done));
    run(&fixture, close(1)).unwrap();
    let expected = SessionInfo {
        session: SessionId(2),
        acknowledged: 5,
        opened: Timestamp::default(),
        host: "host2".to_owned(),
        process: 40,
        version: "1.2".to_owned(),
        mountpoint: "/mnt".to_owned(),
    };
    assert_eq!(sessions(&fixture), [expected]);
    assert_eq!(remembered(&fixture), [(2, 5)]);
}

#[test]
fn a_session_is_opened_by_a_request_with_texts_of_a_bounded_length() {
    let fixture = fixture();
    let anonymous = Command {
        request: None,
        ..open(3)
    };
    assert_eq!(run(&fixture, anonymous), Err(PosixError::InvalidArgument));
    let described = |length| {
        let open = OpenSession {
            host: "h".repeat(length),
            process: 1,
            version: "v".repeat(length),
            mountpoint: "m".repeat(length),
        };
        command(request(3, 0, 0), Operation::OpenSession(open))
    };
    let refused = run(&fixture, described(SESSION_TEXT_BYTES_MAX + 1));
    assert_eq!(refused, Err(PosixError::InvalidArgument));
    run(&fixture, described(SESSION_TEXT_BYTES_MAX)).unwrap();
    assert_eq!(sessions(&fixture)[2].version.len(), SESSION_TEXT_BYTES_MAX);
}

#[test]
fn a_session_is_opened_again_by_its_own_mount_only() {
    let fixture = fixture();
    let open_at = |mountpoint: &str| {
        let open = OpenSession {
            host: "h".to_owned(),
            process: 1,
            version: "v".to_owned(),
            mountpoint: mountpoint.to_owned(),
        };
        command(request(3, 0, 0), Operation::OpenSession(open))
    };
    run(&fixture, open_at("/a")).unwrap();
    run(&fixture, open_at("/a")).unwrap();
    assert_eq!(run(&fixture, open_at("/b")), Err(PosixError::SessionGone));
    // The same image in another container.
    let later = Command {
        now: Timestamp::new(1_000_000, 1).unwrap(),
        ..open_at("/a")
    };
    assert_eq!(run(&fixture, later), Err(PosixError::SessionGone));
    assert_eq!(sessions(&fixture)[2].mountpoint, "/a");
}

#[test]
fn the_greatest_session_is_closed_like_any_other() {
    let fixture = fixture();
    run(&fixture, open(u64::MAX)).unwrap();
    run(&fixture, mkdir(request(u64::MAX, u64::MAX, 0), "a")).unwrap();
    run(&fixture, mkdir(request(1, 1, 0), "b")).unwrap();
    run(&fixture, close(u64::MAX)).unwrap();
    assert_eq!(remembered(&fixture), [(1, 1)]);
}

#[test]
fn a_command_without_a_request_leaves_no_record() {
    let fixture = fixture();
    let command = Command {
        request: None,
        ..mkdir(request(1, 1, 0), "a")
    };
    run(&fixture, command).unwrap();
    assert_eq!(remembered(&fixture), []);
}
