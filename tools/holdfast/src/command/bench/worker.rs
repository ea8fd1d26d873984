//! One thread of a phase: prepares its objects, repeats the operation, removes what is left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::histogram::Histogram;
use super::interrupt::Interrupt;
use super::operation::{Object, Operation, Supply};

/// What the small-file operations write and read.
const SMALL_FILE: [u8; 4096] = [0x68; 4096];

/// A thread of a phase with the names it owns: `PREFIX-0`, `PREFIX-1`, ... in its directory.
#[derive(Debug)]
pub(super) struct Worker {
    operation: Operation,
    directory: PathBuf,
    prefix: String,
    /// Names below `made` have been given to an object.
    made: u64,
    /// Operations tried since the first, or since the start of the pass: says which name is next.
    used: u64,
    /// Operations measured.
    pub(super) done: u64,
    /// What `fsync` writes to.
    open: Option<File>,
    pub(super) latencies: Histogram,
}

/// When a worker stops.
#[derive(Debug)]
pub(super) struct Until<'a> {
    pub(super) time: Option<Duration>,
    pub(super) count: Option<u64>,
    /// Raised by the first thread that has used up its objects, for all of them.
    pub(super) exhausted: &'a AtomicBool,
    pub(super) interrupt: &'a Interrupt,
}

/// What one timed stretch of one thread came to.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) start: Instant,
    pub(super) end: Instant,
    /// Operations, or entries where listings are measured.
    pub(super) units: u64,
}

impl Worker {
    pub(super) fn new(operation: Operation, directory: PathBuf, thread: usize) -> Worker {
        Worker {
            operation,
            directory,
            prefix: format!("t{thread}"),
            made: 0,
            used: 0,
            done: 0,
            open: None,
            latencies: Histogram::new(),
        }
    }

    /// Makes sure that `objects` of what the operation needs are there, and that a new pass can begin.
    pub(super) fn prepare(&mut self, objects: u64, interrupt: &Interrupt) -> anyhow::Result<()> {
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot create {}", self.directory.display()))?;
        let (object, target) = match self.operation.supply() {
            Supply::Nothing => return Ok(()),
            Supply::Reused(object) => (object, objects),
            Supply::OncePerPass(object) => {
                self.used = 0;
                (object, objects)
            }
            Supply::Consumed(object) => (object, self.used + objects),
        };
        while self.made < target && !interrupt.is_raised() {
            let path = self.path(self.made);
            make(object, &path).with_context(|| format!("cannot prepare {}", path.display()))?;
            self.made += 1;
        }
        if self.operation == Operation::Fsync && self.open.is_none() {
            self.open = Some(OpenOptions::new().write(true).open(self.path(0))?);
        }
        Ok(())
    }

    /// Repeats the operation until one of the limits is reached.
    pub(super) fn measure(&mut self, until: &Until<'_>) -> anyhow::Result<Stretch> {
        let start = Instant::now();
        let mut stretch = Stretch {
            start,
            end: start,
            units: 0,
        };
        while until.count.is_none_or(|count| self.done < count) {
            if self.is_exhausted() {
                until.exhausted.store(true, Ordering::Relaxed);
            }
            if until.exhausted.load(Ordering::Relaxed) || until.interrupt.is_raised() {
                break;
            }
            let path = self.path(self.next());
            let before = Instant::now();
            let units = self
                .perform(&path)
                .with_context(|| format!("{} failed on {}", self.operation, path.display()))?;
            stretch.end = Instant::now();
            self.latencies.record(stretch.end - before);
            self.used += 1;
            self.done += 1;
            stretch.units += units;
            if until.time.is_some_and(|time| stretch.end - start >= time) {
                break;
            }
        }
        Ok(stretch)
    }

    fn is_exhausted(&self) -> bool {
        match self.operation.supply() {
            Supply::Nothing | Supply::Reused(_) => false,
            Supply::OncePerPass(_) if self.operation.lists() => self.used > 0,
            Supply::Consumed(_) | Supply::OncePerPass(_) => self.used >= self.made,
        }
    }

    /// The number in the name that the next operation is about.
    fn next(&self) -> u64 {
        match self.operation.supply() {
            // Renamed files move on to the next unused name, so the oldest name is always `used`.
            Supply::Reused(_) if self.operation != Operation::Rename => {
                self.used % self.made.max(1)
            }
            Supply::Nothing | Supply::Reused(_) | Supply::Consumed(_) | Supply::OncePerPass(_) => {
                self.used
            }
        }
    }

    /// Does it once, and says how many units of the rate that was.
    fn perform(&self, path: &Path) -> io::Result<u64> {
        match self.operation {
            Operation::Create => File::create_new(path).map(drop)?,
            Operation::Mkdir => fs::create_dir(path)?,
            Operation::Stat | Operation::StatCold => fs::symlink_metadata(path).map(drop)?,
            Operation::Readdir | Operation::ReaddirCold => return list(&self.directory),
            Operation::Open => File::open(path).map(drop)?,
            Operation::Read => File::open(path)?.read_exact(&mut [0; SMALL_FILE.len()])?,
            Operation::Write => make(Object::SmallFile, path)?,
            Operation::Fsync => self.write_and_sync()?,
            Operation::Rename => fs::rename(path, self.path(self.used + self.made))?,
            Operation::Unlink => fs::remove_file(path)?,
            Operation::Rmdir => fs::remove_dir(path)?,
        }
        Ok(1)
    }

    fn write_and_sync(&self) -> io::Result<()> {
        let Some(file) = &self.open else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        file.write_all_at(&SMALL_FILE, 0)?;
        file.sync_all()
    }

    /// Removes what this thread left. Files in a shared directory go with that directory.
    pub(super) fn clean(&mut self) -> anyhow::Result<()> {
        self.open = None;
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.directory.display()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{}-{number}", self.prefix))
    }
}

fn make(object: Object, path: &Path) -> io::Result<()> {
    match object {
        Object::EmptyFile => File::create_new(path).map(drop),
        Object::SmallFile => File::create_new(path)?.write_all(&SMALL_FILE),
        Object::EmptyDirectory => fs::create_dir(path),
    }
}

/// What `ls -l` does: read the directory and stat each entry.
fn list(directory: &Path) -> io::Result<u64> {
    let mut entries = 0;
    for entry in fs::read_dir(directory)? {
        entry?.metadata()?;
        entries += 1;
    }
    Ok(entries)
}
