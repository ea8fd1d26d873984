//! The settings of `holdfast serve`: defaults, then the file, then the environment, then flags; later ones win.

mod limits;

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use holdfast_metadata::TableCache;
use holdfast_replicator::{Limits, ReadMode, SnapshotOptions, Timing};
use serde::{Deserialize, Serialize};

use self::limits::LimitsSection;
use crate::command::serve::ServeArguments;
use crate::logging::LogSettings;

/// Where a node listens when nothing else is said.
const PORT: u16 = 7420;

/// A call that takes a node longer is logged, unless something else is said.
const SLOW_OPERATION_MS: u64 = 1000;
/// Changes of a volume that are remembered for those who watch.
const CHANGES: usize = 65_536;
const CHANGES_MAX: usize = 1 << 24;
/// Less is not enough for the indexes of few tables.
const CACHE_MIB_MIN: usize = 8;
const CACHE_MIB_MAX: usize = 1 << 20;

/// A leader must be replaced well within a session lease.
const LEASE_ELECTIONS: u32 = 4;

/// No time of the settings is longer: a clock has an end, and what lies behind it would not be reached but overflow.
const TIME_MAX: Duration = Duration::from_secs(u32::MAX as u64);

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
    pub(crate) mount: Vec<PathBuf>,
    /// Whether anything says that this is a node of a cluster.
    pub(crate) is_of_cluster: bool,
    pub(crate) reads: ReadModeName,
    pub(crate) insecure_no_tls: bool,
    pub(crate) tls: Option<PathBuf>,
    pub(crate) timing: Timing,
    pub(crate) snapshots: SnapshotOptions,
    pub(crate) log: LogSettings,
    pub(crate) slow_operation: Duration,
    pub(crate) changes: usize,
    pub(crate) cache_mib: usize,
    pub(crate) limits: Limits,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterSection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsSection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing: Option<TimingSection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshots: Option<SnapshotSection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsSection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// Also of a filesystem of this machine alone.
    log: Option<LogSettings>,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mount: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure_no_tls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_operation_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_mib: Option<usize>,
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
#[serde(deny_unknown_fields)]
struct TlsSection {
    directory: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "people write the unit")]
struct TimingSection {
    heartbeat_ms: u64,
    election_min_ms: u64,
    election_max_ms: u64,
    session_lease_ms: u64,
}

impl Default for TimingSection {
    fn default() -> TimingSection {
        let timing = Timing::default();
        TimingSection {
            heartbeat_ms: timing.heartbeat.as_millis() as u64,
            election_min_ms: timing.election_min.as_millis() as u64,
            election_max_ms: timing.election_max.as_millis() as u64,
            session_lease_ms: timing.session_lease.as_millis() as u64,
        }
    }
}

