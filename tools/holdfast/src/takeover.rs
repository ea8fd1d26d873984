//! Opens a data directory, waiting for an earlier daemon that is about to let go of it.
//!
//! umount(8) returns when the kernel has let go; the daemon then still writes what is only in
//! memory. Whoever mounts or checks the same data at once means what it will be, not an error.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use holdfast_replicator::OpenError;

use crate::mount_table;

/// How long a holder that serves no mount (any more, or yet) is waited for.
const RELEASED_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Opens it, or says why not; waits no longer than `go_on` is true.
pub(crate) fn open<T>(
    mut open: impl FnMut() -> Result<T, OpenError>,
    go_on: impl Fn() -> bool,
) -> Result<T, OpenError> {
    let deadline = Instant::now() + RELEASED_WITHIN;
    loop {
        match open() {
            Err(error) if is_being_released(&error) && go_on() && Instant::now() < deadline => {
                thread::sleep(INTERVAL);
            }
            opened => return opened,
        }
    }
}

/// The error for a person: a holder that is not mounted any more cannot be unmounted.
pub(crate) fn explain(error: OpenError) -> anyhow::Error {
    match &error {
        OpenError::InUse {
            path,
            pid,
            mountpoint: Some(mountpoint),
        } if is_being_released(&error) => anyhow!(
            "{} is still held by process {pid}, which serves {} no more: it writes what was in \
             memory, or files are still open there; try again when it has ended",
            path.display(),
            mountpoint.display()
        ),
        _ => error.into(),
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn in_use(mountpoint: &str) -> OpenError {
        OpenError::InUse {
            path: "/data".into(),
            pid: 12,
            mountpoint: Some(mountpoint.into()),
        }
    }

    #[test]
    fn a_holder_that_is_not_mounted_any_more_is_waited_for() {
        let attempts = Cell::new(0);
        let attempt = || {
            attempts.set(attempts.get() + 1);
            if attempts.get() < 3 {
                Err(in_use("/nowhere"))
            } else {
                Ok("opened")
            }
        };
        assert_eq!(open(attempt, || true).unwrap(), "opened");
        assert_eq!(attempts.get(), 3);
    }

    #[test]
    fn nobody_waits_for_a_live_mount_or_after_an_interruption() {
        for (mountpoint, go_on) in [("/proc", true), ("/nowhere", false)] {
            let attempts = Cell::new(0);
            let attempt = || {
                attempts.set(attempts.get() + 1);
                Err::<(), _>(in_use(mountpoint))
            };
            open(attempt, || go_on).unwrap_err();
            assert_eq!(attempts.get(), 1, "{mountpoint}");
        }
    }

    #[test]
    fn what_is_not_mounted_is_not_told_to_be_unmounted() {
        let closing = explain(in_use("/nowhere")).to_string();
        assert!(closing.contains("still held by process 12, which serves /nowhere no more"));
        assert!(!closing.contains("unmount it"), "{closing}");
        assert!(explain(in_use("/proc")).to_string().contains("unmount it"));
    }
}
