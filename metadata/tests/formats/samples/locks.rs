//! Locks, who waits for them, and a state with both.

use std::collections::BTreeMap;

use holdfast_metadata::record::{
    LockCount, LockRecord, PendingRecord, SessionRecord, TurnRecord, WaiterRecord,
};
use holdfast_metadata::{
    InodeId, LockMode, LockOwner, LockRange, LockSpace, SessionId, Turn, keys,
};

use super::{replicated_state, session, time};

pub(crate) fn held_locks() -> Vec<(&'static str, LockRecord)> {
    let asked = LockRecord {
        mode: LockMode::Exclusive,
        end: 0x0102_0304_0506_0708,
        process: 0x1112_1314,
        since: time(-2, 999_999_999),
        ticket: None,
    };
    let granted = LockRecord {
        mode: LockMode::Shared,
        ticket: Some(0x2122_2324_2526_2728),
        ..asked
    };
    vec![("lock", asked), ("lock_granted", granted)]
}

pub(crate) fn lock_count() -> LockCount {
    LockCount { locks: 0x0102_0304 }
}

pub(crate) fn waiter() -> WaiterRecord {
    WaiterRecord {
        mode: LockMode::Exclusive,
        session: SessionId(0x0102_0304_0506_0708),
        sequence: 0x1112_1314_1516_1718,
        owner: LockOwner(0x2122_2324_2526_2728),
        range: LockRange {
            start: 0x3132_3334_3536_3738,
            end: 0x4142_4344_4546_4748,
        },
        process: 0x5152_5354,
        since: time(-2, 999_999_999),
    }
}

pub(crate) fn pending() -> PendingRecord {
    PendingRecord {
        ino: InodeId::new(0x0102_0304_0506_0708),
        space: LockSpace::Flock,
        turn: Turn(0x1112_1314_1516_1718),
        owner: LockOwner(0x2122_2324_2526_2728),
        process: 0x3132_3334,
    }
}

pub(crate) fn turn() -> TurnRecord {
    TurnRecord {
        next: Turn(0x0102_0304_0506_0708),
    }
}

/// The same with locks: session 1 has the first ten bytes of the file, session 2 waits for one of them.
pub(crate) fn locked_state() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (file, space) = (InodeId::new(2), LockSpace::Posix);
    let [holder, waiting] = [SessionId(1), SessionId(2)];
    let other = SessionRecord {
        acknowledged: 0,
        ..session()
    };
    let lock = LockRecord {
        end: 9,
        ..held_locks()[0].1
    };
    let waiter = WaiterRecord {
        session: waiting,
        sequence: 5,
        owner: LockOwner(7),
        range: LockRange { start: 3, end: 3 },
        ..waiter()
    };
    let pending = PendingRecord {
        ino: file,
        space,
        turn: Turn(1),
        owner: waiter.owner,
        process: waiter.process,
    };
    let one = LockCount { locks: 1 }.encode();
    let next = Turn(2);
    let mut entries = replicated_state();
    let locks = [
        (keys::session(waiting), other.encode()),
        (
            keys::lock(file, space, holder, LockOwner(6), 0),
            lock.encode(),
        ),
        (keys::waiter(file, space, Turn(1)), waiter.encode()),
        (keys::pending(waiting, 5), pending.encode()),
        (keys::lock_count(holder), one.clone()),
        (keys::lock_count_at(holder, file), one.clone()),
        (keys::lock_count(waiting), one.clone()),
        (keys::lock_count_at(waiting, file), one),
        (keys::turn(), TurnRecord { next }.encode()),
    ];
    entries.extend(locks.map(|(key, value)| (key, value.to_vec())));
    entries
}
