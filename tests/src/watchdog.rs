//! Ends what a test waits for when its time is over.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::process;

/// Kills the daemon of a test when the time is over: system calls that wait for it then fail.
#[derive(Debug)]
pub(crate) struct Watchdog {
    pid: Arc<Mutex<Option<u32>>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn new(limit: Duration, mountpoint: &Path) -> Watchdog {
        let pid = Arc::new(Mutex::new(None));
        let (stop, stopped) = channel::<()>();
        let (watched, mountpoint) = (Arc::clone(&pid), mountpoint.to_path_buf());
        let thread = thread::spawn(move || {
            if stopped.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                give_up(limit, &watched, &mountpoint);
            }
        });
        Watchdog {
            pid,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The daemon that runs now.
    pub(crate) fn watch(&self, pid: Option<u32>) {
        *self.pid.lock().unwrap() = pid;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn give_up(limit: Duration, pid: &Mutex<Option<u32>>, mountpoint: &Path) {
    eprintln!(
        "watchdog: the test on {} takes more than {limit:?}",
        mountpoint.display()
    );
    if let Some(pid) = *pid.lock().unwrap() {
        process::signal(pid, Signal::SIGKILL);
        process::give_up_connection(mountpoint);
    }
}
