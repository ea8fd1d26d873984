//! Sizes: cut, grown, and as large as can be.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Command;

use holdfast_tests::{Mounted, errno, run};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::unistd::{Whence, lseek};

const LARGEST: u64 = i64::MAX as u64;

#[test]
fn what_is_cut_reads_as_zeros_when_the_file_grows_again() {
    let mut mounted = Mounted::new();
    fs::write(mounted.path("file"), vec![1; 200_000]).unwrap();
    let file = File::options()
        .write(true)
        .open(mounted.path("file"))
        .unwrap();
    file.set_len(100_001).unwrap();
    file.set_len(200_000).unwrap();
    drop(file);
    for _ in 0..2 {
        let content = fs::read(mounted.path("file")).unwrap();
        assert_eq!(content.len(), 200_000);
        assert!(content[..100_001].iter().all(|byte| *byte == 1));
        assert!(content[100_001..].iter().all(|byte| *byte == 0));
        mounted.remount();
    }
}

#[test]
fn a_file_has_up_to_8_eib_and_its_last_byte_can_be_written() {
    let mut mounted = Mounted::new();
    let file = File::create_new(mounted.path("file")).unwrap();
    file.set_len(LARGEST).unwrap();
    file.write_all_at(b"z", LARGEST - 1).unwrap();
    drop(file);
    mounted.remount();
    let file = File::open(mounted.path("file")).unwrap();
    assert_eq!(file.metadata().unwrap().len(), LARGEST);
    let mut last = [0];
    file.read_exact_at(&mut last, LARGEST - 1).unwrap();
    assert_eq!(&last, b"z");
    assert_eq!(lseek(&file, 0, Whence::SeekData).unwrap(), i64::MAX - 1);
    assert!(file.metadata().unwrap().blocks() < 100, "it is sparse");
}

#[test]
fn beyond_8_eib_is_efbig() {
    let mounted = Mounted::new();
    let file = File::create_new(mounted.path("file")).unwrap();
    let allocated = fallocate(&file, FallocateFlags::empty(), i64::MAX - 10, 100);
    assert_eq!(errno(allocated), Errno::EFBIG);
    // The kernel refuses a write whose end cannot be counted before it asks the filesystem.
    let written = errno(file.write_at(b"ab", LARGEST));
    assert!(matches!(written, Errno::EFBIG | Errno::EINVAL), "{written}");
    assert_eq!(file.metadata().unwrap().len(), 0);
}

#[test]
fn the_limit_of_the_process_is_efbig() {
    let mounted = Mounted::new();
    let finished =
        mounted.shell("trap '' XFSZ; ulimit -f 8; dd if=/dev/zero of=file bs=1M count=1");
    assert!(finished.stderr.contains("File too large"), "{finished:?}");
    assert!(fs::metadata(mounted.path("file")).unwrap().len() <= 8 * 1024);
}

/// Of generic/394, which this machine cannot run.
#[test]
fn nobody_goes_beyond_the_limit_of_his_process() {
    let mounted = Mounted::new();
    let file = mounted.path("file");
    // 8 blocks of 512 bytes; who does not mind the signal gets EFBIG.
    let run = |what: &str| {
        let script = format!("trap '' XFSZ; ulimit -f 8; {what}");
        let mut command = Command::new("sh");
        run(command
            .args(["-c", &script, "sh"])
            .arg(&file)
            .env("LC_ALL", "C"))
    };
    run("truncate -s 4096 $1").success();
    for beyond in [
        "truncate -s 4097 $1",
        "dd status=none if=/dev/zero of=$1 bs=1 seek=4096 count=1 conv=notrunc",
    ] {
        let refused = run(beyond);
        assert!(!refused.status.success(), "{beyond}");
        assert!(
            refused.stderr.contains("File too large"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(fs::metadata(&file).unwrap().len(), 4096);
}
