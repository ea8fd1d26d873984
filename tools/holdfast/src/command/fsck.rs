//! `holdfast fsck`: of a data directory that is not in use, or of a cluster that is.

mod repair;
mod replicas;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueHint};
use holdfast_metadata::invariant::{self, Progress, Violation};
use holdfast_metadata::{Engine, Fault, RocksEngine};
use holdfast_replicator::{DataDirectory, NodeError, OpenError, StoppedNode};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use self::replicas::Checked;
use crate::cluster::ClusterArguments;
use crate::{complain, data_path, mount_table, one_line, takeover};

/// The rule of files that cannot even be read as records.
const STORE: &str = "store";

/// Something is wrong with the data.
const EXIT_VIOLATIONS: u8 = 1;
/// Nothing is known: the data could not be read.
const EXIT_UNCHECKED: u8 = 2;

/// Check a cluster that is in use, or a data directory that is not.
///
/// Every record is read and every rule of the format is checked: link counts, reachability, extents,
/// counters, quotas. What is wrong is listed, one line each.
///
/// With --cluster HOST:PORT every node checks its own replica of every volume, all of them as they were at the same place in the log,
/// and the replicas are compared. A change waits for a moment, a second at most, while a node takes its snapshot. It is for administrators, if the cluster has certificates.
///
/// With --data DIR, the directory of a mount or of a node: it must not be mounted, and the node not run; what only its
/// log has is not looked at.
///
/// Nothing is changed, but for --repair, which mends in the directory of a mount what the other records prove: counts, link counts, the lost half of a name. It removes
/// no name and no data: a file without a name comes to /lost+found. It goes by the rules one after the other and stops before what it cannot mend; that and what comes after it is listed.
///
/// Exit code: 0 all is well, 1 something is wrong, 2 could not check, or not all of it.
#[derive(Debug, Args)]
pub(crate) struct FsckArguments {
    #[command(flatten)]
    cluster: ClusterArguments,

    /// A data directory that is not in use, instead of a cluster
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data: Option<PathBuf>,

    /// Mend in the data directory of a mount what can be mended without losing anything
    #[arg(long, conflicts_with = "volume")]
    repair: bool,

