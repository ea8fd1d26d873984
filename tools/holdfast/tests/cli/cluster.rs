//! Volumes of a cluster of one node: mounting them, what is said when that is not possible, and what
//! becomes of a mount whose cluster is away.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::{Child, Stdio};
use std::time::Duration;

use holdfast_tests::poll::becomes_true;
use holdfast_tests::{mount_table, process, run, run_within, wait_until};
use nix::sys::signal::Signal;

use crate::scene::{SOON, Scene, assert_fails, binary};

/// A node, killed in the end, and a scene whose daemons may outlive it.
pub(crate) struct Cluster {
    node: Child,
    pub(crate) address: String,
}

impl Cluster {
    /// Returns when the first volume is there.
    pub(crate) fn start(scene: &Scene) -> Cluster {
        let address = free_address();
        let node = serve(scene, &address);
        let cluster = Cluster { node, address };
        let listed = becomes_true(SOON, || {
            let volumes = scene.holdfast(&["volume", "list", "--cluster", &cluster.address]);
            volumes.status.success() && volumes.stdout.contains("default")
        });
        let log = fs::read_to_string(scene.path("node.log")).unwrap();
        assert!(listed, "{log}");
        cluster
    }

    fn start_again(&mut self, scene: &Scene) {
        self.node = serve(scene, &self.address);
    }

    fn kill(&mut self) {
        self.node.kill().unwrap();
        self.node.wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.node.kill().ok();
        self.node.wait().ok();
    }
}

