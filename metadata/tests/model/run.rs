//! Running a property over random sequences, from a seed that is printed when it fails.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::ControlFlow;

use bytes::Bytes;
use holdfast_metadata::invariant;
use holdfast_metadata::record::Volume;
use holdfast_metadata::store::View;
use holdfast_metadata::{
    Command, Digest, Engine, Format, LogIndex, Mode, StateMachine, Timestamp, digest, keys,
};
use proptest::strategy::Strategy;
use proptest::test_runner::{
    Config, RngAlgorithm, TestCaseError, TestCaseResult, TestError, TestRng, TestRunner,
};

pub(crate) const FORMAT: Format = Format {
    generation: 77,
    now: Timestamp {
        seconds: 1_000_000,
        nanoseconds: 5,
    },
    uid: 0,
    gid: 0,
    mode: Mode::new(0o777),
    awaits_load: false,
};

#[expect(
    clippy::disallowed_methods,
    reason = "how much is tested is the tester's choice"
)]
fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is not a number")),
    )
}

/// Tries `property` on `cases` values, or as many as the environment says.
pub(crate) fn check<S>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> TestCaseResult)
where
    S: Strategy,
    S::Value: Debug,
{
    let seed = from_environment("HOLDFAST_SEED")
        .unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let cases = from_environment("HOLDFAST_CASES").map_or(cases, |cases| cases as u32);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let result = TestRunner::new_with_rng(config, rng).run(strategy, property);
    let repeat = format!("repeat with HOLDFAST_SEED={seed} HOLDFAST_CASES={cases}");
    match result {
        Ok(()) => {}
        // One line, not one for every byte of a name.
        Err(TestError::Fail(reason, value)) => panic!("{reason}\nafter {value:?}\n{repeat}"),
        Err(TestError::Abort(reason)) => panic!("{reason}\n{repeat}"),
    }
}

pub(crate) fn machine<E: Engine>(engine: E) -> StateMachine<E> {
    StateMachine::open(engine, FORMAT).unwrap()
}

pub(crate) fn view<E: Engine>(engine: &E) -> E::View<'_> {
    engine.view()
}

pub(crate) fn digest_of<E: Engine>(engine: &E) -> Digest {
    digest(&engine.view()).unwrap()
}

/// Applies each command as a batch of its own.
pub(crate) fn all<E: Engine>(machine: &StateMachine<E>, commands: &[Command]) -> Digest {
    for command in commands {
        machine.apply_next(std::slice::from_ref(command)).unwrap();
    }
    digest_of(machine.engine())
}

/// Everything but the position in the log.
pub(crate) fn state<E: Engine>(machine: &StateMachine<E>) -> BTreeMap<Vec<u8>, Bytes> {
    let mut entries = BTreeMap::new();
    let engine = machine.engine();
    let visit = &mut |key: &[u8], value: &[u8]| {
        entries.insert(key.to_vec(), Bytes::copy_from_slice(value));
        Ok(ControlFlow::Continue(()))
    };
    engine.view().scan(&[], &[0xff], visit).unwrap();
    if let Some(bytes) = entries.get_mut(&keys::volume()) {
        let mut volume = Volume::decode(bytes).unwrap();
        volume.applied = LogIndex::default();
        *bytes = volume.encode();
    }
    entries
}

/// No invariant is broken.
pub(crate) fn cleanly<E: Engine>(
    machine: &StateMachine<E>,
    place: usize,
    command: &Command,
) -> TestCaseResult {
    let violations = invariant::check(&machine.engine().view(), &mut |_| ()).unwrap();
    if violations.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    Err(TestCaseError::fail(format!(
        "after command {place} {command:?}: {lines:#?}"
    )))
}
