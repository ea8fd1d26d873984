//! A power failure at every moment of the log that a node keeps for its groups: what was acknowledged is there.
//!
//! The log is opened without its node, on a disk that remembers. That is smaller than a cluster of one node, which has no
//! rivals: it truncates nothing, and takes seconds to start on an image where a bare log takes hundredths. It is here and not
//! beside the log, as that crate knows no FUSE.
//!
//! The log writes what it is told in one order, so what is found must be what it held after one of the steps: not one
//! before the last that was acknowledged, so that nothing is lost and nothing removed is back, and not one that was yet to come.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use holdfast_replicator::{BareGroup, BareLog, BareLogId};
use holdfast_tests::{Contents, Film, Loss, Moment, Random, RecordedDisk};

const GROUPS: u64 = 3;
/// Of one opening.
const STEPS: u64 = 70;
const PAYLOAD_BYTES_MAX: u64 = 3000;
/// Appends that are not waited for one by one.
const TOGETHER: u64 = 4;

/// What the groups have.
type State = BTreeMap<u64, BareGroup>;

/// What a log was told, and what of it was acknowledged when.
struct Life {
    // Dropped before the disk it is on.
    log: BareLog,
    disk: RecordedDisk,
    term: u64,
    now: State,
    /// What it holds after each step, and when that began.
    states: Vec<(Moment, State)>,
    /// From this moment on, it has to be this state or a later one.
    acknowledged: Vec<(Moment, usize)>,
}

fn open(directory: &Path) -> std::io::Result<BareLog> {
    BareLog::open(&directory.join("log"))
}

fn read(log: &BareLog) -> std::io::Result<State> {
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
    fn begin(path: &Path, contents: Contents) -> Life {
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

    fn last_step(&self) -> usize {
        self.states.len() - 1
    }

    fn work(&mut self, random: &mut Random) {
        for _ in 0..STEPS {
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
    }

    fn vote(&mut self, group: u64) {
        self.term += 1;
        let term = self.term;
        self.will(group, |group| group.vote = Some(term));
        self.log.vote(group, term).unwrap();
        self.is_acknowledged(self.last_step());
    }

    /// Some entries to each of these groups, then waits for all.
    fn append(&mut self, groups: impl Iterator<Item = u64>, random: &mut Random) {
        let mut appends = Vec::new();
        for group in groups {
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
            let entries: Vec<_> = entries.collect();
            self.will(group, |group| group.entries.extend(entries.clone()));
            let append = self.log.append(group, &entries).unwrap();
            appends.push((append, self.last_step()));
        }
        for (append, state) in appends {
            append().unwrap();
            self.is_acknowledged(state);
        }
    }

    fn commit(&mut self, group: u64, random: &mut Random) {
        let BareGroup { entries, .. } = &self.now[&group];
        let open = &entries[committed(&self.now[&group])..];
        if !open.is_empty() {
            let (last, _) = open[random.below(open.len() as u64) as usize];
            self.will(group, |group| group.committed = Some(last));
            self.log.commit(group, last).unwrap();
        }
    }

    fn truncate(&mut self, group: u64, random: &mut Random) {
        let BareGroup {
            entries, purged, ..
        } = &self.now[&group];
        let least = committed(&self.now[&group]);
        let kept = least + random.below((entries.len() - least) as u64 + 1) as usize;
        let last = entries[..kept].last().map(|(log_id, _)| *log_id);
        let last = last.or(*purged);
        self.will(group, |group| group.entries.truncate(kept));
        self.log.truncate_after(group, last).unwrap();
    }

    fn purge(&mut self, group: u64, random: &mut Random) {
        let most = committed(&self.now[&group]);
        if most > 0 {
            let purged = random.below(most as u64) as usize;
            let (last, _) = self.now[&group].entries[purged];
            self.will(group, |group| {
                group.entries.drain(..=purged);
                group.purged = Some(last);
            });
            self.log.purge(group, last).unwrap();
        }
    }

    fn remove(&mut self, group: u64) {
        self.will(group, |group| *group = BareGroup::default());
        self.log.remove(group).unwrap();
        self.is_acknowledged(self.last_step());
    }

    /// Closes it, which makes all of it durable, and opens it again.
    fn reopen(self) -> Life {
        let Life { log, disk, .. } = self;
        drop(log);
        let log = open(disk.path()).unwrap();
        let found = read(&log).unwrap();
        assert!(
            found == self.now,
            "opened again: found\n{}instead of\n{}",
            shown(&found),
            shown(&self.now)
        );
        let mut reopened = Life { log, disk, ..self };
        reopened.is_acknowledged(reopened.last_step());
        reopened
    }

    /// Opens what a power failure leaves.
    fn check(&self, film: &mut Film, moment: Moment, loss: Loss<'_>, scratch: &Path) {
        let story = format!("power failed at {moment} of {}, {loss:?}", film.end());
        film.play_to(moment);
        let image = scratch.join("image");
        film.after_power_failure(loss).write_to(&image);
        let found = open(&image).and_then(|log| read(&log));
        let found = found.unwrap_or_else(|error| panic!("{story}: {error}"));
        let mut acknowledged = self.acknowledged.iter().rev();
        let (_, acknowledged) = acknowledged.find(|(when, _)| *when <= moment).unwrap();
        let begun = self.states.partition_point(|(when, _)| *when < moment);
        let possible = &self.states[*acknowledged..begun.max(acknowledged + 1)];
        assert!(
            possible.iter().any(|(_, state)| *state == found),
            "{story}: found\n{}acknowledged was\n{}and then begun {} steps",
            shown(&found),
            shown(&possible[0].1),
            possible.len() - 1
        );
        fs::remove_dir_all(&image).unwrap();
    }

    /// At each moment any part of what was not synced is lost, and at each sync all of it.
    fn check_all(&self, scratch: &Path, random: &mut Random) -> Film {
        let mut film = self.disk.film();
        let syncs = film.syncs();
        println!(
            "{} changes, {} moments beside syncs, {} steps, {} acknowledged",
            film.end(),
            syncs.len(),
            self.last_step(),
            self.acknowledged.len()
        );
        for moment in 0..=film.end() {
            self.check(&mut film, moment, Loss::Some(random), scratch);
            if syncs.contains(&moment) {
                self.check(&mut film, moment, Loss::All, scratch);
            }
        }
        self.disk.film()
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

#[test]
fn after_a_power_failure_at_every_moment_the_log_has_all_that_was_acknowledged() {
    let mut random = Random::announced();
    let scratch = holdfast_tests::place::scratch();
    let mut life = Life::begin(&scratch.path().join("first"), Contents::default());
    life.work(&mut random);
    life = life.reopen();
    life.work(&mut random);
    let mut film = life.check_all(scratch.path(), &mut random);
    // And once more, on what a power failure left: while that is recovered, too.
    film.play_to(film.end() / 2 + random.below(film.end() as u64 / 2) as usize);
    let left = film.after_power_failure(Loss::Some(&mut random));
    let mut life = Life::begin(&scratch.path().join("second"), left);
    life.work(&mut random);
    life.check_all(scratch.path(), &mut random);
}
