//! What nodes and mounts log as JSON: one request is found on all machines, and a slow one says where its time went.

use std::fs;
use std::path::Path;

use holdfast_tests::cluster::{ClusterMount, ClusterSetup, SETTLED};
use holdfast_tests::{Cluster, wait_until};
use serde_json::Value;

/// Every line of it that is whole; a mount says on the same terminal that it is live.
fn lines(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().filter(|line| !line.starts_with("mounted "));
    let lines = lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
    lines.collect()
}

/// Waits for a line like that.
#[track_caller]
fn wait_logged(what: &str, log: &Path, is_meant: impl Fn(&Value) -> bool) -> Value {
    let mut found = None;
    wait_until(what, SETTLED, || {
        found = lines(log).into_iter().find(&is_meant);
        found.is_some()
    });
    found.unwrap()
}

/// The same in the log of whichever node.
#[track_caller]
fn wait_logged_somewhere(cluster: &Cluster, is_meant: impl Fn(&Value) -> bool) -> Value {
    let mut found = None;
    wait_until("a node has logged it", SETTLED, || {
        let mut logs = cluster
            .ids()
            .into_iter()
            .map(|id| lines(cluster.node(id).log()));
        found = logs.find_map(|lines| lines.into_iter().find(&is_meant));
        found.is_some()
    });
    found.unwrap()
}

fn of_request<'a>(message: &'a str, request: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |line| line["message"] == message && line["request"] == request
}

fn start(log: &str, settings: &str, options: &str) -> (Cluster, ClusterMount) {
    let setup = ClusterSetup::default().settings(settings);
    let setup = setup.argument("--log-format=json").argument(log);
    let cluster = setup.start(3);
    let mount = cluster.mount(1, options);
    fs::create_dir(mount.path("made")).unwrap();
    (cluster, mount)
}

#[test]
fn a_request_is_found_in_the_logs_of_all_machines() {
    let debug = "--log=info,holdfast=debug,openraft=error";
    let (cluster, mount) = start(debug, "", "noatime,log=debug,log_format=json");
    let answered = wait_logged("the mount", &mount.log_path(), |line| {
        line["message"] == "a node has answered" && line["spans"][0]["operation"] == "mkdir"
    });
    for field in ["timestamp", "level", "target"] {
        assert!(answered[field].is_string(), "{answered:#}");
    }
    assert_eq!(answered["spans"][0]["name"], "operation");
    let command = &answered["spans"][1];
    assert_eq!(command["name"], "command", "{answered:#}");
    let request = command["request"].as_str().unwrap();
    // Only who leads answers.
    let told = wait_logged_somewhere(&cluster, of_request("answered", request));
    assert_eq!(told["operation"], "mkdir");
    for id in cluster.ids() {
        let log = cluster.node(id).log();
        let applying = wait_logged("each node", log, of_request("applying", request));
        assert_eq!(applying["operation"], "mkdir");
        assert!(applying["index"].is_u64(), "{applying:#}");
    }
}

#[test]
fn what_was_slow_says_where_its_time_went_on_the_mount_and_on_the_leader() {
    let settings = "[node]\nslow_operation_ms = 0\n";
    let options = "noatime,slow_operation=0,log_format=json";
    let (cluster, mount) = start("--log=info,openraft=error", settings, options);
    let slow = wait_logged("the mount", &mount.log_path(), |line| {
        line["message"] == "slow operation" && line["operation"] == "mkdir"
    });
    let micros = |line: &Value, field: &str| line[field].as_u64().unwrap();
    let parts = ["searching_micros", "asking_micros", "here_micros"];
    let sum: u64 = parts.iter().map(|part| micros(&slow, part)).sum();
    assert_eq!(micros(&slow, "micros"), sum, "{slow:#}");
    assert!(micros(&slow, "asking_micros") > 0, "{slow:#}");
    assert!(micros(&slow, "calls") > 0, "{slow:#}");
    let request = slow["request"].as_str().unwrap();
    let there = wait_logged_somewhere(&cluster, of_request("slow command", request));
    let parts = ["commit_micros", "apply_micros", "others_micros"];
    let sum: u64 = parts.iter().map(|part| micros(&there, part)).sum();
    assert!(
        micros(&there, "micros").abs_diff(sum) <= 2,
        "rounding: {there:#}"
    );
    assert!(micros(&there, "commit_micros") > 0, "{there:#}");
    assert!(micros(&there, "micros") <= micros(&slow, "micros"));
}
