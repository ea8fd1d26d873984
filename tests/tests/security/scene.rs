//! A cluster with TLS, the authority that made its certificates, and programs that show them.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdfast_tests::place;
use holdfast_tests::poll::{becomes_true, wait_until};
use holdfast_tests::process;
use holdfast_tests::program::{Finished, run};
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// How long a cluster may take to come up or to end on a loaded machine.
const SETTLED: Duration = Duration::from_mins(1);

/// Two cores do not carry more without missing heartbeats.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A cluster; it ends with the test.
pub(crate) struct Scene {
    cluster: Child,
    port: u16,
    nodes: u16,
    scratch: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    /// Nodes 1 to `nodes`, which have a leader.
    #[track_caller]
    pub(crate) fn start(nodes: u16) -> Scene {
        Scene::start_with(nodes, &["--tls"])
    }

    /// The same without certificates.
    #[track_caller]
    pub(crate) fn start_plain(nodes: u16) -> Scene {
        Scene::start_with(nodes, &[])
    }

    #[track_caller]
    fn start_with(nodes: u16, arguments: &[&str]) -> Scene {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = place::scratch();
        let port = free_ports(nodes);
        let told = File::create(scratch.path().join("told")).unwrap();
        let cluster = Command::new(place::holdfast())
            .args(["dev-cluster", "--nodes", &nodes.to_string()])
            .args(["--port", &port.to_string(), "--dir"])
            .arg(scratch.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(told)
            .spawn()
            .unwrap();
        let scene = Scene {
            cluster,
            port,
            nodes,
            scratch,
            _alone: alone,
        };
        // Its last word, when every node votes in every group.
        wait_until("the cluster is there", SETTLED, || {
            let told = std::fs::read_to_string(scene.scratch().join("told"));
            told.unwrap_or_default().contains("^C ends everything")
        });
        scene
    }

    /// Where the cluster of the dev-cluster listens.
    pub(crate) fn addresses(&self) -> String {
        let addresses = (0..self.nodes).map(|node| self.address(node + 1));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// Where a node listens.
    pub(crate) fn address(&self, id: u16) -> String {
        format!("127.0.0.1:{}", self.port + id - 1)
    }

    /// The authority of the cluster.
    pub(crate) fn pki(&self) -> PathBuf {
        self.scratch.path().join("pki")
    }

    /// What was issued under a name, such as `node-1` or `client-admin`.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        self.pki().join(name)
    }

    /// A place for other things.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// What a node has logged.
    pub(crate) fn log(&self, id: u16) -> String {
        let path = self.scratch.path().join(format!("node-{id}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// `holdfast pki issue`, of this authority; answers with the directory.
    #[track_caller]
    pub(crate) fn issue(&self, arguments: &[&str]) -> PathBuf {
        issue(&self.pki(), arguments)
    }

    /// A command of an operator, with these certificates.
    #[track_caller]
    pub(crate) fn holdfast(&self, arguments: &[&str], tls: Option<&Path>) -> Finished {
        let mut command = Command::new(place::holdfast());
        command
            .args(arguments)
            .args(["--cluster", &self.addresses()]);
        if let Some(tls) = tls {
            command.arg("--tls").arg(tls);
        }
        run(&mut command)
    }

    /// The certificates of who may do everything.
    pub(crate) fn admin(&self) -> PathBuf {
        self.directory("client-admin")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        process::signal(self.cluster.id(), Signal::SIGTERM);
        let cluster = &mut self.cluster;
        if !becomes_true(SETTLED, || {
            matches!(cluster.try_wait(), Ok(Some(_)) | Err(_))
        }) {
            self.cluster.kill().ok();
            self.cluster.wait().ok();
        }
    }
}

/// `holdfast pki issue client alice --volumes home`: answers with `PKI/client-alice`.
#[track_caller]
pub(crate) fn issue(pki: &Path, arguments: &[&str]) -> PathBuf {
    let mut command = Command::new(place::holdfast());
    command.args(["pki", "issue"]).args(arguments);
    run(command.arg("--pki").arg(pki)).success();
    pki.join(format!("{}-{}", arguments[0], arguments[1]))
}

/// An authority of somebody else.
#[track_caller]
pub(crate) fn another_authority(directory: &Path) -> PathBuf {
    let pki = directory.join("another-pki");
    let mut command = Command::new(place::holdfast());
    run(command.args(["pki", "init", "--pki"]).arg(&pki)).success();
    pki
}

/// What a program that failed has complained about.
#[track_caller]
pub(crate) fn complaint(finished: Finished) -> String {
    assert!(!finished.status.success(), "{finished:?}");
    finished.stdout + &finished.stderr
}

#[track_caller]
pub(crate) fn assert_says(text: &str, expected: &str) {
    assert!(text.contains(expected), "{expected:?} is not in: {text}");
}

/// The first of as many that nobody listens on, below those of outgoing connections.
fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 23_000 + (std::process::id() % 80) as u16 * 100;
    loop {
        let port = begin + NEXT.fetch_add(count, Ordering::Relaxed) % 1_000;
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (port..port + count).all(is_free) {
            return port;
        }
    }
}
