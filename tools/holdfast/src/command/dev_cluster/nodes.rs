//! The processes of a cluster for trying things out.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::DevClusterArguments;
use super::certificates::Certificates;

/// A node that has ended stays away for so long, so that one can see how it goes without.
const AWAY: Duration = Duration::from_secs(5);
/// A node that was told to end may take so long.
const END: Duration = Duration::from_secs(10);

/// All nodes of the cluster.
#[derive(Debug)]
pub(super) struct Nodes {
    program: PathBuf,
    directory: PathBuf,
    certificates: Option<Certificates>,
    /// The port of the first node's page.
    pages: Option<u16>,
    all: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    id: u16,
    address: String,
    state: State,
}

#[derive(Debug)]
enum State {
    Running(Child),
    Ended(Instant),
}

impl Nodes {
    /// Starts all of them; the first makes the cluster, the others join it.
    pub(super) fn start(
        program: &Path,
        directory: &Path,
        certificates: Option<Certificates>,
        arguments: &DevClusterArguments,
    ) -> anyhow::Result<Nodes> {
        let mut nodes = Nodes {
            program: program.to_owned(),
            directory: directory.to_owned(),
            certificates,
            pages: arguments.pages,
            all: Vec::new(),
        };
        for number in 0..arguments.nodes {
            let id = number + 1;
            let address = format!("127.0.0.1:{}", arguments.port + number);
            let child = nodes.spawn(id, &address)?;
            nodes.all.push(Node {
                id,
                address,
                state: State::Running(child),
            });
        }
        Ok(nodes)
    }

    fn spawn(&self, id: u16, address: &str) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--id", &id.to_string(), "--listen", address]);
        command
            .arg("--data")
            .arg(self.directory.join(format!("node-{id}")));
        if let Some(certificates) = &self.certificates {
            command.arg("--tls").arg(certificates.node(id));
        }
        if let Some(page) = self.page(id) {
            command.args(["--metrics", &page]);
        }
        match self.all.first() {
            Some(first) if first.id != id => command.args(["--join", &first.address]),
            Some(_) | None => command.arg("--bootstrap"),
        };
        let path = self.log(id);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("cannot write to {}", path.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        // ^C reaches everything in the terminal; the nodes are told when the mounts are gone.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().context("cannot start a node")
    }

    /// Where a node serves its page, if it does.
    pub(super) fn page(&self, id: u16) -> Option<String> {
        let first = self.pages?;
        Some(format!("127.0.0.1:{}", first + (id - 1)))
    }

    fn log(&self, id: u16) -> PathBuf {
        self.directory.join(format!("node-{id}.log"))
    }

    /// Where their logs are, for messages.
    pub(super) fn logs(&self) -> String {
        self.directory.join("node-*.log").display().to_string()
    }

    pub(super) fn addresses(&self) -> Vec<String> {
        self.all.iter().map(|node| node.address.clone()).collect()
    }

    /// Number, process and address of those that run.
    pub(super) fn running(&self) -> impl Iterator<Item = (u16, u32, &str)> {
        self.all.iter().filter_map(|node| match &node.state {
            State::Running(child) => Some((node.id, child.id(), node.address.as_str())),
            State::Ended(_) => None,
        })
    }

    /// Fails with the last words of a node that has ended.
    pub(super) fn check_alive(&mut self) -> anyhow::Result<()> {
        let mut dead = None;
        for node in &mut self.all {
            if let State::Running(child) = &mut node.state
                && child.try_wait()?.is_some()
            {
                dead = Some(node.id);
            }
        }
        let Some(id) = dead else { return Ok(()) };
        let log = fs::read_to_string(self.log(id)).unwrap_or_default();
        let last = log.lines().last().unwrap_or("it said nothing");
        bail!("node {id} has ended: {last}")
    }

    /// Starts again what has ended a while ago.
    pub(super) fn revive(&mut self) -> anyhow::Result<()> {
        for index in 0..self.all.len() {
            let node = &mut self.all[index];
            match &mut node.state {
                State::Running(child) => {
                    if let Some(status) = child.try_wait()? {
                        let id = node.id;
                        println!("node {id} has ended ({status}): it comes back in a moment");
                        node.state = State::Ended(Instant::now());
                    }
                }
                State::Ended(since) if since.elapsed() >= AWAY => {
                    let (id, address) = (node.id, node.address.clone());
                    let child = self.spawn(id, &address)?;
                    println!("node {id} is back, process {}", child.id());
                    self.all[index].state = State::Running(child);
                }
                State::Ended(_) => {}
            }
        }
        Ok(())
    }

    /// Tells all of them to end, and waits.
    pub(super) fn stop(&mut self) {
        for (_, pid, _) in self.running() {
            // One that has ended already cannot be told.
            let _gone = kill(Pid::from_raw(pid as i32), Signal::SIGTERM).is_err();
        }
        let deadline = Instant::now() + END;
        for node in &mut self.all {
            let State::Running(child) = &mut node.state else {
                continue;
            };
            while matches!(child.try_wait(), Ok(None)) {
                if Instant::now() >= deadline {
                    let _gone = child.kill().is_err();
                    let _gone = child.wait().is_err();
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            node.state = State::Ended(Instant::now());
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_port_is_one_for_a_page() {
        let nodes = Nodes {
            program: PathBuf::new(),
            directory: PathBuf::new(),
            certificates: None,
            pages: Some(u16::MAX),
            all: Vec::new(),
        };
        assert_eq!(nodes.page(1).unwrap(), "127.0.0.1:65535");
    }
}
