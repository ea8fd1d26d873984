//! Commands on the content of files: around pages, around the end, at the end of all offsets.

use bytes::Bytes;
use holdfast_metadata::limits::FILE_BYTES_MAX;
use holdfast_metadata::{
    CopyRange, Fallocate, FallocateMode, Operation, SetAttributes, Write, WritePosition,
};
use proptest::prelude::*;

use super::file;

pub(super) fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..=300_u64,
        4 => (0..=5_u64).prop_map(|page| page * 4096),
        4 => 0..=20_000_u64,
        1 => FILE_BYTES_MAX - 4..=FILE_BYTES_MAX + 1,
        1 => Just(u64::MAX),
    ]
}

/// Never so many that the model is slow.
fn length() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..=300_u64,
        4 => (1..=3_u64).prop_map(|page| page * 4096),
        2 => 0..=12_000_u64,
    ]
}

fn data() -> impl Strategy<Value = Bytes> {
    let length = prop_oneof![6 => 0..=100_usize, 3 => 4000..=9000_usize, 1 => 0..=9000_usize];
    (length, any::<u8>()).prop_map(|(length, first)| {
        (0..length)
            .map(|place| first.wrapping_add(place as u8))
            .collect()
    })
}

pub(super) fn content() -> impl Strategy<Value = Operation> {
    let position = prop_oneof![
        3 => offset().prop_map(WritePosition::At),
        2 => Just(WritePosition::End),
    ];
    let write = (file(), position, data(), any::<bool>());
    let copy = (file(), offset(), file(), offset(), length());
    prop_oneof![
        4 => write.prop_map(|(ino, position, data, clear_privileges)| Operation::Write(Write {
            ino,
            position,
            data,
            clear_privileges,
        })),
        3 => fallocate(),
        2 => copy.prop_map(|(source, source_offset, destination, destination_offset, length)| {
            Operation::CopyRange(CopyRange {
                source,
                source_offset,
                destination,
                destination_offset,
                length,
            })
        }),
        1 => (file(), offset()).prop_map(|(ino, size)| Operation::SetAttributes(SetAttributes {
            size: Some(size),
            ..SetAttributes::nothing(ino)
        })),
    ]
}

fn fallocate() -> impl Strategy<Value = Operation> {
    let keep = any::<bool>();
    let mode = prop_oneof![
        keep.prop_map(|keep_size| FallocateMode::Allocate { keep_size }),
        keep.prop_map(|keep_size| FallocateMode::ZeroRange { keep_size }),
        Just(FallocateMode::PunchHole),
        Just(FallocateMode::Unshare),
        Just(FallocateMode::CollapseRange),
        Just(FallocateMode::InsertRange),
    ];
    (file(), offset(), length(), mode).prop_map(|(ino, offset, length, mode)| {
        Operation::Fallocate(Fallocate {
            ino,
            offset,
            length,
            mode,
        })
    })
}
