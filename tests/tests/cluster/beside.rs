//! Nodes that mount the first volume themselves.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use holdfast_tests::cluster::{MountBeside, SETTLED};
use holdfast_tests::{Cluster, errno, mount_table, wait_until};
use nix::errno::Errno;

#[test]
fn a_node_mounts_beside_itself_whether_it_leads_or_not() {
    let mut cluster = Cluster::start(3);
    let (one, other) = (1, 2);
    let mounts = [cluster.mount_beside(one), cluster.mount_beside(other)];
    for leading in [one, other, 3] {
        lead(&cluster, leading);
        work(&mounts, leading);
    }
    lead(&cluster, one);
    work(&mounts, 4);
    // Its operations take the local road while it leads.
    wait_until("it asks nobody", SETTLED, || {
        !talks_to_itself(&cluster, one)
    });
    let entry = mount_table::find(mounts[0].root()).unwrap();
    assert_eq!(entry.kind, "fuse.holdfast");
    for (id, mount) in [one, other].into_iter().zip(&mounts) {
        cluster.stop(id);
        assert!(!mount.is_mounted(), "node {id} left its mount");
        cluster.restart(id);
        cluster.wait_settled();
        mount.wait_live(&cluster);
    }
    work(&mounts, 5);
}

#[test]
fn the_mount_of_a_killed_node_comes_back_with_it() {
    let mut cluster = Cluster::start(3);
    let mounts = [cluster.mount_beside(1), cluster.mount_beside(2)];
    lead(&cluster, 1);
    fs::write(mounts[0].path("file"), "one").unwrap();
    cluster.kill(1);
    let dead = errno(fs::metadata(mounts[0].root()));
    assert_eq!(dead, Errno::ENOTCONN);
    // The mount of the other node goes on through whoever leads now.
    assert_eq!(fs::read_to_string(mounts[1].path("file")).unwrap(), "one");
    fs::write(mounts[1].path("file"), "two").unwrap();
    cluster.restart(1);
    mounts[0].wait_live(&cluster);
    assert_eq!(fs::read_to_string(mounts[0].path("file")).unwrap(), "two");
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_node_ends_although_files_are_open_on_its_mount() {
    let mut cluster = Cluster::start(1);
    let mount = cluster.mount_beside(1);
    fs::write(mount.path("file"), "content").unwrap();
    let mut open = File::open(mount.path("file")).unwrap();
    cluster.stop(1);
    assert!(!mount.is_mounted());
    let mut content = String::new();
    let cut_off = errno(open.read_to_string(&mut content));
    assert!(
        matches!(cut_off, Errno::ENOTCONN | Errno::ECONNABORTED),
        "{cut_off}"
    );
}

/// Waits until this node leads the volume.
#[track_caller]
fn lead(cluster: &Cluster, node: u64) {
    let to = node.to_string();
    wait_until("it leads", SETTLED, || {
        cluster.leader() == node
            || cluster
                .holdfast(&["node", "transfer-leader", "--to", &to])
                .status
                .success()
                && cluster.leader() == node
    });
}

/// What one mount does the other sees.
#[track_caller]
fn work(mounts: &[MountBeside; 2], round: u64) {
    for (here, there) in [(0, 1), (1, 0)] {
        let (here, there) = (&mounts[here], &mounts[there]);
        let name = format!("file-{round}");
        fs::write(here.path(&name), &name).unwrap();
        assert_eq!(fs::read_to_string(there.path(&name)).unwrap(), name);
        fs::rename(there.path(&name), there.path("moved")).unwrap();
        assert_eq!(errno(fs::metadata(here.path(&name))), Errno::ENOENT);
        fs::remove_file(here.path("moved")).unwrap();
        assert_eq!(errno(fs::metadata(there.path("moved"))), Errno::ENOENT);
    }
}

/// Whether the process of a node has a connection to where it listens itself.
#[track_caller]
fn talks_to_itself(cluster: &Cluster, id: u64) -> bool {
    let node = cluster.node(id);
    let (_, port) = node.address().rsplit_once(':').unwrap();
    let port: u16 = port.parse().unwrap();
    let table = fs::read_to_string(format!("/proc/{}/net/tcp", node.pid())).unwrap();
    let to_it = format!("0100007F:{port:04X}");
    let sockets = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(2) == Some(&to_it.as_str())).then(|| format!("socket:[{}]", fields[9]))
    });
    let sockets: Vec<PathBuf> = sockets.map(PathBuf::from).collect();
    assert!(!sockets.is_empty(), "the others are not connected to it");
    let files = fs::read_dir(format!("/proc/{}/fd", node.pid())).unwrap();
    files
        .filter_map(|file| fs::read_link(file.unwrap().path()).ok())
        .any(|target| sockets.contains(&target))
}
