//! The state of a group at work, on a disk that remembers: what it was told to do and what of that was acknowledged when;
//! and what may be found of it.
//!
//! The log is not there: what a state lost of the entries after its snapshot a node applies again. So what is found may be
//! older than what was applied, but not older than the last snapshot that was acknowledged, because up to there the log is purged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use holdfast_metadata::{
    Command, Create, Credentials, Digest, FileName, InodeId, Mode, Operation, Rename, RenameFlags,
    Timestamp, Write, WritePosition,
};
use holdfast_replicator::{BareSnapshot, BareStore};
use holdfast_tests::poll::wait_until;
use holdfast_tests::{Contents, Film, Loss, Moment, Random, RecordedDisk};

/// Of what a file is written with: in a file of its own below RocksDB, and too much for one write.
const DATA_BYTES: usize = 20_000;
const PATIENCE: Duration = Duration::from_mins(1);
/// One in so many of what is found goes on.
const GOES_ON: u64 = 16;

/// Odd ones make a file; even ones write to it, and some rename it then.
fn command(index: u64) -> Command {
    let name = |index: u64| FileName::new(index.to_string().as_bytes()).unwrap();
    let parent = InodeId::ROOT;
    let operation = match index % 6 {
        1 | 3 | 5 => Operation::Create(Create {
            parent,
            name: name(index),
            mode: Mode::new(0o644),
            umask: Mode::new(0),
            exclusive: true,
        }),
        2 | 4 => Operation::Write(Write {
            // The root is the first.
            ino: InodeId::new(1 + index / 2),
            position: WritePosition::At(0),
            data: Bytes::from(Random::new(index).bytes(DATA_BYTES)),
            clear_privileges: false,
        }),
        _ => Operation::Rename(Rename {
            parent,
            name: name(index - 1),
            new_parent: parent,
            new_name: name(index),
            flags: RenameFlags::default(),
            seen: None,
        }),
    };
    Command {
        request: None,
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

fn commands(first: u64, last: u64) -> Vec<Command> {
    (first..=last).map(command).collect()
}

/// Of another node, on another disk: what the states are, and the snapshots it sends.
pub(crate) struct Leader {
    _store: BareStore,
    /// By the index of the last entry.
    digests: Vec<Digest>,
    snapshots: Vec<(u64, BareSnapshot)>,
}

impl Leader {
    /// Applies so many entries, and builds a snapshot at each of these.
    pub(crate) fn new(path: &Path, last: u64, snapshots_at: &[u64]) -> Leader {
        let store = BareStore::open(path).unwrap();
        let (_, empty) = store.state().unwrap();
        let mut digests = vec![empty];
        let mut snapshots = Vec::new();
        for index in 1..=last {
            store.apply(index, &commands(index, index)).unwrap();
            let (applied, digest) = store.state().unwrap();
            assert_eq!(applied, index);
            assert!(!digests.contains(&digest), "entry {index} changes nothing");
            digests.push(digest);
            if snapshots_at.contains(&index) {
                snapshots.push((index, store.build().unwrap()));
            }
        }
        Leader {
            _store: store,
            digests,
            snapshots,
        }
    }

    fn snapshot(&self, index: u64) -> &BareSnapshot {
        let mut snapshots = self.snapshots.iter();
        let found = snapshots.find(|(at, _)| *at == index);
        &found.unwrap().1
    }

    fn last_snapshot(&self) -> u64 {
        self.snapshots.last().unwrap().0
    }
}

/// What has to be there.
#[derive(Debug, Clone, Copy, Default)]
struct Acknowledged {
    state: u64,
    snapshot: u64,
}

/// A follower.
pub(crate) struct Life<'a> {
    leader: &'a Leader,
    // Dropped before the disk it is on.
    store: BareStore,
    pub(crate) disk: RecordedDisk,
    applied: u64,
    /// Whether a part of a snapshot is there.
    receives: bool,
    /// Where a batch or a snapshot ended, from when on.
    ends: Vec<(Moment, u64)>,
    acknowledged: Vec<(Moment, Acknowledged)>,
}

fn group(directory: &Path) -> PathBuf {
    directory.join("7")
}

impl<'a> Life<'a> {
    /// On a disk on which a power failure left this.
    pub(crate) fn begin(leader: &'a Leader, path: &Path, contents: Contents) -> Life<'a> {
        let disk = RecordedDisk::mount_with(path, contents);
        // Of what is there before it is opened, some other life knows.
        let found = {
            let image = path.with_extension("begin");
            disk.film().after_power_failure(Loss::All).write_to(&image);
            let store = BareStore::open(&group(&image)).unwrap();
            let (state, _) = store.state().unwrap();
            let snapshot = store.snapshot().unwrap();
            Acknowledged { state, snapshot }
        };
        let store = BareStore::open(&group(disk.path())).unwrap();
        let mut life = Life {
            leader,
            store,
            disk,
            applied: found.state,
            receives: false,
            ends: vec![(0, 0), (0, found.snapshot), (0, found.state)],
            acknowledged: vec![(0, found)],
        };
        life.is_acknowledged();
        life
    }

    pub(crate) fn applied(&self) -> u64 {
        self.applied
    }

    /// What it has now was opened, or is in a snapshot: it is durable.
    fn is_acknowledged(&mut self) {
        let (state, _) = self.store.state().unwrap();
        let snapshot = self.store.snapshot().unwrap();
        let acknowledged = Acknowledged { state, snapshot };
        self.acknowledged.push((self.disk.moment(), acknowledged));
    }

    fn will_end(&mut self, index: u64) {
        self.ends.push((self.disk.moment(), index));
        self.applied = index;
    }

    /// Applies the next entries.
    pub(crate) fn apply(&mut self, count: u64) {
        let first = self.applied + 1;
        let last = self.applied + count;
        self.will_end(last);
        self.store.apply(first, &commands(first, last)).unwrap();
    }

    pub(crate) fn build(&mut self) {
        drop(self.store.build().unwrap());
        self.is_acknowledged();
    }

    /// Receives a part of a snapshot.
    pub(crate) fn receive_some(&mut self, index: u64, pieces: usize) {
        let received = self.store.receive(self.leader.snapshot(index), pieces);
        assert!(received.unwrap().is_none(), "that was all of it");
        self.receives = true;
    }

    /// Receives the rest of a snapshot and installs it.
    pub(crate) fn install(&mut self, index: u64) {
        self.will_end(index);
        let received = self.store.receive(self.leader.snapshot(index), usize::MAX);
        self.store.install(&received.unwrap().unwrap()).unwrap();
        self.receives = false;
        self.is_acknowledged();
    }

    /// Ends it, once what is not needed is removed, and opens it again.
    pub(crate) fn reopen(self) -> Life<'a> {
        let Life {
            store,
            disk,
            receives,
            ..
        } = self;
        drop(store);
        wait_until("what is not needed is removed", PATIENCE, || {
            let names = |path: PathBuf| -> Vec<String> {
                let entries = fs::read_dir(path).unwrap();
                let names = entries.map(|entry| entry.unwrap().file_name());
                names.map(|name| name.into_string().unwrap()).collect()
            };
            let group = group(disk.path());
            let states = names(group.clone());
            let states = states.iter().filter(|name| name.starts_with("state-"));
            states.count() == 1
                && names(group.join("snapshots")).len() == 1
                && names(group.join("incoming")).len() == usize::from(receives)
        });
        let store = BareStore::open(&group(disk.path())).unwrap();
        let (applied, _) = store.state().unwrap();
        let mut reopened = Life {
            store,
            disk,
            applied,
            ..self
        };
        reopened.is_acknowledged();
        reopened
    }

    /// Opens what a power failure leaves.
    pub(crate) fn check(
        &self,
        film: &mut Film,
        moment: Moment,
        loss: Loss<'_>,
        scratch: &Path,
        goes_on: bool,
    ) {
        let story = format!("power failed at {moment} of {}, {loss:?}", film.end());
        film.play_to(moment);
        // Of its own: what is removed behind the last one may still be under way.
        let place = tempfile::tempdir_in(scratch).unwrap();
        let image = place.path().join("disk");
        film.after_power_failure(loss).write_to(&image);
        let group = group(&image);
        let looked = self.look(&group, moment, &story);
        looked.unwrap_or_else(|error| panic!("{story}: {error}"));
        if goes_on {
            let went = self.go_on(&group, &story);
            went.unwrap_or_else(|error| panic!("{story}, and it went on: {error}"));
        }
    }

    fn look(&self, group: &Path, moment: Moment, story: &str) -> io::Result<()> {
        let store = BareStore::open(group)?;
        let (state, digest) = store.state()?;
        let snapshot = store.snapshot()?;
        let mut acknowledged = self.acknowledged.iter().rev();
        let (_, least) = acknowledged.find(|(when, _)| *when <= moment).unwrap();
        let begun = self.ends.iter().filter(|(when, _)| *when <= moment);
        let begun: Vec<u64> = begun.map(|(_, end)| *end).collect();
        let found = format!("state {state}, snapshot {snapshot}, acknowledged {least:?}");
        assert!(begun.contains(&state), "{story}: {found}, begun {begun:?}");
        assert!(
            begun.contains(&snapshot) && snapshot <= state,
            "{story}: {found}"
        );
        assert!(
            state >= least.state && snapshot >= least.snapshot,
            "{story}: {found}"
        );
        assert!(
            digest == self.leader.digests[state as usize],
            "{story}: {found}, and it is a mixture"
        );
        let violations = store.violations()?;
        assert!(violations.is_empty(), "{story}: {violations:?}");
        Ok(())
    }

    /// Has the last snapshot sent.
    fn go_on(&self, group: &Path, story: &str) -> io::Result<()> {
        let store = BareStore::open(group)?;
        let last = self.leader.last_snapshot();
        let sent = self.leader.snapshot(last);
        // What was received in part and torn is found out, and sent again.
        let received = match store.receive(sent, usize::MAX) {
            Err(_) => store.receive(sent, usize::MAX),
            received => received,
        };
        store.install(&received?.unwrap())?;
        let (state, digest) = store.state()?;
        let found = (state, store.snapshot()?);
        assert_eq!(found, (last, last), "{story}");
        assert!(digest == self.leader.digests[last as usize], "{story}");
        Ok(())
    }

    /// At each moment any part of what was not synced is lost, and at each sync all of it.
    pub(crate) fn check_all(&self, scratch: &Path, random: &mut Random) {
        let mut film = self.disk.film();
        let syncs = film.syncs();
        println!(
            "{} changes, {} moments beside syncs",
            film.end(),
            syncs.len()
        );
        for moment in 0..=film.end() {
            let goes_on = random.below(GOES_ON) == 0;
            self.check(&mut film, moment, Loss::Some(random), scratch, goes_on);
            if syncs.contains(&moment) {
                self.check(&mut film, moment, Loss::All, scratch, false);
            }
        }
    }
}
