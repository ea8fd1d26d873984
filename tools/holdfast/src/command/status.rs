//! `holdfast status`: how a cluster is.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use holdfast_proto::{GroupStatus, ReplicationMode, StatusResponse};
use serde_json::{Value, json};

use crate::cluster::{Cluster, Heard};
use crate::colours::{self, Colour};
use crate::group::Group;
use crate::standing::Standings;
use crate::tls_arguments::TlsArguments;

/// Everything is as it should be.
const HEALTHY: u8 = 0;
/// It works, but with less than it should have.
const DEGRADED: u8 = 1;
/// Something does not work at all.
const DOWN: u8 = 2;

/// A voter that its leader has not heard for so long is away.
const SILENT_MILLISECONDS: u64 = 5000;

/// Show nodes, volumes and their replicas.
///
/// On a terminal in colours, unless `NO_COLOR` is set.
///
/// Exit code: 0 all is well; 1 it works, but a node is missing or its disk is nearly full; 2 a volume has no
/// leader that hears a majority or is replicated to all and a node is missing, or no node answers.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
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

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Asks every node, shows what they say, and answers with the health of the whole.
pub(crate) fn run(arguments: &StatusArguments) -> anyhow::Result<ExitCode> {
    let cluster = Cluster::new(arguments.cluster.clone(), arguments.tls.open()?)?;
    let heard = cluster.run(cluster.statuses());
    let health = health(&heard);
    let text = if arguments.json {
        serde_json::to_string_pretty(&as_json(&heard, &health))? + "\n"
    } else {
        as_table(&heard, &health, colours::are_wanted())
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::from(health.code))
}

pub(crate) struct Health {
    code: u8,
    /// What is not as it should be, one line each.
    pub(crate) complaints: Vec<String>,
}

impl Health {
    fn complain(&mut self, code: u8, complaint: String) {
        self.code = self.code.max(code);
        self.complaints.push(complaint);
    }

    fn colour(&self) -> Colour {
        match self.code {
            HEALTHY => Colour::Good,
            DEGRADED => Colour::Warning,
            _ => Colour::Bad,
        }
    }

    pub(crate) fn word(&self) -> &'static str {
        match self.code {
            HEALTHY => "healthy",
            DEGRADED => "degraded",
            _ => "down",
        }
    }
}

pub(crate) fn health(heard: &[Heard]) -> Health {
    let mut health = Health {
        code: HEALTHY,
        complaints: Vec::new(),
    };
    for one in heard {
        match &one.status {
            Err(reason) => {
                health.complain(DEGRADED, format!("{}: {reason}", one.address));
            }
            Ok(status) if !status.fault.is_empty() => {
                health.complain(DEGRADED, format!("node {}: {}", status.node, status.fault));
            }
            Ok(status) => {
                if let Some(complaint) = full_disk(status) {
                    health.complain(DEGRADED, complaint);
                }
            }
        }
    }
    let answering: Vec<&StatusResponse> = answering(heard).collect();
    if answering.is_empty() {
        health.complain(DOWN, "no node answers".to_owned());
        return health;
    }
    for group in Group::all(&answering) {
        let name = group.name;
        for (node, replica) in &group.replicas {
            if !replica.fault.is_empty() {
                let complaint = format!("{name} on node {node}: {}", replica.fault);
                health.complain(DEGRADED, complaint);
            }
        }
        let Some((node, leader)) = group.leader() else {
            health.complain(DOWN, format!("{name}: no leader"));
            continue;
        };
        if let Some(complaint) = is_cut_off(node, leader) {
            health.complain(DOWN, format!("{name}: {complaint}"));
        }
        if let Some(complaint) = stands_still(&answering, leader) {
            health.complain(DOWN, format!("{name}: {complaint}"));
        }
    }
    health
}

/// Set if whoever says that it leads hears no majority: it leads until it hears of another leader, and answers nobody.
fn is_cut_off(node: u64, leader: &GroupStatus) -> Option<String> {
    let is_heard = |voter: &&u64| {
        let mut peers = leader.peers.iter();
        let peer = peers.find(|peer| peer.node == **voter);
        **voter == node || peer.is_some_and(|peer| peer.silent_milliseconds < SILENT_MILLISECONDS)
    };
    let heard = leader.voters.iter().filter(is_heard).count();
    let is_majority = heard * 2 > leader.voters.len() || leader.voters.is_empty();
    (!is_majority).then(|| {
        let of = leader.voters.len();
        format!("node {node} leads and hears no majority, {heard} of {of} with itself")
    })
}

/// Why nothing can be changed in a volume that is replicated to all, if a voter of it is away.
fn stands_still(answering: &[&StatusResponse], leader: &GroupStatus) -> Option<String> {
    let mut volumes = answering.iter().flat_map(|status| &status.volumes);
    let volume = volumes.find(|volume| volume.volume == leader.group)?;
    if volume.replication() != ReplicationMode::All {
        return None;
    }
    let answers = |id: &u64| answering.iter().any(|status| status.node == *id);
    let away = leader.voters.iter().find(|id| !answers(id))?;
    Some(format!(
        "nothing can be changed while node {away} is away, for it is replicated to all"
    ))
}

/// What is wrong with the disk of a node, if it is nearly full.
fn full_disk(status: &StatusResponse) -> Option<String> {
    let space = status.space?;
    (space.available < space.reserve).then(|| {
        format!(
            "node {}: its disk is nearly full, {} is left of a reserve of {}: what it leads answers ENOSPC to \
             whatever makes a volume larger",
            status.node,
            bytes(space.available),
            bytes(space.reserve),
        )
    })
}

