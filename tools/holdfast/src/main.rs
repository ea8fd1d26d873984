//! The `holdfast` command: who was called, with what, and how it ended.

mod cli;
mod clock;
mod cluster;
mod colours;
mod command;
mod daemon;
mod data_path;
mod group;
mod health;
mod listed;
mod logging;
mod metrics;
mod mount_helper;
mod mount_options;
mod mount_plan;
mod mount_table;
mod mount_users;
mod node_config;
mod node_mount;
mod page;
mod picture;
mod plain;
mod presence;
mod remount;
mod standing;
mod takeover;
mod termination;
mod tls_arguments;
mod topology;
mod traces;
mod tree;
mod volume_arguments;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::Cli;

/// Also of RocksDB, whose calls of `malloc` end here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if mount_helper::is_called(&arguments) {
        return mount_helper::run(arguments);
    }
    let cli = Cli::read(arguments).unwrap_or_else(|error| error.exit());
    let ended = command::run(cli.command);
    traces::finish();
    match ended {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain("holdfast", &error);
            ExitCode::FAILURE
        }
    }
}

/// Says on one line what went wrong.
fn complain(name: &str, error: &anyhow::Error) {
    // Nothing can be done for a caller who closed standard error.
    drop(writeln!(io::stderr(), "{name}: {}", one_line(error)));
}

/// The whole chain of causes, without line breaks.
fn one_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    without_numbers(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Without the ` (os error 20)` that the standard library adds to the words of the system.
fn without_numbers(line: &str) -> String {
    let mut parts = line.split(" (os error ");
    let words = parts.next().unwrap_or_default().to_owned();
    parts.fold(words, |words, part| {
        words + part.split_once(')').map_or(part, |(_, rest)| rest)
    })
}

/// Whether whoever reads the output, `head` for one, has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_without_numbers() {
        let missing = io::Error::from_raw_os_error(2);
        let error = anyhow::anyhow!(missing).context("cannot read\n  it (here)");
        assert_eq!(
            one_line(&error),
            "cannot read it (here): No such file or directory"
        );
        assert_eq!(without_numbers("a (os error 2), b (os error 20)"), "a, b");
    }
}
