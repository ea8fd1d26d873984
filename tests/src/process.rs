//! Signals to processes that the suites started, and what `/proc` tells of them.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::poll::becomes_true;

/// How long a daemon that is killed may take to end.
const KILLED: Duration = Duration::from_secs(5);

/// What the kernel counts the time on processors in, for programs.
const TICKS_A_SECOND: u64 = 100;

/// How long the threads of a process may take to stop.
const FROZEN: Duration = Duration::from_secs(20);

/// Sends a signal; a process that is gone already is no error.
pub fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid as i32), signal).ok();
}

/// Ends a process and those it started in its group at once.
pub fn kill_group(pid: u32) {
    killpg(Pid::from_raw(pid as i32), Signal::SIGKILL).ok();
}

/// Bytes of memory that the process occupies.
pub fn resident_bytes(pid: u32) -> u64 {
    field(pid, "VmRSS:").unwrap() * 1024
}

/// Most bytes of memory that the process ever occupied; nothing once it has ended.
pub fn resident_bytes_peak(pid: u32) -> Option<u64> {
    Some(field(pid, "VmHWM:")? * 1024)
}

/// Time on processors that the process has had so far.
pub fn processor_time(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Behind the name and the state, which is the third field.
    let fields = text.rsplit_once(") ").unwrap().1.split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
}

/// The letter of the state of a process: `S` sleeps, `D` waits for a device, `Z` has ended.
pub fn state(pid: u32) -> Option<char> {
    state_in(&Path::new("/proc").join(pid.to_string()))
}

fn state_in(directory: &Path) -> Option<char> {
    let text = fs::read_to_string(directory.join("stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

/// Stops a process, and waits until each of its threads stands still: those that run go on for a moment.
#[track_caller]
pub fn freeze(pid: u32) {
    signal(pid, Signal::SIGSTOP);
    let stands_still = becomes_true(FROZEN, || {
        let threads = fs::read_dir(format!("/proc/{pid}/task"));
        threads.is_ok_and(|mut threads| {
            threads.all(|thread| state_in(&thread.unwrap().path()) == Some('T'))
        })
    });
    assert!(stands_still, "process {pid} does not stop");
}

fn field(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Kills the daemon of a mount, and waits for its end. A thread of it that has the kernel drop pages may wait for whoever
/// reads them, who waits for the daemon: neither ends before the kernel gives up the connection.
#[track_caller]
pub fn kill_daemon(mut daemon: Child, mountpoint: &Path) {
    signal(daemon.id(), Signal::SIGKILL);
    if !becomes_true(KILLED, || daemon.try_wait().unwrap().is_some()) {
        give_up_connection(mountpoint);
    }
    daemon.wait().unwrap();
}

/// Lets whoever waits for the daemon of a mount have an error.
pub fn give_up_connection(mountpoint: &Path) {
    // It is in use, and stays mounted.
    umount2(mountpoint, MntFlags::MNT_FORCE).ok();
}
