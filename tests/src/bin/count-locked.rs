//! `count-locked DIRECTORY NUMBERS HOLDER`: adds to the numbers in the directory, each under its lock, and reads them under shared
//! ones, until stdin is closed; prints each hold.
//!
//! Now and then a lock is converted: whatever its holder then finds is checked as of a new hold.

use std::env;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};
use holdfast_metadata::LockMode;
use holdfast_tests::Random;
use holdfast_tests::counters::{Counter, Counters};
use holdfast_tests::holds::{self, Hold};
use holdfast_tests::locking::LockKind;
use nix::errno::Errno;

/// One hold of so many is shared, and one of so many is converted.
const SHARED: u64 = 3;
const CONVERTED: u64 = 3;

static STOP: AtomicBool = AtomicBool::new(false);

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().context("DIRECTORY NUMBERS HOLDER");
    let (directory, numbers, holder) = (PathBuf::from(next()?), next()?.parse()?, next()?.parse()?);
    let counters = Counters::open(&directory, numbers)?;
    let mut random = Random::new(u64::from(holder));
    thread::spawn(|| {
        io::stdin().read_to_end(&mut Vec::new()).ok();
        STOP.store(true, Ordering::Release);
    });
    while !STOP.load(Ordering::Acquire) {
        let lock = random.below(u64::from(numbers)) as u32;
        let counter = counters.get(lock).context("no such number")?;
        let mode = if random.below(SHARED) == 0 {
            LockMode::Shared
        } else {
            LockMode::Exclusive
        };
        let what = || format!("lock {lock} of holder {holder}");
        counter.lock(Some(mode)).with_context(what)?;
        visit(counter, (lock, holder), mode).with_context(what)?;
        if random.below(CONVERTED) == 0
            && let Some(mode) = convert(counter, mode).with_context(what)?
        {
            visit(counter, (lock, holder), mode).with_context(what)?;
        }
        counter.lock(None).with_context(what)?;
    }
    Ok(())
}

/// Makes an exclusive lock a shared one, and the other way round; answers with the new mode.
fn convert(counter: &Counter, mode: LockMode) -> Result<Option<LockMode>> {
    let mode = match (mode, counter.kind()) {
        (LockMode::Exclusive, _) => LockMode::Shared,
        (LockMode::Shared, LockKind::Fcntl | LockKind::Flock) => LockMode::Exclusive,
        // Two that share it would wait for each other, and nobody tells owners of open files.
        (LockMode::Shared, LockKind::Ofd) => return Ok(None),
    };
    match counter.lock(Some(mode)) {
        Ok(()) => Ok(Some(mode)),
        // Another one that shares it wants the same.
        Err(Errno::EDEADLK) if counter.kind() == LockKind::Fcntl && mode == LockMode::Exclusive => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Does what a holder does, and notes it.
fn visit(counter: &Counter, (lock, holder): (u32, u32), mode: LockMode) -> Result<()> {
    let from = holds::now()?;
    let found = counter.read()?;
    if mode == LockMode::Exclusive {
        counter.write(found + 1)?;
    }
    let until = holds::now()?;
    println!(
        "{}",
        Hold {
            lock,
            holder,
            mode,
            found,
            from,
            until
        }
    );
    Ok(())
}
