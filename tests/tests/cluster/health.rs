//! What a node says to those who ask whether it is well: `/healthz` and `/readyz`.

use std::fs;

use holdfast_tests::cluster::{SETTLED, VOLUME_NAME};
use holdfast_tests::{Cluster, http, wait_until};

/// The status and the text of a page; nothing when nobody listens.
fn page(address: &str, path: &str) -> Option<(u16, String)> {
    let page = http::get(address, path)?;
    Some((page.status, page.text))
}

fn ok() -> (u16, String) {
    (200, "ok\n".to_owned())
}

#[test]
fn a_node_is_ready_as_long_as_it_answers_for_every_volume() {
    let mut cluster = Cluster::start(3);
    let address = cluster.serve_pages(1);
    let ready = || page(&address, "/readyz");
    wait_until("the node is ready", SETTLED, || ready() == Some(ok()));
    assert_eq!(page(&address, "/healthz"), Some(ok()));
    for id in [2, 3] {
        cluster.kill(id);
    }
    let names_volume = |text: &str| text.starts_with(&format!("volume {VOLUME_NAME}: "));
    wait_until(
        "it says that it is not",
        SETTLED,
        || matches!(ready(), Some((503, text)) if names_volume(&text)),
    );
    // Nothing that a supervisor could mend by starting it again.
    assert_eq!(page(&address, "/healthz"), Some(ok()));
    for id in [2, 3] {
        cluster.restart(id);
    }
    wait_until("it is ready again", SETTLED, || ready() == Some(ok()));
}

#[test]
fn a_node_with_a_group_that_cannot_run_is_not_healthy() {
    let mut cluster = Cluster::start(3);
    let address = cluster.serve_pages(1);
    cluster.holdfast(&["volume", "create", "second"]).success();
    cluster.wait_settled();
    assert_eq!(page(&address, "/healthz"), Some(ok()));
    cluster.stop(1);
    let groups = fs::read_dir(cluster.node(1).data().join("groups")).unwrap();
    let newest = groups
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        })
        .unwrap();
    fs::write(newest.join("CURRENT"), "nothing\n").unwrap();
    cluster.restart(1);
    for path in ["/healthz", "/readyz"] {
        wait_until(
            "it says which group",
            SETTLED,
            || matches!(page(&address, path), Some((503, text)) if text.contains("second: ")),
        );
    }
}
