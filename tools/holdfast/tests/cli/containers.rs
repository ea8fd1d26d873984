//! The containers of `compose.yaml`: their commands, in their order, make a cluster and mount it.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use holdfast_tests::poll::becomes_true;
use holdfast_tests::{mount_table, process, run, wait_until};
use nix::sys::signal::Signal;

use crate::scene::{Scene, binary};

const COMPOSE: &str = include_str!("../../packaging/compose.yaml");
/// How long three nodes may take to find each other, and to end, on a loaded machine.
const SETTLED: Duration = Duration::from_mins(1);

/// The commands of the services, with what containers have replaced by what a test has.
struct Services<'a> {
    scene: &'a Scene,
    /// Addresses of this machine that no other test uses; the last number is that of the node.
    network: String,
}

impl Services<'_> {
    /// The list after a key, in the part of a service.
    fn list(&self, service: &str, key: &str) -> Vec<String> {
        let mut lines = part(service).lines().map(str::trim);
        let list = lines.find_map(|line| line.strip_prefix(&format!("{key}: ")));
        let list: Vec<String> = serde_json::from_str(list.unwrap()).unwrap();
        list.into_iter()
            .map(|word| self.placed(service, &word))
            .collect()
    }

    fn placed(&self, service: &str, word: &str) -> String {
        let own = service.strip_prefix("node-").unwrap_or("0");
        let mut word = word
            .replace("0.0.0.0:", &format!("{}.{own}:", self.network))
            .replace("localhost:", &format!("{}.{own}:", self.network))
            .replace("/var/lib/holdfast", &self.path(service))
            .replace("/mnt/holdfast", &self.path("mnt"))
            .replace("$$", "$");
        for node in 1..=3 {
            let address = format!("{}.{node}:7420", self.network);
            word = word.replace(&format!("node-{node}:7420"), &address);
        }
        if word == "/tls" {
            return format!("{}/{}", self.path("pki"), own_directory(service));
        }
        word.replace("cd /pki", &format!("cd {}", self.path("pki")))
    }

    fn path(&self, name: &str) -> String {
        self.scene.path(name).to_str().unwrap().to_owned()
    }

    fn spawn(&self, service: &str) -> Running {
        let log = File::create(self.scene.path(&format!("{service}.log"))).unwrap();
        let mut command = Command::new(binary());
        command.args(self.list(service, "command"));
        let command = command
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap());
        Running(command.stdout(log).spawn().unwrap())
    }
}

/// What follows the name of a service.
fn part(service: &str) -> &'static str {
    COMPOSE.split_once(&format!("\n  {service}:\n")).unwrap().1
}

/// What a service sees of the certificates.
fn own_directory(service: &str) -> &'static str {
    let seen = part(service).split_once("target: /tls, ").unwrap().1;
    let seen = seen.split_once("subpath: ").unwrap().1;
    seen.split_once(' ').unwrap().0
}

/// Ended as Docker ends it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        process::signal(self.0.id(), Signal::SIGTERM);
        if !becomes_true(SETTLED, || {
            matches!(self.0.try_wait(), Ok(Some(_)) | Err(_))
        }) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }
}

#[test]
fn the_containers_make_certificates_a_cluster_and_a_mount_of_it() {
    let scene = Scene::new();
    let number = std::process::id();
    let network = format!("127.{}.{}", 20 + number / 250 % 200, number % 250);
    let services = Services {
        scene: &scene,
        network,
    };
    fs::create_dir(scene.path("pki")).unwrap();
    let script = services.list("certificates", "command");
    let programs = Path::new(binary()).parent().unwrap().display();
    let path = format!("{programs}:{}", env::var("PATH").unwrap());
    let made = || {
        let mut shell = Command::new("sh");
        run(shell.arg("-c").args(&script).env("PATH", &path)).success()
    };
    assert!(made().contains("holdfast://client/mount?volumes=default"));
    assert_eq!(made(), "", "what is there stays");

    for service in ["node-1", "node-2", "node-3"] {
        assert_eq!(own_directory(service), service, "its own key");
    }
    assert_eq!(own_directory("mount"), "client-mount");
    assert_eq!(own_directory("admin"), "client-admin");
    assert_eq!(
        COMPOSE.matches("\"pki:/pki").count(),
        1,
        "one has the key of the authority"
    );
    let _nodes = ["node-1", "node-2", "node-3"].map(|node| services.spawn(node));
    let check = services.list("node-1", "test");
    assert_eq!(check[..2], ["CMD", "holdfast"]);
    let log = |service: &str| fs::read_to_string(scene.path(&format!("{service}.log"))).unwrap();
    let is_whole = becomes_true(SETTLED, || {
        let status = run(Command::new(binary()).args(&check[2..]));
        let is_there = |node| {
            status
                .stdout
                .contains(&format!("{}.{node}:7420", services.network))
        };
        status.status.success() && (1..=3).all(is_there)
    });
    assert!(
        is_whole,
        "{}{}{}",
        log("node-1"),
        log("node-2"),
        log("node-3")
    );

    let mount = services.spawn("mount");
    let is_live = || mount_table::is_live(&scene.mountpoint());
    wait_until("it is mounted", SETTLED, is_live);
    fs::write(scene.mountpoint().join("file"), "content").unwrap();
    drop(mount);
    wait_until("it is unmounted", SETTLED, || !is_live());
}
