//! `holdfast fsck --cluster`: every replica of every group, each checked by its own node at one place in the log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::bail;
use futures_util::future::join_all;
use holdfast_proto::check_client::CheckClient;
use holdfast_proto::{CheckPart, CheckRequest, check_part};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tonic::{Code, Streaming};

use super::{Finding, FsckArguments};
use crate::cluster::{Cluster, Heard, nobody, refused, request};
use crate::listed;

/// How long a node may say nothing.
const SILENCE: Duration = Duration::from_mins(2);
/// How long a node may take to begin; less than it waits for somebody to take what it says.
const BEGINNING: Duration = Duration::from_secs(20);
/// How long it is tried to find all replicas at one index.
const MEETING: Duration = Duration::from_mins(1);
/// The rule that says that replicas are alike.
const REPLICAS: &str = "replicas";

/// The rule that says that records can be read.
const STORE: &str = "store";

/// What is known of a cluster.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    /// What was wrong and was mended; never of a cluster.
    pub(super) repaired: Vec<Finding>,
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
    /// Or why it was not looked at to its end.
    digest: Result<Vec<u8>, tonic::Status>,
}

/// What a node answers that is asked for its replica: it goes on with what it finds, or says why not.
type Answer<S = Streaming<CheckPart>> = (u64, Result<S, tonic::Status>);

