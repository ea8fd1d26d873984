//! Processes that take locks until they are told to end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use holdfast_tests::holds::Hold;
use holdfast_tests::{process, wait_until};
use nix::sys::signal::Signal;

/// How long locks may not go on, on a loaded machine of two cores.
const PROGRESS: Duration = Duration::from_secs(40);

/// Many `count-locked`, which end with the test.
pub(super) struct Crowd {
    members: Vec<Member>,
    /// Where they write down what they held: not on a mount.
    directory: PathBuf,
    /// The number of the next one.
    next: u32,
}

struct Member {
    process: Child,
    /// It ends when this is closed.
    input: Option<ChildStdin>,
    history: PathBuf,
    complaints: PathBuf,
}

impl Crowd {
    /// Nobody yet. The numbers of its members begin with `first`.
    pub(super) fn new(directory: &Path, first: u32) -> Crowd {
        Crowd {
            members: Vec::new(),
            directory: directory.to_path_buf(),
            next: first,
        }
    }

    /// Starts one more.
    #[track_caller]
    pub(super) fn join(&mut self, counters: &Path, locks: u32) {
        let holder = self.next;
        self.next += 1;
        let history = self.directory.join(format!("holds-{holder}"));
        let complaints = self.directory.join(format!("complaints-{holder}"));
        let mut process = Command::new(env!("CARGO_BIN_EXE_count-locked"))
            .arg(counters)
            .args([locks.to_string(), holder.to_string()])
            .stdin(Stdio::piped())
            .stdout(File::create(&history).unwrap())
            .stderr(File::create(&complaints).unwrap())
            .spawn()
            .unwrap();
        self.members.push(Member {
            input: process.stdin.take(),
            process,
            history,
            complaints,
        });
    }

    /// Waits until there were so many more holds.
    #[track_caller]
    pub(super) fn wait_for(&mut self, more: u64) {
        // About: it is enough to see that they go on.
        let line_bytes = 40;
        let aim = self.written_bytes() + more * line_bytes;
        wait_until("locks go on", PROGRESS, || {
            self.assert_all_run();
            self.written_bytes() >= aim
        });
    }

    /// Tells all to end, and answers with what they held.
    #[track_caller]
    pub(super) fn end(mut self) -> Vec<Hold> {
        self.assert_all_run();
        for member in &mut self.members {
            drop(member.input.take());
        }
        wait_until("all processes end", PROGRESS, || {
            let mut members = self.members.iter_mut();
            members.all(|member| member.process.try_wait().unwrap().is_some())
        });
        let mut holds: Vec<Hold> = Vec::new();
        for member in &mut self.members {
            let status = member.process.wait().unwrap();
            assert!(status.success(), "{}", member.complaints());
            let lines = fs::read_to_string(&member.history).unwrap();
            holds.extend(lines.lines().map(|line| line.parse::<Hold>().unwrap()));
        }
        holds
    }

    /// What they held whose mount is dead; the last line of each may be cut off.
    #[track_caller]
    pub(super) fn remains(self) -> Vec<Hold> {
        let histories = self.members.iter().map(|member| {
            let history = fs::read_to_string(&member.history);
            history.unwrap()
        });
        let whole = |history: String| {
            let (lines, _) = history.rsplit_once('\n').unwrap_or_default();
            lines
                .lines()
                .map(|line| line.parse::<Hold>().unwrap())
                .collect::<Vec<_>>()
        };
        histories.flat_map(whole).collect()
    }

    fn written_bytes(&self) -> u64 {
        let lengths = self.members.iter().map(|member| {
            let written = fs::metadata(&member.history);
            written.unwrap().len()
        });
        lengths.sum()
    }

    #[track_caller]
    fn assert_all_run(&mut self) {
        for member in &mut self.members {
            let ended = member.process.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", member.complaints());
        }
    }
}

impl Member {
    fn complaints(&self) -> String {
        fs::read_to_string(&self.complaints).unwrap_or_default()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for member in &mut self.members {
            process::signal(member.process.id(), Signal::SIGKILL);
        }
        for member in &mut self.members {
            member.process.wait().ok();
        }
    }
}
