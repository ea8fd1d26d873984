//! Random requests for locks: three sessions with few owners, few bytes of few inodes.

use holdfast_metadata::model::LOCK_BYTES;
use holdfast_metadata::{
    CancelLock, Command, Credentials, InodeId, LockMode, LockOwner, LockRange, LockSpace,
    Operation, Reclaim, RequestId, SessionId, SetLock, Unlink, Unlock,
};
use proptest::prelude::*;

use super::requests::{expire, of_session, open_session};
use super::{file_name, time_of, tree};

#[derive(Debug, Clone)]
enum Step {
    Set(SetLock),
    Unlock(Unlock),
    /// One of the requests so far, counted from the last; seldom by a session that it is not of.
    Cancel(usize, bool),
    /// A command that was sent before, once more.
    Again(usize),
    Expire,
    Close,
    Open,
    /// The file loses its name, and then its space.
    Remove(InodeId),
}

/// Files 5 and 6 with their directories, and then requests of sessions 1 to 3.
pub(crate) fn locks(length: usize) -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec((1..=3_u64, step()), 0..=length).prop_map(|steps| {
        let mut sent: Vec<Command> = tree().into_iter().map(without_request).collect();
        sent.extend([1, 2, 3].map(|session| of_session(session, open_session())));
        let mut sequence = 0;
        for (session, step) in steps {
            let mut request = |session, operation| {
                sequence += 1;
                Command {
                    request: Some(RequestId {
                        session: SessionId(session),
                        sequence,
                        acknowledged: sequence,
                    }),
                    now: time_of(sequence as i64),
                    ..without_request(operation)
                }
            };
            match step {
                Step::Set(set) => sent.push(request(session, Operation::SetLock(set))),
                Step::Unlock(unlock) => sent.push(request(session, Operation::Unlock(unlock))),
                Step::Cancel(back, stray) => {
                    if let Some((of, cancel)) = cancellation(&sent, back) {
                        let session = if stray { session } else { of };
                        sent.push(request(session, Operation::CancelLock(cancel)));
                    }
                }
                Step::Again(place) => sent.push(sent[place % sent.len()].clone()),
                Step::Expire => sent.push(expire(session)),
                Step::Close => sent.push(of_session(session, Operation::CloseSession)),
                Step::Open => sent.push(of_session(session, open_session())),
                Step::Remove(ino) => sent.extend(removal(ino).map(without_request)),
            }
        }
        sent
    })
}

fn without_request(operation: Operation) -> Command {
    Command {
        request: None,
        now: time_of(0),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

/// What cancels one of the requests that were sent, and its session.
fn cancellation(sent: &[Command], back: usize) -> Option<(u64, CancelLock)> {
    let sets = sent.iter().rev().filter_map(|command| {
        let request = command.request?;
        let Operation::SetLock(set) = &command.operation else {
            return None;
        };
        let (ino, sequence) = (set.ino, request.sequence);
        Some((request.session.0, CancelLock { ino, sequence }))
    });
    sets.take(back + 1).last()
}

fn removal(ino: InodeId) -> [Operation; 2] {
    let (parent, name) = match ino.get() {
        5 => (InodeId::ROOT, file_name(b"f")),
        _ => (InodeId::new(4), file_name(b"g")),
    };
    let inodes = vec![ino];
    [
        Operation::Unlink(Unlink { parent, name }),
        Operation::Reclaim(Reclaim { inodes, term: None }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => set().prop_map(Step::Set),
        20 => unlock().prop_map(Step::Unlock),
        6 => (0..4_usize, prop::bool::weighted(0.2)).prop_map(|(back, stray)| Step::Cancel(back, stray)),
        4 => any::<usize>().prop_map(Step::Again),
        2 => Just(Step::Expire),
        1 => Just(Step::Close),
        1 => Just(Step::Open),
        1 => inode().prop_map(Step::Remove),
    ]
}

fn set() -> impl Strategy<Value = SetLock> {
    let mode = prop::sample::select(LockMode::ALL.to_vec());
    (place(), mode, prop::bool::weighted(0.75)).prop_map(
        |((ino, space, owner, range), mode, wait)| SetLock {
            ino,
            space,
            owner: LockOwner(owner),
            range,
            mode,
            // Owners 1 and 2 are of one process.
            process: (owner / 3 + 1) as u32,
            wait,
        },
    )
}

fn unlock() -> impl Strategy<Value = Unlock> {
    place().prop_map(|(ino, space, owner, range)| Unlock {
        ino,
        space,
        owner: LockOwner(owner),
        range,
    })
}

fn place() -> impl Strategy<Value = (InodeId, LockSpace, u64, LockRange)> {
    let space = prop_oneof![3 => Just(LockSpace::Posix), 1 => Just(LockSpace::Flock)];
    (inode(), space, 1..=3_u64, range())
}

fn inode() -> impl Strategy<Value = InodeId> {
    prop_oneof![10 => 5..=6_u64, 1 => 2..=8_u64].prop_map(InodeId::new)
}

/// Bytes that the model tells apart, or all from one on; seldom one that ends before it begins.
fn range() -> impl Strategy<Value = LockRange> {
    let whole = Just(LockRange::WHOLE);
    let short = (0..LOCK_BYTES, 0..4_u64).prop_map(|(start, more)| LockRange {
        start,
        end: (start + more).min(LOCK_BYTES - 1),
    });
    let to_the_end = (0..=LOCK_BYTES).prop_map(|start| LockRange {
        start,
        end: u64::MAX,
    });
    let backwards = Just(LockRange { start: 3, end: 2 });
    prop_oneof![10 => short, 5 => whole, 3 => to_the_end, 1 => backwards]
}
