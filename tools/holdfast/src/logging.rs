//! Where log lines go: the terminal, or a bounded file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The log file becomes `holdfast.log.1` at this size, so the two together are never twice as large.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What is kept of the time before there is a file.
const EARLY_BYTES_MAX: usize = 64 * 1024;

/// Logs to standard error.
pub(crate) fn to_terminal() {
    start(io::stderr, io::stderr().is_terminal());
}

/// Logs to a file that is opened later: a directory must be known to be ours before anything is
/// written to it.
pub(crate) fn to_file() -> Arc<LogFile> {
    let file = Arc::new(LogFile {
        sink: Mutex::new(Sink::Early(Vec::new())),
    });
    start(Arc::clone(&file), false);
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |information| {
        tracing::error!("{information}");
        report(information);
    }));
    file
}

/// `RUST_LOG` decides what is logged.
fn start(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static, colors: bool) {
    let filter = EnvFilter::try_from_default_env();
    let ignored = match &filter {
        Err(error) if std::env::var_os("RUST_LOG").is_some() => Some(error.to_string()),
        Err(_) | Ok(_) => None,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("info,openraft=error")))
        .with_writer(writer)
        .with_ansi(colors)
        .finish();
    // Fails only when somebody else has set one, which then does the same.
    tracing::subscriber::set_global_default(subscriber).ok();
    if let Some(error) = ignored {
        tracing::warn!(error, "RUST_LOG is not understood, logging from INFO");
    }
}

/// A log file of a bounded size.
#[derive(Debug)]
pub(crate) struct LogFile {
    sink: Mutex<Sink>,
}

#[derive(Debug)]
enum Sink {
    Early(Vec<u8>),
    Open {
        path: PathBuf,
        file: File,
        bytes: u64,
    },
}

impl LogFile {
    /// Writes to this file from now on, and what was logged until now.
    pub(crate) fn open(&self, path: &Path) -> io::Result<()> {
        let (mut file, mut bytes) = append_to(path)?;
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if let Sink::Early(early) = &*sink {
            file.write_all(early)?;
            bytes += early.len() as u64;
        }
        *sink = Sink::Open {
            path: path.to_owned(),
            file,
            bytes,
        };
        Ok(())
    }
}

impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &mut *self.sink.lock().unwrap_or_else(PoisonError::into_inner) {
            Sink::Early(early) => {
                if early.len() + line.len() <= EARLY_BYTES_MAX {
                    early.extend_from_slice(line);
                }
            }
            Sink::Open { path, file, bytes } => {
                if *bytes + line.len() as u64 > FILE_BYTES_MAX {
                    (*file, *bytes) = append_to(path)?;
                }
                file.write_all(line)?;
                *bytes += line.len() as u64;
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens the file at its end, after moving it away if it has grown too large.
fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let bytes = fs::metadata(path).map_or(0, |data| data.len());
    // One line below the bound is as good as full, else a line could be tried again and again.
    let full = bytes + EARLY_BYTES_MAX as u64 > FILE_BYTES_MAX;
    if full {
        let mut old = path.as_os_str().to_owned();
        old.push(".1");
        fs::rename(path, old)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    Ok((file, if full { 0 } else { bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn early() -> LogFile {
        LogFile {
            sink: Mutex::new(Sink::Early(Vec::new())),
        }
    }

    #[test]
    fn what_was_logged_before_the_file_was_open_is_in_it() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("holdfast.log");
        let log = early();
        (&log).write_all(b"one\n").unwrap();
        log.open(&path).unwrap();
        (&log).write_all(b"two\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn a_full_file_is_moved_away_once() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("holdfast.log");
        let old = scratch.path().join("holdfast.log.1");
        File::create(&path)
            .unwrap()
            .set_len(FILE_BYTES_MAX + 1)
            .unwrap();
        let log = early();
        log.open(&path).unwrap();
        (&log).write_all(b"new\n").unwrap();
        assert_eq!(fs::metadata(&old).unwrap().len(), FILE_BYTES_MAX + 1);
        assert_eq!(fs::read(&path).unwrap(), b"new\n");
    }

    #[test]
    fn a_file_that_grows_while_open_is_moved_away_too() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("holdfast.log");
        let log = early();
        log.open(&path).unwrap();
        let line = vec![b'x'; EARLY_BYTES_MAX];
        for _ in 0..=FILE_BYTES_MAX / line.len() as u64 {
            (&log).write_all(&line).unwrap();
        }
        assert!(scratch.path().join("holdfast.log.1").exists());
        assert!(fs::metadata(&path).unwrap().len() <= FILE_BYTES_MAX);
    }
}
