//! What a run came to: the medians of its rounds, and what `--json` prints.

use anyhow::Context;
use serde::Serialize;

use super::arguments::BenchArguments;
use super::histogram::Histogram;
use super::phase::Measured;
use super::plan::Group;
use super::target::Description;

/// The whole run, as scripts get it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) version: &'static str,
    pub(super) kernel: String,
    pub(super) processors: usize,
    /// Timed seconds a phase, when it was limited by time.
    pub(super) seconds: Option<f64>,
    /// Operations a client and phase, when it was limited by number.
    pub(super) count: Option<u64>,
    pub(super) rounds: u32,
    pub(super) shared: bool,
    pub(super) entries: u64,
    /// Sessions that the clients of a cluster share.
    pub(super) connections: Option<usize>,
    /// What a client is called.
    #[serde(skip)]
    pub(super) client: &'static str,
    pub(super) targets: Vec<Description>,
    pub(super) results: Vec<Entry>,
}

/// One operation, number of clients and target.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) operation: String,
    /// How many clients: threads, where a directory was measured.
    pub(super) threads: usize,
    pub(super) target: String,
    /// What `per_second` counts: `operations` or `entries`.
    pub(super) unit: &'static str,
    /// The median of the rounds.
    pub(super) per_second: f64,
    /// `per_second` of each round, in order.
    pub(super) rounds: Vec<f64>,
    /// Latencies over all rounds, in microseconds.
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) max_us: f64,
    /// `per_second` as a multiple of the first target's.
    pub(super) ratio: f64,
}

impl Report {
    pub(super) fn new(
        arguments: &BenchArguments,
        rounds: u32,
        client: &'static str,
        targets: Vec<Description>,
    ) -> anyhow::Result<Report> {
        let kernel = nix::sys::utsname::uname().context("cannot ask for the kernel's name")?;
        Ok(Report {
            version: env!("CARGO_PKG_VERSION"),
            kernel: kernel.release().to_string_lossy().into_owned(),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            seconds: arguments
                .count
                .is_none()
                .then_some(arguments.seconds.as_secs_f64()),
            count: arguments.count,
            rounds,
            shared: arguments.shared,
            entries: arguments.entries,
            connections: arguments.connections(),
            client,
            targets,
            results: Vec::new(),
        })
    }
}

impl Entry {
    /// The results of a group: one a target, each with the rounds of that target.
    pub(super) fn group(
        group: Group,
        targets: &[Description],
        measured: &[Vec<Measured>],
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = targets
            .iter()
            .zip(measured)
            .map(|(target, rounds)| Entry::new(group, target, rounds))
            .collect();
        let first = entries.first().map_or(0.0, |entry| entry.per_second);
        for entry in &mut entries {
            entry.ratio = if first > 0.0 {
                entry.per_second / first
            } else {
                0.0
            };
        }
        entries
    }

    fn new(group: Group, target: &Description, measured: &[Measured]) -> Entry {
        let mut latencies = Histogram::new();
        for round in measured {
            latencies.merge(&round.latencies);
        }
        let rounds: Vec<f64> = measured.iter().map(Measured::per_second).collect();
        let microseconds = |latency: std::time::Duration| latency.as_secs_f64() * 1e6;
        Entry {
            operation: group.operation.to_string(),
            threads: group.clients,
            target: target.name.clone(),
            unit: group.operation.unit(),
            per_second: median(&rounds),
            rounds,
            p50_us: microseconds(latencies.percentile(50)),
            p99_us: microseconds(latencies.percentile(99)),
            max_us: microseconds(latencies.max()),
            ratio: 1.0,
        }
    }
}

/// The middle value; the mean of the two middle ones of an even number; zero of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (length, middle) if length % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::operation::Operation;
    use super::*;

    fn round(units: u64) -> Measured {
        let mut latencies = Histogram::new();
        latencies.record(Duration::from_micros(units));
        Measured {
            units,
            elapsed: Duration::from_secs(2),
            latencies,
        }
    }

    #[test]
    fn the_median_ignores_the_order_and_the_outlier() {
        assert!((median(&[3.0, 900.0, 1.0]) - 3.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).abs() < 1e-9);
    }

    #[test]
    fn a_target_is_compared_with_the_first_by_their_medians() {
        let group = Group {
            operation: Operation::Create,
            clients: 4,
        };
        let targets = ["/a", "/b"].map(|name| Description {
            name: name.to_owned(),
            kind: "ext4".to_owned(),
        });
        let measured = [
            vec![round(100), round(200), round(10)],
            vec![round(50), round(50), round(90)],
        ];
        let entries = Entry::group(group, &targets, &measured);
        assert_eq!(
            (entries[0].operation.as_str(), entries[0].threads),
            ("create", 4)
        );
        assert!((entries[0].per_second - 50.0).abs() < 1e-9);
        assert!((entries[1].per_second - 25.0).abs() < 1e-9);
        assert!((entries[0].ratio - 1.0).abs() < 1e-9);
        assert!((entries[1].ratio - 0.5).abs() < 1e-9);
        assert!((entries[0].max_us - 200.0).abs() < 1e-9);
        assert_eq!(entries[1].rounds.len(), 3);
    }
}
