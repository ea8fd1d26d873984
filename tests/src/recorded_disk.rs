//! A disk that remembers everything that was done to it, so that a test can see it as a power failure at any moment would
//! have left it. It is a FUSE filesystem in memory, served by the test; mounting it takes root.
//!
//! What a power failure keeps is what POSIX promises and no more: the content of a file as it was when the file was
//! synced last, and the names in a directory as they were when the directory was synced last. Of what came after, any
//! part may be there: see [`Loss`].

mod adapter;
mod contents;
mod film;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption, SessionACL};
use nix::mount::{MntFlags, umount2};
use parking_lot::Mutex;

use self::adapter::Recorder;
use self::contents::Change;
pub use self::contents::Contents;
pub use self::film::{Film, Loss};

/// How many changes had been made.
pub type Moment = usize;

/// What is on the disk, and all that led to it.
#[derive(Debug)]
struct Recording {
    begin: Contents,
    contents: Contents,
    changes: Vec<Change>,
    /// How many syncs succeed before one fails, if one is to fail.
    syncs_left: Option<u64>,
}

impl Recording {
    /// Whether the sync that is asked for now fails.
    fn sync_fails(&mut self) -> bool {
        let left = self.syncs_left.take();
        self.syncs_left = left.and_then(|left| left.checked_sub(1));
        left == Some(0)
    }

    fn record(&mut self, change: Change) {
        self.contents.apply(&change);
        self.changes.push(change);
    }
}

/// A disk of its own, unmounted when dropped.
#[derive(Debug)]
pub struct RecordedDisk {
    path: PathBuf,
    recording: Arc<Mutex<Recording>>,
    session: Option<BackgroundSession>,
}

impl RecordedDisk {
    /// Mounts an empty one at a path, which must not exist.
    #[track_caller]
    pub fn mount(path: &Path) -> RecordedDisk {
        RecordedDisk::mount_with(path, Contents::default())
    }

    /// Mounts one on which this is, durably.
    #[track_caller]
    pub fn mount_with(path: &Path, contents: Contents) -> RecordedDisk {
        fs::create_dir(path).unwrap();
        let recording = Arc::new(Mutex::new(Recording {
            begin: contents.clone(),
            contents,
            changes: Vec::new(),
            syncs_left: None,
        }));
        let recorder = Recorder::new(Arc::clone(&recording));
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("holdfast-recorded".to_owned()),
            MountOption::DefaultPermissions,
        ];
        config.acl = SessionACL::All;
        let session = fuser::Session::new(recorder, path, &config).unwrap();
        RecordedDisk {
            path: path.to_owned(),
            recording,
            session: Some(session.spawn().unwrap()),
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Now: what was acknowledged before this is asked must be there after a power failure at this moment or later.
    pub fn moment(&self) -> Moment {
        self.recording.lock().changes.len()
    }

    /// After so many syncs from now on, of files and directories, one answers EIO; those after it succeed again.
    pub fn fail_sync_after(&self, syncs: u64) {
        self.recording.lock().syncs_left = Some(syncs);
    }

    /// Whether a sync is still to fail; it is not from now on.
    pub fn cancel_failure(&self) -> bool {
        self.recording.lock().syncs_left.take().is_some()
    }

    /// All that was done so far.
    pub fn film(&self) -> Film {
        let recording = self.recording.lock();
        Film::new(&recording.begin, recording.changes.clone())
    }
}

impl Drop for RecordedDisk {
    fn drop(&mut self) {
        // A thread that still waits for an answer would keep this process from ending when nobody answers any more.
        umount2(&self.path, MntFlags::MNT_FORCE).ok();
        umount2(&self.path, MntFlags::MNT_DETACH).ok();
        drop(self.session.take());
    }
}
