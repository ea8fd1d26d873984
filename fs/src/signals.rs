//! Whether a process that waits for us was told to end.
//!
//! The kernel offers to tell (`FUSE_INTERRUPT`), and `fuser` declines; after that even SIGKILL waits for
//! our answer. So while an operation waits, `/proc/PID/status` is looked at now and then, and the operation
//! is answered with EINTR when a signal is pending that ends the process, or that people send to end
//! it. Signals that programs use for other things (SIGALRM, SIGCHLD, ...) leave the operation alone:
//! few programs expect EINTR from a file. Who waits for a lock is another matter: that any signal ends with EINTR
//! (`fcntl(2)`, `flock(2)`).
//!
//! EINTR must not be answered when no signal is pending: the kernel makes of it an error that no program knows.

use std::fs;
use std::time::Duration;

/// Between two looks.
const TICK: Duration = Duration::from_millis(50);

/// Signals that are sent to end a process, also if it catches them.
const MEANT_TO_END: [i32; 5] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGKILL,
    libc::SIGTERM,
];

/// Signals that do nothing or stop the process unless it says otherwise.
const HARMLESS: [i32; 8] = [
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGURG,
    libc::SIGWINCH,
    libc::SIGSTOP,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// Waits until the thread is told to end, or is gone; a request without a thread is never.
pub(crate) async fn told_to_end(thread: u32) {
    if thread == 0 {
        return std::future::pending().await;
    }
    let path = format!("/proc/{thread}/status");
    loop {
        tokio::time::sleep(TICK).await;
        // A file of a few hundred bytes that the kernel makes up: it never waits for a disk.
        let ends = match fs::read_to_string(&path) {
            Ok(status) => is_told_to_end(&status),
            // A daemon in another pid namespace sees nothing of its callers.
            Err(_) => false,
        };
        if ends {
            return;
        }
    }
}

/// Waits until the thread has any signal to handle; a request without a thread never has.
pub(crate) async fn interrupted(thread: u32) {
    if thread == 0 {
        return std::future::pending().await;
    }
    let mut before = Pending::Nothing;
    loop {
        tokio::time::sleep(TICK).await;
        let now = pending(thread);
        // What is for the whole process another thread may be about to take; not, if it is still there.
        if now == Pending::Thread || (now == Pending::Process && before == Pending::Process) {
            return;
        }
        before = now;
    }
}

/// Whether the thread has any signal to handle.
pub(crate) fn is_interrupted(thread: u32) -> bool {
    thread != 0 && pending(thread) != Pending::Nothing
}

/// For whom a signal is that can be handled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// This thread will handle it: its own, or the kernel prefers the first thread.
    Thread,
    /// Some thread will.
    Process,
}

fn pending(thread: u32) -> Pending {
    let status = fs::read_to_string(format!("/proc/{thread}/status"));
    status.map_or(Pending::Nothing, |status| pending_in(&status))
}

fn pending_in(status: &str) -> Pending {
    let set = |name| set(status, name);
    let handled = !set("SigBlk:") & !set("SigIgn:");
    let is_first = field(status, "Pid:") == field(status, "Tgid:");
    if set("SigPnd:") & handled != 0 {
        Pending::Thread
    } else if set("ShdPnd:") & handled == 0 {
        Pending::Nothing
    } else if is_first {
        Pending::Thread
    } else {
        Pending::Process
    }
}

fn is_told_to_end(status: &str) -> bool {
    let set = |name| set(status, name);
    let deliverable = (set("SigPnd:") | set("ShdPnd:")) & !set("SigBlk:") & !set("SigIgn:");
    let uncaught = !set("SigCgt:") & !of(&HARMLESS);
    deliverable & (of(&MEANT_TO_END) | uncaught) != 0
}

fn set(status: &str, name: &str) -> u64 {
    let digits = field(status, name).unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or(0)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.map(str::trim)
}

/// As `/proc` shows a set of signals.
fn of(signals: &[i32]) -> u64 {
    signals
        .iter()
        .fold(0, |set, signal| set | 1 << (signal - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pending: i32, blocked: u64, ignored: u64, caught: u64) -> String {
        let pending = of(&[pending]);
        format!(
            "Name:\tcat\nSigQ:\t0/95\nSigPnd:\t{pending:016x}\nShdPnd:\t0000000000000000\n\
             SigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n"
        )
    }

    #[test]
    fn a_signal_that_ends_the_process_ends_its_wait() {
        for signal in [libc::SIGKILL, libc::SIGINT, libc::SIGTERM, libc::SIGALRM] {
            assert!(is_told_to_end(&status(signal, 0, 0, 0)), "{signal}");
        }
    }

    #[test]
    fn a_signal_for_the_whole_process_counts_too() {
        let shared = "SigPnd:\t0\nShdPnd:\t0000000000000100\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n";
        assert!(is_told_to_end(shared));
    }

    #[test]
    fn signals_that_programs_handle_for_other_ends_do_not() {
        let caught = of(&[libc::SIGALRM, libc::SIGUSR1]);
        assert!(!is_told_to_end(&status(libc::SIGALRM, 0, 0, caught)));
        assert!(!is_told_to_end(&status(libc::SIGCHLD, 0, 0, 0)));
        assert!(!is_told_to_end(&status(libc::SIGWINCH, 0, 0, 0)));
    }

    #[test]
    fn control_c_ends_the_wait_of_a_program_that_catches_it() {
        let caught = of(&[libc::SIGINT]);
        assert!(is_told_to_end(&status(libc::SIGINT, 0, 0, caught)));
    }

    #[test]
    fn blocked_and_ignored_signals_do_not() {
        let interrupt = of(&[libc::SIGINT]);
        assert!(!is_told_to_end(&status(libc::SIGINT, interrupt, 0, 0)));
        assert!(!is_told_to_end(&status(libc::SIGINT, 0, interrupt, 0)));
    }

    #[test]
    fn any_signal_that_is_handled_interrupts_who_waits_for_a_lock() {
        let caught = of(&[libc::SIGUSR1]);
        let own = |blocked, ignored| pending_in(&status(libc::SIGUSR1, blocked, ignored, caught));
        assert_eq!(own(0, 0), Pending::Thread);
        assert_eq!(own(caught, 0), Pending::Nothing);
        assert_eq!(own(0, caught), Pending::Nothing);
    }

    #[test]
    fn a_signal_for_the_process_is_for_its_first_thread() {
        let of_thread = |thread: u32| {
            let shared = "SigPnd:\t0\nShdPnd:\t0000000000000200\nSigBlk:\t0\nSigIgn:\t0\n";
            pending_in(&format!("Tgid:\t7\nPid:\t{thread}\n{shared}"))
        };
        assert_eq!(of_thread(7), Pending::Thread);
        assert_eq!(of_thread(8), Pending::Process);
    }

    #[test]
    fn nothing_pending_ends_nothing() {
        assert!(!is_told_to_end("SigPnd:\t0000000000000000\n"));
        assert!(!is_told_to_end(""));
    }
}
