//! The contract that every replicator must pass, and what its tests share.
//!
//! A test crate calls [`replicator_contract!`](crate::replicator_contract) once for each replicator;
//! it becomes one test a promise.
#![expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    clippy::panic,
    reason = "these functions are tests"
)]

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use holdfast_metadata::{
    Answer, Attributes, Command, Create, Credentials, FileName, InodeId, Mkdir, Mode, OpenSession,
    Operation, Outcome, PosixError, Query, Reply, RequestId, SessionId, Timestamp, Unlink,
};

use crate::{PosixMetadataReplicator, ReplicateError};

/// One test for each promise of [`PosixMetadataReplicator`].
///
/// The second argument makes a replicator that was not started, of an empty volume, with whatever must
/// live as long as it: `(replicator, guard)`.
#[macro_export]
macro_rules! replicator_contract {
    ($module:ident, $make:expr) => {
        $crate::replicator_contract!(
            $module, $make,
            it_refuses_before_start_and_after_stop
            an_error_of_posix_is_an_answer
            a_retry_takes_effect_once
            one_of_many_wins_a_name
            batches_are_counted_once_each
            what_returned_is_seen_by_every_thread
            readers_beside_a_writer_see_only_what_is_whole
            everybody_who_syncs_is_answered
            a_stop_answers_everybody
        );
    };
    ($module:ident, $make:expr, $($name:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    $crate::testing::$name($make);
                }
            )+
        }
    };
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread, without a runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// What a future answers when it is polled for the first time, if it is ready then.
pub fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A command of root without a request id.
pub fn command(operation: Operation) -> Command {
    Command {
        request: None,
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

/// Makes a directory in the root directory.
pub fn mkdir(name: &str) -> Command {
    command(Operation::Mkdir(Mkdir {
        parent: InodeId::ROOT,
        name: file_name(name),
        mode: Mode::new(0o755),
        umask: Mode::new(0o022),
    }))
}

/// Makes a file in the root directory.
pub fn create(name: &str) -> Command {
    command(Operation::Create(Create {
        parent: InodeId::ROOT,
        name: file_name(name),
        mode: Mode::new(0o644),
        umask: Mode::new(0o022),
        exclusive: true,
    }))
}

/// Removes a file of the root directory.
pub fn unlink(name: &str) -> Command {
    command(Operation::Unlink(Unlink {
        parent: InodeId::ROOT,
        name: file_name(name),
    }))
}

/// Looks for a name in the root directory.
pub fn lookup(name: &str) -> Query {
    Query::Lookup {
        parent: InodeId::ROOT,
        name: file_name(name),
    }
}

fn file_name(name: &str) -> FileName {
    FileName::new(name.as_bytes()).expect("a good name")
}

/// The attributes of what a command made.
pub fn entry(outcome: &Outcome) -> &Attributes {
    match outcome {
        Ok(Answer::Entry { attributes, .. }) => attributes,
        other => panic!("not an entry: {other:?}"),
    }
}

fn started<R: PosixMetadataReplicator>(replicator: &R) -> &R {
    block_on(replicator.start()).expect("it starts");
    replicator
}

fn replicate<R: PosixMetadataReplicator>(replicator: &R, command: Command) -> Outcome {
    block_on(replicator.replicate(command)).expect("it is answered")
}

fn query<R: PosixMetadataReplicator>(replicator: &R, query: Query) -> Result<Reply, PosixError> {
    block_on(replicator.query(query)).expect("it is answered")
}

/// Refused with `Stopped` before `start` and after `stop`.
pub fn it_refuses_before_start_and_after_stop<R: PosixMetadataReplicator, G>(
    (replicator, _guard): (R, G),
) {
    let refused = |when| {
        assert!(!replicator.status().serving, "{when}");
        let answers = [
            block_on(replicator.replicate(mkdir("a"))).map(drop),
            block_on(replicator.replicate(command(Operation::Sync))).map(drop),
            block_on(replicator.query(Query::Statistics)).map(drop),
        ];
        for answer in answers {
            assert_eq!(answer, Err(ReplicateError::Stopped), "{when}");
        }
    };
    refused("before start");
    started(&replicator);
    assert!(replicator.status().serving);
    assert!(replicate(&replicator, mkdir("a")).is_ok());
    let applied = replicator.status().applied;
    assert_eq!(block_on(replicator.stop()), Ok(()));
    refused("after stop");
    assert_eq!(replicator.status().applied, applied);
    assert_eq!(
        block_on(replicator.stop()),
        Ok(()),
        "a second stop has nothing to do"
    );
}

/// `EEXIST` and `ENOENT` are answers, not errors of the replicator.
pub fn an_error_of_posix_is_an_answer<R: PosixMetadataReplicator, G>((replicator, _guard): (R, G)) {
    let replicator = started(&replicator);
    assert!(replicate(replicator, mkdir("a")).is_ok());
    assert_eq!(replicate(replicator, mkdir("a")), Err(PosixError::Exists));
    assert_eq!(
        replicate(replicator, unlink("b")),
        Err(PosixError::NotFound)
    );
    assert_eq!(query(replicator, lookup("b")), Err(PosixError::NotFound));
    assert_eq!(replicator.status().fault, None);
}

/// The same request id: the first execution's outcome, and no second effect.
pub fn a_retry_takes_effect_once<R: PosixMetadataReplicator, G>((replicator, _guard): (R, G)) {
    let replicator = started(&replicator);
    let request = |sequence| {
        Some(RequestId {
            session: SessionId(7),
            sequence,
            acknowledged: 1,
        })
    };
    let open = Command {
        request: request(0),
        ..command(Operation::OpenSession(OpenSession {
            host: "host".to_owned(),
            process: 1,
            version: "1".to_owned(),
            mountpoint: "/mnt".to_owned(),
        }))
    };
    assert_eq!(replicate(replicator, open), Ok(Answer::Done));
    let first = Command {
        request: request(1),
        ..create("a")
    };
    let made = replicate(replicator, first.clone());
    let refused = Command {
        request: request(2),
        ..create("a")
    };
    assert_eq!(
        replicate(replicator, refused.clone()),
        Err(PosixError::Exists)
    );
    assert!(replicate(replicator, unlink("a")).is_ok());
    assert_eq!(
        replicate(replicator, first),
        made,
        "the outcome of the first attempt"
    );
    assert_eq!(
        query(replicator, lookup("a")),
        Err(PosixError::NotFound),
        "no second effect"
    );
    assert_eq!(replicate(replicator, refused), Err(PosixError::Exists));
}

/// Of many threads that make one name, one does.
pub fn one_of_many_wins_a_name<R: PosixMetadataReplicator, G>((replicator, _guard): (R, G)) {
    let replicator = started(&replicator);
    for round in 0..20 {
        let name = format!("name{round}");
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| replicate(replicator, create(&name))))
                .collect();
            threads
                .into_iter()
                .flat_map(thread::ScopedJoinHandle::join)
                .collect()
        });
        assert_eq!(outcomes.len(), 8);
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let lost = outcomes
            .iter()
            .filter(|outcome| **outcome == Err(PosixError::Exists));
        assert_eq!(lost.count(), 7);
    }
}

