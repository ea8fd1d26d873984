//! A node that has applied everything has the state that comes of each request once.

use holdfast_metadata::{Engine, RocksEngine, StateMachine, digest};

use super::replay::Replay;

pub(super) fn check(replay: &Replay, machine: &StateMachine<RocksEngine>) -> Result<(), String> {
    let expected = replay.digest();
    let found = digest(&machine.engine().view()).unwrap();
    if expected == found {
        return Ok(());
    }
    Err(format!(
        "the state is {found}, and each request once makes {expected}"
    ))
}
