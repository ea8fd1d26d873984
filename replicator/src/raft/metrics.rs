//! What a node counts, as Prometheus reads it (text format 0.0.4).

use std::fmt::Write as _;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::{Instant as _, RaftMetrics, ServerState};

use super::group::Group;
use super::memory_keeper;
use super::registry::Registry;
use super::type_config::{LogId, TypeConfig};

/// Everything a node counts.
pub(crate) fn render(registry: &Registry) -> String {
    let mut page = Page::default();
    node(&mut page, registry);
    heartbeats(&mut page, registry);
    log(&mut page, registry);
    let state = registry.catalog_state().unwrap_or_default();
    for group in registry.groups() {
        let name = super::status::name(group.id(), &state);
        let labels = format!("group=\"{}\",name=\"{name}\"", group.id());
        raft(&mut page, &labels, &group);
        work(&mut page, &labels, &group);
    }
    page.finish()
}

fn node(page: &mut Page, registry: &Registry) {
    let space = registry.disk().whole();
    page.gauge(
        "holdfast_disk_total_bytes",
        "Size of the disk of the data directory.",
        "",
        space.total,
    );
    page.gauge(
        "holdfast_disk_available_bytes",
        "What is free on it.",
        "",
        space.available,
    );
    page.gauge(
        "holdfast_disk_reserve_bytes",
        "What is kept of it for what frees space.",
        "",
        registry.disk().reserve(),
    );
    page.gauge(
        "holdfast_disk_low",
        "1 while less than the reserve is free: what this node leads takes only what frees space.",
        "",
        u64::from(registry.disk().is_low()),
    );
    page.counter(
        "holdfast_refused_no_space_total",
        "Commands that this node refused as leader for want of space.",
        "",
        registry.disk().refused(),
    );
    page.gauge(
        "holdfast_table_cache_bytes",
        "Memory with what was read of the tables of all volumes.",
        "",
        registry.cache().used_bytes() as u64,
    );
    page.gauge(
        "holdfast_table_cache_max_bytes",
        "What it may be.",
        "",
        registry.options().cache_bytes as u64,
    );
    page.gauge(
        "holdfast_memory_tables_bytes",
        "Memory with what was written to volumes and is in no table yet.",
        "",
        memory_keeper::taken(registry),
    );
    page.gauge(
        "holdfast_memory_tables_max_bytes",
        "What it may be, about.",
        "",
        registry.options().limits.memory_table_bytes as u64,
    );
    let failed = registry.failed().len() as u64;
    page.gauge(
        "holdfast_groups_failed",
        "Groups that should run here and do not.",
        "",
        failed,
    );
}

fn heartbeats(page: &mut Page, registry: &Registry) {
    let sent = registry.heartbeats();
    page.counter(
        "holdfast_heartbeats_total",
        "Heartbeats sent, of all groups to all peers.",
        "",
        sent.heartbeats,
    );
    page.counter(
        "holdfast_heartbeat_messages_total",
        "Messages that carried them.",
        "",
        sent.batches,
    );
}

fn log(page: &mut Page, registry: &Registry) {
    let log = registry.log().metrics();
    page.counter(
        "holdfast_log_appends_total",
        "Appends of all groups.",
        "",
        log.appends,
    );
    page.counter(
        "holdfast_log_entries_total",
        "Entries appended.",
        "",
        log.entries,
    );
    page.counter("holdfast_log_bytes_total", "Bytes appended.", "", log.bytes);
    page.counter("holdfast_log_votes_total", "Votes written.", "", log.votes);
    page.counter(
        "holdfast_log_batches_total",
        "Writes to the log database.",
        "",
        log.batches,
    );
    page.gauge(
        "holdfast_log_queued_bytes",
        "Bytes that wait to be written.",
        "",
        log.queued_bytes,
    );
    let name = "holdfast_log_fsync_seconds";
    page.histogram(
        name,
        "Writing a batch to the log and syncing it.",
        "",
        log.fsync_latency.buckets(),
        log.fsync_latency.sum,
    );
}

