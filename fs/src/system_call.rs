//! Which system call a process waits in: `flock(2)` and `fcntl(2)` look alike to `fuser`, which drops the flag that tells them
//! apart.

use std::fs;
use std::time::Duration;

use holdfast_metadata::LockSpace;

/// Between two looks at a process that has not yet gone to sleep.
const TICK: Duration = Duration::from_millis(1);
/// A process that never sleeps is not waiting for us: it is hidden behind another namespace of processes.
const LOOKS_MAX: u32 = 200;

/// The number of `flock` for programs of 32 bits on x86-64 and on 64-bit ARM.
const FLOCK_32: i64 = 143;

/// The kind of lock that this thread asks for; `None` where it cannot be seen.
pub(crate) async fn lock_space(thread: u32) -> Option<LockSpace> {
    let path = format!("/proc/{thread}/syscall");
    for _ in 0..LOOKS_MAX {
        let call = fs::read_to_string(&path).ok()?;
        if let Some(number) = number(&call) {
            return Some(space_of(number));
        }
        tokio::time::sleep(TICK).await;
    }
    None
}

/// The first field; a process that runs has none.
pub(crate) fn number(call: &str) -> Option<i64> {
    call.split_ascii_whitespace().next()?.parse().ok()
}

fn space_of(number: i64) -> LockSpace {
    if number == libc::SYS_flock || number == FLOCK_32 {
        LockSpace::Flock
    } else {
        LockSpace::Posix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flock_and_fcntl_are_told_apart() {
        let line = |number| format!("{number} 0x3 0x2 0x0 0x0 0x0 0x0 0x7ffc 0x7f1e\n");
        let space = |number| super::number(&line(number)).map(space_of);
        assert_eq!(space(libc::SYS_flock), Some(LockSpace::Flock));
        assert_eq!(space(libc::SYS_fcntl), Some(LockSpace::Posix));
    }

    #[test]
    fn a_process_that_has_not_gone_to_sleep_is_looked_at_again() {
        assert_eq!(number("running\n"), None);
    }
}
