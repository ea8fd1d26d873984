//! What is refused, and that looking changes nothing.

use std::process::Command;

use holdfast_metadata::InodeId;
use holdfast_tests::{Cluster, Finished, place, run};

fn recover(cluster: &Cluster, id: u64, more: &[&str]) -> Finished {
    let mut command = Command::new(place::holdfast());
    command
        .args(["recover", "--data"])
        .arg(cluster.node(id).data());
    run(command.args(more))
}

#[test]
fn only_who_means_it_changes_anything() {
    let mut cluster = Cluster::start(3);
    cluster.client().create(InodeId::ROOT, "file").unwrap();
    let runs = recover(&cluster, 1, &["--force-new-cluster", "--yes"]);
    assert!(!runs.status.success());
    assert!(runs.stderr.contains("in use"), "{runs:?}");
    cluster.stop(1);
    let shown = recover(&cluster, 1, &[]).success();
    for word in [
        "catalog",
        "default",
        "1,2,3",
        "nodes 2, 3",
        "may be lost",
        "never",
        "UTC",
    ] {
        assert!(shown.contains(word), "{word:?} is not in:\n{shown}");
    }
    // Nobody can type: a script has to say that it means it.
    let unsaid = recover(&cluster, 1, &["--force-new-cluster"]);
    assert!(!unsaid.status.success());
    assert!(unsaid.stderr.contains("--yes"), "{unsaid:?}");
    let slip = recover(&cluster, 1, &["--yes"]);
    assert!(!slip.status.success(), "{slip:?}");
    // It is still the node that it was.
    cluster.restart(1);
    cluster.wait_settled();
    cluster.client().create(InodeId::ROOT, "another").unwrap();
    cluster.assert_all_replicas_agree();
}

#[test]
fn what_is_no_node_is_refused() {
    let scratch = place::scratch();
    let mut command = Command::new(place::holdfast());
    let refused = run(command.args(["recover", "--data"]).arg(scratch.path()));
    assert!(!refused.status.success());
    assert!(
        refused.stderr.contains("not the data directory of a node"),
        "{refused:?}"
    );
    assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
}
