//! How many operations of each kind there were and how long they took, for whoever watches a mount.

use std::array;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds; one more has what is longer.
const BOUNDS_MICROS: [u64; 17] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
    1_000_000, 5_000_000, 30_000_000,
];
const BUCKETS: usize = BOUNDS_MICROS.len() + 1;

/// Every operation of the adapter, sorted.
const OPERATIONS: [&str; 33] = [
    "access",
    "copy_file_range",
    "create",
    "fallocate",
    "flush",
    "fsync",
    "fsyncdir",
    "getattr",
    "getlk",
    "getxattr",
    "ioctl",
    "link",
    "listxattr",
    "lookup",
    "lseek",
    "mkdir",
    "mknod",
    "open",
    "opendir",
    "read",
    "readdir",
    "readdirplus",
    "readlink",
    "removexattr",
    "rename",
    "rmdir",
    "setattr",
    "setlk",
    "setxattr",
    "statfs",
    "symlink",
    "unlink",
    "write",
];

/// What a mount counts. Cloning shares the counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    operations: Arc<[Operation; OPERATIONS.len()]>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            operations: Arc::new(array::from_fn(|_| Operation::default())),
        }
    }
}

/// The counts of one kind.
#[derive(Debug, Default)]
struct Operation {
    buckets: [AtomicU64; BUCKETS],
    micros: AtomicU64,
    failed: AtomicU64,
}

impl Metrics {
    /// An operation was answered; names that are not those of the adapter are not counted.
    pub(crate) fn answered(&self, name: &str, elapsed: Duration, errno: i32) {
        let counted = OPERATIONS
            .binary_search(&name)
            .ok()
            .and_then(|position| self.operations.get(position));
        if let Some(operation) = counted {
            operation.answered(elapsed, errno);
        }
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write(&mut text).ok();
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let counted: Vec<(&str, Counted)> = OPERATIONS
            .into_iter()
            .zip(self.operations.iter().map(Operation::read))
            .collect();
        writeln!(
            text,
            "# HELP holdfast_fuse_operation_seconds How long requests of the kernel took.\n\
             # TYPE holdfast_fuse_operation_seconds histogram"
        )?;
        for (name, counted) in &counted {
            counted.write_histogram(text, name)?;
        }
        writeln!(
            text,
            "# HELP holdfast_fuse_operation_errors_total Requests that were answered with an error, \
             such as ENOENT.\n# TYPE holdfast_fuse_operation_errors_total counter"
        )?;
        for (name, counted) in &counted {
            let failed = counted.failed;
            writeln!(
                text,
                "holdfast_fuse_operation_errors_total{{operation=\"{name}\"}} {failed}"
            )?;
        }
        Ok(())
    }
}

impl Operation {
    fn answered(&self, elapsed: Duration, errno: i32) {
        let micros = elapsed.as_micros() as u64;
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
        if errno != 0 {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Counted {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            buckets: self.buckets.each_ref().map(read),
            micros: read(&self.micros),
            failed: read(&self.failed),
        }
    }
}

/// The counts of one kind at one moment.
#[derive(Debug)]
struct Counted {
    buckets: [u64; BUCKETS],
    micros: u64,
    failed: u64,
}

impl Counted {
    fn write_histogram(&self, text: &mut String, name: &str) -> std::fmt::Result {
        const NAME: &str = "holdfast_fuse_operation_seconds";
        let bounds = BOUNDS_MICROS.map(|micros| Some(seconds(micros)));
        let mut total = 0;
        for (bound, count) in bounds.into_iter().chain([None]).zip(self.buckets) {
            total += count;
            let bound = bound.unwrap_or_else(|| "+Inf".to_owned());
            writeln!(
                text,
                "{NAME}_bucket{{operation=\"{name}\",le=\"{bound}\"}} {total}"
            )?;
        }
        let sum = seconds(self.micros);
        writeln!(text, "{NAME}_sum{{operation=\"{name}\"}} {sum}")?;
        writeln!(text, "{NAME}_count{{operation=\"{name}\"}} {total}")
    }
}

/// Microseconds as seconds, without rounding.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_adapter_is_counted() {
        let source = include_str!("adapter/operations.rs");
        let names: Vec<&str> = source
            .split("call(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(names.len(), OPERATIONS.len());
        for name in names {
            assert!(OPERATIONS.binary_search(&name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_bucket_holds_what_took_no_longer_than_its_bound() {
        let metrics = Metrics::default();
        for (micros, errno) in [(7, 0), (1_000, 0), (1_001, libc::ENOENT), (40_000_000, 0)] {
            metrics.answered("mkdir", Duration::from_micros(micros), errno);
        }
        metrics.answered("unknown", Duration::ZERO, 0);
        let text = metrics.render();
        for line in [
            "holdfast_fuse_operation_seconds_bucket{operation=\"mkdir\",le=\"0.00001\"} 1",
            "holdfast_fuse_operation_seconds_bucket{operation=\"mkdir\",le=\"0.001\"} 2",
            "holdfast_fuse_operation_seconds_bucket{operation=\"mkdir\",le=\"0.0025\"} 3",
            "holdfast_fuse_operation_seconds_bucket{operation=\"mkdir\",le=\"30\"} 3",
            "holdfast_fuse_operation_seconds_bucket{operation=\"mkdir\",le=\"+Inf\"} 4",
            "holdfast_fuse_operation_seconds_sum{operation=\"mkdir\"} 40.002008",
            "holdfast_fuse_operation_seconds_count{operation=\"mkdir\"} 4",
            "holdfast_fuse_operation_errors_total{operation=\"mkdir\"} 1",
            "holdfast_fuse_operation_seconds_count{operation=\"read\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
