//! Listings: `.` and `..`, types, cookies, and changes meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, symlink};
use std::thread;

use holdfast_tests::system::{Line, read_directory};
use holdfast_tests::{Mounted, wait_until};

const PAGE: usize = 4096;

fn list(directory: &File) -> Vec<Line> {
    let mut lines = Vec::new();
    loop {
        let page = read_directory(directory, PAGE).unwrap();
        if page.is_empty() {
            return lines;
        }
        lines.extend(page);
    }
}

fn fill(mounted: &Mounted, names: u32) {
    fs::create_dir(mounted.path("directory")).unwrap();
    for number in 0..names {
        File::create_new(mounted.path(&format!("directory/stays{number:05}"))).unwrap();
    }
}

#[test]
fn dots_come_first_and_every_line_has_its_inode_and_type() {
    let mut mounted = Mounted::new();
    fs::create_dir_all(mounted.path("directory/sub")).unwrap();
    fs::write(mounted.path("directory/file"), "").unwrap();
    symlink("target", mounted.path("directory/link")).unwrap();
    mounted
        .shell("cd directory; mkfifo pipe; mknod null c 1 3; mknod disk b 8 0")
        .success();
    mounted.remount();
    let lines = list(&File::open(mounted.path("directory")).unwrap());
    assert_eq!(
        (lines[0].name.as_slice(), lines[1].name.as_slice()),
        (&b"."[..], &b".."[..])
    );
    let directory = fs::metadata(mounted.path("directory")).unwrap().ino();
    let root = fs::metadata(mounted.root()).unwrap().ino();
    assert_eq!((lines[0].ino, lines[1].ino), (directory, root));
    let kinds: BTreeMap<String, u8> = lines
        .iter()
        .map(|line| (String::from_utf8(line.name.clone()).unwrap(), line.kind))
        .collect();
    let expected = [
        (".", libc::DT_DIR),
        ("..", libc::DT_DIR),
        ("sub", libc::DT_DIR),
        ("file", libc::DT_REG),
        ("link", libc::DT_LNK),
        ("pipe", libc::DT_FIFO),
        ("null", libc::DT_CHR),
        ("disk", libc::DT_BLK),
    ];
    assert_eq!(
        kinds,
        expected.map(|(name, kind)| (name.to_owned(), kind)).into()
    );
    for line in lines.iter().skip(2) {
        let name = String::from_utf8(line.name.clone()).unwrap();
        let path = mounted.path("directory").join(name);
        assert_eq!(fs::symlink_metadata(path).unwrap().ino(), line.ino);
    }
}

#[test]
fn a_listing_goes_on_exactly_where_a_cookie_says() {
    let mounted = Mounted::new();
    fill(&mounted, 1000);
    let mut directory = File::open(mounted.path("directory")).unwrap();
    let lines = list(&directory);
    assert_eq!(lines.len(), 1002);
    for at in [0, 1, 2, 3, 500, 999, 1000, 1001] {
        directory
            .seek(SeekFrom::Start(lines[at].cookie as u64))
            .unwrap();
        let rest = list(&directory);
        assert_eq!(rest, lines[at + 1..], "after line {at}");
    }
    directory.seek(SeekFrom::Start(0)).unwrap();
    assert_eq!(list(&directory), lines);
}

#[test]
fn a_cookie_stays_good_when_its_entry_is_removed() {
    let mounted = Mounted::new();
    fill(&mounted, 100);
    let mut directory = File::open(mounted.path("directory")).unwrap();
    let lines = list(&directory);
    let name = String::from_utf8(lines[50].name.clone()).unwrap();
    fs::remove_file(mounted.path("directory").join(name)).unwrap();
    directory
        .seek(SeekFrom::Start(lines[50].cookie as u64))
        .unwrap();
    assert_eq!(list(&directory), lines[51..]);
}

#[test]
fn what_exists_throughout_is_listed_once_whatever_changes_meanwhile() {
    let mounted = Mounted::new();
    fill(&mounted, 2000);
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..2 {
            let (mounted, stop) = (&mounted, &stop);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let path = mounted.path(&format!("directory/comes{thread}-{number}"));
                    File::create_new(&path).unwrap();
                    if number % 3 > 0 {
                        fs::remove_file(&path).unwrap();
                    }
                    number += 1;
                }
            });
        }
        for _ in 0..10 {
            let lines = list(&File::open(mounted.path("directory")).unwrap());
            let stays = lines.iter().filter(|line| line.name.starts_with(b"stays"));
            let names: Vec<&[u8]> = stays.map(|line| line.name.as_slice()).collect();
            let distinct: BTreeSet<&[u8]> = names.iter().copied().collect();
            assert_eq!((names.len(), distinct.len()), (2000, 2000));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn rewinding_shows_what_is_new() {
    let mounted = Mounted::new();
    fill(&mounted, 10);
    let mut directory = File::open(mounted.path("directory")).unwrap();
    assert_eq!(list(&directory).len(), 12);
    File::create_new(mounted.path("directory/new")).unwrap();
    wait_until(
        "the new name is listed",
        std::time::Duration::from_secs(1),
        || {
            directory.rewind().unwrap();
            list(&directory).iter().any(|line| line.name == b"new")
        },
    );
}
