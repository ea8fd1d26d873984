//! Which directories are asked for most: a sketch of bounded size, of one call in sixteen.
//!
//! It has so many places. Who has none takes the place of the one with the least weight, and goes on from that weight ("space-saving",
//! Metwally and others), so who is asked for often soon has a place and keeps it. Weights are halved again and again: what was busy
//! yesterday makes room for what is busy now. What is told of a directory is what was counted since it has its place: perhaps
//! less than was asked, never more but for the sampling.

use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_metadata::{InodeId, Operation, Query};
use holdfast_proto::DirectoryActivity;
use parking_lot::Mutex;

/// Who has one call of so many keeps its place.
const PLACES: usize = 64;
/// Samples between two halvings: who has one call of a hundred has ten of them.
const FADE: u64 = 1024;
/// One call in so many is counted.
const SAMPLED: u64 = 16;
/// Multiples of 2^64 divided by the golden ratio are spread evenly and without a period, unlike what programs do.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Counts since the node was started.
#[derive(Debug, Default)]
pub(super) struct Directories {
    calls: AtomicU64,
    sketch: Mutex<Sketch>,
}

#[derive(Debug, Default)]
struct Sketch {
    places: Vec<Place>,
    samples: u64,
}

#[derive(Debug)]
struct Place {
    directory: InodeId,
    /// Decides who stays.
    weight: u64,
    /// Counted since it has this place.
    counted: u64,
}

impl Directories {
    /// A call asked for names in it.
    pub(super) fn asked(&self, directory: InodeId) {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if number.wrapping_mul(GOLDEN) < u64::MAX / SAMPLED {
            self.sketch.lock().count(directory);
        }
    }

    /// All that have a place: who was not told of before has it since then.
    pub(super) fn told(&self) -> Vec<DirectoryActivity> {
        let sketch = self.sketch.lock();
        let told = sketch.places.iter().map(|place| DirectoryActivity {
            directory: place.directory.get(),
            calls: place.counted * SAMPLED,
        });
        told.collect()
    }
}

impl Sketch {
    fn count(&mut self, directory: InodeId) {
        self.samples += 1;
        if self.samples.is_multiple_of(FADE) {
            for place in &mut self.places {
                place.weight /= 2;
            }
        }
        let mut places = self.places.iter_mut();
        if let Some(place) = places.find(|place| place.directory == directory) {
            place.weight += 1;
            place.counted += 1;
            return;
        }
        let new = |weight| Place {
            directory,
            weight,
            counted: 1,
        };
        if self.places.len() < PLACES {
            self.places.push(new(1));
        } else if let Some(least) = self.places.iter_mut().min_by_key(|place| place.weight) {
            *least = new(least.weight + 1);
        }
    }
}

/// Where a command changes names. A rename counts where the name was, a change of a file nowhere: who knows in which directory that is?
pub(crate) fn of_command(operation: &Operation) -> Option<InodeId> {
    match operation {
        Operation::Create(create) => Some(create.parent),
        Operation::Mknod(mknod) => Some(mknod.parent),
        Operation::Mkdir(mkdir) => Some(mkdir.parent),
        Operation::Symlink(symlink) => Some(symlink.parent),
        Operation::Link(link) => Some(link.parent),
        Operation::Unlink(unlink) => Some(unlink.parent),
        Operation::Rmdir(rmdir) => Some(rmdir.parent),
        Operation::Rename(rename) => Some(rename.parent),
        Operation::SetAttributes(_)
        | Operation::SetFlags(_)
        | Operation::SetQuota(_)
        | Operation::SetOwnerQuota(_)
        | Operation::CountOwners(_)
        | Operation::TouchAtime(_)
        | Operation::Write(_)
        | Operation::Fallocate(_)
        | Operation::CopyRange(_)
        | Operation::SetXattr(_)
        | Operation::RemoveXattr(_)
        | Operation::Reclaim(_)
        | Operation::Sync
        | Operation::OpenSession(_)
        | Operation::CloseSession
        | Operation::RefuseNoSpace
        | Operation::SetLock(_)
        | Operation::Unlock(_)
        | Operation::CancelLock(_)
        | Operation::ExpireSession(_)
        | Operation::RefusePastTerm
        | Operation::Load(_)
        | Operation::SetTrash(_)
        | Operation::EmptyTrash(_) => None,
    }
}

/// Where a query looks for names.
pub(crate) fn of_query(query: &Query) -> Option<InodeId> {
    match query {
        Query::Lookup { parent, .. } => Some(*parent),
        Query::ReadDirectory { ino, .. } => Some(*ino),
        Query::Squashed { query, .. } => of_query(query),
        Query::Parent { .. }
        | Query::Attributes { .. }
        | Query::Readlink { .. }
        | Query::Read { .. }
        | Query::GetXattr { .. }
        | Query::ListXattr { .. }
        | Query::Seek { .. }
        | Query::Access { .. }
        | Query::Statistics
        | Query::QuotasAround { .. }
        | Query::Quotas { .. }
        | Query::Owners { .. }
        | Query::Orphans { .. }
        | Query::Sessions
        | Query::TestLock(_)
        | Query::LockTicket { .. }
        | Query::Locks { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOT: u64 = 7;

    fn calls_of(directories: &Directories, directory: u64) -> Option<u64> {
        let told = directories.told();
        let found = told.iter().find(|one| one.directory == directory);
        found.map(|found| found.calls)
    }

    /// Every fifth call is for the hot one, the others are for ever new ones.
    fn ask(directories: &Directories, calls: u64, hot: u64, others_from: u64) {
        for call in 0..calls {
            let directory = if call % 5 == 0 {
                hot
            } else {
                others_from + call
            };
            directories.asked(InodeId::new(directory));
        }
    }

    #[test]
    fn who_is_asked_for_most_is_told_with_about_how_often() {
        let directories = Directories::default();
        ask(&directories, 100_000, HOT, 1000);
        let calls = calls_of(&directories, HOT).unwrap();
        assert!((18_000..22_000).contains(&calls), "{calls}");
        assert_eq!(directories.told().len(), PLACES);
    }

    #[test]
    fn a_rhythm_of_the_calls_is_not_that_of_the_samples() {
        let directories = Directories::default();
        for call in 0..64_000 {
            directories.asked(InodeId::new(1 + call % 16));
        }
        for directory in 1..=16 {
            let calls = calls_of(&directories, directory).unwrap();
            assert!((3000..5000).contains(&calls), "{directory}: {calls}");
        }
    }

    #[test]
    fn what_was_busy_once_makes_room() {
        let directories = Directories::default();
        // All places but one are taken, with much weight, and strangers pass through that one.
        for call in 0..4_000_000 {
            directories.asked(InodeId::new(1_000_000 + call % (PLACES as u64 - 1)));
        }
        ask(&directories, 50_000, HOT, 2_000_000);
        let calls = calls_of(&directories, HOT);
        assert!(
            calls.is_some_and(|calls| (5000..12_000).contains(&calls)),
            "{calls:?}"
        );
    }
}
