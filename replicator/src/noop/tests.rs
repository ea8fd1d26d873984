//! What NoOp does when the engine or the disk below it fails, with one that fails on demand.

use std::io;
use std::sync::Arc;

use holdfast_metadata::store::{Batch, MemoryEngine};
use holdfast_metadata::{
    Answer, Command, Credentials, Engine, Fault, FileName, Format, InodeId, LogIndex, Mkdir, Mode,
    OpenSession, Operation, Outcome, PosixError, Query, RequestId, Rmdir, SessionId, StateMachine,
    Timestamp,
};
use parking_lot::Mutex;

use super::home::Home;
use super::{Durability, NoOpReplicator};
use crate::error::ReplicateError;
use crate::replicator::{PosixMetadataReplicator, Space};

const GIB: u64 = 1024 * 1024 * 1024;

/// What fails from now on.
#[derive(Debug, Default, Clone)]
struct Failures {
    commit: Option<Fault>,
    sync: Option<Fault>,
    available: u64,
    synced: LogIndex,
    syncs: usize,
}

type Shared = Arc<Mutex<Failures>>;

struct Fragile {
    engine: MemoryEngine,
    shared: Shared,
}

impl Engine for Fragile {
    type View<'a> = <MemoryEngine as Engine>::View<'a>;

    fn view(&self) -> Self::View<'_> {
        self.engine.view()
    }

    fn commit(&self, batch: Batch) -> Result<(), Fault> {
        let failure = self.shared.lock().commit.clone();
        failure.map_or_else(|| self.engine.commit(batch), Err)
    }

    fn sync(&self) -> Result<(), Fault> {
        let mut shared = self.shared.lock();
        shared.syncs += 1;
        shared.sync.clone().map_or(Ok(()), Err)
    }
}

struct FragileHome(Shared);

impl Home<Fragile> for FragileHome {
    fn space(&self) -> io::Result<Space> {
        Ok(Space {
            total: 10 * GIB,
            available: self.0.lock().available,
        })
    }

    fn synced(&self, applied: LogIndex) -> Result<(), Fault> {
        self.0.lock().synced = applied;
        Ok(())
    }

    fn compact(&self, _engine: &Fragile, _proceed: &dyn Fn() -> bool) -> Result<(), Fault> {
        Ok(())
    }

    fn close(&self, _engine: &Fragile) -> Result<(), Fault> {
        Ok(())
    }

    fn release(&self) {}
}

