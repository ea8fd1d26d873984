//! Files of hexadecimal digits.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::path::PathBuf;

use bytes::Bytes;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

/// The names of all fixtures, without their ending.
pub(crate) fn every_fixture() -> BTreeSet<String> {
    let files = std::fs::read_dir(directory()).unwrap();
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".hex").unwrap().to_owned()
    };
    files.map(name).collect()
}

/// The bytes of a fixture.
fn fixture(name: &str) -> Bytes {
    let path = directory().join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The fixture decodes to the value, and the value encodes to the fixture.
pub(crate) fn round_trips<T: PartialEq + Debug, E: Display>(
    name: &str,
    value: &T,
    decode: impl Fn(Bytes) -> Result<T, E>,
    encode: impl Fn(&T) -> Bytes,
) {
    let bytes = fixture(name);
    let encoded = encode(value);
    assert!(
        encoded == bytes,
        "{name}.hex is not\n{}",
        hexadecimal(&encoded)
    );
    match decode(bytes) {
        Ok(decoded) => assert_eq!(&decoded, value, "{name}.hex"),
        Err(refusal) => panic!("{name}.hex: {refusal}"),
    }
}

/// Sixteen bytes a line, as the fixtures are written.
fn hexadecimal(bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).map(|line| {
        let digits: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        digits.join(" ") + "\n"
    });
    lines.collect()
}
