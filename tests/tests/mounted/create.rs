//! `open` with `O_CREAT`, `O_EXCL`, `O_TRUNC`; owner, group and mode of what is new.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, chown};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use holdfast_tests::{Mounted, errno};
use nix::errno::Errno;

#[test]
fn of_many_who_create_exclusively_one_wins() {
    let mounted = Mounted::new();
    for round in 0..50 {
        let path = mounted.path(&format!("file{round}"));
        let (winners, start) = (AtomicUsize::new(0), Barrier::new(4));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    match File::create_new(&path) {
                        Ok(_) => {
                            winners.fetch_add(1, Ordering::Relaxed);
                        }
                        error => assert_eq!(errno(error), Errno::EEXIST),
                    }
                });
            }
        });
        assert_eq!(winners.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn of_many_who_create_without_excl_all_get_the_same_file() {
    let mounted = Mounted::new();
    for round in 0..50 {
        let path = mounted.path(&format!("file{round}"));
        let start = Barrier::new(4);
        let inodes: Vec<u64> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        let file = OpenOptions::new()
                            .create(true)
                            .append(true)
                            .open(&path)
                            .unwrap();
                        file.metadata().unwrap().ino()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(inodes.iter().all(|ino| *ino == inodes[0]), "{inodes:?}");
    }
}

#[test]
fn creating_over_a_file_with_trunc_empties_it() {
    let mounted = Mounted::new();
    fs::write(mounted.path("file"), vec![7; 100_000]).unwrap();
    let ino = fs::metadata(mounted.path("file")).unwrap().ino();
    File::create(mounted.path("file")).unwrap();
    let metadata = fs::metadata(mounted.path("file")).unwrap();
    assert_eq!(
        (metadata.ino(), metadata.len(), metadata.blocks()),
        (ino, 0, 0)
    );
}

#[test]
fn the_umask_clears_bits_and_the_creator_owns() {
    let mounted = Mounted::new();
    mounted.shell("mkdir open; chmod 777 open").success();
    mounted
        .shell_as(
            1234,
            5678,
            "cd open; umask 027; touch file; mkdir sub; mkfifo pipe",
        )
        .success();
    for (name, mode) in [("file", 0o100_640), ("sub", 0o040_750), ("pipe", 0o010_640)] {
        let metadata = fs::metadata(mounted.path("open").join(name)).unwrap();
        assert_eq!(metadata.mode(), mode, "{name}");
        assert_eq!((metadata.uid(), metadata.gid()), (1234, 5678), "{name}");
    }
}

#[test]
fn a_set_group_id_directory_hands_down_its_group() {
    let mounted = Mounted::new();
    fs::create_dir(mounted.path("shared")).unwrap();
    chown(mounted.path("shared"), None, Some(4321)).unwrap();
    mounted.shell("chmod 2777 shared").success();
    mounted
        .shell_as(1234, 5678, "cd shared; umask 022; touch file; mkdir sub")
        .success();
    let file = fs::metadata(mounted.path("shared/file")).unwrap();
    let sub = fs::metadata(mounted.path("shared/sub")).unwrap();
    assert_eq!((file.gid(), file.mode() & 0o7777), (4321, 0o644));
    assert_eq!((sub.gid(), sub.mode() & 0o7777), (4321, 0o2755));
}
