//! Nodes that are stopped and started in turn, as an update does.

use holdfast_metadata::InodeId;
use holdfast_tests::{Cluster, Load};

#[test]
fn a_rolling_restart_under_load_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 8);
    for id in cluster.ids() {
        load.wait_for(200);
        cluster.stop(id);
        load.wait_for(200);
        cluster.restart(id);
        cluster.wait_settled();
    }
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_cluster_that_was_stopped_as_a_whole_goes_on_where_it_was() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let worked = Load::start_up_to(&client, InodeId::ROOT, "file", 8, 500).finish();
    client.close();
    for id in cluster.ids() {
        cluster.stop(id);
    }
    for id in cluster.ids() {
        cluster.restart(id);
    }
    cluster.wait_settled();
    worked.assert_is_all_of(&cluster.client().names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}
