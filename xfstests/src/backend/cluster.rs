//! Three nodes on this machine, as `holdfast dev-cluster` starts them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::Signal;

use crate::interrupt::{self, Interrupt};
use crate::processes;

/// How long the cluster may take to come up, and to end.
const READY: Duration = Duration::from_secs(90);
const END: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(100);
/// What the command prints when everything is up.
const UP: &str = "^C ends everything.";
/// Nodes listen on as many ports in a row.
const NODES: u16 = 3;

/// Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Cluster {
    holdfast: PathBuf,
    directory: PathBuf,
    process: Child,
    addresses: String,
}

impl Cluster {
    pub(super) fn start(
        holdfast: &Path,
        data: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Cluster> {
        let port = free_ports()?;
        let addresses: Vec<String> = (port..port + NODES)
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let (output, directory) = (data.join("dev-cluster.log"), data.join("nodes"));
        let log = File::create(&output).with_context(|| output.display().to_string())?;
        let mut command = Command::new(holdfast);
        command
            .args(["dev-cluster", "--port", &port.to_string(), "--dir"])
            .arg(&directory);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // ^C reaches everything in the terminal; the nodes are told when the mounts are gone.
        let process =
            interrupt::spawn(command.process_group(0)).context("cannot start the cluster")?;
        let mut cluster = Cluster {
            holdfast: holdfast.to_owned(),
            directory,
            process,
            addresses: addresses.join(","),
        };
        let deadline = Instant::now() + READY;
        loop {
            interrupt.check()?;
            let said = fs::read_to_string(&output).unwrap_or_default();
            if said.contains(UP) {
                return Ok(cluster);
            }
            if cluster.process.try_wait()?.is_some() {
                bail!("the cluster ended: {said}");
            }
            ensure!(
                Instant::now() < deadline,
                "the cluster did not come up: {said}"
            );
            thread::sleep(TICK);
        }
    }

    /// Of all nodes, as a mount takes them.
    pub(super) fn addresses(&self) -> &str {
        &self.addresses
    }

    /// Makes an empty volume.
    pub(super) fn make_volume(&self, name: &str) -> anyhow::Result<()> {
        let arguments = ["volume", "create", name, "--cluster", &self.addresses];
        let made = Command::new(&self.holdfast).args(arguments).output();
        let made = made.context("cannot make a volume")?;
        let complaint = String::from_utf8_lossy(&made.stderr);
        ensure!(
            made.status.success(),
            "cannot make volume {name}: {complaint}"
        );
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        processes::signal(self.process.id(), Signal::SIGTERM);
        let deadline = Instant::now() + END;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(TICK);
        }
        self.process.kill().ok();
        self.process.wait().ok();
        for pid in processes::with_argument(&self.directory) {
            processes::signal(pid, Signal::SIGKILL);
        }
    }
}

/// The first of some ports in a row that nobody listens on.
fn free_ports() -> anyhow::Result<u16> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    for _ in 0..100 {
        // One that the system takes for connections now may be the next node's otherwise.
        let first = listen(0)?.local_addr()?.port();
        let is_free = |port: u16| listen(port).is_ok();
        if first.checked_add(NODES).is_some() && (first..first + NODES).all(is_free) {
            return Ok(first);
        }
    }
    bail!("there are no {NODES} free ports in a row")
}
