//! The tables a command comes upon: loaded once, changed in memory, and written where they differ.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::table::Table;
use crate::fault::Fault;
use crate::keys;
use crate::limits::SESSION_LOCKS_MAX;
use crate::news::News;
use crate::record::{LockCount, LockRecord, PendingRecord, TurnRecord, WaiterRecord};
use crate::store::View;
use crate::types::{InodeId, LockSpace, SessionId, Turn};

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableId {
    pub(crate) ino: InodeId,
    pub(crate) space: LockSpace,
}

/// Where somebody waits. The order is that of the turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) turn: Turn,
    pub(crate) table: TableId,
}

#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) before: Table,
    pub(super) now: Table,
}

/// What a command knows of locks, and what it changes.
pub(crate) struct Tables<'a> {
    pub(super) view: &'a dyn View,
    pub(super) loaded: BTreeMap<TableId, Loaded>,
    /// The requests of a session that wait, by sequence.
    pending: BTreeMap<SessionId, BTreeMap<u64, PendingRecord>>,
    /// The next turn, once one was drawn.
    pub(super) next_turn: Option<Turn>,
    /// What was granted to who waited.
    pub(super) news: Vec<News>,
}

impl<'a> Tables<'a> {
    /// Nothing is loaded yet.
    pub(crate) fn new(view: &'a dyn View) -> Tables<'a> {
        Tables {
            view,
            loaded: BTreeMap::new(),
            pending: BTreeMap::new(),
            next_turn: None,
            news: Vec::new(),
        }
    }

    /// A table as it is now.
    pub(crate) fn table(&mut self, id: TableId) -> Result<&mut Table, Fault> {
        if !self.loaded.contains_key(&id) {
            let before = load(self.view, id)?;
            let now = before.clone();
            self.loaded.insert(id, Loaded { before, now });
        }
        match self.loaded.get_mut(&id) {
            Some(loaded) => Ok(&mut loaded.now),
            None => Err(Fault::corrupt("lock table", "loaded and not there")),
        }
    }

    /// The requests of a session that wait.
    pub(crate) fn pending(
        &mut self,
        session: SessionId,
    ) -> Result<&mut BTreeMap<u64, PendingRecord>, Fault> {
        if !self.pending.contains_key(&session) {
            let requests = load_pending(self.view, session)?;
            self.pending.insert(session, requests);
        }
        Ok(self.pending.entry(session).or_default())
    }

    /// Puts a waiter at the end of the queue.
    pub(crate) fn enqueue(&mut self, table: TableId, waiter: WaiterRecord) -> Result<Place, Fault> {
        let turn = match self.next_turn {
            Some(turn) => turn,
            None => load_turn(self.view)?.unwrap_or(Turn(1)),
        };
        self.next_turn = Some(Turn(turn.0 + 1));
        self.table(table)?.waiters.insert(turn, waiter);
        let pending = PendingRecord {
            ino: table.ino,
            space: table.space,
            turn,
            owner: waiter.owner,
            process: waiter.process,
        };
        self.pending(waiter.session)?
            .insert(waiter.sequence, pending);
        Ok(Place { turn, table })
    }

    /// Takes a waiter out of the queue.
    pub(crate) fn dequeue(&mut self, place: Place) -> Result<Option<WaiterRecord>, Fault> {
        let waiter = self.table(place.table)?.waiters.remove(&place.turn);
        if let Some(waiter) = waiter {
            self.pending(waiter.session)?.remove(&waiter.sequence);
        }
        Ok(waiter)
    }

    /// Takes from a session all it has and waits for here.
    pub(crate) fn release(&mut self, id: TableId, session: SessionId) -> Result<(), Fault> {
        let table = self.table(id)?;
        table
            .held
            .retain(|(holder, _), _| holder.session != session);
        self.dequeue_all(id, |waiter| waiter.session == session)
    }

    /// Drops everything of an inode that is no more.
    pub(crate) fn forget(&mut self, ino: InodeId) -> Result<(), Fault> {
        for space in LockSpace::ALL {
            let id = TableId { ino, space };
            self.table(id)?.held.clear();
            self.dequeue_all(id, |_| true)?;
        }
        Ok(())
    }

    fn dequeue_all(
        &mut self,
        table: TableId,
        which: impl Fn(&WaiterRecord) -> bool,
    ) -> Result<(), Fault> {
        let waiters = self.table(table)?.waiters.iter();
        let gone: Vec<Turn> = waiters
            .filter(|(_, waiter)| which(waiter))
            .map(|(turn, _)| *turn)
            .collect();
        for turn in gone {
            self.dequeue(Place { turn, table })?;
        }
        Ok(())
    }

    /// Whether the session has no more locks than it may, or no more than before.
    pub(crate) fn within_limit(&mut self, session: SessionId) -> Result<bool, Fault> {
        let count = |table: fn(&Loaded) -> &Table| -> usize {
            let tables = self.loaded.values().map(table);
            tables.map(|table| table.count(session)).sum()
        };
        let (before, now) = (count(|loaded| &loaded.before), count(|loaded| &loaded.now));
        if now <= before {
            return Ok(true);
        }
        let total = load_count(self.view, &keys::lock_count(session))?;
        Ok(u64::from(total) + (now - before) as u64 <= u64::from(SESSION_LOCKS_MAX))
    }
}

pub(super) fn load_count(view: &dyn View, key: &[u8]) -> Result<u32, Fault> {
    let record = view.get(key)?;
    let count = record.map(|bytes| LockCount::decode(&bytes)).transpose()?;
    Ok(count.map_or(0, |count| count.locks))
}

pub(super) fn load_turn(view: &dyn View) -> Result<Option<Turn>, Fault> {
    let record = view.get(&keys::turn())?;
    let turn = record.map(|bytes| TurnRecord::decode(&bytes)).transpose()?;
    Ok(turn.map(|turn| turn.next))
}

fn load_pending(
    view: &dyn View,
    session: SessionId,
) -> Result<BTreeMap<u64, PendingRecord>, Fault> {
    let (start, end) = keys::pending_of(session);
    let mut requests = BTreeMap::new();
    view.scan(&start, &end, &mut |key, value| {
        let sequence = keys::second_number(key)
            .ok_or_else(|| Fault::corrupt("pending request key", "short"))?;
        requests.insert(sequence, PendingRecord::decode(value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(requests)
}

fn load(view: &dyn View, id: TableId) -> Result<Table, Fault> {
    let mut table = Table::default();
    let (start, end) = keys::locks_of(id.ino, id.space);
    view.scan(&start, &end, &mut |key, value| {
        let (session, owner, start) =
            keys::lock_parts(key).ok_or_else(|| Fault::corrupt("lock key", "short"))?;
        let holder = super::Holder { session, owner };
        table
            .held
            .insert((holder, start), LockRecord::decode(value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    let (start, end) = keys::waiters_of(id.ino, id.space);
    view.scan(&start, &end, &mut |key, value| {
        let turn = keys::turn_part(key).ok_or_else(|| Fault::corrupt("waiter key", "short"))?;
        table.waiters.insert(turn, WaiterRecord::decode(value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(table)
}
