//! Mounts of a cluster of three with TLS: they work, through fail-over too, and end when they are shut out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use holdfast_tests::place;
use holdfast_tests::poll::wait_until;
use holdfast_tests::program::{Finished, run};

use crate::scene::{Scene, assert_says, complaint};

const NOTICED: Duration = Duration::from_secs(30);

/// A mount in the background; it ends with the test.
pub(crate) struct Mount(PathBuf);

impl Mount {
    fn try_new(scene: &Scene, name: &str, options: &str) -> (Mount, Finished) {
        let mountpoint = scene.scratch().join(name);
        std::fs::create_dir_all(&mountpoint).unwrap();
        let mut command = Command::new(place::holdfast());
        command.args(["mount", "--cluster", &scene.addresses(), "-o", options]);
        let finished = run(command.arg(&mountpoint));
        (Mount(mountpoint), finished)
    }

    #[track_caller]
    pub(crate) fn new(scene: &Scene, name: &str, options: &str) -> Mount {
        let (mount, finished) = Mount::try_new(scene, name, options);
        finished.success();
        mount
    }

    /// `holdfast quota set` of a directory in there.
    fn limit(&self, directory: &str) -> Finished {
        let mut command = Command::new(place::holdfast());
        command.args(["quota", "set", "--bytes", "1G"]);
        run(command.arg(self.0.join(directory)))
    }

    /// `holdfast quota` of the volume.
    fn quota(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new(place::holdfast());
        run(command.arg("quota").args(arguments).arg(&self.0))
    }

    /// What a shell makes of a line in there; it is killed when that takes too long.
    pub(crate) fn shell(&self, line: &str) -> Finished {
        run(Command::new("sh")
            .args(["-c", line])
            .current_dir("/")
            .env("M", &self.0))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A test that fails goes on ending what it has started.
        let mut unmount = Command::new("fusermount3");
        unmount.args(["-u", "-z"]).arg(&self.0).status().ok();
    }
}

/// As a mount is told of its certificates.
pub(crate) fn tls(directory: &Path) -> String {
    format!("tls={}", directory.display())
}

#[test]
fn mounts_with_certificates_share_a_tree_and_read_only_ones_change_nothing() {
    let scene = Scene::start(3);
    let writer = scene.issue(&["client", "alice", "--volumes", "default"]);
    let reader = scene.issue(&["client", "bob", "--volumes", "default", "--read-only"]);
    let first = Mount::new(&scene, "a", &tls(&writer));
    first.shell("echo hello > $M/file && mkdir $M/d").success();

    let (_none, told) = Mount::try_new(&scene, "b", &tls(&reader));
    assert_says(&complaint(told), "mount it with -o ro");
    let second = Mount::new(&scene, "c", &format!("ro,{}", tls(&reader)));
    assert_eq!(second.shell("cat $M/file").success(), "hello\n");
    let told = complaint(second.shell("touch $M/d/x"));
    assert_says(&told, "Read-only file system");
    // The kernel of that machine lets it try; the nodes do not.
    second.shell("mount -i -o remount,rw $M").success();
    for change in ["touch $M/d/x", "rm $M/file", "mv $M/file $M/f"] {
        assert_says(&complaint(second.shell(change)), "ermission denied");
    }
    assert!(!second.shell("echo more >> $M/file").status.success());
    assert_eq!(
        first.shell("cat $M/file; ls $M").success(),
        "hello\nd\nfile\n"
    );

    // The leader goes elsewhere, and calls with it.
    scene
        .holdfast(&["node", "transfer-leader"], Some(&scene.admin()))
        .success();
    first.shell("echo again > $M/d/again").success();
    assert_eq!(second.shell("cat $M/d/again").success(), "again\n");

    // An open connection ends when its certificate is revoked, on each node.
    for id in 1..=3 {
        let list = scene.directory(&format!("node-{id}")).join("revoked");
        std::fs::write(list, "client/bob\n").unwrap();
    }
    wait_until("the nodes have shut out the reader", NOTICED, || {
        let asked = second.shell("timeout -s KILL 2 ls $M/d");
        !asked.status.success()
    });
    first.shell("ls $M/d").success();
    second.shell("fusermount3 -u -z $M").success();
}

#[test]
fn quotas_are_set_through_a_mount_whose_certificate_allows_administration() {
    let scene = Scene::start(1);
    let user = scene.issue(&["client", "alice", "--volumes", "default"]);
    let keeper = scene.issue(&["client", "olga", "--volumes", "default", "--admin"]);
    let first = Mount::new(&scene, "a", &tls(&user));
    first.shell("mkdir $M/d").success();
    assert_says(&complaint(first.limit("d")), "allows administration");
    let second = Mount::new(&scene, "b", &tls(&keeper));
    second.limit("d").success();
    // It binds everybody, and who may not set it does not lift it.
    assert_says(
        &complaint(first.shell("fallocate -l 2G $M/d/x")),
        "quota exceeded",
    );
    assert_says(&complaint(first.limit("d")), "allows administration");
    // Nor does it count what users have, or limit them.
    let of_user = ["set", "--user", "12345", "--bytes", "1G"];
    assert_says(&complaint(first.quota(&["on"])), "allows administration");
    second.quota(&of_user).success();
    assert_says(&complaint(first.quota(&of_user)), "allows administration");
    for mount in [&first, &second] {
        mount.shell("fusermount3 -u -z $M").success();
    }
}

#[test]
fn a_certificate_with_fewer_rights_holds_for_a_mount_from_its_next_connection_on() {
    let scene = Scene::start(1);
    let client = ["client", "web", "--volumes", "default"];
    let soon = ["--valid-for", "8s"];
    let directory = scene.issue(&[&client[..], &soon].concat());
    let mount = Mount::new(&scene, "a", &tls(&directory));
    mount.shell("mkdir $M/before").success();
    // The connection ends with the first certificate.
    scene.issue(&[&client[..], &["--read-only"]].concat());
    wait_until("it may only read", NOTICED, || {
        let made = mount.shell("mkdir $M/after && rmdir $M/after");
        !made.status.success() && complaint(made).contains("ermission denied")
    });
    mount.shell("ls -d $M/before").success();
    mount.shell("fusermount3 -u -z $M").success();
}
