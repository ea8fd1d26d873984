//! One file a subcommand.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod fsck;
pub(crate) mod man;
pub(crate) mod mount;
pub(crate) mod umount;
pub(crate) mod version;

use std::process::ExitCode;

use crate::cli::Command;

/// Does what was asked.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match command {
        Command::Mount(arguments) => mount::run(&arguments),
        Command::Umount(arguments) => umount::run(&arguments).map(done),
        Command::Fsck(arguments) => Ok(fsck::run(&arguments)),
        Command::Bench(arguments) => bench::run(arguments).map(done),
        Command::Completions(arguments) => completions::run(&arguments).map(done),
        Command::Man(arguments) => man::run(&arguments).map(done),
    }
}
