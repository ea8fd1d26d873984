//! Programs under a time limit.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::poll::becomes_true;
use crate::process;

/// What a program left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Finished {
    /// What it printed, if it succeeded; fails the test with everything if not.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(
            self.status.success(),
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self.stdout
    }
}

/// Runs a program that ends within a minute.
#[track_caller]
pub fn run(command: &mut Command) -> Finished {
    run_within(command, Duration::from_mins(1))
}

/// Runs a program; kills it and its children, and fails the test, when the time is over.
#[track_caller]
pub fn run_within(command: &mut Command, limit: Duration) -> Finished {
    use std::os::unix::process::CommandExt;
    let mut stdout = tempfile::tempfile().unwrap();
    let mut stderr = tempfile::tempfile().unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().unwrap())
        .stderr(stderr.try_clone().unwrap())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut status = None;
    let ended = becomes_true(limit, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    if !ended {
        process::kill_group(child.id());
        child.wait().unwrap();
    }
    let finished = Finished {
        status: status.unwrap_or_default(),
        stdout: content(&mut stdout),
        stderr: content(&mut stderr),
    };
    assert!(
        ended,
        "{command:?} did not end within {limit:?}: {finished:#?}"
    );
    finished
}

fn content(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
