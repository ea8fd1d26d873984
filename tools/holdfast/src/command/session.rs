//! `holdfast session`: who has a volume of a cluster mounted.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use holdfast_proto::{EvictSessionRequest, ListSessionsRequest, ListSessionsResponse};
use holdfast_replicator::FIRST_VOLUME;

use crate::cluster::{ClusterArguments, request};
use crate::plain::plain;

/// List the mounts of a volume, and end one that does not end by itself.
#[derive(Debug, Args)]
pub(crate) struct SessionArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    /// Which volume of the cluster
    #[arg(long, global = true, value_name = "NAME", default_value = FIRST_VOLUME)]
    pub(crate) volume: String,

    #[command(subcommand)]
    pub(crate) command: SessionCommand,
}

/// What can be done with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List the sessions: which machine, which process, when it was last heard
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a session now: its locks become free, and what it holds under them fails with EIO
    Evict {
        /// As the list shows it
        #[arg(value_parser = session)]
        session: u64,
    },
}

/// A session as people see it.
pub(crate) fn name(session: u64) -> String {
    format!("{session:016x}")
}

fn session(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text, 16).map_err(|_| {
        "a session is written in 16 hexadecimal digits, as the list shows it".to_owned()
    })
}

/// Does it.
pub(crate) fn run(arguments: SessionArguments) -> anyhow::Result<ExitCode> {
    let cluster = arguments.cluster.connect()?;
    let volume = arguments.volume;
    cluster.run(async {
        match arguments.command {
            SessionCommand::List { json } => {
                let listed = cluster
                    .leading(&volume, async |mut client| {
                        let volume = volume.clone();
                        client
                            .list_sessions(request(ListSessionsRequest { volume }))
                            .await
                    })
                    .await?;
                print(&listed, json)
            }
            SessionCommand::Evict { session } => {
                let evicted = cluster.leading(&volume, async |mut client| {
                    let volume = volume.clone();
                    client
                        .evict_session(request(EvictSessionRequest { volume, session }))
                        .await
                });
                evicted.await.map(drop)
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn print(listed: &ListSessionsResponse, json: bool) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    if json {
        let sessions: Vec<_> = listed
            .sessions
            .iter()
            .map(|session| {
                serde_json::json!({
                    "session": name(session.session),
                    "host": session.host,
                    "process": session.process,
                    "version": session.version,
                    "mountpoint": session.mountpoint,
                    "opened": session.opened_seconds,
                    "silent_milliseconds": session.silent_milliseconds,
                })
            })
            .collect();
        let all = serde_json::json!({
            "lease_milliseconds": listed.lease_milliseconds,
            "sessions": sessions,
        });
        serde_json::to_writer_pretty(&mut output, &all).context("cannot print")?;
        writeln!(output)?;
        return Ok(());
    }
    writeln!(
        output,
        "{:<16}  {:<20}  {:<8}  {:<8}  {:<10}  MOUNTPOINT",
        "SESSION", "HOST", "PROCESS", "VERSION", "HEARD"
    )?;
    for session in &listed.sessions {
        let silent = Duration::from_millis(session.silent_milliseconds);
        writeln!(
            output,
            "{:<16}  {:<20}  {:<8}  {:<8}  {:<10}  {}",
            name(session.session),
            plain(&session.host),
            session.process,
            plain(&session.version),
            format!("{} s ago", silent.as_secs()),
            plain(&session.mountpoint)
        )?;
    }
    Ok(())
}
