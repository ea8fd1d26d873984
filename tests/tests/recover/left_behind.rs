//! What belonged to the old cluster: its nodes, its mounts, and what those held.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use holdfast_tests::cluster::{ClusterSetup, SETTLED};
use holdfast_tests::{Cluster, wait_until};

/// Sessions of the lost mounts expire soon.
const LEASE: &str = "[timing]\nsession_lease_ms = 4000\n";
const REFUSED: &str = "recovered as a new one";

#[test]
fn nodes_and_mounts_of_the_old_cluster_are_refused_and_hear_why() {
    let mut cluster = ClusterSetup::default().settings(LEASE).start(3);
    let mut mount = cluster.mount(1, "noatime");
    fs::write(mount.path("kept"), "of before").unwrap();
    // What only the mount holds: a lock, and a file without a name.
    let locked = File::create(mount.path("locked")).unwrap();
    locked.lock().unwrap();
    let nameless = File::create(mount.path("nameless")).unwrap();
    fs::remove_file(mount.path("nameless")).unwrap();
    let inodes = cluster.client().inodes();
    cluster.wait_caught_up(1);
    for id in [1, 2, 3] {
        cluster.kill(id);
    }
    // What one address says hides nothing of what another will say.
    let somebody = Somebody::at(cluster.node(3).address());
    wait_until("the mount meets somebody else", SETTLED, || {
        mount.log().contains("not a holdfast node")
    });
    drop(somebody);
    cluster.force_new_cluster(1, None).success();
    cluster.restart(1);
    wait_alone(&cluster);
    // It says so also while nobody uses it.
    wait_until("the mount hears why", SETTLED, || {
        mount.log().contains(REFUSED)
    });

    // Another mount has the files, and nobody holds what the old one held.
    let second = cluster.mount(1, "noatime");
    assert_eq!(
        fs::read_to_string(second.path("kept")).unwrap(),
        "of before"
    );
    let again = File::open(second.path("locked")).unwrap();
    again.lock().unwrap();
    let client = cluster.client_of("default", &[cluster.node(1).address().to_owned()]);
    wait_until("the session of the old mount has ended", SETTLED, || {
        client.inodes() == inodes - 1
    });

    // An old node with its old data comes back.
    let log = |cluster: &Cluster| fs::read_to_string(cluster.node(1).log()).unwrap_or_default();
    cluster.restart(2);
    wait_until("the old node is refused", SETTLED, || {
        let log = log(&cluster);
        let mut lines = log.lines().filter(|line| line.contains(REFUSED));
        lines.any(|line| line.contains("a call of holdfast.v1.Raft"))
    });
    assert_eq!(members(&cluster), [1]);
    fs::write(second.path("after"), "of after").unwrap();
    drop(again);
    second.unmount();
    // Closing a file of the old mount would wait for its cluster.
    mount.kill();
    drop((nameless, locked));
}

/// A server of something else, where a node was.
struct Somebody {
    address: String,
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Somebody {
    fn at(address: &str) -> Somebody {
        let listener = TcpListener::bind(address).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                // Who has gone already has heard enough.
                stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    .and_then(|()| stream.shutdown(std::net::Shutdown::Write))
                    .and_then(|()| stream.read_to_end(&mut Vec::new()))
                    .ok();
            }
        });
        Somebody {
            address: address.to_owned(),
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Somebody {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        TcpStream::connect(&self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Who votes for the first volume, as node 1 knows it.
fn members(cluster: &Cluster) -> Vec<u64> {
    let mut groups = cluster.status(1).groups.into_iter();
    let replica = groups.find(|group| group.group == holdfast_tests::cluster::VOLUME);
    replica.map(|replica| replica.voters).unwrap_or_default()
}

#[track_caller]
fn wait_alone(cluster: &Cluster) {
    wait_until("node 1 leads alone", SETTLED, || {
        members(cluster) == [1] && cluster.leader() == 1
    });
}
