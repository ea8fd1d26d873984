//! Whether the threads that read requests have begun with what they have read.
//!
//! The kernel hands requests out in their order, but for those that it holds back because too many that nobody waits for are
//! under way. A thread of `fuser` that has read one may stand still before anything here
//! knows of it, while another begins with the next one. Where the order matters, who is second waits for all of them:
//! `/proc` shows who waits for a request, and how often each has read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::system_call;

/// How `fuser` calls its threads.
const NAME: &str = "fuser-";
/// Between two looks at a thread.
const TICK: Duration = Duration::from_millis(1);
/// A thread that has not got on by then is given up: it may not be seen here, or the machine stands still.
const LOOKS_MAX: u32 = 100;
/// The first read that ends may be the one of which we do not know: who ends another one has begun with that.
const READS: u64 = 2;

/// Waits until everything is begun with that was read before.
pub(crate) async fn caught_up() {
    for thread in threads() {
        let mut reads = None;
        for _ in 0..LOOKS_MAX {
            if waits(&thread) {
                break;
            }
            match (reads, count_reads(&thread)) {
                // It has ended, or is not counted on this machine.
                (_, None) => break,
                (None, now) => reads = now,
                (Some(before), Some(now)) if now >= before + READS => break,
                (Some(_), Some(_)) => {}
            }
            tokio::time::sleep(TICK).await;
        }
    }
}

fn threads() -> Vec<PathBuf> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
    tasks
        .filter(|task| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with(NAME))
        })
        .collect()
}

fn waits(thread: &Path) -> bool {
    let call = fs::read_to_string(thread.join("syscall"));
    call.is_ok_and(|call| system_call::number(&call) == Some(libc::SYS_read))
}

fn count_reads(thread: &Path) -> Option<u64> {
    let counts = fs::read_to_string(thread.join("io")).ok()?;
    let reads = counts.lines().find_map(|line| line.strip_prefix("syscr:"));
    reads?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;

    /// One test: what both look at are all threads of this process.
    #[tokio::test]
    async fn a_thread_that_has_read_is_waited_for_until_it_reads_again() {
        let (mut end, other) = std::io::pipe().unwrap();
        let goes_on = Arc::new(AtomicBool::new(false));
        let is_told = Arc::clone(&goes_on);
        let (starting, started) = mpsc::channel();
        let busy = move || {
            starting.send(()).unwrap();
            while !is_told.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            end.read_to_end(&mut Vec::new()).unwrap();
        };
        let builder = thread::Builder::new().name(format!("{NAME}7"));
        let busy = builder.spawn(busy).unwrap();
        started.recv().unwrap();
        let mut caught = tokio::spawn(caught_up());
        let early = tokio::time::timeout(TICK * 10, &mut caught);
        assert!(early.await.is_err(), "not waited for");
        goes_on.store(true, Ordering::Relaxed);
        // It reads, and there is nothing to read.
        caught.await.unwrap();
        let thread = threads().pop().unwrap();
        assert!(waits(&thread), "it was given up");
        drop(other);
        busy.join().unwrap();
        caught_up().await;
    }
}