/// Checks the volume that was named, or everything.
pub(super) fn check(arguments: &FsckArguments) -> anyhow::Result<Checked> {
    let cluster = arguments.cluster.connect_in_background()?;
    cluster.run(async {
        let heard = cluster.statuses().await;
        let mut checked = Checked::default();
        let groups = groups(&heard, arguments.volume.as_deref(), &mut checked.unknown)?;
        for group in groups {
            check_group(&cluster, &group, &mut checked).await;
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

async fn check_group(cluster: &Cluster, group: &Group, checked: &mut Checked) {
    let (index, answers) = meet(cluster, group).await;
    let bar = bar(&group.name);
    let replicas = answers.into_iter().map(|answer| read(answer, &bar));
    let replicas = join_all(replicas).await;
    bar.finish_and_clear();
    checked.add(&group.name, index, replicas);
}

impl Checked {
    /// What was found in the replicas of a group.
    fn add(&mut self, group: &str, index: u64, replicas: Vec<Replica>) {
        self.findings.extend(found(group, &replicas));
        self.findings.extend(differing(group, index, &replicas));
        let mut whole = Vec::new();
        for Replica { node, digest, .. } in replicas {
            let Err(status) = digest else {
                whole.push(node);
                continue;
            };
            let detail = format!("{group} on node {node}: {}", refused(&status));
            if status.code() == Code::DataLoss {
                let rule = STORE.to_owned();
                self.findings.push(Finding { rule, detail });
            } else {
                self.unknown.push(detail);
            }
        }
        if !whole.is_empty() {
            let nodes = listed::nodes(&whole);
            let line = format!("{group} on {nodes} at log index {index}");
            self.looked_at.push(line);
        }
    }
}

/// Brings the replicas to one place in the log, where the streams begin; with those that cannot be looked at.
async fn meet(cluster: &Cluster, group: &Group) -> (u64, Vec<Answer>) {
    let deadline = Instant::now() + MEETING;
    let mut seen: Option<(Instant, u64)> = None;
    let mut failed: Vec<Answer> = Vec::new();
    let mut nodes = group.nodes.clone();
    loop {
        // Before they are asked: one that says nothing takes its time.
        let now = Instant::now();
        let mut furthest = 0;
        for (node, applied) in applied(cluster, group.number, &nodes).await {
            match applied {
                Ok(applied) => furthest = applied.max(furthest),
                Err(reason) => failed.push((node, Err(tonic::Status::unavailable(reason)))),
            }
        }
        forget(&mut nodes, &failed);
        // As far ahead as a second of its progress.
        let ahead = seen.map_or(0, |(then, before)| {
            let milliseconds = (now - then).as_millis() as u64;
            1000 * furthest.saturating_sub(before) / milliseconds.max(1)
        });
        seen = Some((now, furthest));
        let index = furthest + ahead;
        let asked = nodes
            .iter()
            .map(|(node, address)| ask(cluster, group.number, index, *node, address));
        let mut round = Round::of(join_all(asked).await);
        if round.missed.is_empty() || now >= deadline {
            round.give_up();
            failed.extend(round.answers);
            return (index, failed);
        }
        let broken = round
            .answers
            .into_iter()
            .filter(|(_, answer)| answer.is_err());
        failed.extend(broken);
        forget(&mut nodes, &failed);
    }
}

/// Takes away those that will not answer better another time.
fn forget(nodes: &mut BTreeMap<u64, String>, failed: &[Answer]) {
    nodes.retain(|node, _| failed.iter().all(|(gone, _)| gone != node));
}

/// What the nodes answered that were asked for one place.
struct Round<S> {
    /// Those that are there, and those that another place or moment does not help.
    answers: Vec<Answer<S>>,
    /// Those that are not there.
    missed: Vec<(u64, tonic::Status)>,
}

impl<S> Round<S> {
    fn of(all: Vec<Answer<S>>) -> Round<S> {
        let mut round = Round {
            answers: Vec::new(),
            missed: Vec::new(),
        };
        for (node, answer) in all {
            match answer {
                Err(status) if is_missed(&status) => round.missed.push((node, status)),
                answer => round.answers.push((node, answer)),
            }
        }
        round
    }

    /// Goes without those that are not there.
    fn give_up(&mut self) {
        for (node, status) in self.missed.drain(..) {
            let why = format!(
                "it does not come to one place in the log with the others: {}: try again when less is written",
                status.message()
            );
            self.answers
                .push((node, Err(tonic::Status::unavailable(why))));
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

/// What each replica has applied, or why that cannot be known.
async fn applied(
    cluster: &Cluster,
    group: u64,
    nodes: &BTreeMap<u64, String>,
) -> Vec<(u64, Result<u64, String>)> {
    let asked = nodes.iter().map(async |(node, address)| {
        let applied = cluster.status_of(address).await.and_then(|status| {
            let mut groups = status.groups.iter();
            let group = groups.find(|one| one.group == group);
            let gone = || "it has no replica any more".to_owned();
            group.map(|group| group.applied_index).ok_or_else(gone)
        });
        (*node, applied)
    });
    join_all(asked).await
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
    let answer = tokio::time::timeout(BEGINNING, asked).await;
    let late = |_elapsed| Err(tonic::Status::unavailable("it does not begin"));
    (node, answer.unwrap_or_else(late))
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

/// All that a node says.
async fn read((node, answer): Answer, bar: &ProgressBar) -> Replica {
    let mut findings = Vec::new();
    let digest = async {
        let mut stream = answer?;
        loop {
            match next(&mut stream).await? {
                Some(check_part::Part::Started(_)) => {}
                Some(check_part::Part::Progress(progress)) => {
                    bar.set_length(progress.steps);
                    bar.set_position(progress.step.saturating_sub(1));
                    let (rule, records) = (progress.rule, progress.records);
                    bar.set_message(format!("node {node}: {rule}: {records} records"));
                }
                Some(check_part::Part::Violation(found)) => {
                    findings.push((found.rule, found.detail));
                }
                Some(check_part::Part::Done(done)) => return Ok(done.digest.to_vec()),
                None => {
                    return Err(tonic::Status::unavailable(
                        "the node has broken the check off",
                    ));
                }
            }
        }
    };
    let digest = digest.await;
    Replica {
        node,
        findings,
        digest,
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
        detail: format!("{group} on {}: {detail}", listed::nodes(&nodes)),
    };
    found.into_iter().map(finding).collect()
}

/// Replicas that are not like most of the others.
fn differing(group: &str, index: u64, replicas: &[Replica]) -> Option<Finding> {
    let mut alike: BTreeMap<&[u8], Vec<u64>> = BTreeMap::new();
    for Replica { node, digest, .. } in replicas {
        if let Ok(digest) = digest {
            alike.entry(digest).or_default().push(*node);
        }
    }
    let mut alike: Vec<(&[u8], Vec<u64>)> = alike.into_iter().collect();
    if alike.len() < 2 {
        return None;
    }
    // The fewest first: they are the odd ones.
    alike.sort_by_key(|(_, nodes)| nodes.len());
    let parts = alike.iter().map(|(digest, nodes)| {
        format!(
            "{} has digest {}",
            listed::nodes(nodes),
            hexadecimal(digest)
        )
    });
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
        Replica {
            digest: Ok(vec![digest; 2]),
            ..broken(node, tonic::Status::ok(""), findings)
        }
    }

    fn broken(node: u64, status: tonic::Status, findings: &[&str]) -> Replica {
        let finding = |detail: &&str| ("names".to_owned(), (*detail).to_owned());
        Replica {
            node,
            findings: findings.iter().map(finding).collect(),
            digest: Err(status),
        }
    }

    #[test]
    fn what_was_found_is_told_whatever_cannot_be_looked_at() {
        let mut checked = Checked::default();
        checked.add("catalog", 5, vec![replica(1, 1, &[]), replica(2, 1, &[])]);
        let replicas = vec![
            replica(1, 1, &["a"]),
            broken(2, tonic::Status::data_loss("block 7"), &[]),
            broken(3, tonic::Status::unavailable("gone"), &["b"]),
        ];
        checked.add("home", 7, replicas);
        let away = || tonic::Status::unavailable("away");
        checked.add("last", 0, vec![broken(1, away(), &[])]);
        let lines = checked.findings.iter();
        let lines: Vec<String> = lines
            .map(|finding| format!("{}: {}", finding.rule, finding.detail))
            .collect();
        assert_eq!(
            lines,
            [
                "names: home on node 1: a",
                "names: home on node 3: b",
                "store: home on node 2: block 7"
            ]
        );
        assert_eq!(
            checked.unknown,
            ["home on node 3: gone", "last on node 1: away"]
        );
        assert_eq!(
            checked.looked_at,
            [
                "catalog on nodes 1, 2 at log index 5",
                "home on node 1 at log index 7"
            ]
        );
        assert_eq!(checked.verdict(), Some(false));
    }

    #[test]
    fn who_is_there_is_looked_at_though_others_are_not() {
        let passed = tonic::Status::out_of_range("further already");
        let damaged = tonic::Status::data_loss("block 7");
        let all = vec![(1, Ok("stream")), (2, Err(passed)), (3, Err(damaged))];
        let mut round = Round::of(all);
        assert_eq!(round.missed.len(), 1);
        round.give_up();
        let codes = round.answers.iter().map(|(node, answer)| {
            let code = answer.as_ref().map(|_| ()).map_err(tonic::Status::code);
            (*node, code)
        });
        let expected = [
            (1, Ok(())),
            (3, Err(Code::DataLoss)),
            (2, Err(Code::Unavailable)),
        ];
        assert_eq!(codes.collect::<Vec<_>>(), expected);
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
