//! Who holds locks and who waits, page by page.

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::PAGE_ENTRIES_MAX;
use crate::lock::{Holder, TableId, info_of_held, info_of_waiter};
use crate::ops::Stop;
use crate::outcome::{LockInfo, PosixError, Reply};
use crate::record::{LockRecord, WaiterRecord};
use crate::store::View;
use crate::types::InodeId;

pub(crate) fn answer(
    view: &dyn View,
    ino: Option<InodeId>,
    after: &Bytes,
    entries_max: usize,
) -> Result<Reply, Stop> {
    let mut page = Page {
        locks: Vec::new(),
        last: Vec::new(),
        entries_max: entries_max.min(PAGE_ENTRIES_MAX),
        next: None,
    };
    // A page begins after the last key of the one before.
    let passed = match after.first() {
        None => 0,
        Some(prefix) if *prefix == Prefix::Lock as u8 => 0,
        Some(prefix) if *prefix == Prefix::Waiter as u8 => 1,
        Some(_) => return Err(PosixError::InvalidArgument.into()),
    };
    for prefix in [Prefix::Lock, Prefix::Waiter].into_iter().skip(passed) {
        let (mut start, end) = match ino {
            Some(ino) => keys::of_inode(prefix, ino),
            None => keys::all(prefix),
        };
        if after.first() == Some(&(prefix as u8)) {
            start = start.max([after, &[0][..]].concat());
        }
        if page.next.is_none() {
            page.read(view, prefix, &start, &end)?;
        }
    }
    Ok(Reply::Locks {
        locks: page.locks,
        next: page.next,
    })
}

struct Page {
    locks: Vec<LockInfo>,
    /// The key of the last of them.
    last: Vec<u8>,
    entries_max: usize,
    /// Set when there is more.
    next: Option<Bytes>,
}

impl Page {
    fn read(
        &mut self,
        view: &dyn View,
        prefix: Prefix,
        start: &[u8],
        end: &[u8],
    ) -> Result<(), Fault> {
        if start >= end {
            return Ok(());
        }
        view.scan(start, end, &mut |key, value| {
            if self.locks.len() >= self.entries_max {
                self.next = Some(Bytes::copy_from_slice(&self.last));
                return Ok(ControlFlow::Break(()));
            }
            self.locks.push(lock_in(prefix, key, value)?);
            self.last = key.to_vec();
            Ok(ControlFlow::Continue(()))
        })
    }
}

fn lock_in(prefix: Prefix, key: &[u8], value: &[u8]) -> Result<LockInfo, Fault> {
    let short = || Fault::corrupt("lock key", "short");
    let id = TableId {
        ino: InodeId::new(keys::first_number(key).ok_or_else(short)?),
        space: keys::space_part(key).ok_or_else(short)?,
    };
    if prefix == Prefix::Waiter {
        return Ok(info_of_waiter(id, &WaiterRecord::decode(value)?));
    }
    let (session, owner, start) = keys::lock_parts(key).ok_or_else(short)?;
    let lock = LockRecord::decode(value)?;
    Ok(info_of_held(id, &(Holder { session, owner }, start), &lock))
}
