//! `holdfast mount`

use std::io::{self, Write};
use std::process::{self, ExitCode};
use std::thread;

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use serde_json::json;

use crate::cli::MountArguments;
use crate::mount_options::Settings;
use crate::mount_plan::{self, MountPlan};
use crate::presence::Presence;
use crate::termination::{Request, Termination};
use crate::topology::Topology;
use crate::tree::Tree;
use crate::{daemon, logging, mount_table, one_line, remount, traces};

/// Exit code when files were open at the end; nothing that was written is lost.
const EXIT_CUT_OFF: i32 = 0;
/// Exit code when the tree could not be closed.
const EXIT_NOT_STOPPED: i32 = 1;

/// Mounts, in front or in the background, and says what is mounted where.
pub(crate) fn run(arguments: &MountArguments) -> anyhow::Result<ExitCode> {
    if arguments.daemon {
        return Ok(run_daemon(arguments));
    }
    let plan = prepare(arguments)?;
    if arguments.foreground {
        logging::to_terminal(&plan.log);
        serve(&plan, &|| announce(arguments, &plan, process::id()))?;
    } else {
        let pid = daemon::start(arguments, &plan)?;
        announce(arguments, &plan, pid)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Mounts in the background and says nothing, as mount(8) wants it.
pub(crate) fn run_quietly(arguments: &MountArguments) -> anyhow::Result<()> {
    let plan = prepare(arguments)?;
    daemon::start(arguments, &plan)?;
    Ok(())
}

/// The background process itself: whoever started it says what went wrong.
fn run_daemon(arguments: &MountArguments) -> ExitCode {
    let served = prepare(arguments).and_then(|plan| daemon::run(&plan, |live| serve(&plan, live)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            daemon::report_failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn prepare(arguments: &MountArguments) -> anyhow::Result<MountPlan> {
    let options = arguments.options.iter().map(String::as_str);
    let settings = Settings::parse(mount_plan::tree_kind(arguments), options)?;
    if settings.remount {
        // Returns only if the other program could not take over.
        return Err(remount::run(&settings, &arguments.mountpoint));
    }
    MountPlan::new(arguments, settings)
}

/// Mounts, calls back when the mount is live, and returns when it is gone and everything is durable.
fn serve(plan: &MountPlan, live: &dyn Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    // The files of other users end up in what this process writes.
    umask(Mode::from_bits_truncate(0o077));
    raise_open_files();
    let termination = Termination::watch()?;
    let topology = Topology::build(plan, &termination)?;
    let presence = announce_presence(plan);
    let unmounter = topology.unmounter();
    let announced = live();
    if announced.is_err() {
        unmounter.unmount()?;
    }
    let stop = topology.stopper();
    termination.on_request(move |request| match request {
        Request::First => {
            // Not here: with pages that only a cluster could take the kernel waits for it, and a second
            // signal has to be heard.
            let unmounter = unmounter.clone();
            let unmount = move || {
                if let Err(error) = unmounter.unmount() {
                    tracing::error!(%error, "cannot unmount");
                }
            };
            if let Err(error) = thread::Builder::new().name("unmount".into()).spawn(unmount) {
                tracing::error!(%error, "cannot unmount");
            }
        }
        Request::Again => {
            // The files that are still open could take for ever.
            tracing::warn!("told to end again: files that are open are cut off");
            let code = if stop().is_ok() {
                EXIT_CUT_OFF
            } else {
                EXIT_NOT_STOPPED
            };
            traces::finish();
            process::exit(code);
        }
    });
    let (tree, mountpoint) = (&plan.tree, plan.mountpoint.display());
    tracing::info!(%tree, %mountpoint, "mounted");
    let served = topology.serve();
    if let (Some(presence), Err(error)) = (&presence, &served) {
        presence.tell(&one_line(error));
    }
    drop(presence);
    tracing::info!(%tree, %mountpoint, "ended");
    announced.and(served)
}

/// The store keeps up to 2,048 files open, and shells start programs with a limit of 1,024.
pub(crate) fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Without it everything works but `holdfast umount`, which then does not wait.
fn announce_presence(plan: &MountPlan) -> Option<Presence> {
    let announced = mount_table::find(&plan.mountpoint)
        .and_then(|mount| mount.as_ref().map(Presence::announce).transpose());
    match announced {
        Ok(presence) => presence,
        Err(error) => {
            tracing::warn!(%error, "`holdfast umount` will not find this process");
            None
        }
    }
}

fn announce(arguments: &MountArguments, plan: &MountPlan, pid: u32) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    let mountpoint = plan.mountpoint.to_string_lossy();
    let written = match (arguments.json, &plan.tree) {
        (false, tree) => writeln!(output, "mounted {tree} at {mountpoint}"),
        (true, Tree::Data(data)) => {
            let data = data.to_string_lossy();
            let line = json!({ "data": data, "mountpoint": mountpoint, "pid": pid });
            writeln!(output, "{line}")
        }
        (true, Tree::Cluster(volume)) => {
            let line = json!({
                "cluster": volume.addresses,
                "volume": volume.name,
                "mountpoint": mountpoint,
                "pid": pid,
            });
            writeln!(output, "{line}")
        }
    };
    // The mount is live whether or not anybody reads this.
    written.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error).context("cannot write to standard output"),
    })
}
