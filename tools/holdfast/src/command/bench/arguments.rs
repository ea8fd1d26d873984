//! The command line of `holdfast bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;

use super::operation::Operation;
use crate::tls_arguments::TlsArguments;

/// Most threads a run may ask for: beyond that the scheduler is measured, not the filesystem.
const THREADS_MAX: usize = 1_024;

/// Measure metadata operations in any directory, on any filesystem, or of a cluster without a mount
///
/// Works in a directory of its own, DIR/holdfast-bench-PID, and removes it at the end, also after ^C or an error.
///
/// With several directories each operation is measured in turns (A B A B ...), for `--rounds` rounds; the
/// figures are medians, with the ratio to the first directory. Their filesystems are flushed (syncfs)
/// before each phase then, so that none pays for what another one left to be written.
///
/// Operations run as a program would run them, with full paths, kernel caches included: `stat` of a file that the
/// kernel remembers costs no filesystem anything. What people call uncached is `stat-cold` and `readdir-cold`:
/// they need root, since they drop the caches of the whole machine before each pass.
///
/// With `--cluster` no kernel takes part: clients send the nodes what a mount would, from one thread, each
/// its next operation when its last one is answered, and all of them over one connection unless
/// `--connections` says otherwise. `create` is the command of `open(O_CREAT|O_EXCL)`, `stat` is one
/// lookup of a name, and `unlink` leaves the inode for the cluster to reclaim, as a mount does.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BenchArguments {
    /// Directories to measure; the first one is what the others are compared with
    #[arg(
        value_name = "DIR",
        required_unless_present = "cluster",
        conflicts_with = "cluster"
    )]
    pub(super) directories: Vec<PathBuf>,

    /// Nodes of a cluster, separated by commas, whose volume is measured instead of a directory
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',')]
    pub(super) cluster: Vec<String>,

    #[command(flatten)]
    pub(super) tls: TlsArguments,

    /// Which volume of the cluster [default: default]
    #[arg(long, value_name = "NAME", conflicts_with = "directories")]
    pub(super) volume: Option<String>,

    /// Spread the clients of a cluster over so many connections, as that many mounts would [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "directories", value_parser = threads)]
    connections: Option<NonZeroUsize>,

    /// Numbers of threads to measure with; of clients, for a cluster
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1,16", value_parser = threads)]
    pub(super) threads: Vec<NonZeroUsize>,

    /// Operations to measure, in this order [default: all that need no root; create, mkdir, stat, rename,
    /// unlink and rmdir for a cluster, which has no others]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    ops: Vec<Operation>,

    /// How long each phase is timed
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    pub(super) seconds: Duration,

    /// Do this many operations a thread or client in each phase, however long they take
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,

    /// How often everything is measured [default: 5 with several directories, else 1]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rounds: Option<u32>,

    /// Let all threads or clients work in one shared directory instead of one each
    #[arg(long)]
    pub(super) shared: bool,

    /// How many files a listed directory holds (readdir, readdir-cold)
    #[arg(long, value_name = "N", default_value = "1000", conflicts_with = "cluster", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) entries: u64,

    /// Print JSON for scripts instead of a table
    #[arg(long)]
    pub(super) json: bool,

    /// Draw the figures as well, as a picture for browsers (SVG)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) plot: Option<PathBuf>,
}

impl BenchArguments {
    pub(super) fn operations(&self) -> Vec<Operation> {
        if !self.ops.is_empty() {
            self.ops.clone()
        } else if self.cluster.is_empty() {
            Operation::DEFAULT.to_vec()
        } else {
            Operation::OF_CLUSTERS.to_vec()
        }
    }

    /// None where a directory is measured.
    pub(super) fn connections(&self) -> Option<usize> {
        let connections = self.connections.map_or(1, NonZeroUsize::get);
        (!self.cluster.is_empty()).then_some(connections)
    }
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.trim()
        .parse::<NonZeroUsize>()
        .ok()
        .filter(|threads| threads.get() <= THREADS_MAX)
        .ok_or_else(|| format!("it is a number from 1 to {THREADS_MAX}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "a time in seconds is above 0, as in 2 or 0.5".to_owned())
}