fn serve(scene: &Scene, address: &str) -> Child {
    let log = File::create(scene.path("node.log")).unwrap();
    let line = format!("serve --id 1 --data node --bootstrap --listen {address}");
    let arguments: Vec<&str> = line.split(' ').collect();
    scene
        .command(binary(), &arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A program that asks for a file and is not answered yet. As long as the mount may use its copies it is, and started again.
fn waiting(scene: &Scene) -> Child {
    let spawn = || {
        let mut command = scene.command("stat", &["mnt/file"]);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let mut program = spawn();
    wait_until("it waits for the cluster", SOON, || {
        if program.try_wait().unwrap().is_some() {
            program = spawn();
        }
        let wchan = format!("/proc/{}/wchan", program.id());
        fs::read_to_string(&wchan).is_ok_and(|place| place.contains("request_wait_answer"))
    });
    program
}

/// The daemon's log is not in the directory of the test.
struct Logs(Vec<std::path::PathBuf>);

impl Logs {
    fn of(scene: &Scene, mountpoints: &[&str]) -> Logs {
        let path = |mountpoint: &&str| {
            let path = scene.path(mountpoint);
            let name = path.to_str().unwrap().trim_start_matches('/');
            let name = name.replace('-', "\\x2d").replace('/', "-");
            format!("/var/log/holdfast/{name}.log").into()
        };
        Logs(mountpoints.iter().map(path).collect())
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        for log in &self.0 {
            fs::remove_file(log).ok();
        }
    }
}

pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Mounts with one option at `mnt`.
#[track_caller]
fn mount(scene: &Scene, cluster: &Cluster, option: &str) {
    let line = ["mount", "--cluster", &cluster.address, "-o", option, "mnt"];
    scene.holdfast(&line).success();
}

#[test]
fn what_one_mount_of_a_volume_writes_the_other_reads() {
    let scene = Scene::new();
    let logs = Logs::of(&scene, &["mnt", "other"]);
    let cluster = Cluster::start(&scene);
    fs::create_dir(scene.path("other")).unwrap();
    let source = format!("{}/default", cluster.address);
    for mountpoint in ["mnt", "other"] {
        let line = ["mount", "--cluster", &cluster.address, mountpoint];
        let said = scene.holdfast(&line).success();
        let path = scene.path(mountpoint);
        assert_eq!(said, format!("mounted {source} at {}\n", path.display()));
        assert_eq!(mount_table::find(&path).unwrap().source, source);
    }
    for (from, to) in [("mnt", "other"), ("other", "mnt"), ("mnt", "other")] {
        fs::write(scene.path(from).join("file"), from).unwrap();
        let read = fs::read_to_string(scene.path(to).join("file")).unwrap();
        assert_eq!(read, from);
        fs::create_dir(scene.path(from).join("sub")).unwrap();
        fs::remove_dir(scene.path(to).join("sub")).unwrap();
        assert!(!scene.path(from).join("sub").exists());
    }
    assert!(logs.0.iter().all(|log| log.is_file()), "{:?}", logs.0);
    for mountpoint in ["mnt", "other"] {
        scene.umount_at(mountpoint);
    }
    let log = fs::read_to_string(&logs.0[0]).unwrap();
    assert!(log.contains("mounted") && log.contains("ended"), "{log}");
}

#[test]
fn a_volume_is_mounted_by_mount_too() {
    let scene = Scene::new();
    let _logs = Logs::of(&scene, &["mnt"]);
    let cluster = Cluster::start(&scene);
    scene
        .holdfast(&["volume", "create", "home", "--cluster", &cluster.address])
        .success();
    let helper = scene.path("mount.holdfast");
    symlink(binary(), &helper).unwrap();
    let source = format!("{}/home", cluster.address);
    let arguments = [&*source, "mnt", "-o", "rw,_netdev,soft=20,nodev"];
    assert_eq!(run(&mut scene.command(&helper, &arguments)).success(), "");
    let entry = scene.mounted().unwrap();
    assert_eq!((&*entry.kind, &*entry.source), ("fuse.holdfast", &*source));
    assert!(entry.options.contains("nodev"), "{entry:?}");
    fs::write(scene.path("mnt/file"), "x").unwrap();
    let arguments = [&*source, "mnt", "-o", "remount,ro,soft=20"];
    run(&mut scene.command(&helper, &arguments)).success();
    assert!(fs::write(scene.path("mnt/file"), "y").is_err());
    scene.umount();
    let arguments = ["127.0.0.1:port/home", "mnt"];
    let misspelled = run(&mut scene.command(&helper, &arguments));
    assert_fails(&misspelled, 32, &["HOST:PORT,HOST:PORT/VOLUME"]);
}

#[test]
fn a_cluster_that_is_not_there_is_told_with_the_reason_of_each_address() {
    let scene = Scene::new();
    let (first, second) = (free_address(), free_address());
    let nodes = format!("{first},{second}");
    let finished = scene.holdfast(&["mount", "--cluster", &nodes, "mnt"]);
    let reasons = [first, second].map(|address| format!("{address}: connection refused"));
    assert_fails(&finished, 1, &["cannot mount", &reasons[0], &reasons[1]]);
    let finished = scene.holdfast(&["mount", "--cluster", "127.0.0.1", "mnt"]);
    assert_fails(
        &finished,
        1,
        &["\"127.0.0.1\" is not an address", "host:port"],
    );
    assert_eq!(scene.mounted(), None);
}

#[test]
fn a_volume_that_is_not_there_is_told_with_those_that_are() {
    let scene = Scene::new();
    let cluster = Cluster::start(&scene);
    for front in [&[][..], &["-f"]] {
        let mut line = vec!["mount", "--cluster", &cluster.address, "--volume", "home"];
        line.extend(front);
        line.push("mnt");
        let finished = scene.holdfast(&line);
        assert_fails(&finished, 1, &["no volume \"home\"", "default"]);
    }
    assert_eq!(scene.mounted(), None);
}

#[test]
fn options_of_clusters_are_refused_for_a_data_directory() {
    let scene = Scene::new();
    let finished = scene.holdfast(&["mount", "--data", "data", "-o", "soft=5", "mnt"]);
    assert_fails(&finished, 1, &["\"soft\"", "for a volume of a cluster"]);
    assert!(!scene.data().exists());
}

#[test]
fn without_its_cluster_a_soft_mount_fails_in_time_and_is_unmounted() {
    let scene = Scene::new();
    let _logs = Logs::of(&scene, &["mnt"]);
    let mut cluster = Cluster::start(&scene);
    mount(&scene, &cluster, "soft=3");
    fs::write(scene.path("mnt/file"), "x").unwrap();
    cluster.kill();
    wait_until("copies are not used any more", SOON, || {
        fs::metadata(scene.path("mnt/file")).is_err()
    });
    let error = fs::metadata(scene.path("mnt/file")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT));
    let busy = File::open(scene.path("mnt"));
    assert_eq!(busy.unwrap_err().raw_os_error(), Some(libc::ETIMEDOUT));
    scene.umount();
    assert_eq!(scene.mounted(), None);
}

#[test]
fn without_its_cluster_a_hard_mount_waits_until_a_signal_or_the_cluster_comes() {
    let scene = Scene::new();
    let _logs = Logs::of(&scene, &["mnt"]);
    let mut cluster = Cluster::start(&scene);
    mount(&scene, &cluster, "hard");
    fs::write(scene.path("mnt/file"), "x").unwrap();
    cluster.kill();
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut program = waiting(&scene);
        process::signal(program.id(), signal);
        wait_until("the signal ends it", SOON, || {
            program.try_wait().unwrap().is_some()
        });
    }
    let mut program = waiting(&scene);
    cluster.start_again(&scene);
    assert!(program.wait().unwrap().success());
    assert_eq!(fs::read_to_string(scene.path("mnt/file")).unwrap(), "x");
    cluster.kill();
    scene.umount();
    assert_eq!(scene.mounted(), None);
}

#[test]
fn a_second_signal_ends_a_mount_whose_cluster_is_away_and_whose_files_are_open() {
    let scene = Scene::new();
    let _logs = Logs::of(&scene, &["mnt"]);
    let mut cluster = Cluster::start(&scene);
    let line = ["mount", "--json", "--cluster", &cluster.address, "mnt"];
    let said = scene.holdfast(&line).success();
    let pid = said.split("\"pid\":").nth(1).unwrap();
    let pid = pid.split([',', '}']).next().unwrap().parse().unwrap();
    let mut open = File::create(scene.path("mnt/file")).unwrap();
    cluster.kill();
    process::signal(pid, Signal::SIGTERM);
    wait_until("it is out of sight", SOON, || scene.mounted().is_none());
    process::signal(pid, Signal::SIGTERM);
    wait_until("the daemon has ended", SOON, || {
        !matches!(process::state(pid), Some('R' | 'S' | 'D'))
    });
    open.write_all(b"late").unwrap_err();
}

fn page_of(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn a_mount_serves_metrics() {
    let scene = Scene::new();
    let address = free_address();
    let line = ["mount", "--data", "data", "--metrics", &address, "mnt"];
    scene.holdfast(&line).success();
    fs::create_dir(scene.path("mnt/sub")).unwrap();
    // An operation is counted once it is answered.
    let line = "holdfast_fuse_operation_seconds_count{operation=\"mkdir\"} 1";
    wait_until("the operation is counted", SOON, || {
        page_of(&address).contains(line)
    });
    fs::create_dir(scene.path("other")).unwrap();
    let line = ["mount", "--data", "more", "--metrics", &address, "other"];
    let mut taken = scene.command(binary(), &line);
    let finished = run_within(&mut taken, Duration::from_secs(30));
    assert_fails(&finished, 1, &["cannot serve metrics", &address]);
    assert_eq!(mount_table::find(&scene.path("other")), None);
    scene.umount();
}
