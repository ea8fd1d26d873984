//! How long the machine let nobody get on: a promise in seconds holds for a machine that runs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::place;

const BEAT: Duration = Duration::from_millis(20);
/// What a beat may be late without counting: a disk and a scheduler at work.
const LATE: Duration = Duration::from_millis(30);

/// Does every few milliseconds what a node does: it wakes up, and has a few bytes brought to the disk.
#[derive(Debug)]
pub struct Metronome {
    late_nanoseconds: Arc<AtomicU64>,
    /// It beats as long as this is there.
    _wound: Sender<()>,
}

impl Metronome {
    /// Beats until it is dropped.
    #[must_use]
    pub fn start() -> Metronome {
        let late = Arc::new(AtomicU64::new(0));
        let (wound, is_wound) = mpsc::channel();
        let count = Arc::clone(&late);
        thread::spawn(move || beat(&is_wound, &count));
        Metronome {
            late_nanoseconds: late,
            _wound: wound,
        }
    }

    /// How much later than due its beats were since this was last asked, all in all.
    pub fn stood_still(&self) -> Duration {
        Duration::from_nanos(self.late_nanoseconds.swap(0, Ordering::AcqRel))
    }
}

fn beat(is_wound: &Receiver<()>, late_nanoseconds: &AtomicU64) {
    let scratch = place::scratch();
    let file = File::create(scratch.path().join("beat")).unwrap();
    let mut begin = Instant::now();
    while is_wound.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
        file.write_all_at(b"beat", 0).unwrap();
        file.sync_data().unwrap();
        let late = begin.elapsed().saturating_sub(BEAT);
        if late > LATE {
            late_nanoseconds.fetch_add(late.as_nanos() as u64, Ordering::AcqRel);
        }
        begin = Instant::now();
    }
}
