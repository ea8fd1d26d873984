//! The values the fixtures were made from: every field differs from every other, so that two that
//! change places are noticed.

mod answers;
mod commands;
mod log;
mod queries;

use std::collections::BTreeSet;

use holdfast_metadata::{Attributes, FileKind, FileName, InodeFlags, InodeId, Mode, Timestamp};

pub(crate) use answers::{outcomes, replies};
pub(crate) use commands::commands;
pub(crate) use log::{catalog_commands, entries, proposals, stored_position, vote};
pub(crate) use queries::queries;

const INO: InodeId = InodeId::new(0x0102_0304_0506_0708);

const PARENT: InodeId = InodeId::new(0x1112_1314_1516_1718);

type Named<T> = Vec<(&'static str, T)>;

/// The names of all samples.
pub(crate) fn names() -> BTreeSet<String> {
    fn of<T>(samples: Named<T>) -> impl Iterator<Item = &'static str> {
        samples.into_iter().map(|(name, _)| name)
    }
    let names = of(commands())
        .chain(of(outcomes()))
        .chain(of(queries()))
        .chain(of(replies()))
        .chain(of(catalog_commands()))
        .chain(of(proposals()))
        .chain(of(entries()))
        .chain(["stored_position", "vote"]);
    names.map(str::to_owned).collect()
}

fn time(seconds: i64, nanoseconds: u32) -> Timestamp {
    Timestamp::new(seconds, nanoseconds).unwrap()
}

fn name() -> FileName {
    FileName::new(b"na\xffme").unwrap()
}

fn attributes() -> Attributes {
    Attributes {
        ino: INO,
        generation: 0x3132_3334,
        kind: FileKind::Fifo,
        mode: Mode::new(0o7644),
        flags: InodeFlags::new(InodeFlags::SETTABLE).unwrap(),
        uid: 0x0102_0304,
        gid: 0x1112_1314,
        nlink: 0x2122_2324,
        device: 0x4142_4344,
        project: 0x5152_5354,
        size: 0x7172_7374_7576_7778,
        allocated: 0x0182_8384_8586_8788,
        xattrs: 0x6162_6364,
        atime: time(-2, 999_999_999),
        mtime: time(1 << 33, 1),
        ctime: time(i64::MAX, 2),
        btime: time(i64::MIN, 3),
    }
}
