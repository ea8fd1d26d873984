//! An earlier program is replaced by this one: node by node in a cluster that is in use, and between two mounts of one machine.
//!
//! `make upgrade OLD=PATH` says which; without it both are the same program, and what is left is a rolling restart beneath a mount.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use holdfast_tests::cluster::{ClusterSetup, SETTLED};
use holdfast_tests::system::{get_xattr, set_xattr};
use holdfast_tests::{Setup, place, wait_until};

/// Longer than what is kept inside of a record.
const LONG: usize = 3 << 20;

#[test]
fn a_cluster_is_upgraded_node_by_node_while_it_is_used() {
    let mut cluster = ClusterSetup::default().earlier().start(3);
    let mount = cluster.mount_earlier(1, "noatime");
    make_everything(mount.root());
    let written = AtomicU64::new(0);
    // Also the end of a test that has failed.
    let (over, is_over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let (mount, written) = (&mount, &written);
        let over = over;
        let writer = scope.spawn(move || {
            while let Err(TryRecvError::Empty) = is_over.try_recv() {
                let number = written.load(Ordering::Relaxed);
                let path = mount.path(&format!("file-{number}"));
                fs::write(path, number.to_string()).unwrap();
                written.store(number + 1, Ordering::Relaxed);
            }
        });
        let progress = |what: &str| {
            let before = written.load(Ordering::Relaxed);
            wait_until(what, SETTLED, || {
                writer.is_finished() || written.load(Ordering::Relaxed) > before + 20
            });
        };
        progress("the earlier nodes are used");
        for id in cluster.ids() {
            assert_runs(cluster.node(id).pid(), &place::earlier());
            cluster.upgrade(id);
            assert_runs(cluster.node(id).pid(), &place::holdfast());
            progress("nodes of both programs are used");
        }
        // A mount of now beside the earlier one.
        assert_runs(mount.pid(), &place::earlier());
        let beside = cluster.mount(1, "noatime");
        drop(over);
        writer.join().unwrap();
        assert_is_everything(beside.root());
        for number in 0..written.load(Ordering::Relaxed) {
            let name = format!("file-{number}");
            let content = fs::read_to_string(beside.path(&name)).unwrap();
            assert_eq!(content, number.to_string(), "{name}");
        }
        fs::rename(mount.path("file-0"), mount.path("file-by-earlier")).unwrap();
        fs::rename(beside.path("file-1"), beside.path("file-by-now")).unwrap();
        assert!(beside.path("file-by-earlier").exists() && mount.path("file-by-now").exists());
        beside.unmount();
    });
    println!("{} files", written.into_inner());
    mount.unmount();
    cluster.assert_all_replicas_agree();
    cluster.holdfast(&["fsck"]).success();
}

#[test]
fn a_data_directory_is_upgraded_between_two_mounts() {
    let mut mounted = Setup::default().earlier().mount();
    make_everything(mounted.root());
    assert_runs(mounted.pid(), &place::earlier());
    mounted.upgrade();
    assert_runs(mounted.pid(), &place::holdfast());
    assert_is_everything(mounted.root());
    fs::write(mounted.path("by now"), "x").unwrap();
    // What was mounted is checked when the test ends.
}

/// Whether a process is of this program.
#[track_caller]
fn assert_runs(pid: u32, program: &Path) {
    let runs = fs::metadata(format!("/proc/{pid}/exe")).unwrap();
    let program = fs::metadata(program).unwrap();
    assert_eq!((runs.dev(), runs.ino()), (program.dev(), program.ino()));
}

/// What is most used, and content of every length.
fn make_everything(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("directory/short"), "short").unwrap();
    fs::write(at("long"), vec![b'x'; LONG]).unwrap();
    fs::hard_link(at("long"), at("directory/link")).unwrap();
    symlink("directory/short", at("symlink")).unwrap();
    let sparse = fs::File::create(at("sparse")).unwrap();
    sparse.write_all_at(b"end", 1 << 40).unwrap();
    set_xattr(&at("long"), "user.of earlier", b"value", 0).unwrap();
    fs::write(at("removed"), "x").unwrap();
    fs::remove_file(at("removed")).unwrap();
}

fn assert_is_everything(root: &Path) {
    let at = |name: &str| root.join(name);
    assert_eq!(fs::read_to_string(at("symlink")).unwrap(), "short");
    assert_eq!(fs::read(at("directory/link")).unwrap(), vec![b'x'; LONG]);
    let (long, link) = (fs::metadata(at("long")), fs::metadata(at("directory/link")));
    assert_eq!(long.unwrap().ino(), link.unwrap().ino());
    let mut end = [0; 3];
    let sparse = fs::File::open(at("sparse")).unwrap();
    sparse.read_exact_at(&mut end, 1 << 40).unwrap();
    assert_eq!(&end, b"end");
    let value = get_xattr(&at("long"), "user.of earlier").unwrap();
    assert_eq!(value, b"value");
    assert!(!at("removed").exists());
}
