//! `holdfast volume`: the filesystems of a cluster.

mod setting;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::{
    CreateVolumeRequest, DeleteVolumeRequest, ListVolumesRequest, ReplicationMode, SetTrashRequest,
    ShowVolumeRequest,
};

use self::setting::Setting;
use crate::cluster::{Cluster, ClusterArguments, refused, request};

/// Make, list, change and delete the volumes of a cluster. Each is a filesystem of its own.
#[derive(Debug, Args)]
pub(crate) struct VolumeArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    #[command(subcommand)]
    pub(crate) command: VolumeCommand,
}

/// What can be done with volumes.
#[derive(Debug, Subcommand)]
pub(crate) enum VolumeCommand {
    /// Make an empty volume
    Create {
        /// 1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit
        name: String,

        /// When a change is acknowledged
        #[arg(long, value_enum, default_value = "quorum")]
        replication: Replication,
    },
    /// List the volumes
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what a volume does: trash=7d keeps what is removed for so long, trash=off does not
    ///
    /// With a trash, what loses its last name (rm, or mv onto it) is found under /.trash/YEAR-MONTH-DAY-HOUR/PATH (UTC), for whoever could
    /// read it before, until the end of that hour is so long ago. It uses space until then, unless it is removed there.
    Set {
        /// Its name
        name: String,

        /// trash=TIME, with m, h, d or w for minutes, hours, days or weeks, or trash=off
        #[arg(value_name = "KEY=VALUE")]
        setting: Setting,
    },
    /// Show what a volume does
    Show {
        /// Its name
        name: String,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a volume with everything in it
    Delete {
        /// Its name
        name: String,

        /// Really: nothing of it can be brought back
        #[arg(long)]
        yes: bool,
    },
}

/// When a change is acknowledged.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Replication {
    /// When a majority has it on disk
    Quorum,
    /// When every voter has applied it; nothing can be changed while one is away
    All,
}

impl Replication {
    /// As the nodes are told.
    pub(crate) fn mode(self) -> ReplicationMode {
        match self {
            Replication::Quorum => ReplicationMode::Quorum,
            Replication::All => ReplicationMode::All,
        }
    }
}

/// Does it.
pub(crate) fn run(arguments: VolumeArguments) -> anyhow::Result<ExitCode> {
    let cluster = arguments.cluster.connect()?;
    cluster.run(async {
        match arguments.command {
            VolumeCommand::Create { name, replication } => {
                let create = CreateVolumeRequest {
                    name,
                    replication: replication.mode().into(),
                    awaits_load: false,
                };
                let mut client = cluster.any().await?;
                let made = client.create_volume(request(create)).await;
                made.map(drop).map_err(|status| refused(&status))
            }
            VolumeCommand::List { json } => list(&cluster, json).await,
            VolumeCommand::Set { name, setting } => set(&cluster, name, setting).await,
            VolumeCommand::Show { name, json } => show(&cluster, name, json).await,
            VolumeCommand::Delete { name, yes } => {
                if !yes {
                    bail!("this deletes everything in volume {name:?}: say --yes if that is meant");
                }
                let mut client = cluster.any().await?;
                let deleted = client
                    .delete_volume(request(DeleteVolumeRequest { name }))
                    .await;
                deleted.map(drop).map_err(|status| refused(&status))
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn set(cluster: &Cluster, name: String, setting: Setting) -> anyhow::Result<()> {
    let Setting::Trash(trash_seconds) = setting;
    let asked = SetTrashRequest {
        name: name.clone(),
        trash_seconds,
    };
    let done = cluster.leading_at(&name, async |channel| {
        AdminClient::new(channel)
            .set_trash(request(asked.clone()))
            .await
    });
    done.await.map(drop)
}

async fn show(cluster: &Cluster, name: String, json: bool) -> anyhow::Result<()> {
    let asked = ShowVolumeRequest { name: name.clone() };
    let shown = cluster.leading_at(&name, async |channel| {
        AdminClient::new(channel)
            .show_volume(request(asked.clone()))
            .await
    });
    let trash = shown.await?.trash_seconds;
    let mut output = io::stdout().lock();
    if json {
        let volume = serde_json::json!({ "name": name, "trash_seconds": trash });
        serde_json::to_writer_pretty(&mut output, &volume).context("cannot print")?;
        writeln!(output)?;
    } else {
        let trash = trash.map_or_else(|| "off".to_owned(), setting::time);
        writeln!(output, "trash={trash}")?;
    }
    Ok(())
}

async fn list(cluster: &Cluster, json: bool) -> anyhow::Result<()> {
    let mut client = cluster.any().await?;
    let listed = client.list_volumes(request(ListVolumesRequest {})).await;
    let volumes = listed
        .map_err(|status| refused(&status))?
        .into_inner()
        .volumes;
    let replication = |mode: ReplicationMode| match mode {
        ReplicationMode::Quorum => "quorum",
        ReplicationMode::All => "all",
        ReplicationMode::Unspecified => "unknown",
    };
    let mut output = io::stdout().lock();
    if json {
        let volumes: Vec<_> = volumes
            .iter()
            .map(|volume| {
                serde_json::json!({
                    "name": volume.name,
                    "volume": volume.volume,
                    "replication": replication(volume.replication()),
                })
            })
            .collect();
        serde_json::to_writer_pretty(&mut output, &volumes).context("cannot print")?;
        writeln!(output)?;
        return Ok(());
    }
    for volume in volumes {
        writeln!(
            output,
            "{:<20}  {}",
            volume.name,
            replication(volume.replication())
        )?;
    }
    Ok(())
}
