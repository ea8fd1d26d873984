//! What may be kept, who changes it, and that it answers again what it answered.

use std::collections::BTreeMap;

use super::*;
use crate::command::{Command, Create, Mkdir, Operation, Unlink};
use crate::ops::fixture::{Fixture, name, of_session, open_session};
use crate::types::{Credentials, LogIndex, Mode, Position};

/// Copies without a record that was never kept.
#[derive(Default)]
struct Kept(BTreeMap<Vec<u8>, Option<Bytes>>);

impl View for Kept {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        match self.0.get(key) {
            Some(Some(value)) => {
                visit(value);
                Ok(true)
            }
            Some(None) => Ok(false),
            None => Err(Fault::Io("missing".to_owned())),
        }
    }

    fn scan(&self, _: &[u8], _: &[u8], _: &mut Visit<'_>) -> Result<(), Fault> {
        Err(Fault::Io("missing".to_owned()))
    }

    fn scan_back(&self, _: &[u8], _: &[u8], _: &mut Visit<'_>) -> Result<(), Fault> {
        Err(Fault::Io("missing".to_owned()))
    }
}

fn create(text: &str) -> Operation {
    Operation::Create(Create {
        parent: InodeId::ROOT,
        name: name(text),
        mode: Mode::new(0o644),
        umask: Mode::default(),
        exclusive: true,
    })
}

#[derive(Default)]
struct Heard(RefCell<(Touches, Vec<Record>)>);

impl Witness for Heard {
    fn listens(&self) -> bool {
        true
    }

    fn touched(&self, touches: &Touches, batch: &Batch) {
        let inodes = touches.iter().map(|(ino, _)| ino);
        let records = inodes.flat_map(|ino| changes_of(batch, ino)).collect();
        *self.0.borrow_mut() = (touches.clone(), records);
    }
}

/// What the witness hears of one batch.
fn witnessed(fixture: &Fixture, index: u64, commands: &[Command]) -> (Touches, Vec<Record>) {
    let witness = Heard::default();
    let position = Position {
        index: LogIndex(index),
        record: Bytes::new(),
    };
    let applied = fixture
        .machine
        .apply_before(position, commands, Some(&witness));
    applied.unwrap();
    witness.0.into_inner()
}

#[test]
fn what_a_query_has_read_answers_it_again() {
    let mut fixture = Fixture::new();
    let ino = fixture.create(InodeId::ROOT, "there");
    for query in [
        Query::Lookup {
            parent: InodeId::ROOT,
            name: name("there"),
        },
        Query::Lookup {
            parent: InodeId::ROOT,
            name: name("missing"),
        },
        Query::Attributes { ino },
        Query::Attributes {
            ino: InodeId::new(4711),
        },
        Query::Parent { ino: InodeId::ROOT },
        Query::GetXattr {
            ino,
            name: b"system.posix_acl_access".as_slice().into(),
        },
        Query::Access {
            ino,
            mask: 7,
            credentials: Credentials::ROOT,
        },
    ] {
        assert!(may_keep(&query), "{query:?}");
        let mut kept = Kept::default();
        assert!(answer(&kept, &query).is_err(), "{query:?}: nothing is kept");
        let keep = |records: Vec<Record>| kept.0.extend(records);
        let answered = fixture.machine.query_and_keep(&query, keep).unwrap();
        assert_eq!(fixture.machine.query(&query).unwrap(), answered);
        assert_eq!(answer(&kept, &query).unwrap(), answered, "{query:?}");
    }
}

#[test]
fn what_is_read_by_a_scan_is_not_kept() {
    let fixture = Fixture::new();
    let query = Query::ReadDirectory {
        ino: InodeId::ROOT,
        after: Cookie::START,
        entries_max: 10,
        with_attributes: false,
    };
    assert!(!may_keep(&query) && !may_keep(&Query::Statistics));
    let keep = |records: Vec<Record>| assert_eq!(records, []);
    let listed = fixture.machine.query_and_keep(&query, keep).unwrap();
    assert!(listed.is_ok());
}

#[test]
fn a_witness_hears_who_touches_what_and_not_what_was_refused() {
    let mut fixture = Fixture::new();
    fixture.create(InodeId::ROOT, "old");
    let (touches, _) = witnessed(
        &fixture,
        100,
        &[
            of_session(3, 0, open_session()),
            of_session(4, 0, open_session()),
        ],
    );
    assert!(touches.is_empty());
    let unlink = Operation::Unlink(Unlink {
        parent: InodeId::ROOT,
        name: name("old"),
    });
    let commands = [
        of_session(3, 1, create("new")),
        of_session(4, 1, create("new")),
        of_session(4, 2, unlink),
    ];
    let (touches, records) = witnessed(&fixture, 101, &commands);
    let by: Vec<Vec<u64>> = touches
        .iter()
        .map(|(_, sessions)| sessions.iter().map(|session| session.0).collect())
        .collect();
    assert_eq!(by, [vec![3, 4], vec![4], vec![3]], "root, old, new");
    for text in ["old", "new"] {
        let key = keys::dentry(InodeId::ROOT, text.as_bytes());
        let (_, value) = records.iter().find(|(changed, _)| *changed == key).unwrap();
        assert_eq!(value.is_some(), text == "new");
    }
    let again = [of_session(3, 1, create("new"))];
    let (touches, _) = witnessed(&fixture, 102, &again);
    assert!(touches.is_empty(), "a retry changes nothing");
}

#[test]
fn only_a_directory_that_never_had_an_entry_is_fresh() {
    let mut fixture = Fixture::new();
    let record = |fixture: &Fixture, ino| {
        let mut record = None;
        let keep = |records: Vec<Record>| record = records[0].1.clone();
        let query = Query::Attributes { ino };
        fixture
            .machine
            .query_and_keep(&query, keep)
            .unwrap()
            .unwrap();
        record.unwrap()
    };
    assert!(is_fresh_directory(&record(&fixture, InodeId::ROOT)));
    let file = fixture.create(InodeId::ROOT, "file");
    assert!(!is_fresh_directory(&record(&fixture, InodeId::ROOT)));
    assert!(!is_fresh_directory(&record(&fixture, file)));
    assert!(!is_fresh_directory(b"no record"));
    let (_, records) = witnessed(
        &fixture,
        100,
        &[Command {
            request: None,
            ..of_session(
                0,
                0,
                Operation::Mkdir(Mkdir {
                    parent: InodeId::ROOT,
                    name: name("directory"),
                    mode: Mode::new(0o755),
                    umask: Mode::default(),
                }),
            )
        }],
    );
    let fresh = records.iter().filter_map(|(_, value)| value.as_ref());
    assert_eq!(fresh.filter(|value| is_fresh_directory(value)).count(), 1);
}