    /// Only this volume of the cluster
    #[arg(long, value_name = "NAME", conflicts_with = "data")]
    volume: Option<String>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// The result as scripts read it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a [String]>,
    /// Missing when it could not be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    clean: Option<bool>,
    violations: &'a [Finding],
    /// What was wrong and was mended; missing when nothing was to be mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<&'a [Finding]>,
    /// Replicas of a cluster, and what could not be checked of it.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    checked: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unchecked: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Something that is wrong.
#[derive(Debug, Serialize)]
struct Finding {
    /// The rule that is broken; [`STORE`] when the files cannot even be read as records, `replicas` when those of a cluster differ.
    rule: String,
    detail: String,
}

impl From<Violation> for Finding {
    fn from(violation: Violation) -> Finding {
        Finding {
            rule: violation.rule.name().to_owned(),
            detail: violation.detail,
        }
    }
}

impl Checked {
    /// Whether it is well; nothing when not all of it is known.
    fn verdict(&self) -> Option<bool> {
        if !self.findings.is_empty() {
            return Some(false);
        }
        self.unknown.is_empty().then_some(true)
    }
}

/// Checks, prints what was found, and says it as an exit code.
pub(crate) fn run(arguments: &FsckArguments) -> ExitCode {
    let checked = check(arguments);
    let printed = match &checked {
        checked if arguments.json => print_json(arguments, checked),
        Ok(checked) => print_lines(arguments, checked),
        Err(_) => Ok(()),
    };
    match (checked, printed) {
        (Ok(checked), Ok(())) => match checked.verdict() {
            Some(true) => ExitCode::SUCCESS,
            Some(false) => ExitCode::from(EXIT_VIOLATIONS),
            None => ExitCode::from(EXIT_UNCHECKED),
        },
        (Err(error), _) => {
            complain("holdfast", &error);
            ExitCode::from(EXIT_UNCHECKED)
        }
        (Ok(_), Err(error)) => {
            complain("holdfast", &error.into());
            ExitCode::from(EXIT_UNCHECKED)
        }
    }
}

/// What is wrong; an error when that cannot be known.
fn check(arguments: &FsckArguments) -> anyhow::Result<Checked> {
    let findings = match &arguments.data {
        Some(data) if arguments.repair => return repair::repair(data),
        Some(data) => check_directory(data)?,
        None if arguments.cluster.cluster.is_empty() => {
            bail!("check what? Say --cluster HOST:PORT, or --data DIR")
        }
        None if arguments.repair => return Err(repair::not_in_a_cluster("a cluster")),
        None => return replicas::check(arguments).context("cannot check the cluster"),
    };
    Ok(Checked {
        findings,
        ..Checked::default()
    })
}

/// What is wrong with a directory.
fn check_directory(given: &Path) -> anyhow::Result<Vec<Finding>> {
    let cannot = || format!("cannot check {}", given.display());
    let data = data_path::resolve(given).with_context(cannot)?;
    if let Some(node) = StoppedNode::open(&data).with_context(cannot)? {
        return check_node(&node).with_context(cannot);
    }
    let open = || DataDirectory::open_read_only(&data);
    match opened(open).with_context(cannot)? {
        Ok(directory) => check_mount(&directory).with_context(cannot),
        Err(damage) => Ok(damage),
    }
}

/// A data directory, or what of its own files is damaged.
fn opened(
    open: impl FnMut() -> Result<DataDirectory, OpenError>,
) -> anyhow::Result<Result<DataDirectory, Vec<Finding>>> {
    or_damage(takeover::open(open, || true))
}

/// What is missing in its store that is known to have been durable.
fn missing(directory: &DataDirectory) -> anyhow::Result<Vec<Finding>> {
    let missing = or_damage(directory.check_durable())?;
    Ok(missing.err().unwrap_or_default())
}

fn or_damage<T>(opened: Result<T, OpenError>) -> anyhow::Result<Result<T, Vec<Finding>>> {
    match opened {
        Ok(opened) => Ok(Ok(opened)),
        Err(OpenError::Corrupt { what, detail, .. }) => Ok(Err(store_damaged(&what, &detail))),
        Err(error) => Err(advise(error)),
    }
}

/// What is wrong with the volume of a mount.
fn check_mount(directory: &DataDirectory) -> anyhow::Result<Vec<Finding>> {
    let mut findings = missing(directory)?;
    let found = match check_store(&directory.store()) {
        // It is damaged so that no more can be read.
        Err(_) if !findings.is_empty() => Vec::new(),
        found => found?,
    };
    // What keeps the store from being read is told once.
    let is_told = !findings.is_empty();
    let more = found.into_iter();
    findings.extend(more.filter(|finding| !is_told || finding.rule != STORE));
    Ok(findings)
}

/// What is wrong with the volumes of a node.
fn check_node(node: &StoppedNode) -> anyhow::Result<Vec<Finding>> {
    let volumes = match node.volumes() {
        Ok(volumes) => volumes,
        Err(NodeError::Corrupt { path, detail }) => {
            return Ok(store_damaged(&path.display().to_string(), &detail));
        }
        Err(error) => return Err(error.into()),
    };
    let mut findings = Vec::new();
    for volume in volumes {
        let found = check_store(&volume.store)?.into_iter();
        findings.extend(found.map(|finding| Finding {
            rule: finding.rule,
            detail: format!("volume {}: {}", volume.number, finding.detail),
        }));
    }
    Ok(findings)
}

/// What is wrong with one state.
fn check_store(store: &Path) -> anyhow::Result<Vec<Finding>> {
    match check_records(store) {
        Err(Fault::Corrupt { what, detail }) => Ok(store_damaged(&what, &detail)),
        Err(fault @ (Fault::NoSpace | Fault::Io(_))) => Err(fault.into()),
        Ok(violations) => Ok(violations.into_iter().map(Finding::from).collect()),
    }
}

/// Whoever checks is looking for what is there: the advice to choose a new directory is for mount.
fn advise(error: OpenError) -> anyhow::Error {
    let path = match &error {
        OpenError::NotADataDirectory(path) | OpenError::NotADirectory(path) => path,
        OpenError::InUse { .. }
        | OpenError::OtherFormat { .. }
        | OpenError::Corrupt { .. }
        | OpenError::LoadCutOff(_)
        | OpenError::ReadOnly(_)
        | OpenError::NoSpace(_)
        | OpenError::NotFound(_)
        | OpenError::PermissionDenied(_)
        | OpenError::Io { .. } => return takeover::explain(error),
    };
    let shown = path.display();
    match mount_table::find(path) {
        Ok(Some(mount)) if mount.is_holdfast() => anyhow!(
            "{shown} is where {source} is mounted: unmount it (holdfast umount {shown}) and check \
             its data directory",
            source = mount.source.display()
        ),
        Ok(_) | Err(_) => anyhow!(
            "{shown} is not a data directory of holdfast: give the one that `holdfast mount` named \
             (\"mounted DATA at MOUNTPOINT\"), or that of a node"
        ),
    }
}

fn check_records(store: &Path) -> Result<Vec<Violation>, Fault> {
    let engine = RocksEngine::open_read_only(store)?;
    with_progress(|progress| invariant::check(&engine.view(), progress))
}

/// Draws a bar while it works.
fn with_progress<T>(work: impl FnOnce(&mut dyn FnMut(Progress)) -> T) -> T {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({elapsed})");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let done = work(&mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    done
}

fn store_damaged(what: &str, detail: &str) -> Vec<Finding> {
    let detail = if what == STORE {
        detail.to_owned()
    } else {
        format!("{what}: {detail}")
    };
    vec![Finding {
        rule: STORE.to_owned(),
        detail,
    }]
}

/// Draws nothing where standard error is not a terminal.
fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.steps as u64);
    bar.set_position(progress.step.saturating_sub(1) as u64);
    bar.set_message(format!("{}: {} records", progress.rule, progress.records));
}

