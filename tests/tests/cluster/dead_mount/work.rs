//! What programs do in a mount until it is dead.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdfast_tests::wait_until;

const PROGRESS: Duration = Duration::from_secs(40);
const BLOCK: usize = 4096;
/// So many removed files one thread has open.
const OPEN: usize = 40;

/// Threads that work until they meet an error.
pub(super) struct Work {
    done: Arc<AtomicU64>,
    threads: Vec<JoinHandle<usize>>,
}

impl Work {
    pub(super) fn start(root: &Path) -> Work {
        let done = Arc::new(AtomicU64::new(0));
        let threads = (0..4).map(|number| {
            let (done, root) = (Arc::clone(&done), root.join(format!("work-{number}")));
            thread::spawn(move || {
                let mut removed = VecDeque::new();
                let ended = work(&root, &mut removed, &done);
                println!("{}: {ended:?}", root.display());
                removed.len()
            })
        });
        Work {
            threads: threads.collect(),
            done,
        }
    }

    /// Waits until so much is done, and each thread has removed files open.
    #[track_caller]
    pub(super) fn wait_for(&self, done: u64) {
        wait_until("the work goes on", PROGRESS, || {
            let failed = self.threads.iter().any(JoinHandle::is_finished);
            assert!(!failed, "a thread has met an error");
            self.done.load(Ordering::Acquire) >= done
        });
    }

    /// Waits until all have met an error; how many removed files they had open.
    #[track_caller]
    pub(super) fn end(self) -> u64 {
        let ended = || self.threads.iter().all(JoinHandle::is_finished);
        wait_until("the mount is dead", PROGRESS, ended);
        let removed = self
            .threads
            .into_iter()
            .map(|thread| thread.join().unwrap());
        removed.sum::<usize>() as u64
    }
}

/// Makes, writes, renames and removes files, and has some of those open that it removed.
fn work(directory: &PathBuf, removed: &mut VecDeque<File>, done: &AtomicU64) -> io::Result<()> {
    fs::create_dir(directory)?;
    for number in 0_usize.. {
        let path = directory.join(format!("file-{number}"));
        let mut file = File::create_new(&path)?;
        file.write_all(&vec![b'x'; BLOCK * (1 + number % 5)])?;
        match number % 3 {
            0 => fs::rename(&path, directory.join(format!("moved-{}", number % 50)))?,
            1 => {
                fs::remove_file(&path)?;
                file.write_all(&[b'y'; BLOCK])?;
                removed.push_back(file);
            }
            _ => {}
        }
        if removed.len() > OPEN {
            removed.pop_front();
        }
        done.fetch_add(1, Ordering::AcqRel);
    }
    Ok(())
}
