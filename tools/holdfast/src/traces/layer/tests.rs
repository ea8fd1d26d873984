//! A layer, a collector, and spans like those of a mount and of a node.

use holdfast_tests::traces::Traces;
use serde_json::Value;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// What the collector hears of what is done.
fn traced(every: u32, work: impl FnOnce()) -> Vec<Value> {
    let traces = Traces::start();
    let collector = traces.url().parse().unwrap();
    let sender = Sender::start(collector, "test".to_owned());
    let layer = layer(sender.clone(), NonZeroU32::new(every).unwrap());
    with_default(tracing_subscriber::registry().with(layer), work);
    sender.finish(std::time::Duration::from_mins(1));
    traces.spans()
}

fn mkdir(request: &str) {
    let operation = tracing::debug_span!(target: "holdfast_fs::run", "operation", operation = "mkdir", ino = 1_u64);
    operation.in_scope(|| {
        let asking =
            tracing::debug_span!(target: "holdfast_replicator::remote", "command", %request);
        asking.in_scope(|| tracing::debug!(target: "holdfast_replicator::remote", "trying again"));
    });
    operation.in_scope(|| tracing::debug!(target: "holdfast_fs::run", errno = 17, "answered"));
}

fn number(request: u32) -> String {
    format!("00c0ffee00c0ffee-{request}")
}

#[test]
fn an_operation_is_in_the_trace_of_its_request() {
    let spans = traced(1, || mkdir(&number(17)));
    assert_eq!(spans.len(), 2, "{spans:#?}");
    let (asking, operation) = (&spans[0], &spans[1]);
    assert_eq!(operation["name"], "mkdir");
    assert_eq!(asking["name"], "ask the cluster");
    for span in &spans {
        assert_eq!(span["traceId"], "00c0ffee00c0ffee0000000000000011");
    }
    assert_eq!(asking["parentSpanId"], operation["spanId"]);
    let fields = operation["attributes"].as_array().unwrap();
    let errno = fields.iter().find(|field| field["key"] == "holdfast.errno");
    assert_eq!(errno.unwrap()["value"]["intValue"], "17");
}

#[test]
fn what_nodes_do_is_below_the_mount_that_waits() {
    let spans = traced(1, || {
        mkdir(&number(17));
        let request = number(17);
        tracing::debug_span!(target: "holdfast_replicator::raft::volume", "command", %request, operation = "mkdir", group = 1);
        tracing::debug_span!(target: "holdfast_replicator::raft::machine", "apply", %request, operation = "mkdir", index = 5_u64);
    });
    let names: Vec<&Value> = spans.iter().map(|span| &span["name"]).collect();
    assert_eq!(
        names,
        ["ask the cluster", "mkdir", "lead mkdir", "apply mkdir"]
    );
    for span in &spans[2..] {
        assert_eq!(span["parentSpanId"], spans[0]["spanId"]);
        assert_eq!(span["traceId"], spans[0]["traceId"]);
    }
}

#[test]
fn of_one_in_so_many_requests_everything_is_sent() {
    let spans = traced(10, || (0..1000).for_each(|request| mkdir(&number(request))));
    assert!((100..400).contains(&spans.len()), "{}", spans.len());
    for pair in spans.chunks(2) {
        assert_eq!(pair[0]["traceId"], pair[1]["traceId"]);
    }
}

#[test]
fn spans_of_others_are_not_sent() {
    let spans = traced(1, || {
        tracing::debug_span!(target: "openraft::core", "command");
        tracing::debug_span!(target: "holdfast_replicator::raft", "something");
    });
    assert_eq!(spans, Vec::<Value>::new());
}
