//! The suite sees staleness: on mounts whose kernels may remember, histories are refused.

use std::panic::{AssertUnwindSafe, catch_unwind};

use holdfast_tests::{Cluster, Random};

use crate::round::{Round, run};

#[test]
fn mounts_that_may_be_stale_are_found_out() {
    let mut cluster = Cluster::start(3);
    let mut random = Random::announced();
    let options = "noatime,entry_timeout=2,attr_timeout=2";
    let stale = AssertUnwindSafe(|| {
        let work = |round: &mut Round<'_>| {
            for _ in 0..3 {
                round.work();
            }
        };
        run("stale mounts", &mut cluster, (&mut random, options), work);
    });
    let refused = catch_unwind(stale).unwrap_err();
    let message = refused.downcast_ref::<String>().unwrap();
    assert!(message.contains("no order explains this"), "{message}");
}
