//! What a log was told, and what of it was acknowledged when; and what may be found of it.
//!
//! The log is opened without its node, on a disk that remembers. That is smaller than a cluster of one node, which has no
//! rivals: it truncates nothing, and takes seconds to start on an image where a bare log takes hundredths. It is here and not
//! beside the log, as that crate knows no FUSE.
//!
//! The log writes what it is told in one order, so what is found must be what it held after one of the steps: not one
//! before the last that was acknowledged, so that nothing is lost and nothing removed is back, and not one that was yet to come.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use holdfast_replicator::{BareGroup, BareLog, BareLogId};
use holdfast_tests::{Contents, Film, Loss, Moment, Random, RecordedDisk};

pub(crate) const GROUPS: u64 = 3;
const PAYLOAD_BYTES_MAX: u64 = 3000;
/// Appends that are not waited for one by one.
const TOGETHER: u64 = 4;

/// What the groups have.
pub(crate) type State = BTreeMap<u64, BareGroup>;

/// A log at work.
pub(crate) struct Life {
    // Dropped before the disk it is on.
    pub(crate) log: BareLog,
    pub(crate) disk: RecordedDisk,
    pub(crate) term: u64,
    pub(crate) now: State,
    /// What it holds after each step, and when that began.
    pub(crate) states: Vec<(Moment, State)>,
    /// From this moment on, it has to be this state or a later one.
    pub(crate) acknowledged: Vec<(Moment, usize)>,
}

pub(crate) fn open(directory: &Path) -> io::Result<BareLog> {
    BareLog::open(&directory.join("log"))
}

pub(crate) fn read(log: &BareLog) -> io::Result<State> {
    let groups = (0..GROUPS).map(|group| Ok((group, log.read(group)?)));
    groups.collect()
}

/// How many of the entries are committed: those are never truncated, and may be purged.
fn committed(group: &BareGroup) -> usize {
    let committed = group.committed.map(|last| last.index);
    let entries = &group.entries;
    entries.partition_point(|(log_id, _)| Some(log_id.index) <= committed)
}

impl Life {
    /// On a disk on which a power failure left this.
    pub(crate) fn begin(path: &Path, contents: Contents) -> Life {
        let disk = RecordedDisk::mount_with(path, contents);
        let log = open(disk.path()).unwrap();
        let now = read(&log).unwrap();
        let votes = now.values().filter_map(|group| group.vote);
        Life {
            term: votes.max().unwrap_or_default(),
            states: vec![(0, now.clone())],
            acknowledged: vec![(0, 0)],
            log,
            disk,
            now,
        }
    }

    /// Notes what a step will do, before it is done.
    fn will(&mut self, group: u64, change: impl FnOnce(&mut BareGroup)) {
        change(self.now.get_mut(&group).unwrap());
        self.states.push((self.disk.moment(), self.now.clone()));
    }

    /// All steps up to this one are durable.
    fn is_acknowledged(&mut self, state: usize) {
        self.acknowledged.push((self.disk.moment(), state));
    }

    pub(crate) fn last_step(&self) -> usize {
        self.states.len() - 1
    }

    /// Does something; an error says that it was not acknowledged.
    pub(crate) fn step(&mut self, random: &mut Random) -> io::Result<()> {
        let group = random.below(GROUPS);
        match random.below(100) {
            0..15 => self.vote(group),
            15..50 => self.append([group].into_iter(), random),
            50..60 => self.append((0..TOGETHER).map(|number| number % GROUPS), random),
            60..70 => self.commit(group, random),
            70..85 => self.truncate(group, random),
            85..98 => self.purge(group, random),
            _ => self.remove(group),
        }
    }

    fn vote(&mut self, group: u64) -> io::Result<()> {
        self.term += 1;
        let term = self.term;
        self.will(group, |group| group.vote = Some(term));
        self.log.vote(group, term)?;
        self.is_acknowledged(self.last_step());
        Ok(())
    }

    /// Some entries to each of these groups, then waits for all.
    fn append(&mut self, groups: impl Iterator<Item = u64>, random: &mut Random) -> io::Result<()> {
        let mut appends = Vec::new();
        let mut refused = Ok(());
        for group in groups {
            let entries = self.next_entries(group, random);
            self.will(group, |group| group.entries.extend(entries.clone()));
            match self.log.append(group, &entries) {
                Ok(append) => appends.push((append, self.last_step())),
                Err(error) => refused = Err(error),
            }
        }
        let mut failed = Ok(());
        for (append, state) in appends {
            match append() {
                Ok(()) => {
                    assert!(failed.is_ok(), "acknowledged after one that failed");
                    self.is_acknowledged(state);
                }
                Err(error) => failed = Err(error),
            }
        }
        failed.and(refused)
    }

