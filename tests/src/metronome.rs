//! How long the machine let nobody get on: a promise in seconds holds for a machine that runs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::place;

const BEAT: Duration = Duration::from_millis(20);
/// What a beat may be late without counting: a disk and a scheduler at work.
const LATE: Duration = Duration::from_millis(30);
/// Who is later than this stood still; a slow disk and a busy machine are not.
const STILL: Duration = Duration::from_millis(200);

/// How late the beats of a [`Metronome`] were, all in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stall {
    woken: Duration,
    synced: Duration,
}

impl Stall {
    /// What somebody may take longer who is to take at most `limit`. Whoever is measured uses the disk, too: what that was late is no
    /// excuse for more than as long again.
    pub fn excuses(self, limit: Duration) -> Duration {
        self.woken + self.synced.min(limit)
    }
}

/// Does every few milliseconds what a node does: it wakes up, and has a few bytes brought to the disk.
#[derive(Debug)]
pub struct Metronome {
    late: Arc<Late>,
    /// It beats as long as this is there.
    _wound: Sender<()>,
}

impl Metronome {
    /// Beats until it is dropped.
    #[must_use]
    pub fn start() -> Metronome {
        let late = Arc::<Late>::default();
        let (wound, is_wound) = mpsc::channel();
        let count = Arc::clone(&late);
        thread::spawn(move || beat(&is_wound, &count));
        Metronome {
            late,
            _wound: wound,
        }
    }

    /// How late its beats were since this was last asked.
    pub fn stalled(&self) -> Stall {
        Stall {
            woken: self.late.woken.take(),
            synced: self.late.synced.take(),
        }
    }

    /// How long the machine stood still since this was last asked, in the worst so long a time.
    pub fn stood_still(&self, within: Duration) -> Duration {
        let standstills = self.late.standstills.lock();
        let standstills = std::mem::take(&mut *standstills.unwrap_or_else(PoisonError::into_inner));
        worst(&standstills, within)
    }
}

fn worst(standstills: &[(Instant, Duration)], within: Duration) -> Duration {
    let from = |first: usize, begin: Instant| -> Duration {
        let later = standstills.iter().skip(first);
        let near = later.take_while(|(end, _)| end.duration_since(begin) <= within);
        near.map(|(_, late)| *late).sum()
    };
    let firsts = standstills.iter().enumerate();
    let sums = firsts.map(|(first, (begin, _))| from(first, *begin));
    sums.max().unwrap_or_default()
}

#[derive(Debug, Default)]
struct Late {
    woken: Sum,
    synced: Sum,
    /// When each standstill ended, and how long it was.
    standstills: Mutex<Vec<(Instant, Duration)>>,
}

impl Late {
    fn note(&self, late: Duration) {
        if late > STILL {
            let standstills = self.standstills.lock();
            let mut standstills = standstills.unwrap_or_else(PoisonError::into_inner);
            standstills.push((Instant::now(), late));
        }
    }
}

/// In nanoseconds.
#[derive(Debug, Default)]
struct Sum(AtomicU64);

impl Sum {
    fn add(&self, late: Duration) {
        if late > LATE {
            self.0.fetch_add(late.as_nanos() as u64, Ordering::AcqRel);
        }
    }

    fn take(&self) -> Duration {
        Duration::from_nanos(self.0.swap(0, Ordering::AcqRel))
    }
}

fn beat(is_wound: &Receiver<()>, late: &Late) {
    let scratch = place::scratch();
    let file = File::create(scratch.path().join("beat")).unwrap();
    let mut begin = Instant::now();
    while is_wound.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
        let woken = begin.elapsed().saturating_sub(BEAT);
        late.woken.add(woken);
        late.note(woken);
        begin = Instant::now();
        file.write_all_at(b"beat", 0).unwrap();
        file.sync_data().unwrap();
        let synced = begin.elapsed();
        late.synced.add(synced);
        late.note(synced);
        begin = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standstills_count_together_that_are_near_each_other() {
        let begin = Instant::now();
        let seconds = Duration::from_secs;
        let stood = [(0, 1), (2, 1), (10, 2), (11, 1), (13, 3)];
        let stood = stood.map(|(at, late)| (begin + seconds(at), seconds(late)));
        assert_eq!(worst(&stood, seconds(2)), seconds(4));
        assert_eq!(worst(&stood, seconds(3)), seconds(6));
        assert_eq!(worst(&[], seconds(3)), seconds(0));
    }
}
