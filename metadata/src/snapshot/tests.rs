//! What was cut off, changed or written by a later program is refused.

use bytes::Bytes;

use super::{SnapshotError, read, verify, write};
use crate::digest::digest;
use crate::invariant::State;
use crate::keys;
use crate::state_machine::load_volume;
use crate::store::{Batch, Engine, MemoryEngine, View};

fn snapshot() -> Vec<u8> {
    let mut stream = Vec::new();
    write(&State::sound().engine().view(), &mut stream).unwrap();
    stream
}

/// The error of restoring a stream; the engine has no volume then.
fn refused(stream: &[u8]) -> SnapshotError {
    let engine = MemoryEngine::new();
    let error = read(&engine, &mut &*stream).unwrap_err();
    assert_eq!(load_volume(&engine.view()), Ok(None));
    error
}

#[test]
fn a_snapshot_restores_the_same_state() {
    let engine = MemoryEngine::new();
    let summary = read(&engine, &mut snapshot().as_slice()).unwrap();
    assert_eq!(
        digest(&engine.view()),
        digest(&State::sound().engine().view())
    );
    assert_eq!(digest(&engine.view()), Ok(summary.digest));
}

#[test]
fn a_state_of_many_frames_comes_back() {
    let state = MemoryEngine::new();
    let mut batch = Batch::default();
    batch.set(
        keys::volume(),
        State::sound().engine().view().get(&keys::volume()).unwrap(),
    );
    for number in 0..20 {
        let value = Bytes::from(vec![number as u8; 300_000]);
        batch.set(keys::block(keys::BlockId(number)), Some(value));
    }
    state.commit(batch).unwrap();
    let mut stream = Vec::new();
    let written = write(&state.view(), &mut stream).unwrap();
    let engine = MemoryEngine::new();
    assert_eq!(read(&engine, &mut stream.as_slice()).unwrap(), written);
    assert_eq!(digest(&engine.view()), Ok(written.digest));
}

#[test]
fn every_truncation_is_refused() {
    let stream = snapshot();
    for length in 0..stream.len() {
        let error = refused(&stream[..length]);
        assert!(
            matches!(error, SnapshotError::Truncated { .. }),
            "{length}: {error}"
        );
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let stream = snapshot();
    for bit in 0..stream.len() * 8 {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = refused(&flipped);
        let told = matches!(
            error,
            SnapshotError::NotASnapshot
                | SnapshotError::Corrupt { .. }
                | SnapshotError::Truncated { .. }
        );
        assert!(told, "bit {bit}: {error}");
    }
}

#[test]
fn a_later_version_is_refused_by_name() {
    let mut stream = snapshot();
    stream[8..12].copy_from_slice(&9_u32.to_be_bytes());
    let checksum = crc32fast::hash(&stream[..12]).to_be_bytes();
    stream[12..16].copy_from_slice(&checksum);
    let error = refused(&stream);
    assert_eq!(
        error.to_string(),
        "dump of format version 9; this program knows up to 2: use a newer one"
    );
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut stream = snapshot();
    stream.push(0);
    assert!(
        refused(&stream)
            .to_string()
            .contains("something follows the end")
    );
}

#[test]
fn other_files_are_no_snapshots() {
    let error = refused(b"#!/bin/sh\necho hello, this is a script\n");
    assert!(matches!(error, SnapshotError::NotASnapshot));
}

#[test]
fn an_engine_that_is_not_empty_is_left_alone() {
    let state = State::sound();
    let before = digest(&state.engine().view());
    let error = read(state.engine(), &mut snapshot().as_slice()).unwrap_err();
    assert!(matches!(error, SnapshotError::NotEmpty));
    assert_eq!(digest(&state.engine().view()), before);
}

#[test]
fn a_state_without_a_volume_is_refused() {
    let mut stream = Vec::new();
    write(&State::empty().engine().view(), &mut stream).unwrap();
    assert!(refused(&stream).to_string().contains("no volume record"));
}

#[test]
fn what_can_be_packed_is_packed() {
    let state = MemoryEngine::new();
    let mut batch = Batch::default();
    for number in 0..10 {
        let value = Bytes::from(vec![number as u8; 100_000]);
        batch.set(keys::block(keys::BlockId(number)), Some(value));
    }
    state.commit(batch).unwrap();
    let mut stream = Vec::new();
    let written = write(&state.view(), &mut stream).unwrap();
    assert!(stream.len() < 50_000, "{}", stream.len());
    assert_eq!(verify(&mut stream.as_slice()).unwrap(), written);
}

#[test]
fn what_unpacks_to_another_length_is_refused() {
    let mut stream = snapshot();
    // Behind the header, and the start of the frame.
    let payload = 16 + 9;
    let length = u32::from_be_bytes(stream[17..21].try_into().unwrap()) as usize;
    assert_eq!(stream[16], 3, "the first frame is packed");
    for wrong in [0, 1, u32::MAX] {
        stream[payload..payload + 4].copy_from_slice(&wrong.to_be_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&stream[16..21]);
        hasher.update(&stream[payload..payload + length]);
        stream[21..25].copy_from_slice(&hasher.finalize().to_be_bytes());
        assert!(matches!(refused(&stream), SnapshotError::Corrupt { .. }));
    }
}
