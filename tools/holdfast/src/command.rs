//! One file a subcommand.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod dev_cluster;
pub(crate) mod dump;
pub(crate) mod fsck;
pub(crate) mod load;
pub(crate) mod locks;
pub(crate) mod man;
pub(crate) mod mount;
pub(crate) mod node;
pub(crate) mod pki;
pub(crate) mod quota;
pub(crate) mod recover;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod status;
pub(crate) mod top;
pub(crate) mod umount;
pub(crate) mod version;
pub(crate) mod volume;
pub(crate) mod watch;

use std::process::ExitCode;

use crate::cli::Command;

/// Does what was asked.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match command {
        Command::Mount(arguments) => mount::run(&arguments),
        Command::Umount(arguments) => umount::run(&arguments).map(done),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Node(arguments) => node::run(arguments),
        Command::Volume(arguments) => volume::run(arguments),
        Command::Session(arguments) => session::run(arguments),
        Command::Locks(arguments) => locks::run(&arguments),
        Command::Quota(arguments) => quota::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments).map(done),
        Command::Pki(arguments) => pki::run(&arguments),
        Command::DevCluster(arguments) => dev_cluster::run(&arguments),
        Command::Dump(arguments) => dump::run(&arguments).map(done),
        Command::Load(arguments) => load::run(&arguments).map(done),
        Command::Fsck(arguments) => Ok(fsck::run(&arguments)),
        Command::Recover(arguments) => recover::run(&arguments).map(done),
        Command::Bench(arguments) => bench::run(arguments).map(done),
        Command::Completions(arguments) => completions::run(&arguments).map(done),
        Command::Man(arguments) => man::run(&arguments).map(done),
        Command::Version(arguments) => version::run(&arguments).map(done),
    }
}
