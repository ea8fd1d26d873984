//! One `holdfast serve`.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use holdfast_replicator::FaultPoint;
use nix::sys::signal::Signal;

use super::standpoint::Standpoint;
use crate::poll::becomes_true;
use crate::{place, process};

/// How long a node may take to end.
const ENDED: Duration = Duration::from_secs(20);

/// A node of a cluster, which may run or not.
#[derive(Debug)]
pub struct ServeNode {
    id: u64,
    program: PathBuf,
    address: String,
    data: PathBuf,
    log: PathBuf,
    arguments: Vec<String>,
    standpoint: Standpoint,
    child: Option<Child>,
    /// Where the next run ends, and how often it passes by before.
    crash_at: Option<(FaultPoint, u32)>,
    /// Where this run ends.
    ends_at: Option<FaultPoint>,
    /// Bytes of the log before this run.
    logged_before: u64,
}

impl ServeNode {
    pub(crate) fn new(
        id: u64,
        address: String,
        (data, log): (PathBuf, PathBuf),
        arguments: Vec<String>,
        standpoint: Standpoint,
    ) -> ServeNode {
        ServeNode {
            id,
            program: place::holdfast(),
            address,
            data,
            log,
            arguments,
            standpoint,
            child: None,
            crash_at: None,
            ends_at: None,
            logged_before: 0,
        }
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The next start has these arguments, too.
    pub fn add_arguments(&mut self, arguments: &[&str]) {
        let more = arguments.iter().map(|argument| (*argument).to_owned());
        self.arguments.extend(more);
    }

    /// From the next start on it serves its pages for Prometheus and supervisors; answers where.
    pub fn serve_pages(&mut self) -> String {
        let address = free_address();
        self.add_arguments(&["--metrics", &address]);
        address
    }

    /// The next start is at another address.
    pub fn move_away(&mut self) {
        self.address = free_address();
    }

    /// The next start uses another data directory.
    pub fn use_data(&mut self, data: PathBuf) {
        self.data = data;
    }

    /// The next start is of another program.
    pub fn use_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// The next run ends when it comes to this point.
    pub fn crash_at(&mut self, point: FaultPoint) {
        self.crash_at = Some((point, 0));
    }

    /// The next run ends when it comes to this point again; every start passes it once.
    pub fn crash_at_after_start(&mut self, point: FaultPoint) {
        self.crash_at = Some((point, 1));
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it logs, over all its runs.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it was started, and not ended by the test.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// The process that runs now.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Starts it; returns at once.
    #[track_caller]
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "node {} runs", self.id);
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.unwrap();
        self.logged_before = log.metadata().unwrap().len();
        let crash = self.crash_at.take();
        self.ends_at = crash.map(|(point, _)| point);
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--id", &self.id.to_string()])
            .args(["--listen", &self.address, "--data"])
            .arg(&self.data)
            .args(&self.arguments)
            .env("RUST_LOG", super::log_filter())
            .envs(crash.map(|(point, _)| ("HOLDFAST_CRASH_AT", point.name())))
            .envs(crash.map(|(_, passes)| ("HOLDFAST_CRASH_PASSES", passes.to_string())))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.child = Some(self.standpoint.run(|| command.spawn().unwrap()));
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// How it ended, if it did by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child
            .as_mut()
            .and_then(|child| child.try_wait().unwrap())
    }

    /// Checks that it has ended where it was to end, and not for another reason.
    #[track_caller]
    pub fn assert_ended_at_fault_point(&mut self) {
        let (id, point) = (self.id, self.ends_at.unwrap());
        let status = self.ended().unwrap();
        let signal = status.signal();
        assert_eq!(signal, Some(libc::SIGKILL), "node {id}: {status}");
        let log = fs::read(&self.log).unwrap();
        let of_this_run = String::from_utf8_lossy(&log[self.logged_before as usize..]);
        let line = ended_at(point);
        let is_said = of_this_run.lines().any(|one| one == line);
        assert!(is_said, "node {id} was killed, and not at {}", point.name());
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::signal(child.id(), Signal::SIGKILL);
            child.wait().unwrap();
        }
    }

    /// Ends it as an operator would; it must end well.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        process::signal(child.id(), Signal::SIGTERM);
        let mut status = None;
        let ended = becomes_true(ENDED, || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        if !ended {
            process::signal(child.id(), Signal::SIGKILL);
            child.wait().unwrap();
        }
        assert!(
            status.is_some_and(|status| status.success()),
            "node {} did not end well after SIGTERM: {status:?}",
            self.id
        );
    }
}

impl Drop for ServeNode {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a process says that ends at a fault point.
pub fn ended_at(point: FaultPoint) -> String {
    format!("ended at {}", point.name())
}

/// An address of this machine that nobody listens on.
///
/// It is below the ports that the kernel gives to outgoing connections: a node that is started again must not find
/// its port taken by one.
pub(crate) fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 20_000 + (std::process::id() % 100) as u16 * 100;
    loop {
        let port = begin + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}
