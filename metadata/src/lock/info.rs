//! Locks as who asks about them is told.

use super::table::{HeldKey, held_as};
use super::tables::TableId;
use crate::outcome::LockInfo;
use crate::record::{LockRecord, WaiterRecord};

/// A lock that is held.
pub(crate) fn info_of_held(table: TableId, key: &HeldKey, lock: &LockRecord) -> LockInfo {
    let want = held_as(key, lock);
    LockInfo {
        ino: table.ino,
        space: table.space,
        session: want.holder.session,
        owner: want.holder.owner,
        process: lock.process,
        range: want.range,
        mode: want.mode,
        since: lock.since,
        waiting: false,
    }
}

/// A lock that is waited for.
pub(crate) fn info_of_waiter(table: TableId, waiter: &WaiterRecord) -> LockInfo {
    LockInfo {
        ino: table.ino,
        space: table.space,
        session: waiter.session,
        owner: waiter.owner,
        process: waiter.process,
        range: waiter.range,
        mode: waiter.mode,
        since: waiter.since,
        waiting: true,
    }
}
