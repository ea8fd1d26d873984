//! `fcntl`, OFD and `flock` locks between processes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use holdfast_tests::process::{signal, state};
use holdfast_tests::{Mounted, errno, wait_until};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};
use nix::sys::signal::Signal;

const KINDS: [&str; 3] = ["fcntl", "ofd", "flock"];

/// A process that holds a lock, or waits for it.
struct Holder {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Holder {
    fn start(kind: &str, path: &Path) -> Holder {
        Holder::start_all(kind, &[path])
    }

    /// Takes the locks of several files, one after the other.
    fn start_all(kind: &str, paths: &[&Path]) -> Holder {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hold-lock"))
            .arg(kind)
            .args(paths)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Holder { process, output }
    }

    /// Blocks until the process has the lock.
    fn wait_locked(&mut self) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(line.starts_with("locked"), "{line:?}");
    }

    /// Waits until the process sleeps in its system call.
    fn wait_blocked(&self) {
        let syscall = format!("/proc/{}/syscall", self.process.id());
        wait_until(
            "the process waits for the lock",
            Duration::from_secs(10),
            || {
                let call = std::fs::read_to_string(&syscall).unwrap_or_default();
                let number = call
                    .split(' ')
                    .next()
                    .and_then(|word| word.parse::<i64>().ok());
                matches!(number, Some(libc::SYS_fcntl | libc::SYS_flock))
                    && matches!(state(self.process.id()), Some('S' | 'D'))
            },
        );
    }

    fn release(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

fn whole_file(kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as i16,
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Tries to take a lock without waiting.
fn try_lock(kind: &str, path: &Path) -> nix::Result<()> {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let lock = whole_file(libc::F_WRLCK);
    match kind {
        "fcntl" => fcntl(&file, FcntlArg::F_SETLK(&lock)).map(drop),
        "ofd" => fcntl(&file, FcntlArg::F_OFD_SETLK(&lock)).map(drop),
        _ => Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map(drop)
            .map_err(|(_, error)| error),
    }
}

#[test]
fn a_lock_excludes_others_until_it_is_released() {
    let mounted = Mounted::new();
    for kind in KINDS {
        let path = mounted.path(kind);
        File::create_new(&path).unwrap();
        let mut holder = Holder::start(kind, &path);
        holder.wait_locked();
        assert_eq!(errno(try_lock(kind, &path)), Errno::EAGAIN, "{kind}");
        holder.release();
        try_lock(kind, &path).unwrap();
    }
}

#[test]
fn one_who_waits_gets_the_lock_when_the_holder_is_killed() {
    let mounted = Mounted::new();
    for kind in KINDS {
        let path = mounted.path(kind);
        File::create_new(&path).unwrap();
        let mut holder = Holder::start(kind, &path);
        holder.wait_locked();
        let mut waiter = Holder::start(kind, &path);
        waiter.wait_blocked();
        signal(holder.process.id(), Signal::SIGKILL);
        holder.process.wait().unwrap();
        waiter.wait_locked();
        waiter.release();
    }
}

#[test]
fn one_who_waits_can_be_interrupted() {
    let mounted = Mounted::new();
    for kind in KINDS {
        let path = mounted.path(kind);
        File::create_new(&path).unwrap();
        let mut holder = Holder::start(kind, &path);
        holder.wait_locked();
        let mut waiter = Holder::start(kind, &path);
        waiter.wait_blocked();
        signal(waiter.process.id(), Signal::SIGINT);
        wait_until("the waiting process ends", Duration::from_secs(10), || {
            waiter.process.try_wait().unwrap().is_some()
        });
        holder.release();
        try_lock(kind, &path).unwrap();
    }
}

#[test]
fn parts_of_a_file_are_locked_apart_and_the_holder_is_named() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    let file = File::create_new(&path).unwrap();
    let mut part = whole_file(libc::F_WRLCK);
    part.l_len = 100;
    fcntl(&file, FcntlArg::F_OFD_SETLK(&part)).unwrap();
    let other = File::options().read(true).write(true).open(&path).unwrap();
    let mut rest = part;
    rest.l_start = 100;
    fcntl(&other, FcntlArg::F_OFD_SETLK(&rest)).unwrap();
    assert_eq!(
        errno(fcntl(&other, FcntlArg::F_OFD_SETLK(&part))),
        Errno::EAGAIN
    );
    let mut question = whole_file(libc::F_WRLCK);
    fcntl(&other, FcntlArg::F_OFD_GETLK(&mut question)).unwrap();
    assert_eq!(
        (question.l_type, question.l_len),
        (libc::F_WRLCK as i16, 100)
    );
}

#[test]
fn two_processes_that_wait_for_each_other_get_edeadlk() {
    let mounted = Mounted::new();
    let (first, second) = (mounted.path("first"), mounted.path("second"));
    let mine = File::create_new(&first).unwrap();
    File::create_new(&second).unwrap();
    fcntl(&mine, FcntlArg::F_SETLK(&whole_file(libc::F_WRLCK))).unwrap();
    let mut other = Holder::start_all("fcntl", &[&second, &first]);
    other.wait_locked();
    other.wait_blocked();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(&second)
        .unwrap();
    let crossed = fcntl(&theirs, FcntlArg::F_SETLKW(&whole_file(libc::F_WRLCK)));
    assert_eq!(crossed, Err(Errno::EDEADLK));
    fcntl(&mine, FcntlArg::F_SETLK(&whole_file(libc::F_UNLCK))).unwrap();
    other.wait_locked();
    other.release();
}
