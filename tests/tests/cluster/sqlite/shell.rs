//! The `sqlite3` program.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use holdfast_tests::{process, run, wait_until};
use nix::sys::signal::Signal;

/// A transaction waits so long for the others, also while nobody leads: longer than the test, as sqlite serves nobody in turn.
const BUSY: &str = ".timeout 600000";

/// One that runs beside the test and ends with it.
pub(super) struct Shell {
    process: Child,
    /// It ends when this is closed.
    input: Option<ChildStdin>,
    output: PathBuf,
    complaints: PathBuf,
}

/// Asks a database a question.
#[track_caller]
pub(super) fn ask(database: &Path, statements: &str) -> String {
    let mut command = sqlite(database);
    run(command.arg(statements)).success()
}

impl Shell {
    #[track_caller]
    pub(super) fn start(database: &Path, scratch: &Path) -> Shell {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let output = scratch.join(format!("sqlite-{number}"));
        let complaints = scratch.join(format!("sqlite-{number}-complaints"));
        let mut process = sqlite(database)
            .stdin(Stdio::piped())
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(&complaints).unwrap())
            .spawn()
            .unwrap();
        Shell {
            input: process.stdin.take(),
            process,
            output,
            complaints,
        }
    }

    /// Gives it something to do; a pipe holds as much as tests say.
    #[track_caller]
    pub(super) fn say(&mut self, statements: &str) {
        let mut input = self.input.as_ref().unwrap();
        input.write_all(statements.as_bytes()).unwrap();
    }

    /// What went wrong, if it has ended.
    #[track_caller]
    pub(super) fn failure(&mut self) -> Option<String> {
        let status = self.process.try_wait().unwrap()?;
        let complaints = fs::read_to_string(&self.complaints).unwrap();
        Some(format!("{status}: {complaints}"))
    }

    /// Lets it end when it has done all; what it has printed.
    #[track_caller]
    pub(super) fn end(mut self, limit: Duration) -> String {
        drop(self.input.take());
        let mut ended = None;
        wait_until("sqlite3 ends", limit, || {
            ended = self.failure();
            ended.is_some()
        });
        assert_eq!(ended.as_deref(), Some("exit status: 0: "));
        fs::read_to_string(&self.output).unwrap()
    }

    /// Ends it as a crash would.
    #[track_caller]
    pub(super) fn kill(mut self) {
        process::signal(self.process.id(), Signal::SIGKILL);
        self.process.wait().unwrap();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        process::signal(self.process.id(), Signal::SIGKILL);
        self.process.wait().ok();
    }
}

fn sqlite(database: &Path) -> Command {
    let mut command = Command::new("sqlite3");
    command.args(["-bail", "-batch", "-cmd", BUSY]);
    command.arg(database);
    command
}
