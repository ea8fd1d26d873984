//! What others wrote to test local filesystems, on a mount of a cluster, also while its leader is killed.

use std::fs::{self, File};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use holdfast_tests::pjdfstest::{explained, make_user, names};
use holdfast_tests::poll::becomes_true;
use holdfast_tests::{Cluster, ClusterMount, place, run_within};

const LIMIT: Duration = Duration::from_mins(6);
const OPTIONS: &str = "allow_other,default_permissions,dev,suid";
/// Between two kills of the leader.
const PEACE: Duration = Duration::from_secs(10);
/// So many of them are met.
const KILLS_MIN: u32 = 2;

#[test]
fn pjdfstest_passes_while_the_leader_is_killed_every_ten_seconds() {
    make_user();
    let mut cluster = Cluster::start(3);
    let mount = cluster.mount(1, OPTIONS);
    let fixtures = place::fixture("tests/pjdfstest");
    let text = fs::read_to_string(fixtures.join("SKIPS.md")).unwrap();
    let skipped = explained(&text);
    let mut kills = Kills::new();
    // One run may be over before the first.
    while kills.count < KILLS_MIN {
        let secondary = place::scratch();
        let output = secondary.path().join("pjdfstest.txt");
        let mut command = Command::new(place::tool("pjdfstest"));
        command.arg("-c").arg(fixtures.join("pjdfstest.toml"));
        command.arg("-p").arg(mount.root());
        command.arg("-s").arg(secondary.path());
        command.stdout(File::create(&output).unwrap());
        kills.beside(command, &mut cluster);
        let output = fs::read_to_string(output).unwrap();
        let failed = names(&output, "FAILED");
        assert!(failed.is_empty(), "{failed:#?}\n{output}");
        let passed = names(&output, "ok");
        assert!(passed.len() > 300, "only {} passed", passed.len());
        assert_eq!(names(&output, "skipped"), skipped);
        println!("{} passed, {} leaders killed", passed.len(), kills.count);
    }
    mount.unmount();
    cluster.assert_all_replicas_agree();
}

/// Kills the leader, and starts it again, every ten seconds, however many programs run meanwhile.
struct Kills {
    count: u32,
    next: Instant,
    deadline: Instant,
}

impl Kills {
    fn new() -> Kills {
        let now = Instant::now();
        Kills {
            count: 0,
            next: now + PEACE,
            deadline: now + LIMIT,
        }
    }

    /// Until the program has ended.
    fn beside(&mut self, mut command: Command, cluster: &mut Cluster) {
        let mut running = Killed(command.spawn().unwrap());
        loop {
            let left = self.next.saturating_duration_since(Instant::now());
            if becomes_true(left, || running.0.try_wait().unwrap().is_some()) {
                return;
            }
            assert!(Instant::now() < self.deadline, "it takes too long");
            let leader = cluster.leader();
            cluster.kill(leader);
            cluster.restart(leader);
            self.count += 1;
            self.next = Instant::now() + PEACE;
        }
    }
}

/// Ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn fsx_finds_no_mismatch() {
    let cluster = Cluster::start(3);
    let mount = cluster.mount(1, "noatime");
    fsx(&mount, 1);
    fsx(&mount, 2);
    mount.unmount();
    cluster.assert_all_replicas_agree();
}

fn fsx(mount: &ClusterMount, seed: u32) {
    let scratch = place::scratch();
    let mut command = Command::new(place::tool("fsx"));
    command.args(["-N", "5000", "-S", &seed.to_string()]);
    command.arg("-f").arg(place::fixture("tests/fsx/fsx.toml"));
    command.arg("-P").arg(scratch.path());
    command.arg(mount.path(&format!("file-{seed}")));
    run_within(&mut command, LIMIT).success();
}
