//! Files of hexadecimal digits.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::PathBuf;

use bytes::Bytes;
use holdfast_metadata::store::View;
use holdfast_metadata::{Engine, Fault, MemoryEngine, digest, snapshot};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

/// The names of all fixtures, without their ending.
pub(crate) fn every_fixture() -> Vec<String> {
    let files = std::fs::read_dir(directory()).unwrap();
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".hex").unwrap().to_owned()
    };
    files.map(name).collect()
}

/// The bytes of a fixture.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = directory().join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The fixture decodes to the value, and the value encodes to the fixture.
pub(crate) fn round_trips<T: PartialEq + Debug>(
    name: &str,
    value: &T,
    decode: impl Fn(&[u8]) -> Result<T, Fault>,
    encode: impl Fn(&T) -> Bytes,
) {
    let bytes = fixture(name);
    let encoded = encode(value);
    assert!(
        encoded == bytes,
        "{name}.hex is not {}",
        hexadecimal(&encoded)
    );
    assert_eq!(decode(&bytes).as_ref(), Ok(value), "{name}.hex");
}

/// Sixteen bytes a line, as the fixtures are written.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).map(|line| {
        let digits: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        digits.join(" ") + "\n"
    });
    lines.collect()
}

/// The snapshot restores to the state, and the state is written with the same digest.
pub(crate) fn snapshot_round_trips(
    name: &str,
    digest_text: &str,
    state: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> MemoryEngine {
    let bytes = fixture(name);
    let engine = MemoryEngine::new();
    let summary = snapshot::read(&engine, &mut bytes.as_slice()).unwrap();
    let mut again = Vec::new();
    // In the last version; the fixtures are of the first.
    let written = snapshot::write(&engine.view(), &mut again).unwrap();
    assert_eq!(written, summary);
    assert_eq!(digest(&engine.view()), Ok(summary.digest));
    assert_eq!(summary.digest.to_string(), digest_text);
    assert_eq!(entries(&engine), *state);
    engine
}

/// Everything in an engine.
pub(crate) fn entries(engine: &MemoryEngine) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut entries = BTreeMap::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        entries.insert(key.to_vec(), value.to_vec());
        Ok(ControlFlow::Continue(()))
    };
    engine.view().scan(&[], &[0xff], visit).unwrap();
    entries
}