fn fragile(durability: Durability) -> (NoOpReplicator<Fragile>, Shared) {
    let shared = Shared::default();
    shared.lock().available = 8 * GIB;
    let engine = Fragile {
        engine: MemoryEngine::new(),
        shared: Arc::clone(&shared),
    };
    let format = Format::of_root(1, Timestamp::default());
    let machine = StateMachine::open(engine, format).unwrap();
    let home = FragileHome(Arc::clone(&shared));
    let replicator = NoOpReplicator::new(machine, Box::new(home), durability);
    wait(replicator.start()).unwrap();
    (replicator, shared)
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn replicate(
    replicator: &NoOpReplicator<Fragile>,
    operation: Operation,
) -> Result<Outcome, ReplicateError> {
    wait(replicator.replicate(Command {
        request: None,
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }))
}

fn mkdir(name: &str) -> Operation {
    Operation::Mkdir(Mkdir {
        parent: InodeId::ROOT,
        name: FileName::new(name.as_bytes()).unwrap(),
        mode: Mode::new(0o755),
        umask: Mode::new(0),
    })
}

fn rmdir(name: &str) -> Operation {
    Operation::Rmdir(Rmdir {
        parent: InodeId::ROOT,
        name: FileName::new(name.as_bytes()).unwrap(),
        seen: None,
    })
}

fn everything_faults(replicator: &NoOpReplicator<Fragile>, fault: &Fault) {
    let expected = ReplicateError::Fault(fault.clone());
    assert_eq!(replicate(replicator, mkdir("later")), Err(expected.clone()));
    assert_eq!(
        replicate(replicator, Operation::Sync),
        Err(expected.clone())
    );
    assert_eq!(
        wait(replicator.query(Query::Statistics)),
        Err(expected.clone())
    );
    let status = replicator.status();
    assert!(!status.serving);
    assert_eq!(status.fault, Some(fault.to_string()));
    assert_eq!(wait(replicator.start()), Err(expected.clone()));
    assert_eq!(wait(replicator.stop()), Err(expected));
}

#[test]
fn a_failed_sync_stops_everything() {
    let (replicator, shared) = fragile(Durability::Fsync);
    replicate(&replicator, mkdir("a")).unwrap().unwrap();
    let fault = Fault::Io("the disk fell off".to_owned());
    shared.lock().sync = Some(fault.clone());
    let synced = replicate(&replicator, Operation::Sync);
    assert_eq!(synced, Err(ReplicateError::Fault(fault.clone())));
    shared.lock().sync = None;
    everything_faults(&replicator, &fault);
    assert_eq!(
        shared.lock().synced,
        LogIndex(0),
        "the mark says no more than is on disk"
    );
}

#[test]
fn a_failed_commit_stops_everything() {
    let (replicator, shared) = fragile(Durability::Fsync);
    let fault = Fault::Io("the disk fell off".to_owned());
    shared.lock().commit = Some(fault.clone());
    let made = replicate(&replicator, mkdir("a"));
    assert_eq!(made, Err(ReplicateError::Fault(fault.clone())));
    shared.lock().commit = None;
    everything_faults(&replicator, &fault);
}

#[test]
fn an_engine_without_space_is_an_answer_until_it_has_some() {
    let (replicator, shared) = fragile(Durability::Fsync);
    replicate(&replicator, mkdir("a")).unwrap().unwrap();
    shared.lock().commit = Some(Fault::NoSpace);
    shared.lock().sync = Some(Fault::NoSpace);
    for operation in [mkdir("b"), rmdir("a"), Operation::Sync] {
        assert_eq!(
            replicate(&replicator, operation),
            Ok(Err(PosixError::NoSpace))
        );
    }
    assert_eq!(replicator.status().fault, None);
    shared.lock().commit = None;
    shared.lock().sync = None;
    replicate(&replicator, mkdir("b")).unwrap().unwrap();
    assert_eq!(
        replicate(&replicator, Operation::Sync),
        Ok(Ok(Answer::Done))
    );
    let synced = shared.lock().synced;
    assert_eq!(synced, replicator.status().applied);
}

#[test]
fn what_commit_durability_could_not_sync_has_an_unknown_outcome() {
    let (replicator, shared) = fragile(Durability::Commit);
    replicate(&replicator, mkdir("a")).unwrap().unwrap();
    assert_eq!(shared.lock().synced, LogIndex(1));
    shared.lock().sync = Some(Fault::NoSpace);
    assert_eq!(
        replicate(&replicator, mkdir("b")),
        Err(ReplicateError::OutcomeUnknown)
    );
}

#[test]
fn with_little_space_only_what_frees_some_is_admitted() {
    let (replicator, shared) = fragile(Durability::Fsync);
    replicate(&replicator, mkdir("a")).unwrap().unwrap();
    let free = replicator.status().space.available;
    assert!(free < 8 * GIB, "a reserve is kept back");
    shared.lock().available = 1024;
    assert_eq!(replicator.status().space.available, 0);
    assert_eq!(
        replicate(&replicator, mkdir("b")),
        Ok(Err(PosixError::NoSpace))
    );
    assert!(replicate(&replicator, rmdir("a")).unwrap().is_ok());
    // A command that can be tried again may have been executed before: its outcome is remembered.
    let request = |sequence, operation| Command {
        request: Some(RequestId {
            session: SessionId(1),
            sequence,
            acknowledged: 0,
        }),
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    };
    let open = request(
        0,
        Operation::OpenSession(OpenSession {
            host: "host".to_owned(),
            process: 1,
            version: "1".to_owned(),
            mountpoint: "/mnt".to_owned(),
        }),
    );
    assert!(wait(replicator.replicate(open)).unwrap().is_ok());
    let command = request(1, mkdir("c"));
    assert!(wait(replicator.replicate(command)).unwrap().is_ok());
    shared.lock().available = 8 * GIB;
    assert_eq!(replicator.status().space.available, free);
    assert!(replicate(&replicator, mkdir("b")).unwrap().is_ok());
}

#[test]
fn many_who_sync_share_syncs() {
    let (replicator, shared) = fragile(Durability::Fsync);
    let before = shared.lock().syncs;
    let rounds = 50;
    for round in 0..rounds {
        replicate(&replicator, mkdir(&format!("{round}")))
            .unwrap()
            .unwrap();
    }
    std::thread::scope(|scope| {
        // The engine waits in its sync for this lock, and everybody waits for that sync or the next.
        let held = shared.lock();
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| replicate(&replicator, Operation::Sync)))
            .collect();
        drop(held);
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Ok(Ok(Answer::Done)));
        }
    });
    assert!(shared.lock().syncs - before <= 9);
    let after = shared.lock().syncs;
    assert_eq!(
        replicate(&replicator, Operation::Sync),
        Ok(Ok(Answer::Done))
    );
    assert_eq!(shared.lock().syncs, after, "nothing changed since");
}
