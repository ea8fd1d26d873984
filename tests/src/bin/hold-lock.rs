//! `hold-lock KIND FILE [FILE]`: takes a lock, says so on stdout, takes the second one, and holds them
//! until stdin is closed.
//!
//! A lock of `fcntl(2)` belongs to a process, so a test that wants two owners needs two processes.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};
use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().context("which kind of lock?")?;
    let mut held = Vec::new();
    for path in arguments {
        let file = take(&kind, &path)?;
        println!("locked {}", file.as_raw_fd());
        held.push(file);
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn take(kind: &str, path: &str) -> Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| path.to_owned())?;
    let whole_file = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    match kind {
        "fcntl" => drop(fcntl(&file, FcntlArg::F_SETLKW(&whole_file))?),
        "ofd" => drop(fcntl(&file, FcntlArg::F_OFD_SETLKW(&whole_file))?),
        "flock" => {
            let duplicate = file.try_clone()?;
            let lock = Flock::lock(duplicate, FlockArg::LockExclusive);
            // The lock lives until the process ends.
            std::mem::forget(lock.map_err(|(_, error)| error)?);
        }
        _ => bail!("{kind}: not one of fcntl, ofd, flock"),
    }
    Ok(file)
}
