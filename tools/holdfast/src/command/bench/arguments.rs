//! The command line of `holdfast bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::operation::Operation;

/// Most threads a run may ask for: beyond that the scheduler is measured, not the filesystem.
const THREADS_MAX: usize = 1_024;

/// Measure metadata operations in any directory, on any filesystem
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
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BenchArguments {
    /// Directories to measure; the first one is what the others are compared with
    #[arg(value_name = "DIR", required = true)]
    pub(super) directories: Vec<PathBuf>,

    /// Numbers of threads to measure with
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1,16", value_parser = threads)]
    pub(super) threads: Vec<NonZeroUsize>,

    /// Operations to measure, in this order
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum, default_values_t = Operation::DEFAULT)]
    pub(super) ops: Vec<Operation>,

    /// How long each phase is timed
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    pub(super) seconds: Duration,

    /// Do this many operations a thread in each phase, however long they take
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,

    /// How often everything is measured [default: 5 with several directories, else 1]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rounds: Option<u32>,

    /// Let all threads work in one shared directory instead of one each
    #[arg(long)]
    pub(super) shared: bool,

    /// How many files a listed directory holds (readdir, readdir-cold)
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) entries: u64,

    /// Print JSON for scripts instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.trim()
        .parse::<NonZeroUsize>()
        .ok()
        .filter(|threads| threads.get() <= THREADS_MAX)
        .ok_or_else(|| format!("a number of threads is 1 to {THREADS_MAX}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "a time in seconds is above 0, as in 2 or 0.5".to_owned())
}
