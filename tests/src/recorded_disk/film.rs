//! Everything that was done to a disk, to be played to a moment; and what a power failure at that moment leaves.

use std::collections::{BTreeMap, BTreeSet};

use super::Moment;
use super::contents::{Change, Contents, Node};
use crate::Random;

/// What a disk writes of what is in its cache is never torn within so many bytes.
const SECTOR_BYTES: usize = 512;

/// What becomes of what was not synced.
#[derive(Debug)]
pub enum Loss<'a> {
    /// It is lost.
    All,
    /// Names changed in their order up to some moment, as a journal keeps them; of the writes to a file some first ones,
    /// the last of them torn, or some here and there with holes in between.
    Some(&'a mut Random),
}

/// The film stands at a moment, and goes forward only.
#[derive(Debug)]
pub struct Film {
    changes: Vec<Change>,
    moment: Moment,
    now: Contents,
    durable: Contents,
    /// Changes of names that are not durable, in their order.
    names: Vec<usize>,
    /// Changes of each file that are not durable, in their order.
    writes: BTreeMap<u64, Vec<usize>>,
}

impl Film {
    pub(super) fn new(begin: &Contents, changes: Vec<Change>) -> Film {
        Film {
            changes,
            moment: 0,
            now: begin.clone(),
            durable: begin.clone(),
            names: Vec::new(),
            writes: BTreeMap::new(),
        }
    }

    /// How long it is.
    pub fn end(&self) -> Moment {
        self.changes.len()
    }

    /// The moments just before and just after something was made durable.
    pub fn syncs(&self) -> BTreeSet<Moment> {
        let is_sync =
            |change: &Change| matches!(change, Change::Sync { .. } | Change::SyncDirectory { .. });
        let changes = self.changes.iter().enumerate();
        let syncs = changes.filter(|(_, change)| is_sync(change));
        syncs.flat_map(|(number, _)| [number, number + 1]).collect()
    }

    /// Goes forward.
    pub fn play_to(&mut self, moment: Moment) {
        assert!(moment >= self.moment, "it goes forward only");
        for number in self.moment..moment {
            self.play(number);
        }
        self.moment = moment;
    }

    fn play(&mut self, number: usize) {
        let change = &self.changes[number];
        self.now.apply(change);
        match change {
            Change::Enter { .. } | Change::Leave { .. } | Change::Rename { .. } => {
                self.names.push(number);
            }
            Change::Write { ino, .. } | Change::Resize { ino, .. } => {
                self.writes.entry(*ino).or_default().push(number);
            }
            Change::Sync { ino } => {
                let durable = &mut self.durable;
                let file = durable.nodes.entry(*ino);
                file.or_insert_with(|| Node::new(false));
                for number in self.writes.remove(ino).unwrap_or_default() {
                    durable.apply(&self.changes[number]);
                }
            }
            Change::FailedSync { ino } => {
                self.writes.remove(ino);
            }
            Change::SyncDirectory { ino } => {
                let ino = *ino;
                let names = &self.now.nodes[&ino];
                if let Node::Directory(names) = names {
                    for child in names.values() {
                        let is_directory = matches!(self.now.nodes[child], Node::Directory(_));
                        let nodes = &mut self.durable.nodes;
                        nodes
                            .entry(*child)
                            .or_insert_with(|| Node::new(is_directory));
                    }
                }
                self.durable.nodes.insert(ino, names.clone());
                let changes = &self.changes;
                self.names
                    .retain(|number| !changes[*number].is_only_of(ino));
            }
        }
    }

    /// What a power failure at this moment leaves.
    pub fn after_power_failure(&self, loss: Loss<'_>) -> Contents {
        match loss {
            Loss::All => self.durable.clone(),
            Loss::Some(random) => self.partly_lost(random),
        }
    }

    fn partly_lost(&self, random: &mut Random) -> Contents {
        let mut contents = self.durable.clone();
        let kept = random.below(self.names.len() as u64 + 1) as usize;
        for number in &self.names[..kept] {
            contents.apply(&self.changes[*number]);
        }
        for numbers in self.writes.values() {
            match random.below(3) {
                0 => {}
                1 => {
                    let kept = random.below(numbers.len() as u64 + 1) as usize;
                    for number in &numbers[..kept] {
                        contents.apply(&self.changes[*number]);
                    }
                    if let Some(next) = numbers.get(kept) {
                        contents.apply(&self.changes[*next].torn(random));
                    }
                }
                _ => {
                    for number in numbers {
                        if random.below(2) == 0 {
                            contents.apply(&self.changes[*number]);
                        }
                    }
                }
            }
        }
        contents
    }
}

impl Change {
    /// Whether syncing this directory makes it durable, and no other has to be synced for that.
    fn is_only_of(&self, ino: u64) -> bool {
        match self {
            Change::Enter { directory, .. } | Change::Leave { directory, .. } => *directory == ino,
            Change::Rename { from, to } => from.0 == ino && to.0 == ino,
            Change::Write { .. }
            | Change::Resize { .. }
            | Change::Sync { .. }
            | Change::FailedSync { .. }
            | Change::SyncDirectory { .. } => false,
        }
    }

    /// The same, but of a write only what comes before the border of some sector.
    fn torn(&self, random: &mut Random) -> Change {
        match self {
            Change::Write { ino, offset, bytes } => {
                let end = offset + random.below(bytes.len() as u64 + 1) as usize;
                let border = (end / SECTOR_BYTES * SECTOR_BYTES).max(*offset);
                Change::Write {
                    ino: *ino,
                    offset: *offset,
                    bytes: bytes[..border - offset].into(),
                }
            }
            whole => whole.clone(),
        }
    }
}
