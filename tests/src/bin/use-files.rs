//! `use-files`: does with files what stdin says, a line a call, and prints what came of each, or the name of the error.
//!
//! Locks of `fcntl(2)` belong to a process, so a test that wants two owners needs two processes. SIGUSR1 interrupts it.
//!
//! * `open NAME PATH`, `close NAME`, `write NAME TEXT`, `read NAME`, `sync NAME`
//! * `KIND NAME MODE [START LENGTH]` where KIND is fcntl, ofd or flock, followed by `-wait` to wait, and MODE is shared,
//!   exclusive or none
//! * `getlk NAME MODE START LENGTH`
//! * `count NAME TIMES`, `count-mapped NAME TIMES`: adds 1 to the number in the file so often, under a lock each time

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, bail};
use holdfast_tests::system::{Mapping, interrupt_by};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

/// The number that is counted has so many bytes.
const NUMBER: usize = 8;

type Files = HashMap<String, File>;

fn main() -> Result<()> {
    interrupt_by(libc::SIGUSR1)?;
    let mut files = Files::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let said = match call(&mut files, &words) {
            Ok(said) => format!("ok {said}"),
            Err(error) => match error.downcast_ref::<Errno>() {
                Some(errno) => format!("{errno:?}"),
                None => match error
                    .downcast_ref::<io::Error>()
                    .and_then(io::Error::raw_os_error)
                {
                    Some(number) => format!("{:?}", Errno::from_raw(number)),
                    None => return Err(error.context(line)),
                },
            },
        };
        println!("{}", said.trim_end());
        io::stdout().flush()?;
    }
    Ok(())
}

fn call(files: &mut Files, words: &[&str]) -> Result<String> {
    let [verb, name, rest @ ..] = words else {
        bail!("a verb and a name are needed");
    };
    if *verb == "open" {
        let path = rest.first().context("which file?")?;
        let file = File::options().read(true).write(true).open(path)?;
        files.insert((*name).to_owned(), file);
        return Ok(String::new());
    }
    if *verb == "close" {
        files.remove(*name).context("not open")?;
        return Ok(String::new());
    }
    let file = files.get(*name).context("not open")?;
    match (*verb, rest) {
        ("write", [text]) => file.write_all_at(text.as_bytes(), 0)?,
        ("sync", []) => file.sync_all()?,
        ("read", []) => {
            let mut bytes = vec![0; 1 << 16];
            let length = file.read_at(&mut bytes, 0)?;
            bytes.truncate(length);
            return Ok(String::from_utf8(bytes)?);
        }
        ("getlk", [mode, start, length]) => {
            let mut lock = range(mode, start, length)?;
            fcntl(file, FcntlArg::F_GETLK(&mut lock))?;
            return Ok(shown(&lock));
        }
        ("count", [times]) => count(file, times.parse()?)?,
        ("count-mapped", [times]) => count_mapped(file, times.parse()?)?,
        (kind, [mode, range @ ..]) => take(file, kind, mode, range)?,
        (verb, _) => bail!("{verb}: unknown, or something is missing"),
    }
    Ok(String::new())
}

fn take(file: &File, kind: &str, mode: &str, bytes: &[&str]) -> Result<()> {
    let lock = match bytes {
        [start, length] => range(mode, start, length)?,
        [] => range(mode, "0", "0")?,
        _ => bail!("a start and a length"),
    };
    match kind {
        "fcntl" => drop(fcntl(file, FcntlArg::F_SETLK(&lock))?),
        "fcntl-wait" => drop(fcntl(file, FcntlArg::F_SETLKW(&lock))?),
        "ofd" => drop(fcntl(file, FcntlArg::F_OFD_SETLK(&lock))?),
        "ofd-wait" => drop(fcntl(file, FcntlArg::F_OFD_SETLKW(&lock))?),
        "flock" => flock(file, mode, libc::LOCK_NB)?,
        "flock-wait" => flock(file, mode, 0)?,
        _ => bail!("{kind}: unknown"),
    }
    Ok(())
}

fn flock(file: &File, mode: &str, how: i32) -> Result<()> {
    let operation = match mode {
        "shared" => libc::LOCK_SH,
        "exclusive" => libc::LOCK_EX,
        "none" => libc::LOCK_UN,
        _ => bail!("{mode}: not a mode"),
    };
    holdfast_tests::system::flock(file, operation | how)?;
    Ok(())
}

/// Length 0 is up to the end of every file.
fn range(mode: &str, start: &str, length: &str) -> Result<libc::flock> {
    let kind = match mode {
        "shared" => libc::F_RDLCK,
        "exclusive" => libc::F_WRLCK,
        "none" => libc::F_UNLCK,
        _ => bail!("{mode}: not a mode"),
    };
    Ok(libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: start.parse()?,
        l_len: length.parse()?,
        l_pid: 0,
    })
}

fn shown(lock: &libc::flock) -> String {
    let mode = match i32::from(lock.l_type) {
        libc::F_RDLCK => "shared",
        libc::F_WRLCK => "exclusive",
        _ => return "none".to_owned(),
    };
    format!("{mode} {} {} {}", lock.l_start, lock.l_len, lock.l_pid)
}

fn count(file: &File, times: u64) -> Result<()> {
    for _ in 0..times {
        take(file, "fcntl-wait", "exclusive", &["0", "8"])?;
        let mut bytes = [0; NUMBER];
        file.read_exact_at(&mut bytes, 0)?;
        let next = u64::from_be_bytes(bytes) + 1;
        file.write_all_at(&next.to_be_bytes(), 0)?;
        take(file, "fcntl", "none", &["0", "8"])?;
    }
    Ok(())
}

fn count_mapped(file: &File, times: u64) -> Result<()> {
    let mut mapping = Mapping::shared(file, NUMBER)?;
    for _ in 0..times {
        take(file, "fcntl-wait", "exclusive", &[])?;
        let bytes = mapping.bytes();
        let mut number = [0; NUMBER];
        number.copy_from_slice(bytes);
        bytes.copy_from_slice(&(u64::from_be_bytes(number) + 1).to_be_bytes());
        take(file, "fcntl", "none", &[])?;
    }
    Ok(())
}
