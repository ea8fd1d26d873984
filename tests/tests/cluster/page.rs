//! The page of a node: what it shows of the cluster, also while others are away, and that nothing in it can run.

use holdfast_metadata::{
    Answer, InodeId, LockMode, LockOwner, LockRange, LockSpace, Operation, SetLock,
};
use holdfast_replicator::RemoteOptions;
use holdfast_tests::cluster::{Client, SETTLED, Standpoint, VOLUME_NAME};
use holdfast_tests::{Cluster, http, wait_until};
use serde_json::Value;

/// What somebody might call a machine or a directory.
const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";

fn overview(address: &str) -> Option<Value> {
    let page = http::get(address, "/api/overview.json")?;
    assert_eq!(page.header("content-type"), Some("application/json"));
    (page.status == 200).then(|| serde_json::from_str(&page.text).unwrap())
}

fn list<'a>(seen: &'a Value, name: &str) -> &'a Vec<Value> {
    seen[name].as_array().unwrap()
}

/// Waits until the page shows it.
#[track_caller]
fn wait_shown(what: &str, address: &str, mut shown: impl FnMut(&Value) -> bool) -> Value {
    let mut last = None;
    wait_until(what, SETTLED, || {
        last = overview(address);
        last.as_ref().is_some_and(&mut shown)
    });
    last.unwrap()
}

/// Three nodes vote, and both groups have a leader. Whoever it is, the node of the page has asked it.
fn is_all_well(seen: &Value) -> bool {
    let nodes = list(seen, "nodes");
    let votes = |node: &Value| node["error"].is_null() && node["role"] == "voter";
    let is_led = |name: &&str| {
        let group = group(seen, name);
        let replicas = list(group, "replicas");
        let is_followed = |replica: &Value| replica["lag"].is_u64();
        group["leader"].is_u64() && replicas.len() == 3 && replicas.iter().all(is_followed)
    };
    seen["health"] == "healthy"
        && nodes.len() == 3
        && nodes.iter().all(votes)
        && ["catalog", VOLUME_NAME].iter().all(is_led)
}

fn has_event(seen: &Value, text: &str) -> bool {
    let mut events = list(seen, "events").iter();
    events.any(|event| event["text"].as_str().unwrap().starts_with(text))
}

fn group<'a>(seen: &'a Value, name: &str) -> &'a Value {
    let mut groups = list(seen, "groups").iter();
    groups.find(|group| group["name"] == name).unwrap()
}

fn hostile_client(cluster: &Cluster) -> Client {
    let options = RemoteOptions {
        host: HOSTILE.to_owned(),
        mountpoint: HOSTILE.to_owned(),
        ..RemoteOptions::new(cluster.addresses(), VOLUME_NAME)
    };
    Client::try_connect(&Standpoint::default(), options).unwrap()
}

fn lock(client: &Client, ino: InodeId) {
    let outcome = client.replicate(Operation::SetLock(SetLock {
        ino,
        space: LockSpace::Flock,
        owner: LockOwner(1),
        process: 77,
        range: LockRange::WHOLE,
        mode: LockMode::Exclusive,
        wait: false,
    }));
    assert_eq!(outcome.unwrap(), Ok(Answer::Locked));
}

