//! `holdfast completions SHELL`

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;

/// Print the completions of a shell.
///
/// For example: `holdfast completions bash > /usr/share/bash-completion/completions/holdfast`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// Which shell
    shell: Shell,
}

/// Prints them.
pub(crate) fn run(arguments: &CompletionsArguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "holdfast",
        &mut script,
    );
    io::stdout().write_all(&script)?;
    Ok(())
}
