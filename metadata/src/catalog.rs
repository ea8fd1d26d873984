//! The catalog of a cluster: which nodes and volumes there are, agreed on by group 0.
//!
//! It is a state machine like that of a volume, and as deterministic: commands go in, outcomes come
//! out. What it keeps is small, so all of it is in memory too.
//!
//! | key | value |
//! |---|---|
//! | `A` | what the keeper of the log noted of the last batch |
//! | `c` | the cluster, the position in the log, the number of the next volume |
//! | `d` | the requests that deleted volumes lately |
//! | `n` id | node |
//! | `r` id | nothing: a node that was removed had this id |
//! | `v` id | volume |

mod apply;
mod command;
mod keys;
mod record;
mod state;

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

pub use command::{
    CatalogAnswer, CatalogCommand, CatalogError, CatalogOutcome, NodeRole, ReplicationMode,
};
pub use record::{CatalogRecord, DeletionsRecord};
pub use state::{CatalogState, NodeRecord, VolumeRecord};

use crate::fault::Fault;
use crate::record::PositionRecord;
use crate::state_machine::{check_empty, check_order, load_position};
use crate::store::{Batch, Engine, View};
use crate::types::{LogIndex, Position};

/// The catalog in an engine.
#[derive(Debug)]
pub struct Catalog<E> {
    engine: E,
    /// As of the last commit; the lock makes apply sequential.
    known: Mutex<Known>,
}

/// Everything there is, but for what the keeper of the log noted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    record: CatalogRecord,
    state: CatalogState,
    deletions: DeletionsRecord,
}

impl<E: Engine> Catalog<E> {
    /// Opens the catalog in the engine, or makes an empty one when the engine is empty.
    pub fn open(engine: E) -> Result<Catalog<E>, Fault> {
        let stored = load(&engine.view())?;
        let known = match stored {
            Some(known) => known,
            None => make(&engine)?,
        };
        Ok(Catalog {
            engine,
            known: Mutex::new(known),
        })
    }

    /// Applies one batch at a place in the log; one outcome a command, in their order. There may be no
    /// command. A place at or before [`Catalog::applied`] is a fault: the caller lost its place.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a position is made for one batch"
    )]
    pub fn apply_at(
        &self,
        position: Position,
        commands: &[CatalogCommand],
    ) -> Result<Vec<CatalogOutcome>, Fault> {
        let mut known = self.lock();
        check_order(known.record.applied, position.index)?;
        let mut next = known.clone();
        next.record.applied = position.index;
        let outcomes = commands.iter().map(|command| next.apply(command)).collect();
        let mut batch = changes(&known.state, &next.state);
        if next.deletions != known.deletions {
            batch.set(keys::deletions(), Some(next.deletions.encode()));
        }
        batch.set(keys::catalog(), Some(next.record.encode()));
        let note = PositionRecord::encode(&position.record);
        batch.set(crate::keys::position(), Some(note));
        self.engine.commit(batch)?;
        *known = next;
        Ok(outcomes)
    }

    /// The last batch that was applied.
    pub fn applied(&self) -> LogIndex {
        self.lock().record.applied
    }

    /// What the last position said; nothing when there was none.
    pub fn position(&self) -> Result<Option<Bytes>, Fault> {
        load_position(&self.engine.view())
    }

    /// Everything after the last batch.
    pub fn state(&self) -> CatalogState {
        self.lock().state.clone()
    }

    /// Whether there was a volume of this id that is not there any more; false for one that this catalog
    /// has not heard of yet.
    pub fn was_deleted(&self, volume: u64) -> bool {
        let known = self.lock();
        let is_there = known.state.volumes.iter().any(|other| other.id == volume);
        0 < volume && volume < known.record.next_volume && !is_there
    }

    /// Where the catalog is kept.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(engine: &impl Engine) -> Result<Known, Fault> {
    check_empty(&engine.view(), "catalog record")?;
    let known = Known {
        record: CatalogRecord::default(),
        state: CatalogState::default(),
        deletions: DeletionsRecord::default(),
    };
    let mut batch = Batch::default();
    batch.set(keys::catalog(), Some(known.record.encode()));
    engine.commit(batch)?;
    engine.sync()?;
    Ok(known)
}

fn load(view: &impl View) -> Result<Option<Known>, Fault> {
    let Some(bytes) = view.get(&keys::catalog())? else {
        return Ok(None);
    };
    let record = CatalogRecord::decode(&bytes)?;
    let mut state = CatalogState {
        cluster_id: record.cluster_id,
        ..CatalogState::default()
    };
    let (start, end) = keys::nodes();
    view.scan(&start, &end, &mut |key, value| {
        state.nodes.push(NodeRecord::decode(keys::id(key)?, value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    let (start, end) = keys::all_removed();
    view.scan(&start, &end, &mut |key, _| {
        state.removed.push(keys::id(key)?);
        Ok(ControlFlow::Continue(()))
    })?;
    let (start, end) = keys::volumes();
    view.scan(&start, &end, &mut |key, value| {
        let volume = VolumeRecord::decode(keys::id(key)?, value)?;
        state.volumes.push(volume);
        Ok(ControlFlow::Continue(()))
    })?;
    let deletions = match view.get(&keys::deletions())? {
        Some(bytes) => DeletionsRecord::decode(&bytes)?,
        None => DeletionsRecord::default(),
    };
    Ok(Some(Known {
        record,
        state,
        deletions,
    }))
}

/// What must be written to get from one state to the next.
fn changes(before: &CatalogState, after: &CatalogState) -> Batch {
    let mut batch = Batch::default();
    for node in before
        .nodes
        .iter()
        .filter(|node| !after.nodes.contains(node))
    {
        batch.set(keys::node(node.id), None);
    }
    for node in after
        .nodes
        .iter()
        .filter(|node| !before.nodes.contains(node))
    {
        batch.set(keys::node(node.id), Some(node.encode()));
    }
    let left = |id: &&u64| !before.removed.contains(id);
    for id in after.removed.iter().filter(left) {
        batch.set(keys::removed(*id), Some(Bytes::new()));
    }
    let gone = |volume: &&VolumeRecord| !after.volumes.contains(volume);
    for volume in before.volumes.iter().filter(gone) {
        batch.set(keys::volume(volume.id), None);
    }
    let new = |volume: &&VolumeRecord| !before.volumes.contains(volume);
    for volume in after.volumes.iter().filter(new) {
        batch.set(keys::volume(volume.id), Some(volume.encode()));
    }
    batch
}

#[cfg(test)]
mod tests;
