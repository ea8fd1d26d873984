//! What a node says to those who ask whether it is well: `/healthz` and `/readyz`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use holdfast_tests::cluster::{SETTLED, VOLUME_NAME};
use holdfast_tests::{Cluster, wait_until};

/// The status and the text of a page; nothing when nobody listens.
fn page(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, text.to_owned()))
}

fn ok() -> (u16, String) {
    (200, "ok\n".to_owned())
}

/// The first node serves its pages there from now on.
fn with_pages(cluster: &mut Cluster) -> String {
    cluster.stop(1);
    let address = cluster.node_mut(1).serve_pages();
    cluster.restart(1);
    cluster.wait_settled();
    address
}

#[test]
fn a_node_is_ready_as_long_as_it_answers_for_every_volume() {
    let mut cluster = Cluster::start(3);
    let address = with_pages(&mut cluster);
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
    let address = with_pages(&mut cluster);
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
