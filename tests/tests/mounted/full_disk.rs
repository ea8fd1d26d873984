//! A data directory on a disk that is full.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_tests::{Mounted, Setup, SmallDisk, errno, place, wait_until};
use nix::errno::Errno;

/// Writes files of 1 MiB until one fails; the names of those that are complete, and the error.
fn fill(directory: &Path) -> (Vec<PathBuf>, io::Error) {
    let mut complete = Vec::new();
    for number in 0.. {
        let path = directory.join(format!("file{number}"));
        let written = File::create_new(&path).and_then(|mut file| {
            file.write_all(&vec![number as u8; 1 << 20])?;
            file.sync_all()
        });
        match written {
            Ok(()) => complete.push(path),
            Err(error) => return (complete, error),
        }
    }
    unreachable!("a disk has an end")
}

fn assert_content(complete: &[PathBuf]) {
    for (number, path) in complete.iter().enumerate() {
        let content = fs::read(path).unwrap();
        assert!(
            content == vec![number as u8; 1 << 20],
            "{} differs",
            path.display()
        );
    }
}

#[test]
fn a_full_disk_is_enospc_and_nothing_is_lost_and_room_comes_back() {
    let scratch = place::scratch();
    let disk = SmallDisk::new(&scratch.path().join("disk"), 256);
    let mut mounted = Setup::default().data(&disk.path().join("data")).mount();
    let (complete, error) = fill(mounted.root());
    assert_eq!(errno(Err::<(), _>(error)), Errno::ENOSPC);
    assert!(
        complete.len() > 20,
        "only {} MiB of 256 fit",
        complete.len()
    );
    assert_content(&complete);
    // The store gives back what its own files no longer need at any time, but never this much.
    assert_eq!(
        errno(fs::write(mounted.path("more"), vec![0; 256 << 20])),
        Errno::ENOSPC
    );
    fs::remove_file(mounted.path("more")).ok();
    let count = fs::read_dir(mounted.root()).unwrap().count();
    for path in &complete[complete.len() / 2..] {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(
        fs::read_dir(mounted.root()).unwrap().count(),
        count - complete.len().div_ceil(2)
    );
    wait_until("there is room again", Duration::from_secs(30), || {
        fs::write(mounted.path("again"), vec![1; 4 << 20]).is_ok()
    });
    let kept = &complete[..complete.len() / 2];
    assert_content(kept);
    mounted.remount();
    assert_content(kept);
    mounted.kill();
    mounted.start();
    assert_content(kept);
    end(mounted);
}

#[test]
fn a_disk_filled_by_somebody_else_is_enospc_and_recovers() {
    let scratch = place::scratch();
    let disk = SmallDisk::new(&scratch.path().join("disk"), 128);
    let mounted = Setup::default().data(&disk.path().join("data")).mount();
    fs::write(mounted.path("before"), vec![1; 1 << 20]).unwrap();
    disk.fill_up_to(0);
    let (complete, error) = fill(mounted.root());
    assert_eq!(errno(Err::<(), _>(error)), Errno::ENOSPC);
    assert_content(&complete);
    assert_eq!(fs::read(mounted.path("before")).unwrap(), vec![1; 1 << 20]);
    disk.give_back();
    wait_until("there is room again", Duration::from_secs(30), || {
        fs::write(mounted.path("after"), vec![1; 1 << 20]).is_ok()
    });
    end(mounted);
}

/// Unmounts before the disk goes.
fn end(mut mounted: Mounted) {
    mounted.unmount();
    mounted.fsck().success();
}
