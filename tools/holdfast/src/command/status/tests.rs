//! What is well and what is not.

use super::*;

fn node(id: u64, role: &str) -> Heard {
    let group = GroupStatus {
        group: 1,
        name: "default".to_owned(),
        role: role.to_owned(),
        ..GroupStatus::default()
    };
    Heard {
        address: format!("127.0.0.1:{id}"),
        status: Ok(StatusResponse {
            node: id,
            groups: vec![group],
            ..StatusResponse::default()
        }),
    }
}

fn silent(id: u64) -> Heard {
    Heard {
        address: format!("127.0.0.1:{id}"),
        status: Err("Connection refused".to_owned()),
    }
}

#[test]
fn a_cluster_with_everybody_there_is_healthy() {
    let heard = [node(1, "follower"), node(2, "leader"), node(3, "follower")];
    assert_eq!(health(&heard).code, HEALTHY);
}

#[test]
fn a_missing_node_degrades_it_and_is_named() {
    let health = health(&[node(1, "follower"), node(2, "leader"), silent(3)]);
    assert_eq!(health.code, DEGRADED);
    assert_eq!(health.complaints, ["127.0.0.1:3: Connection refused"]);
}

#[test]
fn without_a_leader_it_is_down() {
    let heard = [node(1, "follower"), silent(2), silent(3)];
    assert_eq!(health(&heard).code, DOWN);
    assert_eq!(health(&[silent(1)]).code, DOWN);
}

#[test]
fn a_leader_that_hears_no_majority_leads_nobody() {
    let with = |silences: [u64; 2]| {
        let mut leader = node(1, "leader");
        if let Ok(status) = &mut leader.status {
            let group = &mut status.groups[0];
            group.voters = vec![1, 2, 3];
            let peers = [2, 3].into_iter().zip(silences);
            let peer = |(node, silent_milliseconds)| holdfast_proto::PeerProgress {
                node,
                silent_milliseconds,
                ..holdfast_proto::PeerProgress::default()
            };
            group.peers = peers.map(peer).collect();
        }
        health(&[leader, silent(2), silent(3)])
    };
    assert_eq!(with([10, u64::MAX]).code, DEGRADED);
    let health = with([6000, u64::MAX]);
    assert_eq!(health.code, DOWN);
    let complaint = "default: node 1 leads and hears no majority, 1 of 3 with itself";
    assert_eq!(health.complaints[2], complaint);
}

#[test]
fn who_led_in_an_earlier_term_is_not_asked_who_votes() {
    let leads = |id: u64, term: u64, voters: &[u64]| {
        let mut leader = node(id, "leader");
        if let Ok(status) = &mut leader.status {
            status.groups[0].term = term;
            status.groups[0].voters = voters.to_vec();
            let peer = |node| holdfast_proto::PeerProgress {
                node,
                ..holdfast_proto::PeerProgress::default()
            };
            status.groups[0].peers = voters.iter().copied().map(peer).collect();
            status.volumes = vec![holdfast_proto::VolumeStatus {
                name: "default".to_owned(),
                volume: 1,
                replication: ReplicationMode::All.into(),
            }];
        }
        leader
    };
    let without_three = [leads(1, 4, &[1, 2, 3]), leads(2, 5, &[1, 2])];
    assert_eq!(health(&without_three).complaints, Vec::<String>::new());
    let with_three = [leads(1, 4, &[1, 2]), leads(2, 5, &[1, 2, 3])];
    let away = "default: nothing can be changed while node 3 is away, for it is replicated to all";
    assert_eq!(health(&with_three).complaints, [away]);
}

#[test]
fn the_table_shows_every_replica() {
    let heard = [node(1, "follower"), node(2, "leader")];
    let table = as_table(&heard, &health(&heard), false);
    let replicas: Vec<&str> = table.lines().filter(|l| l.starts_with("default")).collect();
    assert_eq!(replicas.len(), 2, "{table}");
    assert!(table.ends_with("healthy\n"));
}

#[test]
fn a_nearly_full_disk_degrades_it_and_is_named() {
    let with = |available| {
        let mut full = node(2, "leader");
        if let Ok(status) = &mut full.status {
            status.space = Some(holdfast_proto::Space {
                total: 80 << 20,
                available,
                reserve: 10 << 20,
            });
        }
        health(&[node(1, "follower"), full, node(3, "follower")])
    };
    assert_eq!(with(10 << 20).code, HEALTHY);
    let health = with(9 << 20);
    assert_eq!(health.code, DEGRADED);
    assert_eq!(health.complaints.len(), 1);
    let complaint = &health.complaints[0];
    assert!(
        complaint.starts_with("node 2: its disk is nearly full, 9.00 MiB is left"),
        "{complaint}"
    );
}

#[test]
fn colours_are_of_whole_lines_and_only_where_they_are_wanted() {
    let heard = [node(1, "follower"), node(2, "leader"), silent(3)];
    let plain = as_table(&heard, &health(&heard), false);
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let coloured = as_table(&heard, &health(&heard), true);
    let silent = coloured.lines().find(|line| line.contains("refused"));
    let silent = silent.unwrap();
    assert!(silent.starts_with("\u{1b}[31m?") && silent.ends_with("refused\u{1b}[0m"));
    let mut bare = coloured;
    for code in ["1", "31", "32", "33", "0"] {
        bare = bare.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(bare, plain);
}
