//! Signals to processes that the suites started, and what `/proc` tells of them.

use std::fs;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

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
    field(pid, "VmRSS:") * 1024
}

/// Most bytes of memory that the process ever occupied.
pub fn resident_bytes_peak(pid: u32) -> u64 {
    field(pid, "VmHWM:") * 1024
}

/// The letter of the state of a process: `S` sleeps, `D` waits for a device, `Z` has ended.
pub fn state(pid: u32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

fn field(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
