//! A disk that stops after so many steps, as a killed process does or as a power failure does.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, Step};

/// What stops the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::raft) enum Kind {
    /// The process ends: the kernel keeps what was written.
    Kill,
    /// The machine ends: what was not synced is gone.
    PowerFailure,
}

/// Shared by the clones of one disk.
#[derive(Debug, Clone)]
pub(in crate::raft) struct Crash {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    kind: Kind,
    steps_left: usize,
    crashed: bool,
    /// What a power failure takes back, the last first, until its path is synced.
    unsynced: VecDeque<(PathBuf, Undo)>,
}

#[derive(Debug)]
enum Undo {
    /// The name was not in the directory.
    Remove(PathBuf),
    /// The bytes were not in the file.
    Truncate(PathBuf),
    /// Another name led there, and this one to something else or nowhere.
    Rename {
        from: PathBuf,
        to: PathBuf,
        replaced: Option<Vec<u8>>,
    },
}

impl Disk {
    /// A disk that does so many steps.
    pub(in crate::raft) fn crashing(kind: Kind, steps: usize) -> (Disk, Crash) {
        let crash = Crash {
            state: Arc::new(Mutex::new(State {
                kind,
                steps_left: steps,
                crashed: false,
                unsynced: VecDeque::new(),
            })),
        };
        let disk = Disk {
            crash: Some(crash.clone()),
        };
        (disk, crash)
    }
}

impl Crash {
    /// Whether it stopped.
    pub(in crate::raft) fn crashed(&self) -> bool {
        self.state.lock().crashed
    }

    /// Ends the machine: call it when everything that has files open is dropped.
    pub(in crate::raft) fn strike(&self) {
        let mut state = self.state.lock();
        state.crashed = true;
        let unsynced = std::mem::take(&mut state.unsynced);
        if state.kind == Kind::PowerFailure {
            for (_, undo) in unsynced {
                undo.run();
            }
        }
    }

    pub(super) fn step<T>(
        &self,
        step: Step<'_>,
        run: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state.lock();
        if state.steps_left == 0 || state.crashed {
            state.crashed = true;
            return Err(io::Error::other("the test crashed here"));
        }
        state.steps_left -= 1;
        state.note(step);
        run()
    }
}

impl State {
    fn note(&mut self, step: Step<'_>) {
        let parent = |path: &Path| path.parent().unwrap().to_owned();
        match step {
            Step::CreateDirectory(path) | Step::Link(path) | Step::Database(path) => {
                if !path.exists() {
                    self.push(parent(path), Undo::Remove(path.to_owned()));
                }
            }
            Step::Write(path) | Step::Append(path) => {
                if !path.exists() {
                    self.push(parent(path), Undo::Remove(path.to_owned()));
                }
                self.push(path.to_owned(), Undo::Truncate(path.to_owned()));
            }
            Step::Rename(from, to) => {
                let undo = Undo::Rename {
                    from: from.to_owned(),
                    to: to.to_owned(),
                    replaced: fs::read(to).ok(),
                };
                self.push(parent(to), undo);
            }
            // What comes back is removed again.
            Step::Remove(_) => {}
            Step::SyncFile(path) | Step::SyncDirectory(path) => self.sync(path),
        }
    }

    fn sync(&mut self, path: &Path) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let (synced, mut rest): (VecDeque<_>, VecDeque<_>) =
            unsynced.into_iter().partition(|(until, _)| until == path);
        for (_, undo) in synced {
            // For good now, so what is still to be taken back is found under the new name.
            if let Undo::Rename { from, to, .. } = undo {
                for (until, undo) in &mut rest {
                    move_path(until, &from, &to);
                    undo.move_paths(&from, &to);
                }
            }
        }
        self.unsynced = rest;
    }

    fn push(&mut self, until: PathBuf, undo: Undo) {
        self.unsynced.push_front((until, undo));
    }
}

fn move_path(path: &mut PathBuf, from: &Path, to: &Path) {
    if let Ok(rest) = path.strip_prefix(from) {
        *path = if rest.as_os_str().is_empty() {
            to.to_owned()
        } else {
            to.join(rest)
        };
    }
}

impl Undo {
    fn move_paths(&mut self, from: &Path, to: &Path) {
        match self {
            Undo::Remove(path) | Undo::Truncate(path) => move_path(path, from, to),
            Undo::Rename {
                from: old, to: new, ..
            } => {
                move_path(old, from, to);
                move_path(new, from, to);
            }
        }
    }

    /// What it names may have been renamed or removed since: then there is nothing to take back.
    fn run(self) {
        match self {
            Undo::Remove(path) => {
                if path.is_dir() {
                    fs::remove_dir_all(path).unwrap();
                } else if path.exists() {
                    fs::remove_file(path).unwrap();
                }
            }
            Undo::Truncate(path) => {
                if path.exists() {
                    fs::write(path, "").unwrap();
                }
            }
            Undo::Rename { from, to, replaced } => {
                if to.exists() {
                    fs::rename(&to, from).unwrap();
                }
                if let Some(bytes) = replaced {
                    fs::write(to, bytes).unwrap();
                }
            }
        }
    }
}
