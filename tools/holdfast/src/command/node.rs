//! `holdfast node`: the nodes of a cluster.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use holdfast_proto::{Progress, PromoteNodeRequest, RemoveNodeRequest, TransferLeaderTo};
use tonic::Streaming;

use crate::cluster::{Cluster, ClusterArguments, nobody, refused, request};
use crate::standing::Standings;

/// Show and change the nodes of a cluster.
///
/// A node is added by starting it: `holdfast serve --id N --data DIR --join HOST:PORT`. To replace a dead node, add a
/// new one with a number that no node has had, and then remove the dead one: its number is never used again. If the new one is to
/// have the address of the dead one, remove that first.
#[derive(Debug, Args)]
pub(crate) struct NodeArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    #[command(subcommand)]
    pub(crate) command: NodeCommand,
}

/// What can be done with nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// List the nodes
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a learner vote once it has caught up
    Promote {
        /// Its number
        id: u64,
    },
    /// Take a node out of the cluster for ever; refused if that would lose the quorum
    Remove {
        /// Its number
        id: u64,
    },
    /// Hand over what a node leads
    TransferLeader {
        /// Who is to lead; whoever has most of the log if it is not said
        #[arg(long, value_name = "ID")]
        to: Option<u64>,

        /// Only this volume (by the number that `status --json` shows)
        #[arg(long, value_name = "N")]
        group: Option<u64>,
    },
}

/// Does it, with a line for each step.
pub(crate) fn run(arguments: NodeArguments) -> anyhow::Result<ExitCode> {
    let cluster = arguments.cluster.connect()?;
    cluster.run(async {
        match arguments.command {
            NodeCommand::List { json } => list(&cluster, json).await,
            NodeCommand::Promote { id } => {
                let mut client = cluster.any().await?;
                let stream = client
                    .promote_node(request(PromoteNodeRequest { id }))
                    .await;
                follow(stream.map_err(|status| refused(&status))?.into_inner()).await
            }
            NodeCommand::Remove { id } => {
                let mut client = cluster.any_but(id).await?;
                let stream = client.remove_node(request(RemoveNodeRequest { id })).await;
                follow(stream.map_err(|status| refused(&status))?.into_inner()).await
            }
            NodeCommand::TransferLeader { to, group } => {
                let mut client = cluster.any().await?;
                let transfer = TransferLeaderTo {
                    group: group.unwrap_or_default(),
                    all_groups: group.is_none(),
                    node: to.unwrap_or_default(),
                    only_here: false,
                };
                let done = client.transfer_leader(request(transfer)).await;
                done.map_err(|status| refused(&status))?;
                Ok(())
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn follow(mut stream: Streaming<Progress>) -> anyhow::Result<()> {
    let step = |status: tonic::Status| refused(&status);
    while let Some(progress) = stream.message().await.map_err(step)? {
        writeln!(io::stdout(), "{}", progress.message)?;
    }
    Ok(())
}

async fn list(cluster: &Cluster, json: bool) -> anyhow::Result<()> {
    let heard = cluster.statuses().await;
    let statuses: Vec<_> = heard
        .iter()
        .filter_map(|one| one.status.as_ref().ok())
        .collect();
    if statuses.is_empty() {
        return Err(nobody(&heard));
    }
    let standings = Standings::new(&statuses);
    let nodes = standings.nodes();
    let mut output = io::stdout().lock();
    if json {
        let nodes: Vec<_> = nodes
            .iter()
            .map(|(id, address)| {
                serde_json::json!({ "id": id, "address": address, "role": standings.of(*id).word() })
            })
            .collect();
        serde_json::to_writer_pretty(&mut output, &nodes).context("cannot print")?;
        writeln!(output)?;
        return Ok(());
    }
    for (id, address) in nodes {
        writeln!(output, "{id:<6}  {address:<22}  {}", standings.of(id))?;
    }
    Ok(())
}
