//! `holdfast fsck --cluster`: every replica of every group, each checked by its own node at one place in the log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use futures_util::future::join_all;
use holdfast_proto::check_client::CheckClient;
use holdfast_proto::{CheckPart, CheckRequest, StatusResponse, check_part};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tonic::{Code, Streaming};

use super::{Finding, FsckArguments};
use crate::cluster::{Cluster, Heard, nobody, refused, request};

/// How long a node may say nothing.
const SILENCE: Duration = Duration::from_mins(2);
/// How long it is tried to find all replicas at one index.
const MEETING: Duration = Duration::from_mins(1);
/// The rule that says that replicas are alike.
const REPLICAS: &str = "replicas";

/// What is known of a cluster.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    /// What could not be looked at, a line each.
    pub(super) unknown: Vec<String>,
    /// What was looked at, a line each.
    pub(super) looked_at: Vec<String>,
}

/// A group, and who has a replica of it.
struct Group {
    number: u64,
    name: String,
    /// Nodes with their addresses.
    nodes: BTreeMap<u64, String>,
}

/// What a node says of its replica.
struct Replica {
    node: u64,
    findings: Vec<(String, String)>,
    digest: Vec<u8>,
}

type Answer = (u64, Result<Streaming<CheckPart>, tonic::Status>);

/// Checks the volume that was named, or everything.
pub(super) fn check(arguments: &FsckArguments) -> anyhow::Result<Checked> {
    let cluster = arguments.cluster.connect_in_background()?;
    cluster.run(async {
        let heard = cluster.statuses().await?;
        let mut checked = Checked::default();
        let groups = groups(&heard, arguments.volume.as_deref(), &mut checked.unknown)?;
        for group in groups {
            check_group(&cluster, &group, &mut checked).await?;
        }
        Ok(checked)
    })
}

fn groups(
    heard: &[Heard],
    volume: Option<&str>,
    unknown: &mut Vec<String>,
) -> anyhow::Result<Vec<Group>> {
    let mut groups: BTreeMap<u64, Group> = BTreeMap::new();
    for one in heard {
        let status = match &one.status {
            Ok(status) => status,
            Err(reason) => {
                unknown.push(format!("{}: {reason}", one.address));
                continue;
            }
        };
        for replica in &status.groups {
            if volume.is_some_and(|volume| replica.group == 0 || replica.name != volume) {
                continue;
            }
            if !replica.fault.is_empty() {
                let (name, node, fault) = (&replica.name, status.node, &replica.fault);
                unknown.push(format!("{name} on node {node}: {fault}"));
                continue;
            }
            let group = groups.entry(replica.group).or_insert_with(|| Group {
                number: replica.group,
                name: replica.name.clone(),
                nodes: BTreeMap::new(),
            });
            group.nodes.insert(status.node, one.address.clone());
        }
    }
    if heard.iter().all(|one| one.status.is_err()) {
        return Err(nobody(heard));
    }
    if let (true, Some(volume)) = (groups.is_empty(), volume) {
        bail!("there is no volume {volume:?}, or its replicas do not run");
    }
    Ok(groups.into_values().collect())
}

async fn check_group(
    cluster: &Cluster,
    group: &Group,
    checked: &mut Checked,
) -> anyhow::Result<()> {
    let (index, streams) = meet(cluster, group).await?;
    let bar = bar(&group.name);
    let replicas = streams
        .into_iter()
        .map(|(node, stream)| read(node, stream, &bar));
    let replicas = join_all(replicas).await;
    bar.finish_and_clear();
    let mut whole = Vec::new();
    for replica in replicas {
        match replica {
            Ok(replica) => whole.push(replica),
            Err((node, status)) if status.code() == Code::DataLoss => {
                checked.findings.push(Finding {
                    rule: "store".to_owned(),
                    detail: format!("{} on node {node}: {}", group.name, status.message()),
                });
            }
            Err((node, status)) => {
                let reason = status.message();
                checked
                    .unknown
                    .push(format!("{} on node {node}: {reason}", group.name));
            }
        }
    }
    let nodes: Vec<u64> = whole.iter().map(|replica| replica.node).collect();
    checked.findings.extend(found(&group.name, &whole));
    checked
        .findings
        .extend(differing(&group.name, index, &whole));
    let nodes = listed(&nodes);
    checked
        .looked_at
        .push(format!("{} on {nodes} at log index {index}", group.name));
    Ok(())
}

