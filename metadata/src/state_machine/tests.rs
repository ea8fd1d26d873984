//! Queries beside commands: each sees the state of one moment, and none goes back in time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::command::{Create, Operation, Reclaim, Unlink};
use crate::outcome::{Answer, DirectoryEntry};
use crate::store::{MemoryEngine, Visit};
use crate::types::{Credentials, FileName};

const ROUNDS: i64 = 2_000;

fn machine<E: Engine>(engine: E) -> StateMachine<E> {
    let format = Format::of_root(1, Timestamp::default());
    StateMachine::open(engine, format).unwrap()
}

fn name() -> FileName {
    FileName::new(b"name").unwrap()
}

fn run<E: Engine>(machine: &StateMachine<E>, seconds: i64, operation: Operation) -> Answer {
    let command = Command {
        request: None,
        now: Timestamp {
            seconds,
            nanoseconds: 0,
        },
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    };
    machine.apply_next(&[command]).unwrap().remove(0).unwrap()
}

fn create<E: Engine>(machine: &StateMachine<E>, seconds: i64) {
    let create = Create {
        parent: InodeId::ROOT,
        name: name(),
        mode: Mode::new(0o644),
        umask: Mode::default(),
        exclusive: true,
    };
    run(machine, seconds, Operation::Create(create));
}

/// Takes the name of the file away and gives its space back.
fn remove<E: Engine>(machine: &StateMachine<E>, seconds: i64) {
    let unlink = Unlink {
        parent: InodeId::ROOT,
        name: name(),
    };
    let Answer::Removed { ino, orphaned } = run(machine, seconds, Operation::Unlink(unlink)) else {
        panic!("unlink answers what it removed");
    };
    assert!(orphaned);
    let inodes = vec![ino];
    let term = None;
    run(
        machine,
        seconds,
        Operation::Reclaim(Reclaim { inodes, term }),
    );
}

fn attributes_of<E: Engine>(machine: &StateMachine<E>, query: &Query) -> Option<(i64, u32)> {
    match machine.query(query).unwrap() {
        Ok(Reply::Attributes(attributes)) => Some((attributes.mtime.seconds, attributes.nlink)),
        Err(PosixError::NotFound) => None,
        other => panic!("unexpected answer {other:?}"),
    }
}

/// How many names there are, from a snapshot.
fn listed<E: Engine>(machine: &StateMachine<E>) -> usize {
    let query = Query::ReadDirectory {
        ino: InodeId::ROOT,
        after: Cookie::START,
        entries_max: 10,
        with_attributes: true,
    };
    match machine.query(&query).unwrap() {
        Ok(Reply::Directory { entries, .. }) => {
            let named = |entry: &&DirectoryEntry| entry.cookie >= Cookie::FIRST;
            entries.iter().filter(named).count()
        }
        other => panic!("unexpected answer {other:?}"),
    }
}

fn read_beside_writes<E: Engine>(engine: E) {
    let machine = machine(engine);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                create(&machine, round);
                remove(&machine, round);
            }
            done.store(true, Ordering::Release);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let root = Query::Attributes { ino: InodeId::ROOT };
                let lookup = Query::Lookup {
                    parent: InodeId::ROOT,
                    name: name(),
                };
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    let (changed, _) = attributes_of(&machine, &root).unwrap();
                    assert!(changed >= last, "{changed} after {last}");
                    let found = attributes_of(&machine, &lookup);
                    assert!(found.is_none_or(|(made, nlink)| made >= changed && nlink == 1));
                    assert!(listed(&machine) <= 1);
                    last = changed;
                }
            });
        }
    });
    assert_eq!(machine.applied(), LogIndex(ROUNDS as u64 * 3));
}

#[test]
fn queries_beside_commands_see_one_moment_in_memory() {
    read_beside_writes(MemoryEngine::new());
}

#[cfg(feature = "rocksdb")]
#[test]
fn queries_beside_commands_see_one_moment_on_disk() {
    use crate::store::{RocksEngine, RocksOptions};
    let directory = tempfile::tempdir().unwrap();
    let engine = RocksEngine::create(directory.path(), &RocksOptions::default()).unwrap();
    read_beside_writes(engine);
}

