//! Reading and writing: append, direct, mapped, synchronous.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::thread;

use holdfast_tests::system::Mapping;
use holdfast_tests::{Mounted, Random, Setup};

#[test]
fn appends_of_many_threads_lose_nothing() {
    let mounted = Mounted::new();
    thread::scope(|scope| {
        for thread in 0..4 {
            let path = mounted.path("log");
            scope.spawn(move || {
                let mut log = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
                    .unwrap();
                for number in 0..500 {
                    log.write_all(format!("{thread:03} {number:07}\n").as_bytes())
                        .unwrap();
                }
            });
        }
    });
    let text = fs::read_to_string(mounted.path("log")).unwrap();
    let lines: BTreeSet<&str> = text.lines().collect();
    assert_eq!((text.len(), lines.len()), (2000 * 12, 2000));
}

#[test]
fn a_direct_write_is_read_through_the_page_cache_and_back() {
    let mounted = Mounted::new();
    let direct = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_DIRECT)
        .open(mounted.path("file"))
        .unwrap();
    let mut buffer = Mapping::anonymous(64 * 1024).unwrap();
    buffer.bytes().fill(b'd');
    direct.write_all_at(buffer.bytes(), 4096).unwrap();
    let cached = File::options()
        .read(true)
        .write(true)
        .open(mounted.path("file"))
        .unwrap();
    let mut read = vec![0; 64 * 1024];
    cached.read_exact_at(&mut read, 4096).unwrap();
    assert!(read.iter().all(|byte| *byte == b'd'));
    cached.write_all_at(b"cached", 8192).unwrap();
    direct.read_exact_at(buffer.bytes(), 8192 - 4096).unwrap();
    assert_eq!(&buffer.bytes()[4096..4102], b"cached");
    assert_eq!(cached.metadata().unwrap().len(), 4096 + 64 * 1024);
}

#[test]
fn a_large_direct_append_arrives_in_order() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 16;
    let mounted = Mounted::new();
    let mut buffer = Mapping::anonymous(PIECES * PIECE).unwrap();
    for (number, piece) in buffer.bytes().chunks_mut(PIECE).enumerate() {
        piece.fill(number as u8 + 1);
    }
    for round in 0..8 {
        let path = mounted.path(&format!("file{round}"));
        let mut direct = OpenOptions::new()
            .append(true)
            .create_new(true)
            .custom_flags(libc::O_DIRECT)
            .open(&path)
            .unwrap();
        direct.write_all(buffer.bytes()).unwrap();
        assert!(
            fs::read(&path).unwrap() == buffer.bytes(),
            "round {round}: the pieces are not in order"
        );
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_shared_mapping_and_a_write_see_each_other() {
    let mut mounted = Mounted::new();
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(mounted.path("file"))
        .unwrap();
    file.set_len(10_000).unwrap();
    let mut mapping = Mapping::shared(&file, 10_000).unwrap();
    file.write_all_at(b"written", 5000).unwrap();
    assert_eq!(&mapping.bytes()[5000..5007], b"written");
    mapping.bytes()[9000..9006].copy_from_slice(b"mapped");
    let mut read = [0; 6];
    file.read_exact_at(&mut read, 9000).unwrap();
    assert_eq!(&read, b"mapped");
    mapping.sync().unwrap();
    drop((mapping, file));
    mounted.remount();
    let content = fs::read(mounted.path("file")).unwrap();
    assert_eq!(
        (content.len(), &content[5000..5007], &content[9000..9006]),
        (10_000, &b"written"[..], &b"mapped"[..])
    );
}

#[test]
fn what_is_written_in_pieces_of_every_size_is_read_back_after_a_remount() {
    let mut mounted = Mounted::new();
    let mut random = Random::announced();
    let mut expected = vec![0; 3_000_000];
    let file = File::create_new(mounted.path("file")).unwrap();
    file.set_len(expected.len() as u64).unwrap();
    for _ in 0..300 {
        let magnitude = 1 + random.below(20);
        let length = 1 + random.below(1 << magnitude) as usize;
        let offset =
            random.below((expected.len() - length.min(expected.len() - 1)) as u64) as usize;
        let length = length.min(expected.len() - offset);
        let bytes = random.bytes(length);
        file.write_all_at(&bytes, offset as u64).unwrap();
        expected[offset..offset + length].copy_from_slice(&bytes);
    }
    drop(file);
    mounted.remount();
    assert!(
        fs::read(mounted.path("file")).unwrap() == expected,
        "the content differs"
    );
}

#[test]
fn what_was_written_survives_a_kill_of_the_daemon_without_a_sync() {
    let mut mounted = Mounted::new();
    fs::write(mounted.path("file"), "written").unwrap();
    fs::create_dir(mounted.path("directory")).unwrap();
    mounted.kill();
    mounted.start();
    assert_eq!(fs::read_to_string(mounted.path("file")).unwrap(), "written");
    assert!(mounted.path("directory").is_dir());
}

#[test]
fn with_sync_commit_everything_works_and_survives() {
    let mut mounted = Setup::default().options("sync=commit").mount();
    for number in 0..50 {
        fs::write(mounted.path(&format!("file{number}")), format!("{number}")).unwrap();
    }
    fs::rename(mounted.path("file0"), mounted.path("renamed")).unwrap();
    mounted.kill();
    mounted.start();
    assert_eq!(fs::read_dir(mounted.root()).unwrap().count(), 50);
    assert_eq!(fs::read_to_string(mounted.path("renamed")).unwrap(), "0");
    assert_eq!(fs::read_to_string(mounted.path("file49")).unwrap(), "49");
}

#[test]
fn fsync_of_files_and_directories_and_synchronous_writes_succeed() {
    let mounted = Mounted::new();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_SYNC)
        .open(mounted.path("file"))
        .unwrap();
    file.write_all(b"synchronous").unwrap();
    file.sync_all().unwrap();
    file.sync_data().unwrap();
    let directory = File::open(mounted.root()).unwrap();
    directory.sync_all().unwrap();
    nix::unistd::syncfs(&directory).unwrap();
    assert_eq!(file.metadata().unwrap().size(), 11);
}
