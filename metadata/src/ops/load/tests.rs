//! A volume that was made for a dump is nothing before it has all of it.

use bytes::Bytes;

use crate::command::{Command, CountOwners, LoadStep, Mkdir, Operation};
use crate::dump::Filesystem;
use crate::invariant::{self, State};
use crate::outcome::{Answer, Outcome, PosixError};
use crate::record::LoadProgress;
use crate::snapshot::{self, Reader};
use crate::state_machine::{Format, StateMachine};
use crate::store::{Engine, MemoryEngine};
use crate::types::{Credentials, FileName, InodeId, Mode, Timestamp};

type Machine = StateMachine<MemoryEngine>;

fn machine(awaits_load: bool) -> Machine {
    let format = Format {
        awaits_load,
        ..Format::of_root(77, Timestamp::default())
    };
    StateMachine::open(MemoryEngine::new(), format).unwrap()
}

fn run(machine: &Machine, operation: Operation) -> Outcome {
    let command = Command {
        request: None,
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    };
    machine.apply_next(&[command]).unwrap().remove(0)
}

fn load(machine: &Machine, number: u64, entries: &Bytes) -> Outcome {
    let entries = entries.clone();
    run(
        machine,
        Operation::Load(LoadStep::Entries { number, entries }),
    )
}

fn finish(machine: &Machine, progress: LoadProgress) -> Outcome {
    run(machine, Operation::Load(LoadStep::Finish(progress)))
}

fn mkdir() -> Operation {
    Operation::Mkdir(Mkdir {
        parent: InodeId::ROOT,
        name: FileName::new(b"new").unwrap(),
        mode: Mode::new(0o755),
        umask: Mode::new(0),
    })
}

fn dump(engine: &MemoryEngine) -> Vec<u8> {
    let mut stream = Vec::new();
    snapshot::write(&Filesystem::of(engine.view()).unwrap(), &mut stream).unwrap();
    stream
}

/// The frames of the sound state, each cut in two.
fn batches() -> Vec<Bytes> {
    batches_of(State::sound().engine())
}

fn batches_of(engine: &MemoryEngine) -> Vec<Bytes> {
    let stream = dump(engine);
    let mut stream = stream.as_slice();
    let mut reader = Reader::new(&mut stream).unwrap();
    let frame = reader.next_frame().unwrap().unwrap();
    let mut first = Vec::new();
    let mut rest = Vec::new();
    for (place, entry) in snapshot::entries(&frame).enumerate() {
        let (key, value) = entry.unwrap();
        let batch = if place < 3 { &mut first } else { &mut rest };
        batch.extend_from_slice(&(key.len() as u32).to_be_bytes());
        batch.extend_from_slice(&(value.len() as u32).to_be_bytes());
        batch.extend_from_slice(&key);
        batch.extend_from_slice(&value);
    }
    vec![first.into(), rest.into()]
}

#[test]
fn a_load_ends_in_what_was_dumped_and_steps_may_be_tried_again() {
    let machine = machine(true);
    let batches = batches();
    let mut progress = LoadProgress::default();
    for (number, batch) in (0..).zip(&batches) {
        assert_eq!(load(&machine, number, batch), Ok(Answer::Done));
        assert_eq!(load(&machine, number, batch), Ok(Answer::Done), "again");
        progress = progress.after(batch);
        assert!(!machine.is_whole());
    }
    assert_eq!(finish(&machine, progress), Ok(Answer::Done));
    assert_eq!(finish(&machine, progress), Ok(Answer::Done), "again");
    assert!(machine.is_whole());
    let violations = invariant::check(&machine.engine().view(), &mut |_| ());
    assert_eq!(violations, Ok(Vec::new()));
    assert_eq!(dump(machine.engine()), dump(State::sound().engine()));
    assert_eq!(
        load(&machine, 2, &batches[1]),
        Err(PosixError::NotPermitted)
    );
    run(&machine, mkdir()).unwrap();
}

#[test]
fn what_is_counted_for_owners_is_counted_in_what_was_loaded() {
    let source = machine(false);
    run(&source, mkdir()).unwrap();
    let (on, records_max) = (true, 1);
    let count = Operation::CountOwners(CountOwners { on, records_max });
    run(&source, count.clone()).unwrap();
    let loaded = machine(true);
    let mut progress = LoadProgress::default();
    for (number, batch) in (0..).zip(&batches_of(source.engine())) {
        load(&loaded, number, batch).unwrap();
        progress = progress.after(batch);
    }
    finish(&loaded, progress).unwrap();
    // It goes on where it was.
    run(&loaded, count.clone()).unwrap();
    run(&source, count).unwrap();
    assert_eq!(dump(loaded.engine()), dump(source.engine()));
    let violations = invariant::check(&loaded.engine().view(), &mut |_| ());
    assert_eq!(violations, Ok(Vec::new()));
}

#[test]
fn nothing_else_is_done_before_it_is_finished() {
    let machine = machine(true);
    load(&machine, 0, &batches()[0]).unwrap();
    assert_eq!(run(&machine, mkdir()), Err(PosixError::NotPermitted));
    let view = machine.engine().view();
    let violations = invariant::check(&view, &mut |_| ()).unwrap();
    assert!(violations[0].to_string().contains("load was cut off"));
}

#[test]
fn a_load_that_lacks_something_is_not_finished() {
    let machine = machine(true);
    let batches = batches();
    let whole = LoadProgress::default()
        .after(&batches[0])
        .after(&batches[1]);
    let refused = Err(PosixError::InvalidArgument);
    assert_eq!(load(&machine, 1, &batches[1]), refused);
    load(&machine, 0, &batches[0]).unwrap();
    assert_eq!(finish(&machine, whole), refused);
    assert_eq!(load(&machine, 1, &Bytes::from_static(b"no entry")), refused);
    // What is of no filesystem is not taken, nor what came with it.
    let session = Bytes::from_static(b"\0\0\0\x09\0\0\0\0S\0\0\0\0\0\0\0\x01");
    assert_eq!(load(&machine, 1, &session), refused);
    load(&machine, 1, &batches[1]).unwrap();
    assert_eq!(finish(&machine, whole), Ok(Answer::Done));
}

#[test]
fn a_volume_that_awaits_nothing_takes_nothing() {
    let machine = machine(false);
    assert!(machine.is_whole());
    let refused = Err(PosixError::NotPermitted);
    assert_eq!(load(&machine, 0, &batches()[0]), refused);
    assert_eq!(finish(&machine, LoadProgress::default()), Ok(Answer::Done));
}

#[test]
fn what_awaits_a_dump_awaits_it_when_it_is_opened_again() {
    let format = Format {
        awaits_load: true,
        ..Format::of_root(77, Timestamp::default())
    };
    let machine = machine(true);
    load(&machine, 0, &batches()[0]).unwrap();
    let engine = MemoryEngine::new();
    let mut stream = Vec::new();
    snapshot::write(&machine.engine().view(), &mut stream).unwrap();
    snapshot::read(&engine, &mut stream.as_slice()).unwrap();
    let machine = StateMachine::open(engine, format).unwrap();
    assert!(!machine.is_whole());
    load(&machine, 1, &batches()[1]).unwrap();
}
