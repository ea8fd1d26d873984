//! `holdfast watch`: all that happens below a path is told, once and in order, from any machine and whichever node ends.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{ClusterSetup, SETTLED};
use holdfast_tests::{Cluster, Load, place, wait_until};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

/// `holdfast watch --json`, and what it has printed.
struct Watch {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Watch {
    /// Returns when it has begun.
    #[track_caller]
    fn start(cluster: &Cluster, arguments: &[&str]) -> Watch {
        let watch = Watch::spawn(cluster, arguments, Stdio::inherit());
        watch.wait_begun();
        watch
    }

    fn spawn(cluster: &Cluster, arguments: &[&str], complaints: Stdio) -> Watch {
        let mut child = Command::new(place::holdfast())
            .args(["watch", "--json"])
            .args(arguments)
            .env("HOLDFAST_CLUSTER", cluster.addresses().join(","))
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::<Mutex<Vec<Value>>>::default();
        let heard = Arc::clone(&lines);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap();
                heard.lock().unwrap().push(line);
            }
        });
        Watch { child, lines }
    }

    #[track_caller]
    fn wait_begun(&self) {
        wait_until("it watches", SETTLED, || {
            !self.lines.lock().unwrap().is_empty()
        });
    }

    /// What was told so far, without signs of life.
    fn changes(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let changes = lines.iter().filter(|line| line.get("change").is_some());
        changes.cloned().collect()
    }

    /// What happened and where, up to this last one.
    #[track_caller]
    fn story_until(&self, last: &str) -> Vec<String> {
        let mut story = Vec::new();
        wait_until(last, SETTLED, || {
            story = self.changes().iter().map(told).collect();
            story.last().is_some_and(|told| told == last)
        });
        story
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What it says when it does not watch.
#[track_caller]
fn refused(cluster: &Cluster, arguments: &[&str]) -> String {
    let finished = cluster.holdfast(&[&["watch"], arguments].concat());
    assert!(!finished.status.success(), "{finished:?}");
    finished.stderr
}

fn told(change: &Value) -> String {
    let text = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
    let from = change.get("from").map(|_| format!("{} -> ", text("from")));
    let from = from.unwrap_or_default();
    format!("{} {from}{}", text("change"), text("path"))
}

fn indexes(changes: &[Value]) -> Vec<u64> {
    let indexes = changes
        .iter()
        .map(|change| change["index"].as_u64().unwrap());
    indexes.collect()
}

#[test]
fn every_change_below_a_path_is_told_on_another_machine() {
    let cluster = Cluster::start(3);
    let (mount, other) = (cluster.mount(1, ""), cluster.mount(2, ""));
    let path = |name: &str| mount.path("in").join(name);
    fs::create_dir(mount.path("in")).unwrap();
    let watch = Watch::start(&cluster, &[other.path("in").to_str().unwrap()]);

    fs::write(mount.path("outside"), "x").unwrap();
    fs::create_dir(path("a")).unwrap();
    fs::write(path("a/file"), "text").unwrap();
    fs::set_permissions(path("a/file"), Permissions::from_mode(0o600)).unwrap();
    fs::rename(path("a"), path("b")).unwrap();
    File::options()
        .append(true)
        .open(path("b/file"))
        .and_then(|mut file| file.write_all(b"more"))
        .unwrap();
    fs::hard_link(path("b/file"), path("link")).unwrap();
    fs::write(path("link"), "again").unwrap();
    symlink("target", path("symlink")).unwrap();
    mkfifo(&path("fifo"), Mode::S_IRUSR).unwrap();
    let exchange = RenameFlags::RENAME_EXCHANGE;
    renameat2(AT_FDCWD, &path("fifo"), AT_FDCWD, &path("b"), exchange).unwrap();
    fs::rename(path("symlink"), path("fifo/file")).unwrap();
    fs::rename(path("link"), mount.path("moved")).unwrap();
    // The one name that is left is elsewhere.
    fs::write(mount.path("moved"), "no news").unwrap();
    fs::remove_file(path("fifo/file")).unwrap();
    fs::remove_dir(path("fifo")).unwrap();
    fs::remove_file(mount.path("outside")).unwrap();

    assert_eq!(
        watch.story_until("rmdir /in/fifo"),
        [
            "mkdir /in/a",
            "create /in/a/file",
            "write /in/a/file",
            "attributes /in/a/file",
            "rename /in/a -> /in/b",
            "write /in/b/file",
            "link /in/link",
            "write /in/b/file",
            "write /in/b/file",
            "symlink /in/symlink",
            "mknod /in/fifo",
            "exchange /in/fifo -> /in/b",
            "unlink /in/fifo/file",
            "rename /in/symlink -> /in/fifo/file",
            "rename /in/link -> /moved",
            "unlink /in/fifo/file",
            "rmdir /in/fifo",
        ]
    );
    assert!(indexes(&watch.changes()).is_sorted());

    // And for people.
    let from = watch.changes()[0]["index"].as_u64().unwrap() - 1;
    let mut command = Command::new(place::holdfast());
    command.args(["watch", "--from", &from.to_string()]);
    let plain = command.arg(mount.root()).stdout(Stdio::piped()).spawn();
    let mut plain = plain.unwrap();
    let lines = BufReader::new(plain.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    plain.kill().unwrap();
    plain.wait().unwrap();
    assert!(lines[0].ends_with("  mkdir       /in/a"), "{lines:?}");
    assert!(lines[1].ends_with("  create      /in/a/file"), "{lines:?}");

    drop(watch);
    other.unmount();
    mount.unmount();
}

#[test]
fn who_watches_misses_nothing_and_hears_nothing_twice_whichever_node_ends() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let watch = Watch::start(&cluster, &[]);
    let load = Load::start(&client, InodeId::ROOT, "file", 8);
    load.wait_for(200);
    let killed = cluster.leader();
    cluster.kill(killed);
    load.wait_for(200);
    cluster.restart(killed);
    cluster.wait_caught_up(killed);
    // One that is there and says nothing.
    let paused = cluster.leader();
    cluster.pause(paused);
    load.wait_for(200);
    cluster.resume(paused);
    load.wait_for(200);
    let worked = load.stop();
    cluster.wait_settled();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));

    wait_until("all is told", SETTLED, || {
        watch.changes().len() >= worked.names.len()
    });
    let changes = watch.changes();
    let paths: Vec<String> = changes.iter().map(told).collect();
    let created: BTreeSet<String> = worked
        .names
        .iter()
        .map(|name| format!("create /{name}"))
        .collect();
    assert_eq!(paths.len(), created.len(), "some were told twice");
    assert_eq!(paths.iter().cloned().collect::<BTreeSet<_>>(), created);
    let numbers = indexes(&changes);
    assert!(numbers.is_sorted());

    // What came after some index, asked for later: the same.
    let half = numbers[numbers.len() / 2];
    let again = Watch::start(&cluster, &["--from", &half.to_string()]);
    let rest: Vec<String> = changes
        .iter()
        .filter(|change| change["index"].as_u64() > Some(half))
        .map(told)
        .collect();
    assert_eq!(again.story_until(rest.last().unwrap()), rest);
}

