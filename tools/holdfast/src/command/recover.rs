//! `holdfast recover`: a cluster that lost its quorum for ever goes on from one node.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use holdfast_metadata::Timestamp;
use holdfast_replicator::{Recovery, SurveyedGroup};
use tokio::runtime::Builder;

use crate::{clock, data_path, listed};

/// So many digits of the id of the cluster say that its owner has looked.
const TYPED_DIGITS: usize = 8;

/// Look at what a stopped node has, and make a new cluster of it when the quorum of its cluster is lost for ever.
///
/// Without --force-new-cluster it only shows what is there: for each group the term and the index of the last entry of its log, and who
/// voted. Of several nodes the one whose TERM is greatest has most; among equal ones that with the greatest LOG. Nothing is changed that a
/// start of the node would not change.
///
/// With --force-new-cluster the node becomes the only one of a new cluster, with everything that its log has. What the other nodes
/// have acknowledged without it is lost. They must never be started with their old data again; they join with empty
/// directories and other ids. Mounts have to be mounted again. docs/operations/recover.md goes through it step by step.
///
/// If it is cut off, the node does not start until the command was given again.
#[derive(Debug, Args)]
pub(crate) struct RecoverArguments {
    /// The data directory of the node, which must not run
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data: PathBuf,

    /// Make the node the only one of a new cluster; asks whether that is meant
    #[arg(long)]
    force_new_cluster: bool,

    /// Do not ask: the other nodes are lost for ever
    #[arg(long, requires = "force_new_cluster")]
    yes: bool,
}

/// Shows what is there, and does it if that is meant.
pub(crate) fn run(arguments: &RecoverArguments) -> anyhow::Result<()> {
    let cannot = || format!("cannot recover {}", arguments.data.display());
    let data = data_path::resolve(&arguments.data).with_context(cannot)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let recovery = runtime.block_on(Recovery::open(&data));
    let recovery = recovery.with_context(cannot)?;
    let mut output = io::stdout().lock();
    write!(output, "{}", told(&recovery))?;
    if !arguments.force_new_cluster {
        writeln!(
            output,
            "Nothing was changed. To make this node the only one of a new cluster: --force-new-cluster"
        )?;
        return Ok(());
    }
    if !arguments.yes {
        confirm(&mut output, &recovery.cluster())?;
    }
    let (node, old) = (recovery.node(), recovery.cluster());
    let (address, lost) = (recovery.address().to_owned(), recovery.others());
    let made = runtime.block_on(recovery.force_new_cluster());
    let cluster = made.with_context(|| {
        format!(
            "the recovery of {} did not come to its end: mend what is wrong and give the command again",
            data.display()
        )
    })?;
    let data = data.display();
    let lost = named(&lost);
    write!(
        output,
        "\nnode {node} is the only one of cluster {cluster} now, which was {old}.\n\
         1. Start it as before: holdfast serve --id {node} --data {data} ...\n\
         2. Never start the old {lost} with the old data again: they would go on as the old cluster.\n\
         3. Let others join with ids that were never used and empty directories: holdfast serve --id N --data EMPTY --join {address}\n\
         4. Unmount every mount of the old cluster and mount it again.\n"
    )?;
    Ok(())
}

/// What is there, and what it would mean.
fn told(recovery: &Recovery) -> String {
    let node = recovery.node();
    let mut text = format!("node {node} of cluster {}\n\n", recovery.cluster());
    if recovery.was_cut_off() {
        text.insert_str(
            0,
            "A recovery was cut off here: it must be brought to its end with --force-new-cluster.\n\n",
        );
    }
    let title = ["GROUP", "TERM", "LOG", "APPLIED", "VOTED", "LAST CHANGE"];
    let rows = recovery.survey().iter().map(cells);
    for row in std::iter::once(title.map(str::to_owned)).chain(rows) {
        let [group, term, log, applied, voted, change] = row;
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            text,
            "{group:<20}  {term:>6}  {log:>10}  {applied:>10}  {voted:<12}  {change}"
        );
    }
    let others = named(&recovery.others());
    let _infallible = write!(
        text,
        "\nWhat may be lost: changes that {others} acknowledged and this log does not have. If the data of one of them can still be \
         read, look at it in the same way: recover from the one with the greatest TERM, among equals with the greatest LOG.\n\
         Afterwards the old data of the others must never be started again.\n\n"
    );
    text
}

fn named(others: &[u64]) -> String {
    match others {
        [] => "other nodes".to_owned(),
        others => listed::nodes(others),
    }
}

fn cells(group: &SurveyedGroup) -> [String; 6] {
    let name = group.name.clone();
    let Some(log) = &group.log else {
        let nothing = "nothing of it is here: it begins empty".to_owned();
        return [
            name,
            "-".into(),
            "-".into(),
            "-".into(),
            "-".into(),
            nothing,
        ];
    };
    let voters: Vec<String> = log.voters.iter().map(ToString::to_string).collect();
    [
        name,
        log.term.to_string(),
        log.last.to_string(),
        log.applied.to_string(),
        voters.join(","),
        log.last_change.map_or_else(|| "-".to_owned(), shown),
    ]
}

fn shown(time: Timestamp) -> String {
    let (day, time) = clock::utc(time.seconds);
    format!("{day} {time} UTC")
}

/// Whoever confirms has looked at what is told.
fn confirm(output: &mut impl Write, cluster: &str) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        bail!("this gives up what only the other nodes have: say --yes if that is meant");
    }
    write!(
        output,
        "Type the first {TYPED_DIGITS} digits of the id of the cluster to go on: "
    )?;
    output.flush()?;
    let mut typed = String::new();
    io::stdin().read_line(&mut typed)?;
    if typed.trim() != &cluster[..TYPED_DIGITS] {
        bail!("that is not how {cluster} begins: nothing was changed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_second() {
        let time = Timestamp {
            seconds: 1_795_337_523,
            nanoseconds: 999_999_999,
        };
        assert_eq!(shown(time), "2026-11-22 08:52:03 UTC");
    }
}
