//! `holdfast man DIR`

mod page;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Command, CommandFactory, ValueHint};

use crate::cli::Cli;
use crate::mount_helper::HelperArguments;

/// Write the man pages: holdfast(1), one page a subcommand, and mount.holdfast(8).
///
/// They go to DIR/man1 and DIR/man8, where man(1) looks for them: read one with `man -M DIR
/// holdfast-mount`, or give a directory of `manpath`, such as /usr/local/share/man.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Where to; made if it does not exist
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    directory: PathBuf,
}

/// Writes them.
pub(crate) fn run(arguments: &ManArguments) -> anyhow::Result<()> {
    // A page a subcommand says what `holdfast help SUBCOMMAND` says.
    let mut holdfast = Cli::command().disable_help_subcommand(true);
    holdfast.build();
    for subcommand in holdfast.get_subcommands().filter(|it| !it.is_hide_set()) {
        write(&arguments.directory, subcommand, "1")?;
    }
    write(&arguments.directory, &holdfast, "1")?;
    let mut helper = HelperArguments::command().disable_help_flag(true);
    helper.build();
    write(&arguments.directory, &helper, "8")
}

fn write(directory: &Path, command: &Command, section: &str) -> anyhow::Result<()> {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    let directory = directory.join(format!("man{section}"));
    let path = directory.join(format!("{name}.{section}"));
    let page = page::render(command, section)?;
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&path, page))
        .with_context(|| format!("cannot write the man page {}", path.display()))
}
