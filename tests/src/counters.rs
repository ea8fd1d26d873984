//! Numbers in files, each counted under a lock of its own.
//!
//! The kind of a lock follows from its number. Those of ranges share a file, and so a page: what one holder writes lies beside
//! what another one reads at the same time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use holdfast_metadata::LockMode;
use nix::errno::Errno;

use crate::locking::{Bytes, LockKind, set_lock};

/// A number has so many bytes.
const NUMBER: usize = 8;
const KINDS: [LockKind; 3] = [LockKind::Fcntl, LockKind::Ofd, LockKind::Flock];

/// The numbers as one process has them open.
#[derive(Debug)]
pub struct Counters {
    counters: Vec<Counter>,
}

/// A number, with its lock.
#[derive(Debug)]
pub struct Counter {
    kind: LockKind,
    file: File,
    offset: u64,
}

impl Counters {
    /// Makes the files, with so many numbers that are 0.
    pub fn create(directory: &Path, numbers: u32) -> io::Result<()> {
        for number in 0..numbers {
            let (_, name, offset) = place(number);
            let mut options = File::options();
            let file = options
                .write(true)
                .create(true)
                .truncate(false)
                .open(directory.join(name))?;
            file.write_all_at(&0_u64.to_be_bytes(), offset)?;
        }
        Ok(())
    }

    /// Opens the files; those of ranges once, as closing one gives up the locks that the process has through another.
    pub fn open(directory: &Path, numbers: u32) -> io::Result<Counters> {
        let mut counters: Vec<Counter> = Vec::new();
        for number in 0..numbers {
            let (kind, name, offset) = place(number);
            let shared = counters.iter().find(|counter| counter.kind == kind);
            let file = match shared {
                Some(counter) if kind != LockKind::Flock => counter.file.try_clone()?,
                Some(_) | None => {
                    let mut options = File::options();
                    options.read(true).write(true).open(directory.join(name))?
                }
            };
            counters.push(Counter { kind, file, offset });
        }
        Ok(Counters { counters })
    }

    /// A number.
    pub fn get(&self, number: u32) -> Option<&Counter> {
        self.counters.get(number as usize)
    }

    /// What all of them are now.
    pub fn read(&self) -> io::Result<Vec<u64>> {
        self.counters.iter().map(Counter::read).collect()
    }
}

impl Counter {
    /// How it is locked.
    pub fn kind(&self) -> LockKind {
        self.kind
    }

    /// Waits for its lock, converts it, or gives it up.
    pub fn lock(&self, mode: Option<LockMode>) -> Result<(), Errno> {
        let bytes = match self.kind {
            LockKind::Fcntl | LockKind::Ofd => Bytes {
                start: self.offset as i64,
                length: NUMBER as i64,
            },
            LockKind::Flock => Bytes::ALL,
        };
        set_lock(&self.file, self.kind, bytes, mode, true)
    }

    /// What it is now.
    pub fn read(&self) -> io::Result<u64> {
        let mut bytes = [0; NUMBER];
        self.file.read_exact_at(&mut bytes, self.offset)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// Makes it this.
    pub fn write(&self, number: u64) -> io::Result<()> {
        self.file.write_all_at(&number.to_be_bytes(), self.offset)
    }
}

/// How a number is locked, the file that it is in, and where.
fn place(number: u32) -> (LockKind, String, u64) {
    let kind = KINDS[number as usize % KINDS.len()];
    let offset = u64::from(number) / KINDS.len() as u64 * NUMBER as u64;
    match kind {
        LockKind::Fcntl => (kind, "fcntl".to_owned(), offset),
        LockKind::Ofd => (kind, "ofd".to_owned(), offset),
        LockKind::Flock => (kind, format!("flock-{number}"), 0),
    }
}