/// Brings the replicas to one place in the log: the streams begin there.
async fn meet(
    cluster: &Cluster,
    group: &Group,
) -> anyhow::Result<(u64, Vec<(u64, Streaming<CheckPart>)>)> {
    let deadline = Instant::now() + MEETING;
    let mut seen: Option<(Instant, u64)> = None;
    loop {
        let applied = furthest(cluster, group).await?;
        let now = Instant::now();
        // As far ahead as a second of its progress.
        let ahead = seen.map_or(0, |(then, before)| {
            let milliseconds = (now - then).as_millis() as u64;
            1000 * applied.saturating_sub(before) / milliseconds.max(1)
        });
        seen = Some((now, applied));
        let index = applied + ahead;
        let asked = group
            .nodes
            .iter()
            .map(|(node, address)| ask(cluster, group.number, index, *node, address));
        let mut streams = Vec::new();
        let mut missed = None;
        for (node, answer) in join_all(asked).await {
            match answer {
                Ok(stream) => streams.push((node, stream)),
                Err(status) if is_missed(&status) => missed = Some((node, status)),
                Err(status) => {
                    return Err(refused(&status).context(format!("{} on node {node}", group.name)));
                }
            }
        }
        let Some((node, status)) = missed else {
            return Ok((index, streams));
        };
        if now >= deadline {
            return Err(anyhow!(
                "the replicas of {} do not come to one place in the log: node {node}: {}: try again when less is written",
                group.name,
                status.message()
            ));
        }
    }
}

/// Another place may do better, and so may another moment: the check before this one ends when its node notices.
fn is_missed(status: &tonic::Status) -> bool {
    matches!(
        status.code(),
        Code::OutOfRange | Code::DeadlineExceeded | Code::ResourceExhausted
    )
}

/// What the replica has applied that has applied most.
async fn furthest(cluster: &Cluster, group: &Group) -> anyhow::Result<u64> {
    let heard = cluster.statuses().await?;
    let applied = |status: &StatusResponse| {
        let mut groups = status.groups.iter();
        let group = groups.find(|one| one.group == group.number)?;
        Some(group.applied_index)
    };
    let statuses = heard.iter().filter_map(|one| one.status.as_ref().ok());
    let furthest = statuses.filter_map(applied).max();
    furthest.ok_or_else(|| nobody(&heard))
}

/// Asks a node; answers once its replica is held fast.
async fn ask(cluster: &Cluster, group: u64, index: u64, node: u64, address: &str) -> Answer {
    let asked = async {
        let channel = cluster.channel(address);
        let channel = channel.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
        let check = request(CheckRequest { group, index });
        let answer = CheckClient::new(channel).check(check).await?;
        let mut stream = answer.into_inner();
        match next(&mut stream).await? {
            Some(check_part::Part::Started(_)) => Ok(stream),
            Some(_) | None => Err(tonic::Status::internal("the node sends something else")),
        }
    };
    (node, asked.await)
}

async fn next(
    stream: &mut Streaming<CheckPart>,
) -> Result<Option<check_part::Part>, tonic::Status> {
    match tokio::time::timeout(SILENCE, stream.message()).await {
        Ok(part) => Ok(part?.and_then(|part| part.part)),
        Err(_elapsed) => Err(tonic::Status::unavailable(format!(
            "it has said nothing for {} s",
            SILENCE.as_secs()
        ))),
    }
}

