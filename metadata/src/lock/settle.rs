//! Who is let through, now and when something was given up.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::paths::{Paths, Steps};
use super::table::Want;
use super::tables::{Place, TableId, Tables};
use crate::fault::Fault;
use crate::news::News;
use crate::record::WaiterRecord;
use crate::types::Turn;

/// Where the paths from waits lead, as long as nothing changes.
type Known = BTreeMap<Place, Paths>;

impl Tables<'_> {
    /// Whether somebody who comes now may have the lock without waiting for those who came earlier.
    pub(crate) fn may_pass_all(
        &mut self,
        table: TableId,
        waiter: &WaiterRecord,
    ) -> Result<bool, Fault> {
        let last = Turn(u64::MAX);
        self.may_pass(Place { turn: last, table }, waiter, &mut Known::new())
    }

    /// Grants what can be granted after this lock was given.
    pub(crate) fn settle_after(&mut self, table: TableId, lock: Want) -> Result<(), Fault> {
        let changed = self.changed_by(table, lock)?;
        self.settle(changed)
    }

    /// Grants what can be granted after something was given up or added to these tables, in the order of
    /// the turns.
    pub(crate) fn settle(&mut self, mut tables: BTreeSet<TableId>) -> Result<(), Fault> {
        while let Some(place) = self.first_to_grant(&tables)? {
            let Some(waiter) = self.dequeue(place)? else {
                continue;
            };
            let ticket = Some(waiter.sequence);
            self.table(place.table)?
                .set(waiter.want(), waiter.process, waiter.since, ticket);
            self.news.push(News::Granted {
                session: waiter.session,
                sequence: waiter.sequence,
                ino: place.table.ino,
            });
            tables.extend(self.changed_by(place.table, waiter.want())?);
        }
        Ok(())
    }

    /// The tables where somebody may have to be let pass, now that somebody waits here.
    pub(crate) fn changed_by_wait(&mut self, place: Place) -> Result<BTreeSet<TableId>, Fault> {
        Ok(self.paths(vec![place], Steps::All)?.tables)
    }

    /// The first who waits in one of these tables and need not.
    pub(crate) fn first_to_grant(
        &mut self,
        tables: &BTreeSet<TableId>,
    ) -> Result<Option<Place>, Fault> {
        let mut places = BTreeSet::new();
        for &table in tables {
            let turns = self.table(table)?.waiters.keys();
            places.extend(turns.map(|turn| Place { turn: *turn, table }));
        }
        let mut known = Known::new();
        for place in places {
            let table = self.table(place.table)?;
            let Some(waiter) = table.waiters.get(&place.turn).copied() else {
                continue;
            };
            let is_free = table.in_the_way(waiter.want()).next().is_none();
            if is_free && self.may_pass(place, &waiter, &mut known)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Whether each of those ahead who want what excludes it waits for it.
    fn may_pass(
        &mut self,
        place: Place,
        waiter: &WaiterRecord,
        known: &mut Known,
    ) -> Result<bool, Fault> {
        let Place { turn, table } = place;
        let mut passed = Turn(0);
        while let Some(ahead) = self.table(table)?.next_ahead(waiter.want(), passed, turn) {
            passed = ahead;
            let before = Place { turn: ahead, table };
            if let Entry::Vacant(unknown) = known.entry(before) {
                unknown.insert(self.paths(vec![before], Steps::All)?);
            }
            let reached = known.get(&before).is_some_and(|paths| paths.reach(waiter));
            if !reached {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The tables where something may have to be granted after this lock was given: its own, and those on
    /// the paths of whom it is in the way of.
    fn changed_by(&mut self, table: TableId, lock: Want) -> Result<BTreeSet<TableId>, Fault> {
        let waiters = self.table(table)?.waiters.iter();
        let blocked = waiters
            .filter(|(_, waiter)| waiter.want().excludes(lock))
            .map(|(turn, _)| Place { turn: *turn, table })
            .collect();
        let mut tables = self.paths(blocked, Steps::All)?.tables;
        tables.insert(table);
        Ok(tables)
    }
}