/// Commands of many threads each take effect exactly once, with an inode of their own.
pub fn batches_are_counted_once_each<R: PosixMetadataReplicator, G>((replicator, _guard): (R, G)) {
    let replicator = started(&replicator);
    let (threads, rounds) = (4, 50);
    let before = replicator.status().applied;
    let inodes: BTreeSet<InodeId> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    (0..rounds)
                        .map(|round| create(&format!("{thread}.{round}")))
                        .map(|command| entry(&replicate(replicator, command)).ino)
                        .collect::<Vec<InodeId>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(thread::ScopedJoinHandle::join)
            .flatten()
            .collect()
    });
    assert_eq!(inodes.len(), threads * rounds);
    assert!(replicator.status().applied > before);
    let Ok(Reply::Statistics(statistics)) = query(replicator, Query::Statistics) else {
        return assert_eq!(query(replicator, Query::Statistics).map(drop), Ok(()));
    };
    assert_eq!(
        statistics.inodes,
        (threads * rounds) as u64 + 1,
        "the root is one more"
    );
}

/// A thread that is told of a finished command sees its effect.
pub fn what_returned_is_seen_by_every_thread<R: PosixMetadataReplicator, G>(
    (replicator, _guard): (R, G),
) {
    let replicator = started(&replicator);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..200 {
                let name = format!("{round}");
                let made = entry(&replicate(replicator, create(&name))).ino;
                sender.send((name, made)).expect("the reader is there");
            }
        });
        for (name, made) in receiver {
            match query(replicator, lookup(&name)) {
                Ok(Reply::Attributes(attributes)) => assert_eq!(attributes.ino, made),
                other => assert!(other.is_err() && other.is_ok(), "{name}: {other:?}"),
            }
        }
    });
}

