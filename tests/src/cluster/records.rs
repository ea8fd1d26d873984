//! Records that writers append to one file, and what the file must then consist of.

use crate::random::Random;

/// The longest record.
const RECORD_BYTES_MAX: usize = 128 * 1024;

/// A writer's record of this number: its bytes follow from both, so nothing that is torn, lost or twice can match.
pub fn record(writer: u8, number: u32) -> Vec<u8> {
    let mut random = Random::new(u64::from(writer) << 32 | u64::from(number));
    let lengths = [1, 2, 7, 100, 4095, 4096, 4097, 65_536, RECORD_BYTES_MAX];
    let length = match random.below(12) as usize {
        choice if choice < lengths.len() => lengths[choice],
        _ => 1 + random.below(20_000) as usize,
    };
    // The first byte says who begins a record; no other byte does.
    let mut bytes = vec![0x80 | writer];
    bytes.resize_with(length, || random.below(0x80) as u8);
    bytes
}

/// Checks that the bytes are all records of all writers, each whole and once, each writer's in order.
#[track_caller]
pub fn assert_records(bytes: &[u8], writers: u8, records: u32) {
    let mut next = vec![0; usize::from(writers)];
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let at = bytes.len() - rest.len();
        let writer = first & 0x7f;
        assert!(
            first & 0x80 != 0 && writer < writers,
            "no record begins at byte {at}"
        );
        let number = &mut next[usize::from(writer)];
        let expected = record(writer, *number);
        assert!(
            rest.starts_with(&expected),
            "record {number} of writer {writer} at byte {at} is torn ({} bytes)",
            expected.len()
        );
        *number += 1;
        rest = &rest[expected.len()..];
    }
    assert!(
        next.iter().all(|count| *count == records),
        "records of each writer: {next:?}, written: {records}"
    );
}
