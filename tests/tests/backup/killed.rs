//! What is killed half-way is not taken for a whole one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use holdfast_tests::{Cluster, Mounted, Random, Setup, place, run, wait_until};

use super::{dump_data, holdfast, load_data, noise};

const LIMIT: Duration = Duration::from_mins(1);

/// A dump of several frames that do not get shorter.
fn dump_of(file: &Path) -> Vec<u8> {
    let mut origin = Mounted::new();
    let noise = noise(&mut Random::new(7), 4_000_000);
    fs::write(origin.path("file"), noise).unwrap();
    origin.unmount();
    dump_data(origin.data(), file);
    fs::read(file).unwrap()
}

/// Gives a part of the dump to a load, and kills that when it was taken.
fn kill_load(mut load: Child, part: &[u8], taken: impl FnMut() -> bool) {
    let mut input = load.stdin.take().unwrap();
    input.write_all(part).unwrap();
    wait_until("it loads", LIMIT, taken);
    load.kill().unwrap();
    load.wait().unwrap();
}

#[test]
fn a_killed_load_leaves_a_directory_that_nobody_mounts() {
    let scratch = place::scratch();
    let (file, data) = (scratch.path().join("dump"), scratch.path().join("data"));
    let whole = dump_of(&file);
    let load = holdfast(&["load", "--data"])
        .arg(&data)
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    kill_load(load, &whole[..whole.len() - 100], || {
        data.join("LOADING").exists()
    });
    let refused = Setup::default().data(&data).try_mount().unwrap_err();
    assert!(refused.contains("load that was cut off"), "{refused}");
    for command in ["dump", "fsck"] {
        let mut command = holdfast(&[command, "--data"]);
        if command.get_args().next().is_some_and(|name| name == "dump") {
            command.arg(&data).arg(scratch.path().join("other"));
        } else {
            command.arg(&data);
        }
        let refused = run(&mut command);
        assert!(
            refused.stderr.contains("load that was cut off"),
            "{refused:?}"
        );
    }
    // Another load takes its place.
    load_data(&data, &file).success();
    let loaded = Setup::default().data(&data).mount();
    assert_eq!(fs::metadata(loaded.path("file")).unwrap().len(), 4_000_000);
}

#[test]
fn a_killed_load_leaves_a_volume_that_nobody_mounts() {
    let cluster = Cluster::start(3);
    let scratch = place::scratch();
    let file = scratch.path().join("dump");
    let whole = dump_of(&file);
    let load = holdfast(&["load", "home", "-"])
        .env("HOLDFAST_CLUSTER", cluster.addresses().join(","))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    kill_load(load, &whole[..whole.len() - 100], || {
        let status = cluster.speaker().status(cluster.node(1).address());
        let groups = status.map(|status| status.groups).unwrap_or_default();
        // Its first entries are applied.
        groups
            .iter()
            .any(|group| group.name == "home" && group.applied_index > 3)
    });
    let mountpoint = scratch.path().join("mnt");
    fs::create_dir(&mountpoint).unwrap();
    let addresses = cluster.addresses().join(",");
    let mut mount = holdfast(&["mount", "-f", "--cluster", &addresses, "--volume", "home"]);
    let refused = run(mount.arg(&mountpoint));
    assert!(!refused.status.success());
    assert!(refused.stderr.contains("is being loaded"), "{refused:?}");
    let other = scratch.path().join("other").display().to_string();
    let refused = cluster.holdfast(&["dump", "home", &other]);
    assert!(refused.stderr.contains("is being loaded"), "{refused:?}");
    let shown = file.display().to_string();
    let taken = cluster.holdfast(&["load", "home", &shown]);
    assert!(taken.stderr.contains("there is a volume"), "{taken:?}");
    cluster
        .holdfast(&["volume", "delete", "home", "--yes"])
        .success();
    cluster.holdfast(&["load", "home", &shown]).success();
    let mount = cluster.mount_volume(1, "home", "noatime");
    assert_eq!(fs::metadata(mount.path("file")).unwrap().len(), 4_000_000);
}

#[test]
fn a_killed_dump_leaves_no_file_that_a_load_takes() {
    let cluster = Cluster::start(1);
    let mount = cluster.mount(1, "noatime");
    let noise = noise(&mut Random::new(7), 30_000_000);
    fs::write(mount.path("file"), noise).unwrap();
    let scratch = place::scratch();
    let file = scratch.path().join("dump");
    let partial = scratch.path().join("dump.partial");
    let mut dump = holdfast(&["dump", "default"])
        .arg(&file)
        .env("HOLDFAST_CLUSTER", cluster.addresses().join(","))
        .spawn()
        .unwrap();
    wait_until("it writes", LIMIT, || {
        fs::metadata(&partial).is_ok_and(|file| file.len() > 1_000_000) || file.exists()
    });
    dump.kill().unwrap();
    dump.wait().unwrap();
    assert!(!file.exists(), "it was too fast to be killed");
    let refused = load_data(&scratch.path().join("data"), &partial);
    assert!(refused.stderr.contains("is cut off"), "{refused:?}");
    // The next one takes its place.
    let shown = file.display().to_string();
    cluster.holdfast(&["dump", "default", &shown]).success();
    assert!(!partial.exists());
}

#[test]
fn a_node_that_ends_breaks_the_dump_off() {
    let mut cluster = Cluster::start(1);
    let mount = cluster.mount(1, "noatime");
    fs::write(mount.path("file"), vec![1; 1000]).unwrap();
    let noise = noise(&mut Random::new(7), 30_000_000);
    fs::write(mount.path("noise"), noise).unwrap();
    let scratch = place::scratch();
    // Nobody reads the pipe, so the dump stands still.
    let log = File::create(scratch.path().join("log")).unwrap();
    let mut dump = holdfast(&["dump", "default", "-"])
        .env("HOLDFAST_CLUSTER", cluster.addresses().join(","))
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut output = dump.stdout.take().unwrap();
    let mut first = [0; 1000];
    std::io::Read::read_exact(&mut output, &mut first).unwrap();
    cluster.kill(1);
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut output, &mut rest).unwrap();
    assert!(!dump.wait().unwrap().success());
    let said = fs::read_to_string(scratch.path().join("log")).unwrap();
    assert!(said.contains("take the dump again"), "{said}");
    let cut = scratch.path().join("cut");
    fs::write(&cut, [&first[..], &rest].concat()).unwrap();
    let refused = load_data(&scratch.path().join("data"), &cut);
    assert!(refused.stderr.contains("is cut off"), "{refused:?}");
    cluster.restart(1);
    cluster.wait_settled();
}