fn raft(page: &mut Page, labels: &str, group: &Group) {
    let metrics = group.raft().metrics();
    let metrics = metrics.borrow_watched();
    let index = |id: &Option<LogId>| id.as_ref().map_or(0, |id| id.index);
    let leads = u64::from(metrics.state == ServerState::Leader);
    page.gauge(
        "holdfast_raft_is_leader",
        "1 on the node that leads.",
        labels,
        leads,
    );
    page.gauge(
        "holdfast_raft_term",
        "Current term.",
        labels,
        metrics.current_term,
    );
    let last = metrics.last_log_index.unwrap_or(0);
    page.gauge(
        "holdfast_raft_last_log_index",
        "Last entry of the log.",
        labels,
        last,
    );
    let committed = index(&metrics.cluster_committed);
    page.gauge(
        "holdfast_raft_commit_index",
        "Last entry known to be committed.",
        labels,
        committed,
    );
    let applied = index(&metrics.last_applied);
    page.gauge(
        "holdfast_raft_applied_index",
        "Last entry applied.",
        labels,
        applied,
    );
    let held = index(&metrics.snapshot);
    page.gauge(
        "holdfast_raft_snapshot_index",
        "Last entry in the snapshot.",
        labels,
        held,
    );
    let purged = index(&metrics.purged);
    page.gauge(
        "holdfast_raft_purged_index",
        "Last entry purged.",
        labels,
        purged,
    );
    peers(page, labels, &metrics, last);
}

fn peers(page: &mut Page, labels: &str, metrics: &RaftMetrics<TypeConfig>, last: u64) {
    for (peer, matched) in metrics.replication.iter().flatten() {
        if *peer == metrics.id {
            continue;
        }
        let labels = format!("{labels},peer=\"{peer}\"");
        let lag = last.saturating_sub(matched.as_ref().map_or(0, |matched| matched.index));
        page.gauge(
            "holdfast_raft_peer_lag_entries",
            "Entries a peer does not have.",
            &labels,
            lag,
        );
        let heard = metrics
            .heartbeat
            .as_ref()
            .and_then(|all| all.get(peer)?.as_ref());
        let silent = heard.map_or(Duration::MAX.as_secs(), |heard| heard.elapsed().as_secs());
        let name = "holdfast_raft_peer_silent_seconds";
        page.gauge(name, "Since the last answer of a peer.", &labels, silent);
    }
}

fn work(page: &mut Page, labels: &str, group: &Group) {
    let counters = group.counters();
    let name = "holdfast_raft_leader_changes_total";
    page.counter(
        name,
        "Changes of the leader that this node saw.",
        labels,
        counters.leader_changes(),
    );
    let name = "holdfast_proposal_seconds";
    let proposals = counters.proposals.read();
    page.histogram(
        name,
        "From proposing a command to its outcome, on the leader.",
        labels,
        proposals.buckets(),
        proposals.sum,
    );
    let name = "holdfast_commit_seconds";
    let commits = counters.commits.read();
    page.histogram(
        name,
        "From proposing a command to its commit, on the leader.",
        labels,
        commits.buckets(),
        commits.sum,
    );
    let name = "holdfast_proposals_refused_total";
    page.counter(
        name,
        "Proposals that got no outcome.",
        labels,
        counters.refused(),
    );
    let name = "holdfast_proposals_waiting_steps";
    page.gauge(
        name,
        "Proposals under way, in steps of 4 KiB.",
        labels,
        group.waiting(),
    );
    for (kind, counted) in counters.activity.operations() {
        let kinds = if kind.is_change { "command" } else { "query" };
        let operation = kind.operation;
        let labels = format!("{labels},operation=\"{operation}\",kind=\"{kinds}\"");
        let name = "holdfast_operation_seconds";
        page.histogram(
            name,
            "Answering a call of a mount, on the leader.",
            &labels,
            counted.buckets(),
            counted.sum,
        );
    }
    let name = "holdfast_reads_total";
    page.counter(
        name,
        "Queries that waited for a ReadIndex round.",
        labels,
        group.reads().queries(),
    );
    let name = "holdfast_read_rounds_total";
    page.counter(name, "Rounds they shared.", labels, group.reads().rounds());
    state(page, labels, group);
}

