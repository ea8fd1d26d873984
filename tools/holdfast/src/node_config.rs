//! The settings of a node: defaults, then the file, then the environment, then flags; later ones win.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use holdfast_replicator::{ReadMode, SnapshotOptions, Timing};
use serde::{Deserialize, Serialize};

use crate::command::serve::ServeArguments;

/// Where a node listens when nothing else is said.
const PORT: u16 = 7420;

/// What a node is told, from all sources.
#[derive(Debug, Clone)]
pub(crate) struct NodeConfig {
    pub(crate) id: Option<u64>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    pub(crate) advertise: Option<String>,
    pub(crate) bootstrap: bool,
    pub(crate) join: Vec<String>,
    pub(crate) as_learner: bool,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) reads: ReadModeName,
    pub(crate) insecure_no_tls: bool,
    pub(crate) timing: Timing,
    pub(crate) snapshots: SnapshotOptions,
}

/// How reads are made linearizable, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReadModeName {
    /// Ask a quorum, once for all reads that wait
    #[default]
    ReadIndex,
    /// Trust the lease: no question, but clocks must run alike
    Lease,
}

impl From<ReadModeName> for ReadMode {
    fn from(name: ReadModeName) -> ReadMode {
        match name {
            ReadModeName::ReadIndex => ReadMode::ReadIndex,
            ReadModeName::Lease => ReadMode::Lease,
        }
    }
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    node: NodeSection,
    cluster: ClusterSection,
    timing: TimingSection,
    snapshots: SnapshotSection,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NodeSection {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertise: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<SocketAddr>,
    insecure_no_tls: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ClusterSection {
    bootstrap: bool,
    join: Vec<String>,
    as_learner: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reads: Option<ReadModeName>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "people write the unit")]
struct TimingSection {
    heartbeat_ms: u64,
    election_min_ms: u64,
    election_max_ms: u64,
}

impl Default for TimingSection {
    fn default() -> TimingSection {
        let timing = Timing::default();
        TimingSection {
            heartbeat_ms: timing.heartbeat.as_millis() as u64,
            election_min_ms: timing.election_min.as_millis() as u64,
            election_max_ms: timing.election_max.as_millis() as u64,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SnapshotSection {
    entries: u64,
    interval_seconds: u64,
    spacing_seconds: u64,
    keep: u64,
}

impl Default for SnapshotSection {
    fn default() -> SnapshotSection {
        let snapshots = SnapshotOptions::default();
        SnapshotSection {
            entries: snapshots.entries,
            interval_seconds: snapshots.interval.as_secs(),
            spacing_seconds: snapshots.spacing.as_secs(),
            keep: snapshots.keep,
        }
    }
}

impl NodeConfig {
    /// Reads all sources; clap has put the environment into the arguments, where flags win over it.
    pub(crate) fn gather(arguments: &ServeArguments) -> anyhow::Result<NodeConfig> {
        let file = match &arguments.config {
            Some(path) => read(path)?,
            None => File::default(),
        };
        let File {
            node,
            cluster,
            timing,
            snapshots,
        } = file;
        let arguments_say = arguments.bootstrap || !arguments.join.is_empty();
        let config = NodeConfig {
            id: arguments.id.or(node.id),
            data: arguments.data.clone().or(node.data),
            listen: arguments
                .listen
                .or(node.listen)
                .unwrap_or_else(|| (Ipv4Addr::LOCALHOST, PORT).into()),
            advertise: arguments.advertise.clone().or(node.advertise),
            bootstrap: if arguments_say {
                arguments.bootstrap
            } else {
                cluster.bootstrap
            },
            join: if arguments_say {
                arguments.join.clone()
            } else {
                cluster.join
            },
            as_learner: arguments.as_learner || cluster.as_learner,
            metrics: arguments.metrics.or(node.metrics),
            reads: arguments.reads.or(cluster.reads).unwrap_or_default(),
            insecure_no_tls: arguments.insecure_no_tls || node.insecure_no_tls,
            timing: Timing {
                heartbeat: Duration::from_millis(timing.heartbeat_ms),
                election_min: Duration::from_millis(timing.election_min_ms),
                election_max: Duration::from_millis(timing.election_max_ms),
            },
            snapshots: SnapshotOptions {
                entries: snapshots.entries,
                interval: Duration::from_secs(snapshots.interval_seconds),
                spacing: Duration::from_secs(snapshots.spacing_seconds),
                keep: snapshots.keep,
            },
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        let Timing {
            heartbeat,
            election_min,
            election_max,
        } = self.timing;
        ensure!(
            !self.bootstrap || self.join.is_empty(),
            "a node either makes a cluster (bootstrap) or joins one (join), not both"
        );
        ensure!(
            Duration::ZERO < heartbeat
                && heartbeat * 2 <= election_min
                && election_min < election_max,
            "timing: the heartbeat ({} ms) must be at most half of the shortest election timeout ({} ms), \
             and that shorter than the longest ({} ms)",
            heartbeat.as_millis(),
            election_min.as_millis(),
            election_max.as_millis()
        );
        ensure!(
            self.snapshots.entries > 0,
            "snapshots: entries must be more than 0"
        );
        Ok(())
    }

    /// All settings as a file would say them.
    pub(crate) fn describe(&self) -> anyhow::Result<String> {
        let file = File {
            node: NodeSection {
                id: self.id,
                data: self.data.clone(),
                listen: Some(self.listen),
                advertise: self.advertise.clone(),
                metrics: self.metrics,
                insecure_no_tls: self.insecure_no_tls,
            },
            cluster: ClusterSection {
                bootstrap: self.bootstrap,
                join: self.join.clone(),
                as_learner: self.as_learner,
                reads: Some(self.reads),
            },
            timing: TimingSection {
                heartbeat_ms: self.timing.heartbeat.as_millis() as u64,
                election_min_ms: self.timing.election_min.as_millis() as u64,
                election_max_ms: self.timing.election_max.as_millis() as u64,
            },
            snapshots: SnapshotSection {
                entries: self.snapshots.entries,
                interval_seconds: self.snapshots.interval.as_secs(),
                spacing_seconds: self.snapshots.spacing.as_secs(),
                keep: self.snapshots.keep,
            },
        };
        let mut text = toml::to_string(&file).context("cannot write the settings")?;
        if !self.listen.ip().is_loopback() && !self.insecure_no_tls {
            writeln!(
                text,
                "\n# serve will refuse this: {} needs insecure_no_tls",
                self.listen
            )?;
        }
        Ok(text)
    }
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the settings in {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not understood", path.display()))
}

#[cfg(test)]
mod tests;
