//! The dashboard and the alert rules of `docs/operations` name only what nodes and mounts really export.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{Client, ClusterSetup, SETTLED};
use holdfast_tests::{Cluster, http, wait_until};
use serde_json::Value;

/// What Prometheus itself adds.
const OF_PROMETHEUS: [&str; 3] = ["instance", "job", "le"];
/// Words before a list of labels.
const GROUPINGS: [&str; 4] = ["by (", "without (", "on (", "ignoring ("];

/// The labels of each metric, over all pages.
type Exported = BTreeMap<String, BTreeSet<String>>;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations");
    fs::read_to_string(path.join(name)).unwrap()
}

fn take_page(exported: &mut Exported, page: &str) {
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let known = exported.entry(name.to_owned()).or_default();
        let labels = labels.trim_end_matches('}').split("\",");
        known.extend(labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned())));
    }
}

/// Everything that the nodes of a cluster at work and a mount export.
fn exported() -> Exported {
    let mut cluster = Cluster::start(3);
    let nodes: Vec<String> = (1..=3).map(|id| cluster.serve_pages(id)).collect();
    let client: Client = cluster.client();
    client.mkdir(InodeId::ROOT, "made").unwrap();
    client.lookup(InodeId::ROOT, "made").unwrap();
    let mount = cluster.mount_with_metrics(1);
    let mut exported = Exported::new();
    for address in nodes.iter().chain([&mount.1]) {
        let mut page = None;
        wait_until("the metrics are served", SETTLED, || {
            page = http::get(address, "/metrics").filter(|page| page.status == 200);
            page.is_some()
        });
        take_page(&mut exported, &page.unwrap().text);
    }
    mount.0.unmount();
    exported
}

/// Every expression with its place.
fn expressions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in document("alerts.yml").lines() {
        if let Some(expression) = line.trim().strip_prefix("expr: ") {
            found.push(("alerts.yml".to_owned(), expression.to_owned()));
        }
    }
    let dashboard: Value = serde_json::from_str(&document("grafana-dashboard.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            found.push((title.to_owned(), expression.to_owned()));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            let query = query.strip_prefix("label_values(").unwrap();
            let (metric, label) = query.trim_end_matches(')').split_once(", ").unwrap();
            let as_expression = format!("max by ({label}) ({metric})");
            found.push(("variable".to_owned(), as_expression));
        }
    }
    found
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn metrics_of(expression: &str) -> Vec<&str> {
    let words = expression.split(|letter| !is_of_name(letter));
    words.filter(|word| word.starts_with("holdfast_")).collect()
}

/// Labels that are grouped by, or selected.
fn labels_of(expression: &str) -> Vec<String> {
    let mut labels = Vec::new();
    for grouping in GROUPINGS {
        for rest in expression.split(grouping).skip(1) {
            let list = rest.split(')').next().unwrap();
            labels.extend(list.split(',').map(|label| label.trim().to_owned()));
        }
    }
    for rest in expression.split('{').skip(1) {
        let list = rest.split('}').next().unwrap();
        let selected = list.split("\",").map(|one| {
            let end = one.find(|letter| !is_of_name(letter)).unwrap();
            one[..end].to_owned()
        });
        labels.extend(selected);
    }
    labels
}

#[test]
fn dashboard_and_alerts_name_only_what_is_exported() {
    let exported = exported();
    let expressions = expressions();
    assert!(expressions.len() > 25, "{expressions:#?}");
    for (place, expression) in expressions {
        let metrics = metrics_of(&expression);
        let mut labels: BTreeSet<&str> = OF_PROMETHEUS.into_iter().collect();
        for metric in &metrics {
            let known = exported.get(*metric);
            let known = known.unwrap_or_else(|| panic!("{place}: nobody exports {metric}"));
            labels.extend(known.iter().map(String::as_str));
        }
        assert!(
            !metrics.is_empty() || expression.starts_with("up{"),
            "{place}: {expression}"
        );
        for label in labels_of(&expression) {
            assert!(
                labels.contains(label.as_str()),
                "{place}: no label {label} in {expression}"
            );
        }
    }
}

#[test]
fn every_alert_says_what_it_means_and_what_to_do_and_is_explained() {
    let rules = document("alerts.yml");
    let explained = document("monitoring.md");
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        for part in [
            "expr: ",
            "severity: ",
            "summary: ",
            "description: ",
            "action: ",
        ] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
        assert!(
            explained.contains(&format!("`{name}`")),
            "{name} is not in monitoring.md"
        );
    }
}

#[test]
fn a_node_has_one_cache_as_large_as_its_settings_say() {
    // A snapshot writes tables, whose indexes are in the cache.
    let settings = "[node]\ncache_mib = 9\n[snapshots]\nentries = 100\nspacing_seconds = 0\n";
    let mut cluster = ClusterSetup::default().settings(settings).start(1);
    let address = cluster.serve_pages(1);
    let gauge = |name: &str| {
        let page = http::get(&address, "/metrics").unwrap().text;
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    assert_eq!(gauge("holdfast_table_cache_max_bytes "), 9 << 20);
    let client = cluster.client();
    for file in 0..300 {
        client.create(InodeId::ROOT, &format!("{file}")).unwrap();
    }
    wait_until("the volume uses it", SETTLED, || {
        gauge("holdfast_table_cache_bytes ") > 0
    });
}