impl From<TimingSection> for Timing {
    fn from(section: TimingSection) -> Timing {
        Timing {
            heartbeat: Duration::from_millis(section.heartbeat_ms),
            election_min: Duration::from_millis(section.election_min_ms),
            election_max: Duration::from_millis(section.election_max_ms),
            session_lease: Duration::from_millis(section.session_lease_ms),
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

impl From<SnapshotSection> for SnapshotOptions {
    fn from(section: SnapshotSection) -> SnapshotOptions {
        SnapshotOptions {
            entries: section.entries,
            interval: Duration::from_secs(section.interval_seconds),
            spacing: Duration::from_secs(section.spacing_seconds),
            keep: section.keep,
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
            tls,
            timing,
            snapshots,
            limits,
            log,
        } = file;
        let is_of_cluster = arguments.speak_of_cluster()
            || node.speaks_of_cluster()
            || cluster.is_some()
            || tls.is_some()
            || timing.is_some()
            || snapshots.is_some()
            || limits.is_some();
        let cluster = cluster.unwrap_or_default();
        let arguments_say = arguments.bootstrap || !arguments.join.is_empty();
        let slow_operation_ms = node.slow_operation_ms.unwrap_or(SLOW_OPERATION_MS);
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
            mount: if arguments.mount.is_empty() {
                node.mount
            } else {
                arguments.mount.clone()
            },
            is_of_cluster,
            reads: arguments.reads.or(cluster.reads).unwrap_or_default(),
            insecure_no_tls: arguments.insecure_no_tls || node.insecure_no_tls.unwrap_or_default(),
            tls: arguments.tls.tls.clone().or(tls.map(|tls| tls.directory)),
            timing: Timing::from(timing.unwrap_or_default()),
            snapshots: SnapshotOptions::from(snapshots.unwrap_or_default()),
            slow_operation: Duration::from_millis(slow_operation_ms),
            changes: node.changes.unwrap_or(CHANGES),
            cache_mib: node.cache_mib.unwrap_or(TableCache::BYTES >> 20),
            limits: limits.unwrap_or_default().checked()?,
            log: arguments.log.clone().or(log.unwrap_or_default()),
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.changes <= CHANGES_MAX,
            "[node] changes is at most {CHANGES_MAX}: all of them are in memory"
        );
        ensure!(
            (CACHE_MIB_MIN..=CACHE_MIB_MAX).contains(&self.cache_mib),
            "[node] cache_mib is from {CACHE_MIB_MIN} to {CACHE_MIB_MAX}"
        );
        let Timing {
            heartbeat,
            election_min,
            election_max,
            session_lease,
        } = self.timing;
        ensure!(
            !self.bootstrap || self.join.is_empty(),
            "a node either makes a cluster (bootstrap) or joins one (join), not both"
        );
        ensure!(
            self.tls.is_none() || !self.insecure_no_tls,
            "insecure_no_tls and the directory for tls are given both: with TLS nobody gets in without a certificate"
        );
        let times = [heartbeat, election_min, election_max, session_lease];
        ensure!(
            times.iter().all(|time| *time <= TIME_MAX)
                && self.snapshots.interval <= TIME_MAX
                && self.snapshots.spacing <= TIME_MAX,
            "no time may be longer than {} seconds",
            TIME_MAX.as_secs()
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
            session_lease >= election_max * LEASE_ELECTIONS,
            "timing: the session lease ({} ms) must be at least {LEASE_ELECTIONS} times the longest election timeout \
             ({} ms), or every change of the leader ends sessions",
            session_lease.as_millis(),
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
        if !self.is_of_cluster {
            return self.describe_alone();
        }
        let file = File {
            node: NodeSection {
                id: self.id,
                data: self.data.clone(),
                listen: Some(self.listen),
                advertise: self.advertise.clone(),
                metrics: self.metrics,
                mount: self.mount.clone(),
                insecure_no_tls: Some(self.insecure_no_tls),
                slow_operation_ms: Some(self.slow_operation.as_millis() as u64),
                changes: Some(self.changes),
                cache_mib: Some(self.cache_mib),
            },
            cluster: Some(ClusterSection {
                bootstrap: self.bootstrap,
                join: self.join.clone(),
                as_learner: self.as_learner,
                reads: Some(self.reads),
            }),
            tls: self.tls.clone().map(|directory| TlsSection { directory }),
            timing: Some(TimingSection {
                heartbeat_ms: self.timing.heartbeat.as_millis() as u64,
                election_min_ms: self.timing.election_min.as_millis() as u64,
                election_max_ms: self.timing.election_max.as_millis() as u64,
                session_lease_ms: self.timing.session_lease.as_millis() as u64,
            }),
            snapshots: Some(SnapshotSection {
                entries: self.snapshots.entries,
                interval_seconds: self.snapshots.interval.as_secs(),
                spacing_seconds: self.snapshots.spacing.as_secs(),
                keep: self.snapshots.keep,
            }),
            limits: Some(LimitsSection::from(self.limits)),
            log: Some(self.log.clone()),
        };
        let mut text = toml::to_string(&file).context("cannot write the settings")?;
        if !self.listen.ip().is_loopback() && !self.insecure_no_tls && self.tls.is_none() {
            writeln!(
                text,
                "\n# serve will refuse this: {} needs a directory for tls, or insecure_no_tls",
                self.listen
            )?;
        }
        Ok(text)
    }

    /// The same for a filesystem of this machine alone, which has fewer.
    fn describe_alone(&self) -> anyhow::Result<String> {
        let file = File {
            node: NodeSection {
                data: self.data.clone(),
                metrics: self.metrics,
                mount: self.mount.clone(),
                cache_mib: Some(self.cache_mib),
                ..NodeSection::default()
            },
            log: Some(self.log.clone()),
            ..File::default()
        };
        let text = toml::to_string(&file).context("cannot write the settings")?;
        Ok(format!(
            "# no [cluster]: a filesystem of this machine alone, as holdfast mount makes it\n{text}"
        ))
    }
}

impl NodeSection {
    /// What only a node of a cluster has.
    fn speaks_of_cluster(&self) -> bool {
        self.id.is_some()
            || self.listen.is_some()
            || self.advertise.is_some()
            || self.insecure_no_tls.is_some()
            || self.slow_operation_ms.is_some()
            || self.changes.is_some()
    }
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the settings in {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not understood", path.display()))
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
