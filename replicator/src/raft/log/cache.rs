//! The end of one group's log in memory: what is not written yet, and as much before it as fits.

use std::collections::VecDeque;

use openraft::EntryPayload;

use crate::raft::type_config::Entry;

/// What an entry takes in memory besides its payload, about.
const ENTRY_BYTES: usize = size_of::<Entry>() + 64;

/// Names a state of the log from which nothing was cut since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u64);

/// Consecutive entries up to the end of the log.
#[derive(Debug)]
pub(super) struct Cache {
    /// Index of the first entry here, or of the next one to come.
    first: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Entries before this index are in the database.
    written: u64,
    generation: u64,
}

impl Cache {
    /// Of a log whose entries up to here are all in the database.
    pub(super) fn new(next: u64) -> Cache {
        Cache {
            first: next,
            entries: VecDeque::new(),
            bytes: 0,
            written: next,
            generation: 0,
        }
    }

    /// Index of the first entry that is here.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Index of the entry to come.
    pub(super) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation)
    }

    /// Adds the entry with the index [`Cache::next`].
    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += memory_bytes(&entry);
        self.entries.push_back(entry);
    }

    /// Begins anew behind a gap: there is nothing before this index.
    pub(super) fn restart(&mut self, next: u64) {
        self.entries.clear();
        self.bytes = 0;
        self.first = next;
        self.written = next;
    }

    /// Removes the entries from this index on.
    pub(super) fn truncate(&mut self, next: u64) {
        self.generation += 1;
        while self.next() > next
            && let Some(entry) = self.entries.pop_back()
        {
            self.bytes -= memory_bytes(&entry);
        }
        self.first = self.first.min(next);
        self.written = self.written.min(next);
    }

    /// Removes the entries before this index.
    pub(super) fn purge(&mut self, next: u64) {
        while self.first < next && self.pop_front() {}
        if self.first < next {
            self.restart(next);
        }
    }

    /// The entries before this index are in the database, unless they were cut in the meantime.
    pub(super) fn mark_written(&mut self, next: u64, generation: Generation) {
        if generation == self.generation() {
            self.written = self.written.max(next);
        }
    }

    /// Drops the oldest entries that can be read elsewhere until the others fit.
    pub(super) fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && self.first < self.written && self.pop_front() {}
    }

    /// The entries from one index to before another, both within.
    pub(super) fn range(&self, start: u64, end: u64) -> impl Iterator<Item = &Entry> {
        let skipped = start.saturating_sub(self.first) as usize;
        let count = end.saturating_sub(start.max(self.first)) as usize;
        self.entries.iter().skip(skipped).take(count)
    }

    fn pop_front(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else {
            return false;
        };
        self.first += 1;
        self.bytes -= memory_bytes(&entry);
        true
    }
}

/// The bytes of an entry's payload.
pub(super) fn payload_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
        EntryPayload::Normal(proposal) => proposal.0.len(),
    }
}

fn memory_bytes(entry: &Entry) -> usize {
    ENTRY_BYTES + payload_bytes(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::log::tests::entry;

    fn cache(indexes: std::ops::Range<u64>) -> Cache {
        let mut cache = Cache::new(indexes.start);
        for index in indexes {
            cache.push(entry(1, index, b"payload"));
        }
        cache
    }

    fn indexes(cache: &Cache) -> Vec<u64> {
        indexes_of(cache.range(cache.first(), cache.next()))
    }

    fn indexes_of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u64> {
        entries.map(|entry| entry.log_id.index).collect()
    }

    #[test]
    fn what_is_not_written_is_never_dropped() {
        let mut cache = cache(5..10);
        cache.shrink(0);
        assert_eq!(indexes(&cache), [5, 6, 7, 8, 9]);
        cache.mark_written(8, cache.generation());
        cache.shrink(0);
        assert_eq!(indexes(&cache), [8, 9]);
        assert_eq!(cache.bytes, 2 * (ENTRY_BYTES + 7));
    }

    #[test]
    fn a_write_from_before_a_cut_says_nothing_of_what_came_after() {
        let mut cache = cache(5..10);
        let before = cache.generation();
        cache.truncate(7);
        cache.push(entry(2, 7, b"other"));
        cache.mark_written(10, before);
        cache.shrink(0);
        assert_eq!(indexes(&cache), [5, 6, 7]);
    }

    #[test]
    fn a_cut_before_what_is_here_leaves_nothing() {
        let mut cache = cache(5..10);
        cache.truncate(3);
        assert_eq!((cache.first(), cache.next(), cache.bytes), (3, 3, 0));
    }

    #[test]
    fn a_purge_beyond_the_end_moves_the_end() {
        let mut cache = cache(5..10);
        cache.purge(7);
        assert_eq!(indexes(&cache), [7, 8, 9]);
        cache.purge(20);
        assert_eq!((cache.first(), cache.next(), cache.bytes), (20, 20, 0));
    }

    #[test]
    fn a_range_is_of_indexes() {
        let cache = cache(5..10);
        let range = indexes_of(cache.range(6, 8));
        assert_eq!(range, [6, 7]);
        let range = indexes_of(cache.range(2, 6));
        assert_eq!(range, [5]);
    }
}