fn answering(heard: &[Heard]) -> impl Iterator<Item = &StatusResponse> {
    heard.iter().filter_map(|one| one.status.as_ref().ok())
}

fn as_table(heard: &[Heard], health: &Health, in_colours: bool) -> String {
    let mut text = String::new();
    let answering: Vec<&StatusResponse> = answering(heard).collect();
    let standings = Standings::new(&answering);
    let mut line = |cells: &[String], widths: &[usize], colour: Option<Colour>| {
        let cells = cells.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}  "));
        let cells: String = cells.collect();
        let colour = colour.filter(|_| in_colours);
        match colour {
            Some(colour) => text.push_str(&colours::paint(cells.trim_end(), colour)),
            None => text.push_str(cells.trim_end()),
        }
        text.push('\n');
    };
    let nodes = [6, 22, 10, 10, 8, 20];
    let title = ["NODE", "ADDRESS", "ROLE", "VERSION", "UP", "FREE"];
    line(&title.map(str::to_owned), &nodes, Some(Colour::Bold));
    for one in heard {
        match &one.status {
            Ok(status) => {
                let is_full = full_disk(status).is_some();
                let colour = match status.fault.as_str() {
                    "" => is_full.then_some(Colour::Warning),
                    _ => Some(Colour::Bad),
                };
                line(&node_cells(status, &standings), &nodes, colour);
            }
            Err(reason) => {
                let cells = ["?".into(), one.address.clone(), reason.clone()];
                line(&cells, &nodes, Some(Colour::Bad));
            }
        }
    }
    line(&[], &[], None);
    let groups = [16, 6, 10, 6, 10, 10, 10, 10, 8];
    let title = [
        "VOLUME",
        "NODE",
        "ROLE",
        "TERM",
        "LOG",
        "COMMITTED",
        "APPLIED",
        "SNAPSHOT",
        "SESSIONS",
    ];
    line(&title.map(str::to_owned), &groups, Some(Colour::Bold));
    for group in Group::all(&answering) {
        for (node, replica) in group.replicas {
            let role = standings.role(node, replica);
            let colour = match role {
                "leader" => Some(Colour::Good),
                "stopped" => Some(Colour::Bad),
                _ => None,
            };
            line(
                &group_cells(group.name, node, role, replica),
                &groups,
                colour,
            );
        }
    }
    let colour = health.colour();
    line(&[], &[], None);
    line(&[health.word().to_owned()], &[0], Some(colour));
    for complaint in &health.complaints {
        line(&[format!("  {complaint}")], &[0], Some(colour));
    }
    text
}

fn node_cells(status: &StatusResponse, standings: &Standings<'_>) -> [String; 6] {
    let role = standings.of(status.node).word();
    let space = status.space.unwrap_or_default();
    [
        status.node.to_string(),
        status.address.clone(),
        role.to_owned(),
        status.version.clone(),
        duration(status.uptime_seconds),
        format!("{} of {}", bytes(space.available), bytes(space.total)),
    ]
}

fn group_cells(name: &str, node: u64, role: &str, replica: &GroupStatus) -> [String; 9] {
    [
        name.to_owned(),
        node.to_string(),
        role.to_owned(),
        replica.term.to_string(),
        replica.last_log_index.to_string(),
        replica.committed_index.to_string(),
        replica.applied_index.to_string(),
        replica.snapshot_index.to_string(),
        replica.sessions.to_string(),
    ]
}

pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

fn as_json(heard: &[Heard], health: &Health) -> Value {
    let answering: Vec<&StatusResponse> = answering(heard).collect();
    let standings = Standings::new(&answering);
    let nodes = heard.iter().map(|one| match &one.status {
        Err(reason) => json!({ "address": one.address, "error": reason }),
        Ok(status) => node_json(status, &standings),
    });
    json!({
        "health": health.word(),
        "complaints": health.complaints,
        "nodes": nodes.collect::<Vec<Value>>(),
    })
}

fn node_json(status: &StatusResponse, standings: &Standings<'_>) -> Value {
    let space = status.space.unwrap_or_default();
    let role = standings.of(status.node).word();
    let group = |group| group_json(group, standings.role(status.node, group));
    json!({
        "node": status.node,
        "address": status.address,
        "role": role,
        "cluster": cluster_id(status),
        "version": status.version,
        "uptime_seconds": status.uptime_seconds,
        "space": { "total": space.total, "available": space.available, "reserve": space.reserve },
        "fault": status.fault,
        "groups": status.groups.iter().map(group).collect::<Vec<Value>>(),
    })
}

/// The number of its cluster, as people see it.
pub(crate) fn cluster_id(status: &StatusResponse) -> String {
    let cluster = <[u8; 16]>::try_from(status.cluster_id.as_ref()).map(u128::from_be_bytes);
    cluster.map_or_else(|_| String::new(), |id| format!("{id:032x}"))
}

fn group_json(group: &GroupStatus, role: &str) -> Value {
    let peers = group.peers.iter().map(|peer| {
        json!({
            "node": peer.node,
            "matched_index": peer.matched_index,
            "lag": group.last_log_index.saturating_sub(peer.matched_index),
            "silent_milliseconds": peer.silent_milliseconds,
        })
    });
    json!({
        "group": group.group,
        "name": group.name,
        "role": role,
        "leader": group.leader,
        "term": group.term,
        "last_log_index": group.last_log_index,
        "committed_index": group.committed_index,
        "applied_index": group.applied_index,
        "snapshot_index": group.snapshot_index,
        "purged_index": group.purged_index,
        "voters": group.voters,
        "learners": group.learners,
        "peers": peers.collect::<Vec<Value>>(),
        "sessions": group.sessions,
        "fault": group.fault,
    })
}

#[cfg(test)]
mod tests;