fn state(page: &mut Page, labels: &str, group: &Group) {
    let machine = group.store().metrics();
    page.counter(
        "holdfast_apply_batches_total",
        "Batches applied.",
        labels,
        machine.batches,
    );
    page.counter(
        "holdfast_apply_entries_total",
        "Entries applied.",
        labels,
        machine.entries,
    );
    let name = "holdfast_snapshots_built_total";
    page.counter(name, "Snapshots taken.", labels, machine.snapshots_built);
    let name = "holdfast_snapshots_installed_total";
    page.counter(
        name,
        "Snapshots received and installed.",
        labels,
        machine.snapshots_installed,
    );
    let name = "holdfast_snapshot_bytes";
    page.gauge(
        name,
        "Size of the last snapshot.",
        labels,
        machine.snapshot_bytes,
    );
    let name = "holdfast_snapshot_build_milliseconds_total";
    let milliseconds = machine.snapshot_time.as_millis() as u64;
    page.counter(name, "Time spent taking snapshots.", labels, milliseconds);
    let sessions = super::status::open_sessions(group).len() as u64;
    page.gauge(
        "holdfast_sessions",
        "Mounts of the volume.",
        labels,
        sessions,
    );
}

/// Lines by metric: Prometheus wants all lines of one together.
#[derive(Debug, Default)]
struct Page {
    metrics: Vec<(&'static str, String)>,
}

impl Page {
    fn counter(&mut self, name: &'static str, help: &str, labels: &str, value: u64) {
        self.line(name, "counter", help, &sample(name, "", labels, value));
    }

    fn gauge(&mut self, name: &'static str, help: &str, labels: &str, value: u64) {
        self.line(name, "gauge", help, &sample(name, "", labels, value));
    }

    fn histogram(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &str,
        buckets: impl Iterator<Item = (Option<Duration>, u64)>,
        sum: Duration,
    ) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut lines = String::new();
        let mut below = 0;
        for (bound, count) in buckets {
            below += count;
            let bound = bound.map_or_else(
                || "+Inf".to_owned(),
                |bound| bound.as_secs_f64().to_string(),
            );
            let labels = format!("{labels}{comma}le=\"{bound}\"");
            lines += &sample(name, "_bucket", &labels, below);
        }
        lines += &sample(name, "_sum", labels, sum.as_secs_f64());
        lines += &sample(name, "_count", labels, below);
        self.line(name, "histogram", help, &lines);
    }

    fn line(&mut self, name: &'static str, kind: &str, help: &str, lines: &str) {
        let known = self.metrics.iter_mut().find(|(other, _)| *other == name);
        if let Some((_, text)) = known {
            text.push_str(lines);
        } else {
            let text = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
            self.metrics.push((name, text));
        }
    }

    fn finish(self) -> String {
        self.metrics.into_iter().map(|(_, text)| text).collect()
    }
}

fn sample(name: &str, suffix: &str, labels: &str, value: impl std::fmt::Display) -> String {
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _infallible = if labels.is_empty() {
        writeln!(line, "{name}{suffix} {value}")
    } else {
        writeln!(line, "{name}{suffix}{{{labels}}} {value}")
    };
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::histogram::Histogram;

    #[test]
    fn the_lines_of_a_metric_stay_together() {
        let mut page = Page::default();
        page.gauge("a", "First.", "group=\"1\"", 1);
        page.counter("b", "Second.", "", 2);
        page.gauge("a", "First.", "group=\"2\"", 3);
        let expected = "# HELP a First.\n# TYPE a gauge\na{group=\"1\"} 1\na{group=\"2\"} 3\n\
                        # HELP b Second.\n# TYPE b counter\nb 2\n";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn the_buckets_of_a_histogram_add_up() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_micros(60));
        histogram.observe(Duration::from_mins(1));
        let mut page = Page::default();
        let counted = histogram.read();
        page.histogram("h", "Times.", "", counted.buckets(), counted.sum);
        let text = page.finish();
        assert!(text.contains("h_bucket{le=\"0.00005\"} 0\n"), "{text}");
        assert!(text.contains("h_bucket{le=\"0.0001\"} 1\n"), "{text}");
        assert!(text.contains("h_bucket{le=\"+Inf\"} 2\n"), "{text}");
        assert!(text.contains("h_count 2\n"), "{text}");
    }
}
