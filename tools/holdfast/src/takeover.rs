//! Opens a data directory, waiting for an earlier daemon that is about to let go of it.
//!
//! umount(8) returns when the kernel has let go; the daemon then still writes what is only in
//! memory. Whoever mounts the same data at once means the next mount, not an error.

use std::thread;
use std::time::{Duration, Instant};

use holdfast_replicator::{NoOpOptions, NoOpReplicator, OpenError};

use crate::mount_table;
use crate::termination::Termination;

/// How long a holder that serves no mount (any more, or yet) is waited for.
const RELEASED_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Opens it, or says why not.
pub(crate) fn open(
    options: &NoOpOptions,
    termination: &Termination,
) -> anyhow::Result<NoOpReplicator> {
    let deadline = Instant::now() + RELEASED_WITHIN;
    loop {
        match NoOpReplicator::open(options.clone()) {
            Err(error) if is_being_released(&error) && Instant::now() < deadline => {
                termination.check()?;
                thread::sleep(INTERVAL);
            }
            opened => return Ok(opened?),
        }
    }
}

/// Whether the holder is a mount that is not, or no longer, in the mount table; or has not yet said
/// what it is (process 0).
fn is_being_released(error: &OpenError) -> bool {
    let OpenError::InUse {
        pid, mountpoint, ..
    } = error
    else {
        return false;
    };
    match mountpoint {
        Some(mountpoint) => matches!(mount_table::find(mountpoint), Ok(None)),
        None => *pid == 0,
    }
}
