//! A process that uses files as the test says.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use holdfast_tests::process::{self, state};
use holdfast_tests::wait_until;
use nix::sys::signal::Signal;

/// How long a call may take that waits for nobody, on a loaded machine of two cores.
const LIMIT: Duration = Duration::from_secs(30);

/// A `use-files` that ends with the test.
pub(super) struct Agent {
    process: Child,
    calls: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Agent {
    /// Starts one that has a file open under the name `file`.
    #[track_caller]
    pub(super) fn with(path: &Path) -> Agent {
        let mut agent = Agent::start();
        agent.open("file", path);
        agent
    }

    #[track_caller]
    fn start() -> Agent {
        let mut process = Command::new(env!("CARGO_BIN_EXE_use-files"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let calls = process.stdin.take();
        let answers = read_lines(process.stdout.take().unwrap());
        Agent {
            process,
            calls,
            answers,
        }
    }

    #[track_caller]
    pub(super) fn open(&mut self, name: &str, path: &Path) {
        assert_eq!(self.call(&format!("open {name} {}", path.display())), "ok");
    }

    /// Makes a call that ends soon, and answers with what came of it.
    #[track_caller]
    pub(super) fn call(&mut self, call: &str) -> String {
        self.begin(call);
        self.end()
    }

    /// Makes a call that may wait.
    #[track_caller]
    pub(super) fn begin(&mut self, call: &str) {
        writeln!(self.calls.as_mut().unwrap(), "{call}").unwrap();
    }

    /// Begins a call, and returns when it sleeps in its system call.
    #[track_caller]
    pub(super) fn begin_to_wait(&mut self, call: &str) {
        self.begin(call);
        let path = format!("/proc/{}/syscall", self.process.id());
        wait_until("the process waits for the lock", LIMIT, || {
            let call = std::fs::read_to_string(&path).unwrap_or_default();
            let number = call.split(' ').next().map(str::parse);
            matches!(number, Some(Ok(libc::SYS_fcntl | libc::SYS_flock)))
                && matches!(state(self.process.id()), Some('S' | 'D'))
        });
        assert!(!self.has_ended(), "{call} does not wait");
    }

    /// What came of the call that was begun.
    #[track_caller]
    pub(super) fn end(&mut self) -> String {
        self.end_within(LIMIT)
    }

    #[track_caller]
    pub(super) fn end_within(&mut self, limit: Duration) -> String {
        self.answers.recv_timeout(limit).unwrap()
    }

    fn has_ended(&self) -> bool {
        self.answers.try_recv().is_ok()
    }

    pub(super) fn signal(&self, signal: Signal) {
        process::signal(self.process.id(), signal);
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Ends the process as a crash would.
    pub(super) fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.process.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.calls.take());
        self.signal(Signal::SIGKILL);
        self.process.wait().ok();
    }
}

fn read_lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