    /// Some that a group has not.
    pub(crate) fn next_entries(
        &self,
        group: u64,
        random: &mut Random,
    ) -> Vec<(BareLogId, Vec<u8>)> {
        let BareGroup {
            entries, purged, ..
        } = &self.now[&group];
        let last = entries.last().map(|(log_id, _)| *log_id).or(*purged);
        let next = last.map_or(0, |last| last.index + 1);
        let term = self.term;
        let entries = (next..=next + random.below(3)).map(|index| {
            let bytes = random.below(PAYLOAD_BYTES_MAX) as usize;
            (BareLogId { term, index }, random.bytes(bytes))
        });
        entries.collect()
    }

    fn commit(&mut self, group: u64, random: &mut Random) -> io::Result<()> {
        let BareGroup { entries, .. } = &self.now[&group];
        let open = &entries[committed(&self.now[&group])..];
        if !open.is_empty() {
            let (last, _) = open[random.below(open.len() as u64) as usize];
            self.will(group, |group| group.committed = Some(last));
            self.log.commit(group, last)?;
        }
        Ok(())
    }

    fn truncate(&mut self, group: u64, random: &mut Random) -> io::Result<()> {
        let BareGroup {
            entries, purged, ..
        } = &self.now[&group];
        let least = committed(&self.now[&group]);
        let kept = least + random.below((entries.len() - least) as u64 + 1) as usize;
        let last = entries[..kept].last().map(|(log_id, _)| *log_id);
        let last = last.or(*purged);
        self.will(group, |group| group.entries.truncate(kept));
        self.log.truncate_after(group, last)
    }

    fn purge(&mut self, group: u64, random: &mut Random) -> io::Result<()> {
        let most = committed(&self.now[&group]);
        if most > 0 {
            let purged = random.below(most as u64) as usize;
            let (last, _) = self.now[&group].entries[purged];
            self.will(group, |group| {
                group.entries.drain(..=purged);
                group.purged = Some(last);
            });
            self.log.purge(group, last)?;
        }
        Ok(())
    }

    fn remove(&mut self, group: u64) -> io::Result<()> {
        self.will(group, |group| *group = BareGroup::default());
        self.log.remove(group)?;
        self.is_acknowledged(self.last_step());
        Ok(())
    }

    /// Closes it and opens it again, which makes what is found durable.
    pub(crate) fn reopen(self, meanwhile: impl FnOnce(&RecordedDisk)) -> Life {
        let Life { log, disk, .. } = self;
        drop(log);
        meanwhile(&disk);
        let log = open(disk.path()).unwrap();
        let now = read(&log).unwrap();
        let mut reopened = Life {
            log,
            disk,
            now,
            ..self
        };
        let moment = reopened.disk.moment();
        reopened.assert_may_hold(&reopened.now, moment, "opened again");
        reopened.states.push((moment, reopened.now.clone()));
        reopened.is_acknowledged(reopened.last_step());
        reopened
    }

    /// Fails unless what was found is what the log may hold when power fails, or it is opened again, at this moment.
    pub(crate) fn assert_may_hold(&self, found: &State, moment: Moment, story: &str) {
        let mut acknowledged = self.acknowledged.iter().rev();
        let (_, acknowledged) = acknowledged.find(|(when, _)| *when <= moment).unwrap();
        let begun = self.states.partition_point(|(when, _)| *when < moment);
        let possible = &self.states[*acknowledged..begun.max(acknowledged + 1)];
        assert!(
            possible.iter().any(|(_, state)| state == found),
            "{story}: found\n{}acknowledged was\n{}and then begun {} steps",
            shown(found),
            shown(&possible[0].1),
            possible.len() - 1
        );
    }

    /// Opens what a power failure leaves.
    pub(crate) fn check(&self, film: &mut Film, moment: Moment, loss: Loss<'_>, scratch: &Path) {
        let story = format!("power failed at {moment} of {}, {loss:?}", film.end());
        film.play_to(moment);
        let image = scratch.join("image");
        film.after_power_failure(loss).write_to(&image);
        let found = open(&image).and_then(|log| read(&log));
        let found = found.unwrap_or_else(|error| panic!("{story}: {error}"));
        self.assert_may_hold(&found, moment, &story);
        fs::remove_dir_all(&image).unwrap();
    }
}

/// Without payloads.
fn shown(state: &State) -> String {
    let lines = state.iter().map(|(number, group)| {
        let entries: Vec<_> = group.entries.iter().map(|(log_id, _)| log_id).collect();
        let BareGroup {
            vote,
            committed,
            purged,
            ..
        } = group;
        format!(
            "  {number}: vote {vote:?}, committed {committed:?}, purged {purged:?}, {entries:?}\n"
        )
    });
    lines.collect()
}