/// Lets something happen after the first dentry that is read without a snapshot.
#[derive(Default)]
struct Interfering {
    inner: MemoryEngine,
    event: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

enum InterferingView<'a> {
    Snapshot(<MemoryEngine as Engine>::View<'a>),
    Latest(&'a Interfering),
}

impl Engine for Interfering {
    type View<'a> = InterferingView<'a>;

    fn view(&self) -> InterferingView<'_> {
        InterferingView::Snapshot(self.inner.view())
    }

    fn latest(&self) -> InterferingView<'_> {
        InterferingView::Latest(self)
    }

    fn commit(&self, batch: Batch) -> Result<(), Fault> {
        self.inner.commit(batch)
    }

    fn sync(&self) -> Result<(), Fault> {
        self.inner.sync()
    }
}

impl View for InterferingView<'_> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let engine = match self {
            InterferingView::Snapshot(view) => return view.with_value(key, visit),
            InterferingView::Latest(engine) => engine,
        };
        let found = engine.inner.view().with_value(key, visit);
        if key[0] == keys::Prefix::Dentry as u8 {
            let event = engine.event.lock().unwrap().take();
            if let Some(event) = event {
                event();
            }
        }
        found
    }

    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        match self {
            InterferingView::Snapshot(view) => view.scan(start, end, visit),
            InterferingView::Latest(engine) => engine.inner.view().scan(start, end, visit),
        }
    }

    fn scan_back(&self, start: &[u8], end: &[u8], _: &mut Visit<'_>) -> Result<(), Fault> {
        self.scan(start, end, &mut |_, _| Ok(ControlFlow::Break(())))
    }
}

#[test]
fn a_query_that_was_overtaken_is_answered_again() {
    let machine = Arc::new(machine(Interfering::default()));
    create(&machine, 1);
    let meanwhile = Arc::clone(&machine);
    *machine.engine().event.lock().unwrap() = Some(Box::new(move || remove(&meanwhile, 2)));
    let lookup = Query::Lookup {
        parent: InodeId::ROOT,
        name: name(),
    };
    // The name was read, and then there was no inode behind it any more.
    assert_eq!(machine.query(&lookup), Ok(Err(PosixError::NotFound)));
    assert!(machine.engine().event.lock().unwrap().is_none());
}

#[test]
fn a_store_with_keys_but_no_volume_is_refused() {
    let engine = MemoryEngine::new();
    let mut batch = Batch::default();
    batch.set(keys::orphan(InodeId::new(9)), Some(Bytes::new()));
    engine.commit(batch).unwrap();
    let format = Format::of_root(1, Timestamp::default());
    let fault = StateMachine::open(engine, format).unwrap_err();
    assert!(
        fault.to_string().contains("missing from a store"),
        "{fault}"
    );
}

fn at(index: u64, record: &'static [u8]) -> Position {
    Position {
        index: LogIndex(index),
        record: Bytes::from_static(record),
    }
}

#[test]
fn a_position_is_kept_with_the_effects_up_to_it() {
    let machine = machine(MemoryEngine::new());
    assert_eq!(machine.position(), Ok(None));
    create(&machine, 1);
    assert_eq!(machine.position(), Ok(None));
    let unlink = Command {
        request: None,
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation: Operation::Unlink(Unlink {
            parent: InodeId::ROOT,
            name: name(),
        }),
    };
    let applied = machine.apply_at(at(7, b"seven"), &[unlink]).unwrap();
    assert_eq!(applied.outcomes.len(), 1);
    assert_eq!(listed(&machine), 0);
    assert_eq!(machine.applied(), LogIndex(7));
    assert_eq!(machine.position(), Ok(Some(Bytes::from_static(b"seven"))));
    // Entries of the log that hold no command.
    let applied = machine.apply_at(at(9, b"nine"), &[]).unwrap();
    assert!(applied.outcomes.is_empty() && applied.news.is_empty());
    assert_eq!(machine.applied(), LogIndex(9));
    assert_eq!(machine.position(), Ok(Some(Bytes::from_static(b"nine"))));
}

#[test]
fn a_position_that_was_passed_is_a_fault() {
    let machine = machine(MemoryEngine::new());
    machine.apply_at(at(7, b"seven"), &[]).unwrap();
    for index in [6, 7] {
        let fault = machine.apply_at(at(index, b"again"), &[]).unwrap_err();
        assert!(fault.to_string().contains("after batch 7"), "{fault}");
    }
    assert_eq!(machine.position(), Ok(Some(Bytes::from_static(b"seven"))));
}
