//! `holdfast top`: a cluster at work, in a terminal.

mod draw;
mod keys;
mod look;
mod screen;
mod table;

use std::io::{self, IsTerminal, Write};
use std::process::{self, ExitCode};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, value_parser};

use self::keys::Choices;
use self::look::{Look, View};
use crate::cluster::Cluster;
use crate::termination::{EXIT_INTERRUPTED, Termination};
use crate::tls_arguments::TlsArguments;

/// Show a cluster at work: nodes, volumes, who leads, operations and how long they take, the busiest directories and mounts.
///
/// It asks all nodes every few seconds. Numbers are of the time between two looks, as the nodes that lead have counted: what mounts answer
/// from their own copies is not in them. Those of directories are estimates, of calls that look for names or change them.
///
/// Keys: `q` ends it, `s` or left and right choose what operations, directories and mounts are sorted by, up and down scroll them, space looks
/// again at once. Colours are left out when `NO_COLOR` is set.
#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    /// Nodes to ask; they know of the others
    #[arg(
        long,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        required = true,
        env = "HOLDFAST_CLUSTER"
    )]
    pub(crate) cluster: Vec<String>,

    #[command(flatten)]
    pub(crate) tls: TlsArguments,

    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = value_parser!(u32).range(1..=3600))]
    pub(crate) interval: u32,

    /// Look twice, print what was done between, and end
    #[arg(long)]
    pub(crate) once: bool,

    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows it until `q`, or once.
pub(crate) fn run(arguments: &TopArguments) -> anyhow::Result<ExitCode> {
    let is_watched = !arguments.once && !arguments.json;
    if is_watched && !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        bail!("this is no terminal: say --once for one round as text, or --json");
    }
    let cluster = Cluster::new(arguments.cluster.clone(), arguments.tls.open()?)?;
    let interval = Duration::from_secs(u64::from(arguments.interval));
    if is_watched {
        let termination = Termination::watch()?;
        termination.on_request(|_| process::exit(EXIT_INTERRUPTED));
        // Who cannot be asked is told before the screen changes.
        let first = cluster.run(Look::take(&cluster))?;
        screen::show(cluster, first, interval, &termination)?;
        return Ok(ExitCode::SUCCESS);
    }
    let view = cluster.run(async {
        let mut first = Look::take(&cluster).await?;
        tokio::time::sleep(interval).await;
        View::next(&cluster, &mut first).await
    })?;
    let text = if arguments.json {
        serde_json::to_string_pretty(&view).context("cannot print")? + "\n"
    } else {
        draw::as_text(&view, &Choices::default())
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