#[test]
fn a_directory_that_moves_takes_the_path_along() {
    let cluster = Cluster::start(1);
    let client = cluster.client();
    let above = client.mkdir(InodeId::ROOT, "above").unwrap();
    let watch = Watch::start(&cluster, &["--below", "/above//path/"]);
    let directory = client.mkdir(above, "path").unwrap();
    client.create(above, "beside").unwrap();
    client.rename(InodeId::ROOT, "above", "elsewhere").unwrap();
    client.create(directory, "file").unwrap();
    client.rename(InodeId::ROOT, "elsewhere", "above").unwrap();
    client.create(directory, "end").unwrap();
    assert_eq!(
        watch.story_until("create /above/path/end"),
        [
            "mkdir /above/path",
            "rename /above -> /elsewhere",
            "rename /elsewhere -> /above",
            "create /above/path/end",
        ]
    );
    let said = refused(&cluster, &["--below", "/above/../path"]);
    assert!(said.contains("has no .."), "{said}");
}

#[test]
fn a_volume_that_was_made_anew_is_another_one() {
    let cluster = Cluster::start(1);
    let again = || {
        cluster.holdfast(&["volume", "create", "other"]).success();
        // It answers when the node has started it.
        cluster.ask(&["volume", "show", "other"]);
    };
    again();
    let mut watch = Watch::start(&cluster, &["--volume", "other"]);
    cluster
        .holdfast(&["volume", "delete", "other", "--yes"])
        .success();
    let mut ended = None;
    again();
    wait_until("it ends", SETTLED, || {
        ended = watch.child.try_wait().unwrap();
        ended.is_some()
    });
    assert!(!ended.unwrap().success());
}

#[test]
fn no_more_watch_than_the_settings_say() {
    let settings = "[limits]\nwatchers = 1\n";
    let cluster = ClusterSetup::default().settings(settings).start(1);
    let _first = Watch::start(&cluster, &[]);
    let said = refused(&cluster, &[]);
    assert!(said.contains("1 watch on the node already"), "{said}");
}

#[test]
fn an_index_that_is_not_remembered_is_refused() {
    let cluster = ClusterSetup::default()
        .settings("[node]\nchanges = 5\n")
        .start(1);
    let client = cluster.client();
    let watch = Watch::start(&cluster, &[]);
    let begin = watch.lines.lock().unwrap()[0]["index"].as_u64().unwrap();
    for number in 0..20 {
        client.create(InodeId::ROOT, &format!("{number}")).unwrap();
    }
    watch.story_until("create /19");
    let numbers = indexes(&watch.changes());

    let said = refused(&cluster, &["--from", &begin.to_string()]);
    let known = numbers[numbers.len() - 6];
    assert!(
        said.contains(&format!("only those after index {known}"))
            && said.contains("watch without --from"),
        "{said}"
    );
    let again = Watch::start(&cluster, &["--from", &known.to_string()]);
    assert_eq!(again.story_until("create /19").len(), 5);

    let said = refused(&cluster, &["--from", "123456789"]);
    assert!(said.contains("was never at 123456789"), "{said}");
    let said = refused(&cluster, &["--volume", "none"]);
    assert!(said.contains("no volume \"none\""), "{said}");
}

#[test]
fn a_watch_that_finds_no_leader_waits_for_one() {
    let mut cluster = Cluster::start(3);
    cluster.kill(1);
    cluster.kill(2);
    let said = cluster.scratch().join("said");
    let complaints = File::create(&said).unwrap();
    let watch = Watch::spawn(&cluster, &[], complaints.into());
    wait_until("it waits", SETTLED, || {
        let said = fs::read_to_string(&said).unwrap();
        said.contains("waiting: no node leads")
    });
    cluster.restart(1);
    watch.wait_begun();
    let client = cluster.client();
    client.create(InodeId::ROOT, "file").unwrap();
    assert_eq!(watch.story_until("create /file"), ["create /file"]);
}
