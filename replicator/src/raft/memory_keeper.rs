//! Keeps what the memory tables of all volumes take within what the node may use for them (decision 30).
//!
//! RocksDB bounds those of one volume, as if it were alone. When all of them together are too much, the largest are written to
//! tables, and only they: an idle volume keeps no memory from a busy one for long, and small tables cost merging later.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::Fault;
use tokio::sync::watch;

use super::machine::Machine;
use super::registry::Registry;
use crate::sparing::Sparing;

/// How often it looks: a disk takes some ten MiB meanwhile.
const TICK: Duration = Duration::from_millis(100);

/// What fails here fails where the volume is used as well.
static FAILED: Sparing = Sparing::new();

/// Runs until the node stops; nothing is being written any more when it has ended.
pub(crate) async fn run(registry: Registry, mut stopped: watch::Receiver<bool>) {
    let most = registry.options().limits.memory_table_bytes as u64;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            _ = ticks.tick() => {}
        }
        let excess = excess(tables(&registry), most);
        if excess.is_empty() {
            continue;
        }
        let written = tokio::task::spawn_blocking(move || {
            for machine in excess {
                if let Err(fault) = machine.engine().flush()
                    && let Some(more) = FAILED.due()
                {
                    tracing::warn!(%fault, more, "memory tables of a volume were not written");
                }
            }
        });
        if written.await.is_err() {
            // The runtime ends.
            return;
        }
    }
}

/// What the memory tables of all groups take.
pub(crate) fn taken(registry: &Registry) -> u64 {
    tables(registry).iter().map(|(bytes, _)| bytes).sum()
}

fn tables(registry: &Registry) -> Vec<(u64, Arc<Machine>)> {
    let groups = registry.groups().into_iter();
    let tables = groups.map(|group| {
        let machine = group.store().machine();
        (bytes(&machine).unwrap_or_default(), machine)
    });
    tables.collect()
}

fn bytes(machine: &Machine) -> Result<u64, Fault> {
    machine.engine().unwritten_bytes()
}

/// Those that have to go, the largest first, so that the others fit.
fn excess<T>(mut tables: Vec<(u64, T)>, most: u64) -> Vec<T> {
    tables.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let mut taken: u64 = tables.iter().map(|(bytes, _)| bytes).sum();
    let large = tables.into_iter().take_while(|(bytes, _)| {
        let has_to_go = taken > most;
        taken -= bytes;
        has_to_go
    });
    large.map(|(_, table)| table).collect()
}

#[cfg(test)]
mod tests {
    use super::excess;

    #[test]
    fn the_largest_go_and_no_more_than_have_to() {
        let tables = vec![(5, 'a'), (40, 'b'), (30, 'c'), (1, 'd')];
        assert_eq!(excess(tables.clone(), 76), []);
        assert_eq!(excess(tables.clone(), 75), ['b']);
        assert_eq!(excess(tables.clone(), 36), ['b']);
        assert_eq!(excess(tables.clone(), 35), ['b', 'c']);
        assert_eq!(excess(tables, 0), ['b', 'c', 'a', 'd']);
    }
}
