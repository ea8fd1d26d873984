//! `holdfast man DIR`

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory, ValueHint};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::mount_helper::HelperArguments;

/// Write the man pages: holdfast(1), one page a subcommand, and mount.holdfast(8).
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Where to; made if it does not exist
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    directory: PathBuf,
}

/// Writes them.
pub(crate) fn run(arguments: &ManArguments) -> anyhow::Result<()> {
    let directory = &arguments.directory;
    let cannot = || format!("cannot write the man pages to {}", directory.display());
    fs::create_dir_all(directory).with_context(cannot)?;
    clap_mangen::generate_to(Cli::command(), directory).with_context(cannot)?;
    let helper = HelperArguments::command().disable_help_flag(true);
    let mut page = Vec::new();
    Man::new(helper).section("8").render(&mut page)?;
    fs::write(directory.join("mount.holdfast.8"), page).with_context(cannot)?;
    Ok(())
}
