//! Where log lines go: the terminal, or a bounded file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::traces::{self, Collector};

/// The log file becomes `holdfast.log.1` at this size, so the two together are never twice as large.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What is logged when nothing is said.
const FILTER: &str = "info,openraft=error";
/// What is kept of the time before there is a file.
const EARLY_BYTES_MAX: usize = 64 * 1024;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people, with colours on a terminal
    #[default]
    Human,
    /// An object a line
    Json,
}

/// What is logged, and how; the same words on the command line, in the settings of a node, and in the options of a mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// What is logged: error, warn, info, debug, or parts of it as in info,holdfast=debug [default: info]
    #[arg(id = "log", long = "log", value_name = "FILTER", env = "RUST_LOG")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<String>,

    /// How log lines look [default: human]
    #[arg(
        id = "log_format",
        long = "log-format",
        value_name = "FORMAT",
        env = "HOLDFAST_LOG_FORMAT"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<LogFormat>,

    /// Send traces to a collector of OpenTelemetry (OTLP over HTTP), such as `http://127.0.0.1:4318`
    #[arg(long, value_name = "URL", env = "HOLDFAST_TRACES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) traces: Option<Collector>,

    /// Trace one of so many requests, the same ones on all machines that have the same number [default: 1]
    #[arg(long, value_name = "N", env = "HOLDFAST_TRACE_EVERY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_every: Option<NonZeroU32>,
}

impl LogSettings {
    /// These, and where they say nothing, others.
    pub(crate) fn or(self, others: LogSettings) -> LogSettings {
        LogSettings {
            filter: self.filter.or(others.filter),
            format: self.format.or(others.format),
            traces: self.traces.or(others.traces),
            trace_every: self.trace_every.or(others.trace_every),
        }
    }

    /// As they stand on a command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let format = self.format.and_then(|format| format.to_possible_value());
        let format = format.map(|format| format!("--log-format={}", format.get_name()));
        let filter = self.filter.iter().map(|filter| format!("--log={filter}"));
        let traces = self.traces.iter().map(|url| format!("--traces={url}"));
        let every = self.trace_every.iter();
        let every = every.map(|every| format!("--trace-every={every}"));
        filter.chain(format).chain(traces).chain(every).collect()
    }
}

/// Logs to standard error.
pub(crate) fn to_terminal(settings: &LogSettings) {
    start(io::stderr, io::stderr().is_terminal(), settings);
}

/// Logs to a file that is opened later: a directory must be known to be ours before anything is
/// written to it.
pub(crate) fn to_file(settings: &LogSettings) -> Arc<LogFile> {
    let file = Arc::new(LogFile {
        sink: Mutex::new(Sink::Early(Vec::new())),
    });
    start(Arc::clone(&file), false, settings);
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |information| {
        tracing::error!("{information}");
        report(information);
    }));
    file
}

fn start(
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
    colors: bool,
    settings: &LogSettings,
) {
    let filter = settings.filter.as_deref().unwrap_or(FILTER);
    let filter = EnvFilter::try_new(filter);
    let ignored = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(FILTER));
    let format = settings.format.unwrap_or_default();
    let lines = lines(writer, colors, format).with_filter(filter);
    let every = settings.trace_every.unwrap_or(NonZeroU32::MIN);
    let traces = settings.traces.as_ref();
    let traces = traces.map(|collector| traces::layer(collector, every));
    // Fails only when somebody else has set one, which then does the same.
    tracing::subscriber::set_global_default(Registry::default().with(lines).with(traces)).ok();
    if let Some(error) = ignored {
        tracing::warn!(
            error,
            "what is to be logged is not understood: logging from INFO"
        );
    }
}

fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
    colors: bool,
    format: LogFormat,
) -> Box<dyn Layer<S> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colors);
    match format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => {
            let objects = lines.json().flatten_event(true);
            objects.with_current_span(false).boxed()
        }
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
