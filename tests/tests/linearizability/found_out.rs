//! The suite sees what is wrong: mounts whose kernels may remember, and mounts that give up, are refused.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use holdfast_tests::{Cluster, Random};

use crate::nemeses::turn;
use crate::round::{Round, last, run};

/// So long nobody answers; whoever gives up after a second does so often enough.
const SILENCE: Duration = Duration::from_secs(6);

/// What a round says that must be refused.
#[track_caller]
fn refused(what: &str, cluster: &mut Cluster, options: &str, work: fn(&mut Round<'_>)) -> String {
    let mut random = Random::announced();
    let judged = AssertUnwindSafe(|| run(what, cluster, (&mut random, options), work));
    let panic = catch_unwind(judged).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn mounts_that_may_be_stale_are_found_out() {
    let _turn = turn();
    let mut cluster = Cluster::start(3);
    let options = "noatime,entry_timeout=2,attr_timeout=2";
    let message = refused("stale mounts", &mut cluster, options, |round| {
        for _ in 0..3 {
            round.work();
        }
    });
    assert!(message.contains("no order explains this"), "{message}");
}

/// What was not answered is never refuted, so there must not be much of it.
#[test]
fn mounts_that_answer_nothing_are_found_out() {
    let _turn = turn();
    let mut cluster = Cluster::start(3);
    let message = refused("mounts give up", &mut cluster, "noatime,soft=1", |round| {
        round.work();
        for id in [1, 2] {
            round.cluster.pause(id);
        }
        last(SILENCE);
        for id in [1, 2] {
            round.cluster.resume(id);
        }
        round.work();
    });
    assert!(message.contains("unknown {\"ETIMEDOUT\""), "{message}");
}