#[test]
fn the_page_shows_nodes_volumes_operations_mounts_and_locks() {
    let mut cluster = Cluster::start(3);
    let address = cluster.serve_pages(1);
    let client = hostile_client(&cluster);
    let file = client.create(InodeId::ROOT, "locked").unwrap();
    lock(&client, file);
    let mut made = 0;
    let seen = wait_shown("a sample has what was done", &address, |seen| {
        made += 1;
        client.mkdir(InodeId::ROOT, &format!("d{made}")).unwrap();
        let mut samples = list(seen, "samples").iter();
        let is_counted = samples.any(|sample| {
            sample["changes"]["count"].as_u64().unwrap() > 0 && sample["answered"] == 3
        });
        let mut operations = list(seen, "operations").iter();
        let is_told = operations.any(|one| one["operation"] == "mkdir");
        is_counted && is_told && is_all_well(seen)
    });
    assert_eq!(seen["version"], 1);
    let mut operations = list(&seen, "operations").iter();
    let mkdir = operations.find(|one| one["operation"] == "mkdir").unwrap();
    assert_eq!(mkdir["volume"], VOLUME_NAME);
    assert_eq!(mkdir["kind"], "command");
    assert!(mkdir["count"].as_u64().unwrap() > 0);
    let micros = |what: &str| mkdir[what].as_u64().unwrap();
    assert!(micros("median_micros") <= micros("p99_micros"));
    let session = &list(&seen, "sessions")[0];
    assert_eq!(session["host"], HOSTILE);
    assert_eq!(session["mountpoint"], HOSTILE);
    assert!(session["calls"].as_u64().unwrap() > 0, "{session:#}");
    let lock = &list(&seen, "locks")[0];
    assert_eq!(lock["inode"], file.get().to_string());
    assert_eq!(lock["host"], HOSTILE);
    assert_eq!(
        (&lock["end"], &lock["kind"]),
        (&Value::Null, &"flock".into())
    );
    client.close();
    wait_shown("the session is gone", &address, |seen| {
        list(seen, "sessions").is_empty() && list(seen, "locks").is_empty()
    });
}

#[test]
fn the_page_works_and_says_so_while_others_are_away() {
    let mut cluster = Cluster::start(3);
    let address = cluster.serve_pages(1);
    wait_shown("all is well", &address, |seen| seen["health"] == "healthy");
    cluster.holdfast(&["volume", "create", "second"]).success();
    wait_shown("the volume was made", &address, |seen| {
        has_event(seen, "volume second was made")
    });
    cluster
        .holdfast(&["volume", "delete", "second", "--yes"])
        .success();
    wait_shown("the volume was deleted", &address, |seen| {
        has_event(seen, "volume second was deleted")
    });
    cluster.kill(3);
    let seen = wait_shown("a node is away", &address, |seen| {
        let silent = list(seen, "silent").iter();
        let silent: Vec<&Value> = silent.map(|one| &one["node"]).collect();
        seen["health"] == "degraded" && silent == [3] && has_event(seen, "node 3 does not answer: ")
    });
    let node = &list(&seen, "nodes")[2];
    assert_eq!(node["node"], 3);
    assert!(node["error"].is_string());
    cluster.kill(2);
    wait_shown("nothing works", &address, |seen| {
        seen["health"] == "down" && list(seen, "silent").len() == 2
    });
    for id in [2, 3] {
        cluster.restart(id);
    }
    let seen = wait_shown("all is well again", &address, |seen| {
        seen["health"] == "healthy"
    });
    for id in [2, 3] {
        assert!(
            has_event(&seen, &format!("node {id} was started again")),
            "{seen:#}"
        );
    }
    let mut events = list(&seen, "events").iter();
    let elected = format!("{VOLUME_NAME}: node ");
    assert!(events.any(|event| {
        event["kind"] == "leader" && event["text"].as_str().unwrap().starts_with(&elected)
    }));
    let mut samples = list(&seen, "samples").iter();
    assert!(samples.any(|sample| sample["answered"] == 1 && sample["nodes"] == 3));
}

#[test]
fn nothing_that_the_page_shows_can_run_and_nobody_else_may_read_it() {
    let mut cluster = Cluster::start(1);
    let address = cluster.serve_pages(1);
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/api/overview.json", "application/json"),
    ] {
        let page = http::get(&address, path).unwrap();
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), Some(kind));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!page.head.contains("access-control"), "{}", page.head);
        let head = http::request("HEAD", &address, path).unwrap();
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let page = http::request(method, &address, path).unwrap();
            assert_eq!(page.status, 405, "{method} {path}");
        }
    }
}
