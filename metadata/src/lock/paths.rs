//! Who waits for whom, directly or over others.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::table::Holder;
use super::tables::{Place, TableId, Tables};
use crate::fault::Fault;
use crate::record::{PendingRecord, WaiterRecord};
use crate::types::{LockOwner, LockSpace, SessionId, Turn};

/// Which steps a path may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steps {
    /// From who waits to the owner of a lock that is in its way, and on to where that owner waits: what
    /// makes a deadlock, and nothing else does. Of [`LockSpace::Posix`] alone.
    Held,
    /// Also to those that came earlier, and on to wherever the same process waits.
    All,
}

/// Where the paths from somebody who waits lead.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    holders: BTreeSet<Holder>,
    processes: BTreeSet<(SessionId, u32)>,
    /// The tables of the waits one comes by, and of those one begins with.
    pub(crate) tables: BTreeSet<TableId>,
}

impl Paths {
    /// Whether they lead to a lock of this owner.
    pub(crate) fn reach_owner(&self, holder: Holder) -> bool {
        self.holders.contains(&holder)
    }

    /// Whether they lead to a lock of the owner or of the process that waits here.
    pub(crate) fn reach(&self, waiter: &WaiterRecord) -> bool {
        self.reach_owner(waiter.want().holder)
            || (waiter.process != 0 && self.processes.contains(&(waiter.session, waiter.process)))
    }

    /// Whether the holder was not known as one of these.
    fn add(&mut self, holder: Holder, process: u32) -> bool {
        let owner_is_new = self.holders.insert(holder);
        let process_is_new = process != 0 && self.processes.insert((holder.session, process));
        owner_is_new || process_is_new
    }
}

impl Tables<'_> {
    /// Where the paths from these waits lead.
    pub(crate) fn paths(&mut self, from: Vec<Place>, steps: Steps) -> Result<Paths, Fault> {
        let mut paths = Paths::default();
        let mut unseen = Unseen::default();
        let mut next = Vec::new();
        for place in from {
            next.extend(unseen.take(self, place)?.map(|waiter| (place, waiter)));
        }
        while let Some((place, waiter)) = next.pop() {
            paths.tables.insert(place.table);
            if steps == Steps::All {
                next.extend(unseen.take_ahead(self, place, &waiter)?);
            }
            let in_the_way = self.table(place.table)?.in_the_way(waiter.want());
            let holders: BTreeSet<(Holder, u32)> = in_the_way
                .map(|((holder, _), lock)| (*holder, lock.process))
                .collect();
            for (holder, process) in holders {
                if !paths.add(holder, process) {
                    continue;
                }
                for place in self.waits_of(holder, process, steps)? {
                    next.extend(unseen.take(self, place)?.map(|waiter| (place, waiter)));
                }
            }
        }
        Ok(paths)
    }

    /// Whether the holder waits here for itself.
    pub(crate) fn is_deadlock(&mut self, place: Place, holder: Holder) -> Result<bool, Fault> {
        Ok(self.paths(vec![place], Steps::Held)?.reach_owner(holder))
    }

    /// Where the holder of a lock waits itself.
    fn waits_of(
        &mut self,
        holder: Holder,
        process: u32,
        steps: Steps,
    ) -> Result<Vec<Place>, Fault> {
        let pending = self.pending(holder.session)?.values();
        let waits = pending.filter(|pending| waits_too(pending, holder.owner, process, steps));
        let places = waits.map(|pending| Place {
            turn: pending.turn,
            table: TableId {
                ino: pending.ino,
                space: pending.space,
            },
        });
        Ok(places.collect())
    }
}

/// The waits that no path has come by, of the tables where one has. Of thousands that wait for one lock
/// each is looked at once.
#[derive(Debug, Default)]
struct Unseen {
    tables: BTreeMap<TableId, BTreeMap<Turn, WaiterRecord>>,
}

impl Unseen {
    /// The one who waits here, unless it was seen.
    fn take(
        &mut self,
        tables: &mut Tables<'_>,
        place: Place,
    ) -> Result<Option<WaiterRecord>, Fault> {
        Ok(self.of(tables, place.table)?.remove(&place.turn))
    }

    /// Those who came earlier, want what excludes it and were not seen.
    fn take_ahead(
        &mut self,
        tables: &mut Tables<'_>,
        place: Place,
        waiter: &WaiterRecord,
    ) -> Result<Vec<(Place, WaiterRecord)>, Fault> {
        let table = place.table;
        let unseen = self.of(tables, table)?;
        let earlier = unseen.extract_if(..place.turn, |_, earlier| {
            earlier.want().excludes(waiter.want())
        });
        Ok(earlier
            .map(|(turn, waiter)| (Place { turn, table }, waiter))
            .collect())
    }

    fn of(
        &mut self,
        tables: &mut Tables<'_>,
        id: TableId,
    ) -> Result<&mut BTreeMap<Turn, WaiterRecord>, Fault> {
        match self.tables.entry(id) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(tables.table(id)?.waiters.clone())),
        }
    }
}

/// Whether who has a lock is who waits here.
fn waits_too(pending: &PendingRecord, owner: LockOwner, process: u32, steps: Steps) -> bool {
    match steps {
        Steps::Held => pending.owner == owner && pending.space == LockSpace::Posix,
        Steps::All => pending.owner == owner || (process != 0 && pending.process == process),
    }
}
