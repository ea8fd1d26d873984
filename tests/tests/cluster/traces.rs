//! Traces: what one request did on each machine is one trace, whoever sends its part.

use std::fs;

use holdfast_tests::cluster::{ClusterSetup, SETTLED};
use holdfast_tests::traces::Traces;
use holdfast_tests::wait_until;
use serde_json::Value;

fn of<'a>(spans: &'a [Value], trace: &Value) -> Vec<&'a Value> {
    spans
        .iter()
        .filter(|span| span["traceId"] == *trace)
        .collect()
}

fn named<'a>(spans: &[&'a Value], name: &str) -> Vec<&'a Value> {
    spans
        .iter()
        .copied()
        .filter(|span| span["name"] == name)
        .collect()
}

fn nanos(span: &Value, field: &str) -> u128 {
    span[field].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_request_is_one_trace_over_all_machines() {
    let traces = Traces::start();
    let setup =
        ClusterSetup::default().settings(&format!("[log]\ntraces = \"{}\"\n", traces.url()));
    let cluster = setup.start(3);
    let mount = cluster.mount(1, &format!("noatime,traces={}", traces.url()));
    fs::create_dir(mount.path("made")).unwrap();
    let mut found = None;
    wait_until("all machines have sent their part", SETTLED, || {
        let spans = traces.spans();
        found = spans
            .iter()
            .find(|span| span["name"] == "mkdir")
            .and_then(|span| {
                let trace = of(&spans, &span["traceId"]);
                let all: Vec<Value> = trace.into_iter().cloned().collect();
                (named(&all.iter().collect::<Vec<_>>(), "apply mkdir").len() == 3).then_some(all)
            });
        found.is_some()
    });
    let trace = found.unwrap();
    let trace: Vec<&Value> = trace.iter().collect();
    let one = |name: &str| {
        let spans = named(&trace, name);
        assert_eq!(spans.len(), 1, "{name}: {trace:#?}");
        spans[0]
    };
    let (operation, asking, leading) = (one("mkdir"), one("ask the cluster"), one("lead mkdir"));
    assert_eq!(operation["parentSpanId"], Value::Null);
    assert_eq!(asking["parentSpanId"], operation["spanId"]);
    assert_eq!(leading["parentSpanId"], asking["spanId"]);
    for applied in named(&trace, "apply mkdir") {
        assert_eq!(applied["parentSpanId"], asking["spanId"]);
    }
    // One machine, so one clock.
    for (inner, outer) in [(asking, operation), (leading, asking)] {
        assert!(nanos(inner, "startTimeUnixNano") >= nanos(outer, "startTimeUnixNano"));
        assert!(nanos(inner, "endTimeUnixNano") <= nanos(outer, "endTimeUnixNano"));
    }
    assert_eq!(traces.instances().len(), 4, "three nodes and a mount");
    mount.unmount();
}

#[test]
fn without_a_collector_everything_works_and_the_log_says_so() {
    // Nobody listens there any more.
    let nowhere = Traces::start().url();
    let setup = ClusterSetup::default().settings(&format!("[log]\ntraces = \"{nowhere}\"\n"));
    let cluster = setup.start(3);
    let mount = cluster.mount(1, &format!("noatime,traces={nowhere}"));
    for number in 0..100 {
        fs::write(mount.path(&format!("file-{number}")), b"x").unwrap();
    }
    let said = |log: &str| log.contains("spans are not traced");
    wait_until("the mount says so", SETTLED, || {
        said(&fs::read_to_string(mount.log_path()).unwrap())
    });
    for id in cluster.ids() {
        wait_until("each node says so", SETTLED, || {
            said(&fs::read_to_string(cluster.node(id).log()).unwrap())
        });
    }
    mount.unmount();
}