/// Many readers beside a writer: no answer is of half a command, none is older than one before.
pub fn readers_beside_a_writer_see_only_what_is_whole<R: PosixMetadataReplicator, G>(
    (replicator, _guard): (R, G),
) {
    let replicator = started(&replicator);
    let last = 200;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < last + 1 {
                    // A command makes an inode, then a link of the root to it: both or none.
                    if let Ok(Reply::Statistics(statistics)) = query(replicator, Query::Statistics)
                    {
                        assert!(statistics.inodes >= seen);
                        seen = statistics.inodes;
                    }
                    let root = query(replicator, Query::Attributes { ino: InodeId::ROOT });
                    if let Ok(Reply::Attributes(root)) = root {
                        assert!(
                            u64::from(root.nlink) > seen,
                            "{} links, {seen} inodes",
                            root.nlink
                        );
                    }
                }
            });
        }
        for round in 0..last {
            assert!(replicate(replicator, mkdir(&format!("{round}"))).is_ok());
        }
    });
}

/// Every sync returns, however many wait at the same time.
pub fn everybody_who_syncs_is_answered<R: PosixMetadataReplicator, G>(
    (replicator, _guard): (R, G),
) {
    let replicator = started(&replicator);
    assert_eq!(
        replicate(replicator, command(Operation::Sync)),
        Ok(Answer::Done)
    );
    thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                for round in 0..5 {
                    assert!(replicate(replicator, create(&format!("{thread}.{round}"))).is_ok());
                    let synced = replicate(replicator, command(Operation::Sync));
                    assert_eq!(synced, Ok(Answer::Done));
                }
            });
        }
    });
}

/// A stop beside syncs and commands: each is answered or refused, none hangs, no fault.
pub fn a_stop_answers_everybody<R: PosixMetadataReplicator, G>((replicator, _guard): (R, G)) {
    let replicator = started(&replicator);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for thread in 0..4 {
            let sender = sender.clone();
            scope.spawn(move || {
                for round in 0.. {
                    let made = block_on(replicator.replicate(create(&format!("{thread}.{round}"))));
                    let synced = block_on(replicator.replicate(command(Operation::Sync)));
                    // Who stops it may have heard enough.
                    sender.send(()).ok();
                    match (made, synced) {
                        (Ok(made), Ok(synced)) => {
                            assert!(made.is_ok());
                            assert_eq!(synced, Ok(Answer::Done));
                        }
                        (_, Err(ReplicateError::Stopped)) => break,
                        other => assert_eq!(format!("{other:?}"), "answered or stopped"),
                    }
                }
            });
        }
        let busy = receiver.iter().take(20).count();
        assert_eq!(busy, 20);
        assert_eq!(block_on(replicator.stop()), Ok(()));
    });
    assert_eq!(replicator.status().fault, None);
}
