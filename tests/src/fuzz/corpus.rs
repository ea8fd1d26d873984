//! Inputs to begin with: the golden fixtures, which our own encoders have made.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use holdfast_proto::call_request::Body;
use holdfast_replicator::fuzz as raft;

use super::{commands as asked, records as values, wire as messages};

const STATE: &str = "metadata/tests/fixtures/v1";
const WIRE: &str = "proto/tests/golden/v1";

pub(super) fn records() -> Vec<Vec<u8>> {
    chosen(STATE, values::KINDS.map(|(name, _)| name).as_slice())
}

pub(super) fn keys() -> Vec<Vec<u8>> {
    let keys = fixtures(STATE, "key_").into_iter();
    let numbers = [[0xff; 24], [0x01; 24]].map(|numbers| numbers.to_vec());
    keys.map(|(_, bytes)| bytes).chain(numbers).collect()
}

pub(super) fn snapshots() -> Vec<Vec<u8>> {
    let snapshots = fixtures(STATE, "snapshot").into_iter();
    snapshots.map(|(_, bytes)| bytes).collect()
}

pub(super) fn wire() -> Vec<Vec<u8>> {
    let mut inputs = chosen(WIRE, messages::KINDS.map(|(name, _)| name).as_slice());
    inputs.extend(messages::service_samples());
    inputs
}

/// Every command and every query alone, and all of them after each other.
pub(super) fn commands() -> Vec<Vec<u8>> {
    let of_kind = |prefix, body: fn(Bytes) -> Body| {
        let fixtures = fixtures(WIRE, prefix).into_iter();
        fixtures.map(move |(_, bytes)| body(bytes.into()))
    };
    let commands = of_kind("command_", Body::Command);
    let bodies: Vec<Body> = commands.chain(of_kind("query_", Body::Query)).collect();
    let alone = bodies.iter().map(|body| asked::input([body.clone()]));
    let mut inputs: Vec<Vec<u8>> = alone.collect();
    inputs.push(asked::input(bodies));
    inputs
}

pub(super) fn log() -> Vec<Vec<u8>> {
    ["entry_", "vote", "stored_position"]
        .into_iter()
        .flat_map(|prefix| fixtures(WIRE, prefix))
        .map(|(_, bytes)| bytes)
        .collect()
}

pub(super) fn raft() -> Vec<Vec<u8>> {
    raft::message_samples()
}

pub(super) fn files() -> Vec<Vec<u8>> {
    raft::file_samples()
}

/// The fixtures whose names begin so, after the number of the first name that fits: it chooses the decoder.
fn chosen(directory: &str, names: &[&str]) -> Vec<Vec<u8>> {
    let numbered = (0_u8..).zip(names);
    let inputs = numbered.flat_map(|(number, name)| {
        let fixtures = fixtures(directory, name).into_iter();
        fixtures.map(move |(_, bytes)| [&[number], &*bytes].concat())
    });
    inputs.collect()
}

fn fixtures(directory: &str, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut fixtures = Vec::new();
    for file in fs::read_dir(root.join(directory)).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name.starts_with(prefix) {
            let text = fs::read_to_string(file.path()).unwrap();
            let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
            let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
            fixtures.push((name, digits.chunks(2).map(byte).collect()));
        }
    }
    fixtures.sort();
    fixtures
}
