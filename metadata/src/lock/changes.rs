//! What a command has changed of locks, as keys and values.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::tables::{Loaded, TableId, Tables, load_count, load_turn};
use crate::fault::Fault;
use crate::keys;
use crate::news::News;
use crate::record::{LockCount, LockRecord, PendingRecord, TurnRecord};
use crate::store::View;
use crate::types::{InodeId, SessionId, Turn};

/// A key and its value from now on.
pub(crate) type Change = (Vec<u8>, Option<Bytes>);

impl Tables<'_> {
    /// What is to be written, and what is new.
    pub(crate) fn finish(self) -> Result<(Vec<Change>, Vec<News>), Fault> {
        let mut changes = Vec::new();
        let mut counts: BTreeMap<(SessionId, InodeId), i64> = BTreeMap::new();
        let mut grown = false;
        for (id, loaded) in &self.loaded {
            let mut count = |session: SessionId, by: i64| {
                *counts.entry((session, id.ino)).or_default() += by;
                grown |= by > 0;
            };
            held_changes(*id, loaded, &mut changes, &mut count);
            waiter_changes(*id, loaded, &mut changes, &mut count);
        }
        count_changes(self.view, &counts, &mut changes)?;
        let next = match self.next_turn {
            Some(turn) => Some(turn),
            // There is a lock from now on.
            None if grown && load_turn(self.view)?.is_none() => Some(Turn(1)),
            None => None,
        };
        if let Some(next) = next {
            changes.push((keys::turn(), Some(TurnRecord { next }.encode())));
        }
        Ok((changes, self.news))
    }
}

fn held_changes(
    id: TableId,
    loaded: &Loaded,
    changes: &mut Vec<Change>,
    count: &mut impl FnMut(SessionId, i64),
) {
    let (before, now) = (&loaded.before.held, &loaded.now.held);
    for key in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
        let (holder, start) = *key;
        let (was, is) = (before.get(key), now.get(key));
        if was == is {
            continue;
        }
        count(
            holder.session,
            i64::from(is.is_some()) - i64::from(was.is_some()),
        );
        let key = keys::lock(id.ino, id.space, holder.session, holder.owner, start);
        changes.push((key, is.map(LockRecord::encode)));
    }
}

fn waiter_changes(
    id: TableId,
    loaded: &Loaded,
    changes: &mut Vec<Change>,
    count: &mut impl FnMut(SessionId, i64),
) {
    let (before, now) = (&loaded.before.waiters, &loaded.now.waiters);
    for (turn, waiter) in before {
        if !now.contains_key(turn) {
            count(waiter.session, -1);
            changes.push((keys::waiter(id.ino, id.space, *turn), None));
            changes.push((keys::pending(waiter.session, waiter.sequence), None));
        }
    }
    for (turn, waiter) in now {
        if !before.contains_key(turn) {
            count(waiter.session, 1);
            let pending = PendingRecord {
                ino: id.ino,
                space: id.space,
                turn: *turn,
                owner: waiter.owner,
                process: waiter.process,
            };
            let key = keys::waiter(id.ino, id.space, *turn);
            changes.push((key, Some(waiter.encode())));
            let key = keys::pending(waiter.session, waiter.sequence);
            changes.push((key, Some(pending.encode())));
        }
    }
}

fn count_changes(
    view: &dyn View,
    counts: &BTreeMap<(SessionId, InodeId), i64>,
    changes: &mut Vec<Change>,
) -> Result<(), Fault> {
    let mut totals: BTreeMap<SessionId, i64> = BTreeMap::new();
    for (&(session, ino), &by) in counts.iter().filter(|(_, by)| **by != 0) {
        *totals.entry(session).or_default() += by;
        changes.push(counted(view, keys::lock_count_at(session, ino), by)?);
    }
    for (&session, &by) in totals.iter().filter(|(_, by)| **by != 0) {
        changes.push(counted(view, keys::lock_count(session), by)?);
    }
    Ok(())
}

fn counted(view: &dyn View, key: Vec<u8>, by: i64) -> Result<Change, Fault> {
    let locks = u32::try_from(i64::from(load_count(view, &key)?) + by)
        .map_err(|_| Fault::corrupt("lock count", "fewer locks than were given up"))?;
    let count = (locks > 0).then(|| LockCount { locks }.encode());
    Ok((key, count))
}