async fn read(
    node: u64,
    mut stream: Streaming<CheckPart>,
    bar: &ProgressBar,
) -> Result<Replica, (u64, tonic::Status)> {
    let mut findings = Vec::new();
    loop {
        match next(&mut stream).await.map_err(|status| (node, status))? {
            Some(check_part::Part::Started(_)) => {}
            Some(check_part::Part::Progress(progress)) => {
                bar.set_length(progress.steps);
                bar.set_position(progress.step.saturating_sub(1));
                let (rule, records) = (progress.rule, progress.records);
                bar.set_message(format!("node {node}: {rule}: {records} records"));
            }
            Some(check_part::Part::Violation(found)) => findings.push((found.rule, found.detail)),
            Some(check_part::Part::Done(done)) => {
                return Ok(Replica {
                    node,
                    findings,
                    digest: done.digest.to_vec(),
                });
            }
            None => {
                let cut_off = tonic::Status::unavailable("the node has broken the check off");
                return Err((node, cut_off));
            }
        }
    }
}

/// What breaks a rule, each once with all nodes that have it, in the order in which it was found.
fn found(group: &str, replicas: &[Replica]) -> Vec<Finding> {
    let mut found: Vec<(&(String, String), Vec<u64>)> = Vec::new();
    for replica in replicas {
        for finding in &replica.findings {
            match found.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, nodes)) => nodes.push(replica.node),
                None => found.push((finding, vec![replica.node])),
            }
        }
    }
    let finding = |((rule, detail), nodes): (&(String, String), Vec<u64>)| Finding {
        rule: rule.clone(),
        detail: format!("{group} on {}: {detail}", listed(&nodes)),
    };
    found.into_iter().map(finding).collect()
}

/// Replicas that are not like most of the others.
fn differing(group: &str, index: u64, replicas: &[Replica]) -> Option<Finding> {
    let mut alike: BTreeMap<&[u8], Vec<u64>> = BTreeMap::new();
    for replica in replicas {
        let nodes = alike.entry(replica.digest.as_slice()).or_default();
        nodes.push(replica.node);
    }
    let mut alike: Vec<(&[u8], Vec<u64>)> = alike.into_iter().collect();
    if alike.len() < 2 {
        return None;
    }
    // The fewest first: they are the odd ones.
    alike.sort_by_key(|(_, nodes)| nodes.len());
    let parts = alike
        .iter()
        .map(|(digest, nodes)| format!("{} has digest {}", listed(nodes), hexadecimal(digest)));
    let parts: Vec<String> = parts.collect();
    Some(Finding {
        rule: REPLICAS.to_owned(),
        detail: format!(
            "{group}: the replicas differ at log index {index}: {}",
            parts.join(", ")
        ),
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    let number = bytes
        .iter()
        .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{number:0width$x}", width = 2 * bytes.len())
}

fn listed(nodes: &[u64]) -> String {
    let numbers: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [one] => format!("node {one}"),
        several => format!("nodes {}", several.join(", ")),
    }
}

/// Draws nothing where standard error is not a terminal.
fn bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {msg} ({elapsed})");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(name.to_owned());
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(node: u64, digest: u8, findings: &[&str]) -> Replica {
        let finding = |detail: &&str| ("names".to_owned(), (*detail).to_owned());
        Replica {
            node,
            findings: findings.iter().map(finding).collect(),
            digest: vec![digest; 2],
        }
    }

    #[test]
    fn what_several_replicas_have_is_told_once() {
        let replicas = [replica(1, 1, &["a"]), replica(2, 1, &["b", "a"])];
        let details: Vec<String> = found("home", &replicas)
            .into_iter()
            .map(|finding| finding.detail)
            .collect();
        assert_eq!(details, ["home on nodes 1, 2: a", "home on node 2: b"]);
    }

    #[test]
    fn the_odd_one_out_is_named_first() {
        assert!(differing("home", 7, &[replica(1, 1, &[]), replica(2, 1, &[])]).is_none());
        let replicas = [replica(1, 1, &[]), replica(2, 9, &[]), replica(3, 1, &[])];
        let finding = differing("home", 7, &replicas).unwrap();
        assert_eq!(
            finding.detail,
            "home: the replicas differ at log index 7: node 2 has digest 0909, nodes 1, 3 has digest 0101"
        );
    }
}