fn print_lines(arguments: &FsckArguments, checked: &Checked) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in &checked.looked_at {
        writeln!(output, "checked {line}")?;
    }
    for finding in &checked.repaired {
        writeln!(output, "repaired {}: {}", finding.rule, finding.detail)?;
    }
    for finding in &checked.findings {
        writeln!(output, "{}: {}", finding.rule, finding.detail)?;
    }
    for line in &checked.unknown {
        writeln!(output, "not checked: {line}")?;
    }
    let what = match &arguments.data {
        Some(data) => data.display().to_string(),
        None => "the cluster".to_owned(),
    };
    let left = if checked.repaired.is_empty() {
        ""
    } else {
        " left"
    };
    match checked.findings.len() {
        0 if checked.unknown.is_empty() => writeln!(output, "{what} is clean"),
        0 => writeln!(output, "{what}: nothing is wrong in what was checked"),
        1 => writeln!(output, "{what}: 1 violation{left}"),
        count => writeln!(output, "{what}: {count} violations{left}"),
    }
}

fn print_json(arguments: &FsckArguments, checked: &anyhow::Result<Checked>) -> io::Result<()> {
    let data = arguments.data.as_ref();
    let cluster = data
        .is_none()
        .then_some(arguments.cluster.cluster.as_slice());
    let known = checked.as_ref().ok();
    let report = Report {
        data: data.map(|data| data.to_string_lossy().into_owned()),
        cluster,
        clean: known.and_then(Checked::verdict),
        violations: known.map_or(&[], |checked| &checked.findings),
        repaired: known
            .filter(|_| arguments.repair)
            .map(|checked| checked.repaired.as_slice()),
        checked: known.map_or(&[], |checked| &checked.looked_at),
        unchecked: known.map_or(&[], |checked| &checked.unknown),
        error: checked.as_ref().err().map(one_line),
    };
    let mut output = io::stdout().lock();
    serde_json::to_writer(&mut output, &report)?;
    writeln!(output)
}
