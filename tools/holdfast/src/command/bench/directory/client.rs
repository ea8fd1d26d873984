//! A thread that works in a directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::operation::{Object, Operation};
use super::super::target::Client;

/// What the small-file operations write and read.
const SMALL_FILE: [u8; 4096] = [0x68; 4096];

/// A thread with the names it owns: `PREFIX-0`, `PREFIX-1`, ... in its directory.
#[derive(Debug)]
pub(in crate::command::bench) struct Thread {
    operation: Operation,
    directory: PathBuf,
    prefix: String,
    /// What `fsync` writes to.
    open: Option<File>,
}

impl Thread {
    pub(super) fn new(operation: Operation, directory: PathBuf, number: usize) -> Thread {
        Thread {
            operation,
            directory,
            prefix: format!("t{number}"),
            open: None,
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{}-{number}", self.prefix))
    }

    fn perform_now(&self, path: &Path, free: u64) -> io::Result<u64> {
        match self.operation {
            Operation::Create => File::create_new(path).map(drop)?,
            Operation::Mkdir => fs::create_dir(path)?,
            Operation::Stat | Operation::StatCold => fs::symlink_metadata(path).map(drop)?,
            Operation::Readdir | Operation::ReaddirCold => return list(&self.directory),
            Operation::Open => File::open(path).map(drop)?,
            Operation::Read => File::open(path)?.read_exact(&mut [0; SMALL_FILE.len()])?,
            Operation::Write => make(Object::SmallFile, path)?,
            Operation::Fsync => self.write_and_sync()?,
            Operation::Rename => fs::rename(path, self.path(free))?,
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
}

impl Client for Thread {
    type Place = PathBuf;

    async fn enter(&mut self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot create {}", self.directory.display()))
    }

    fn place(&self, number: u64) -> anyhow::Result<PathBuf> {
        Ok(self.path(number))
    }

    fn describe(&self, place: &PathBuf) -> String {
        place.display().to_string()
    }

    async fn make(&mut self, object: Object, places: Vec<PathBuf>) -> anyhow::Result<()> {
        for path in &places {
            make(object, path).with_context(|| format!("cannot prepare {}", path.display()))?;
        }
        if self.operation == Operation::Fsync && self.open.is_none() {
            self.open = Some(OpenOptions::new().write(true).open(self.path(0))?);
        }
        Ok(())
    }

    async fn perform(&mut self, place: &PathBuf, free: u64) -> anyhow::Result<u64> {
        Ok(self.perform_now(place, free)?)
    }

    async fn leave(&mut self) -> anyhow::Result<()> {
        self.open = None;
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.directory.display()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
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
