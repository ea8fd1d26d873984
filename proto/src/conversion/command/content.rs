//! Operations on the content of files.

use holdfast_metadata::{
    CopyRange, Fallocate, FallocateMode, InodeId, Reclaim, Write, WritePosition,
};

use crate::conversion::values::{decode_inodes, encode_inodes};
use crate::generated as wire;
use crate::generated::write::Position;
use crate::malformed::Malformed;

impl From<&Write> for wire::Write {
    fn from(write: &Write) -> wire::Write {
        let position = match write.position {
            WritePosition::At(offset) => Position::At(offset),
            WritePosition::End => Position::End(wire::EndOfFile {}),
        };
        wire::Write {
            ino: write.ino.get(),
            position: Some(position),
            clear_privileges: write.clear_privileges,
            data: write.data.clone(),
        }
    }
}

impl TryFrom<wire::Write> for Write {
    type Error = Malformed;

    fn try_from(write: wire::Write) -> Result<Write, Malformed> {
        let position = match write.position {
            Some(Position::At(offset)) => WritePosition::At(offset),
            Some(Position::End(wire::EndOfFile {})) => WritePosition::End,
            None => return Err(Malformed::missing("the position of a write")),
        };
        Ok(Write {
            ino: InodeId::new(write.ino),
            position,
            data: write.data,
            clear_privileges: write.clear_privileges,
        })
    }
}

impl From<&Fallocate> for wire::Fallocate {
    fn from(fallocate: &Fallocate) -> wire::Fallocate {
        wire::Fallocate {
            ino: fallocate.ino.get(),
            offset: fallocate.offset,
            length: fallocate.length,
            mode: encode_fallocate_mode(fallocate.mode).into(),
        }
    }
}

impl TryFrom<wire::Fallocate> for Fallocate {
    type Error = Malformed;

    fn try_from(fallocate: wire::Fallocate) -> Result<Fallocate, Malformed> {
        Ok(Fallocate {
            ino: InodeId::new(fallocate.ino),
            offset: fallocate.offset,
            length: fallocate.length,
            mode: decode_fallocate_mode(fallocate.mode)?,
        })
    }
}

fn encode_fallocate_mode(mode: FallocateMode) -> wire::FallocateMode {
    match mode {
        FallocateMode::Allocate { keep_size: false } => wire::FallocateMode::Allocate,
        FallocateMode::Allocate { keep_size: true } => wire::FallocateMode::AllocateKeepSize,
        FallocateMode::PunchHole => wire::FallocateMode::PunchHole,
        FallocateMode::ZeroRange { keep_size: false } => wire::FallocateMode::ZeroRange,
        FallocateMode::ZeroRange { keep_size: true } => wire::FallocateMode::ZeroRangeKeepSize,
        FallocateMode::CollapseRange => wire::FallocateMode::CollapseRange,
        FallocateMode::InsertRange => wire::FallocateMode::InsertRange,
        FallocateMode::Unshare => wire::FallocateMode::Unshare,
    }
}

fn decode_fallocate_mode(number: i32) -> Result<FallocateMode, Malformed> {
    const WHAT: &str = "the mode of fallocate";
    let mode = wire::FallocateMode::try_from(number);
    Ok(match mode.map_err(|_| Malformed::invalid(WHAT, &number))? {
        wire::FallocateMode::Unspecified => return Err(Malformed::missing(WHAT)),
        wire::FallocateMode::Allocate => FallocateMode::Allocate { keep_size: false },
        wire::FallocateMode::AllocateKeepSize => FallocateMode::Allocate { keep_size: true },
        wire::FallocateMode::PunchHole => FallocateMode::PunchHole,
        wire::FallocateMode::ZeroRange => FallocateMode::ZeroRange { keep_size: false },
        wire::FallocateMode::ZeroRangeKeepSize => FallocateMode::ZeroRange { keep_size: true },
        wire::FallocateMode::CollapseRange => FallocateMode::CollapseRange,
        wire::FallocateMode::InsertRange => FallocateMode::InsertRange,
        wire::FallocateMode::Unshare => FallocateMode::Unshare,
    })
}

impl From<&CopyRange> for wire::CopyRange {
    fn from(copy: &CopyRange) -> wire::CopyRange {
        wire::CopyRange {
            source: copy.source.get(),
            source_offset: copy.source_offset,
            destination: copy.destination.get(),
            destination_offset: copy.destination_offset,
            length: copy.length,
        }
    }
}

impl From<wire::CopyRange> for CopyRange {
    fn from(copy: wire::CopyRange) -> CopyRange {
        CopyRange {
            source: InodeId::new(copy.source),
            source_offset: copy.source_offset,
            destination: InodeId::new(copy.destination),
            destination_offset: copy.destination_offset,
            length: copy.length,
        }
    }
}

impl From<&Reclaim> for wire::Reclaim {
    fn from(reclaim: &Reclaim) -> wire::Reclaim {
        wire::Reclaim {
            inodes: encode_inodes(&reclaim.inodes),
            term: reclaim.term,
        }
    }
}

impl From<wire::Reclaim> for Reclaim {
    fn from(reclaim: wire::Reclaim) -> Reclaim {
        Reclaim {
            inodes: decode_inodes(reclaim.inodes),
            term: reclaim.term,
        }
    }
}
