//! `copy_file_range(2)` shares data instead of copying it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use holdfast_tests::system::copy_range;
use holdfast_tests::{Mounted, Random, errno};
use nix::errno::Errno;

fn copy(from: &Path, to: &Path) {
    let source = File::open(from).unwrap();
    let destination = File::create_new(to).unwrap();
    let length = source.metadata().unwrap().len() as usize;
    let mut copied = 0;
    while copied < length {
        let at = copied as i64;
        copied += copy_range((&source, at), (&destination, at), length - copied).unwrap();
    }
}

/// Bytes that the files of a directory occupy on the disk. Its owner is at work: what is gone when it is looked at has none.
fn occupied(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            found => {
                let metadata = found.unwrap();
                if metadata.is_dir() {
                    occupied(&entry.path())
                } else {
                    metadata.blocks() * 512
                }
            }
        })
        .sum()
}

#[test]
fn copies_take_no_space_and_change_independently() {
    let mut mounted = Mounted::new();
    let original = Random::announced().bytes(16 << 20);
    fs::write(mounted.path("original"), &original).unwrap();
    mounted.remount();
    let before = occupied(mounted.data());
    for number in 0..10 {
        copy(
            &mounted.path("original"),
            &mounted.path(&format!("copy{number}")),
        );
    }
    mounted.remount();
    let grown = occupied(mounted.data()).saturating_sub(before);
    assert!(grown < 32 << 20, "ten copies of 16 MiB took {grown} bytes");
    let copy = File::options()
        .write(true)
        .open(mounted.path("copy3"))
        .unwrap();
    copy.write_all_at(b"changed", 5_000_000).unwrap();
    drop(copy);
    fs::remove_file(mounted.path("original")).unwrap();
    mounted.remount();
    for number in [0, 3, 9] {
        let content = fs::read(mounted.path(&format!("copy{number}"))).unwrap();
        let mut expected = original.clone();
        if number == 3 {
            expected[5_000_000..5_000_007].copy_from_slice(b"changed");
        }
        assert!(content == expected, "copy{number} differs");
    }
}

#[test]
fn a_range_is_copied_into_the_middle_of_a_file_and_within_one_file() {
    let mounted = Mounted::new();
    let source: Vec<u8> = (0..50_000_u32).map(|at| (at % 251) as u8).collect();
    fs::write(mounted.path("source"), &source).unwrap();
    fs::write(mounted.path("destination"), vec![9; 60_000]).unwrap();
    let from = File::open(mounted.path("source")).unwrap();
    let to = File::options()
        .read(true)
        .write(true)
        .open(mounted.path("destination"))
        .unwrap();
    let copied = copy_range((&from, 1001), (&to, 20_003), 30_000).unwrap();
    assert_eq!(copied, 30_000);
    let mut expected = vec![9; 60_000];
    expected[20_003..50_003].copy_from_slice(&source[1001..31_001]);
    assert!(fs::read(mounted.path("destination")).unwrap() == expected);
    let copied = copy_range((&to, 20_003), (&to, 100_000), 10_000).unwrap();
    assert_eq!(copied, 10_000);
    let content = fs::read(mounted.path("destination")).unwrap();
    assert_eq!(content.len(), 110_000);
    assert!(content[100_000..] == source[1001..11_001]);
    assert!(content[60_000..100_000].iter().all(|byte| *byte == 0));
}

#[test]
fn a_copy_ends_where_the_source_ends() {
    let mounted = Mounted::new();
    fs::write(mounted.path("source"), "0123456789").unwrap();
    let from = File::open(mounted.path("source")).unwrap();
    let to = File::create_new(mounted.path("destination")).unwrap();
    assert_eq!(copy_range((&from, 6), (&to, 0), 1000).unwrap(), 4);
    assert_eq!(copy_range((&from, 10), (&to, 4), 1000).unwrap(), 0);
    assert_eq!(
        fs::read_to_string(mounted.path("destination")).unwrap(),
        "6789"
    );
}

/// Of generic/564, which this machine cannot run.
#[test]
fn what_cannot_be_copied_is_refused() {
    let mounted = Mounted::new();
    fs::write(mounted.path("source"), "0123456789").unwrap();
    fs::write(mounted.path("other"), "other").unwrap();
    let open =
        |name: &str, options: &mut fs::OpenOptions| options.open(mounted.path(name)).unwrap();
    let both = open("source", File::options().read(true).write(true));
    let reads = open("other", File::options().read(true));
    let writes = open("other", File::options().write(true));
    let appends = open("other", File::options().read(true).append(true));
    let directory = File::open(mounted.root()).unwrap();
    let refused = |from: &File, to: &File| errno(copy_range((from, 0), (to, 0), 4));
    assert_eq!(refused(&writes, &both), Errno::EBADF, "not open to be read");
    assert_eq!(
        refused(&both, &reads),
        Errno::EBADF,
        "not open to be written"
    );
    assert_eq!(
        refused(&both, &appends),
        Errno::EBADF,
        "open to be appended to"
    );
    assert_eq!(refused(&directory, &both), Errno::EISDIR);
    for at in [0, 3] {
        let overlap = copy_range((&both, 0), (&both, at), 4);
        assert_eq!(errno(overlap), Errno::EINVAL, "onto itself, at {at}");
    }
    // What touches does not overlap.
    assert_eq!(copy_range((&both, 0), (&both, 4), 4).unwrap(), 4);
    assert_eq!(
        fs::read_to_string(mounted.path("source")).unwrap(),
        "0123012389"
    );
    assert_eq!(fs::read_to_string(mounted.path("other")).unwrap(), "other");
}
