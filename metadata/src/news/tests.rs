//! Who applies hears what happened.

use bytes::Bytes;

use super::News;
use crate::command::{Command, ExpireSession, Operation, Unlink};
use crate::ops::fixture::{Fixture, name, of_session, open_session};
use crate::outcome::PosixError;
use crate::state_machine::Applied;
use crate::types::{InodeId, LogIndex, Position, SessionId};

fn apply(fixture: &Fixture, commands: &[Command]) -> Applied {
    let position = Position {
        index: LogIndex(100),
        record: Bytes::new(),
    };
    fixture.machine.apply_at(position, commands).unwrap()
}

#[test]
fn whoever_applies_at_a_position_hears_what_happened_and_not_what_was_refused() {
    let mut fixture = Fixture::new();
    let file = fixture.create(InodeId::ROOT, "name");
    let unlink = || {
        Operation::Unlink(Unlink {
            parent: InodeId::ROOT,
            name: name("name"),
        })
    };
    let expire = Operation::ExpireSession(ExpireSession {
        session: SessionId(3),
        term: 1,
    });
    let commands = [
        of_session(3, 0, open_session()),
        of_session(3, 0, open_session()),
        of_session(3, 1, unlink()),
        of_session(3, 2, unlink()),
        Command {
            request: None,
            ..of_session(3, 0, expire.clone())
        },
        of_session(3, 0, expire),
        of_session(3, 0, Operation::CloseSession),
    ];
    let applied = apply(&fixture, &commands);
    let refused = applied.outcomes.iter().map(Result::is_err);
    assert_eq!(refused.filter(|refused| *refused).count(), 1);
    let news = [
        News::SessionOpened(SessionId(3)),
        News::Orphaned(file),
        News::SessionEnded(SessionId(3)),
    ];
    assert_eq!(applied.news, news);
}

#[test]
fn a_command_of_a_past_term_changes_nothing_and_says_so() {
    let fixture = Fixture::new();
    let commands = [
        of_session(3, 0, open_session()),
        Command {
            request: None,
            ..of_session(3, 0, Operation::RefusePastTerm)
        },
    ];
    let applied = apply(&fixture, &commands);
    assert_eq!(applied.outcomes[1], Err(PosixError::PastTerm));
    assert_eq!(applied.news, [News::SessionOpened(SessionId(3))]);
}
