//! A directory of a million files: made, listed and removed in bounded time and memory.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use holdfast_tests::Setup;
use holdfast_tests::process::resident_bytes_peak;
use holdfast_tests::system::read_directory;

const FILES: u32 = 1_000_000;
const THREADS: u32 = 4;
/// What one page of a listing may take on a loaded machine; reading the directory first takes longer.
const FIRST_PAGE: Duration = Duration::from_millis(100);
/// The daemon's caches, and a note of each inode that the kernel knows.
const RESIDENT_BYTES_MAX: u64 = 1 << 30;
/// Listing keeps nothing: the caches, whatever the length of the directory.
const RESIDENT_BYTES_LISTING_MAX: u64 = 400 << 20;

/// Does something to each name, in several threads, and prints how fast that went.
fn each(what: &str, directory: &Path, act: impl Fn(&Path) + Sync) {
    let begin = Instant::now();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let act = &act;
            scope.spawn(move || {
                for number in (thread..FILES).step_by(THREADS as usize) {
                    act(&directory.join(format!("file{number:07}")));
                }
            });
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{what}: {seconds:.1} s, {:.0} a second",
        f64::from(FILES) / seconds
    );
}

#[test]
fn a_directory_of_a_million_files_is_made_listed_and_removed() {
    let mut mounted = Setup::default().limit(Duration::from_mins(25)).mount();
    let before = mounted.usage();
    let path = mounted.path("directory");
    fs::create_dir(&path).unwrap();
    each("create", &path, |name| {
        drop(File::create_new(name).unwrap());
    });
    let created = resident_bytes_peak(mounted.pid()).unwrap();
    println!("resident after create: {} MiB", created >> 20);
    assert!(created < RESIDENT_BYTES_MAX, "{created}");

    mounted.remount();
    let directory = File::open(&path).unwrap();
    let begin = Instant::now();
    let first = read_directory(&directory, 32 * 1024).unwrap();
    let first_page = begin.elapsed();
    let mut listed = first.len();
    loop {
        let page = read_directory(&directory, 32 * 1024).unwrap();
        if page.is_empty() {
            break;
        }
        listed += page.len();
    }
    let listing = begin.elapsed();
    let resident = resident_bytes_peak(mounted.pid()).unwrap();
    println!("first page: {} us", first_page.as_micros());
    println!("list: {:.1} s, {} lines", listing.as_secs_f64(), listed);
    println!("resident after listing: {} MiB", resident >> 20);
    assert_eq!(listed, FILES as usize + 2);
    assert!(first_page < FIRST_PAGE, "{first_page:?}");
    assert!(resident < RESIDENT_BYTES_LISTING_MAX, "{resident}");
    drop(directory);

    each("remove", &path, |name| fs::remove_file(name).unwrap());
    let removed = resident_bytes_peak(mounted.pid()).unwrap();
    println!("resident after remove: {} MiB", removed >> 20);
    assert!(removed < RESIDENT_BYTES_MAX, "{removed}");
    fs::remove_dir(&path).unwrap();
    mounted.wait_for_inodes(&before);
}
