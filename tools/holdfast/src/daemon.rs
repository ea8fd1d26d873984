//! The background process: started by executing this binary again, so that there is never a fork of
//! a process that has threads.
//!
//! The two halves talk over the standard output of the daemon, a pipe: one line says that the mount
//! is live or why not. Then the daemon lets go of everything it shares with its starter.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, anyhow, bail};

use crate::cli::MountArguments;
use crate::logging::LogFile;
use crate::mount_plan::MountPlan;
use crate::tree::Tree;
use crate::{logging, one_line};

const LIVE: &str = "live";
const FAILED: &str = "failed ";

/// Starts the daemon; returns its process id when the mount is live.
pub(crate) fn start(arguments: &MountArguments, plan: &MountPlan) -> anyhow::Result<u32> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("holdfast").args(["mount", "--daemon"]);
    match &plan.tree {
        Tree::Data(data) => command.arg("--data").arg(data),
        Tree::Cluster(volume) => command
            .args(["--cluster", &volume.addresses.join(",")])
            .args(["--volume", &volume.name]),
    };
    if let Some(tls) = &plan.tls {
        command.arg("--tls").arg(tls);
    }
    command.arg("--source").arg(&plan.settings.mount.source);
    if let Some(address) = plan.metrics {
        command.args(["--metrics", &address.to_string()]);
    }
    command.args(plan.log.arguments());
    for options in &arguments.options {
        command.arg("-o").arg(options);
    }
    command.arg("--").arg(&plan.mountpoint);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .current_dir("/");
    let mut daemon = command.spawn().context("cannot start the daemon")?;
    let mut output = daemon
        .stdout
        .take()
        .context("the daemon has no standard output")?;
    // Up to the end: the daemon has then let go of this pipe and of the terminal.
    let mut line = String::new();
    output
        .read_to_string(&mut line)
        .context("cannot read from the daemon")?;
    match line.trim_end().strip_prefix(FAILED) {
        Some(reason) => bail!("{reason}"),
        None if line.trim_end() == LIVE => Ok(daemon.id()),
        None => Err(died(daemon.wait()?, plan)),
    }
}

fn died(status: ExitStatus, plan: &MountPlan) -> anyhow::Error {
    let how = match status.signal() {
        Some(signal) => format!("was killed by signal {signal}"),
        None => "ended".into(),
    };
    // Its log begins with the live mount.
    anyhow!(
        "the daemon {how} before the mount of {} was live: run it with --foreground to see why",
        plan.tree
    )
}

/// The daemon's side: runs `serve`, which calls back when the mount is live.
pub(crate) fn run(
    plan: &MountPlan,
    serve: impl FnOnce(&dyn Fn() -> anyhow::Result<()>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    nix::unistd::setsid().context("cannot leave the session")?;
    nix::sys::prctl::set_name(c"holdfast").ok();
    let log = logging::to_file(&plan.log);
    let live = || {
        if let Err(error) = open_log(&log, plan) {
            writeln!(io::stderr(), "holdfast: {}", one_line(&error)).ok();
        }
        detach().context("the process that asked for the mount is gone")
    };
    serve(&live)
}

/// A data directory is there already; the directory of logs may not be.
fn open_log(log: &LogFile, plan: &MountPlan) -> anyhow::Result<()> {
    let path = plan.log().context("no log")?;
    let directory = match (&plan.tree, path.parent()) {
        (Tree::Cluster(_), Some(directory)) => fs::create_dir_all(directory),
        (Tree::Cluster(_) | Tree::Data(_), _) => Ok(()),
    };
    directory
        .and_then(|()| log.open(&path))
        .with_context(|| format!("no log in {}", path.display()))
}

/// Tells the starter why there is no mount, unless it was told already that there is one.
pub(crate) fn report_failure(error: &anyhow::Error) {
    tracing::error!("{}", one_line(error));
    // After it was detached this goes to /dev/null, and a starter that is gone cannot be told.
    writeln!(io::stdout(), "{FAILED}{}", one_line(error)).ok();
}

/// Tells the starter that the mount is live and lets go of its files.
fn detach() -> anyhow::Result<()> {
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    nix::unistd::dup2_stderr(&null)?;
    writeln!(io::stdout(), "{LIVE}")?;
    io::stdout().flush()?;
    nix::unistd::dup2_stdout(&null)?;
    Ok(())
}
