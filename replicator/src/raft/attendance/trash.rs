//! What a leader does for the trash of a volume: removes what was kept for long enough (decision 27).

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{Answer, EmptyTrash, Fault, Operation};
use tokio::time::Instant;

use super::ledger::Ledger;
use super::{Shared, duty};
use crate::raft::machine::{Machine, run_long};
use crate::raft::runtime;
use crate::raft::type_config::Applied;
use crate::refusal::Refusal;

/// Between two looks: hours are what is looked for.
const LOOK: Duration = Duration::from_mins(1);
/// Names of one command: some milliseconds.
const NAMES_MAX: usize = 128;
/// When that was refused, because a node is new to its lead, or has much to do.
const AGAIN: Duration = Duration::from_secs(2);

/// Looks for what is due while this node leads.
pub(super) async fn empty(shared: Arc<Shared>) {
    let mut pause = LOOK;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.trash.notified() => {}
        }
        pause = LOOK;
        if let Err(refusal) = empty_now(&shared).await {
            tracing::debug!(group = %shared.group.id(), %refusal, "emptying the trash waits");
            pause = AGAIN;
        }
    }
}

async fn empty_now(shared: &Shared) -> Result<(), Refusal> {
    let Some(term) = shared.ledger.lock().as_ref().map(Ledger::term) else {
        return Ok(());
    };
    if !run_long(|| is_due(shared))? {
        return Ok(());
    }
    loop {
        let empty = Operation::EmptyTrash(EmptyTrash {
            names_max: NAMES_MAX,
            term,
        });
        let begun = Instant::now();
        match duty::propose(shared, empty).await? {
            Applied::Command(Ok(Answer::Reclaimed { unfinished })) if !unfinished.is_empty() => {}
            Applied::Command(Err(error)) => {
                return Err(Refusal::Unavailable {
                    reason: error.to_string(),
                });
            }
            Applied::Command(Ok(_)) | Applied::Nothing | Applied::Catalog(_) => return Ok(()),
        }
        // Half of the time is for those who work.
        tokio::time::sleep(begun.elapsed()).await;
    }
}

fn is_due(shared: &Shared) -> Result<bool, Fault> {
    match shared.group.store().machine().as_ref() {
        Machine::Volume(machine) => machine.is_trash_due(runtime::time_of_day()),
        Machine::Catalog(_) => Ok(false),
    }
}
