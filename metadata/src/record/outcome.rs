//! The outcome of a request, kept so that a retry is answered alike.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::outcome::{Answer, Outcome, PosixError};
use crate::types::{Attributes, FileKind, InodeFlags, InodeId, Mode};

const VERSION: u8 = 1;

const ERROR: u8 = 0;
const DONE: u8 = 1;
const ENTRY: u8 = 2;
const ATTRIBUTES: u8 = 3;
const REMOVED: u8 = 4;
const RENAMED: u8 = 5;
const WRITTEN: u8 = 6;
const RECLAIMED: u8 = 7;
const LOCKED: u8 = 8;
const WAITING: u8 = 9;

/// The value under `R` session sequence: `version 1 | answer 1`, then for the answer
///
/// | answer | holds |
/// |---|---|
/// | 0 error | `error 2` |
/// | 1 done | |
/// | 2 entry | `created 1 \| attributes` |
/// | 3 attributes | `attributes` |
/// | 4 removed | `ino 8 \| orphaned 1` |
/// | 5 renamed | `orphaned 8`, 0 for none |
/// | 6 written | `offset 8 \| length 8` |
/// | 7 reclaimed | `ino 8` of each that is not finished |
/// | 8 locked | |
/// | 9 waiting | |
///
/// where attributes are `ino 8 | generation 4 | kind 1 | mode 2 | flags 4 | uid 4 | gid 4 | nlink 4 |
/// device 4 | project 4 | size 8 | allocated 8 | xattrs 4 | atime 12 | mtime 12 | ctime 12 | btime 12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRecord {
    /// What the first attempt was answered.
    pub outcome: Outcome,
}

impl OutcomeRecord {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        let mut encoder = Encoder::new(VERSION, 120);
        match &self.outcome {
            Err(error) => encoder.u8(ERROR).u16(error_to_number(*error)),
            Ok(Answer::Done) => encoder.u8(DONE),
            Ok(Answer::Entry {
                attributes,
                created,
            }) => {
                encoder.u8(ENTRY).u8(u8::from(*created));
                encode_attributes(&mut encoder, attributes)
            }
            Ok(Answer::Attributes(attributes)) => {
                encoder.u8(ATTRIBUTES);
                encode_attributes(&mut encoder, attributes)
            }
            Ok(Answer::Removed { ino, orphaned }) => {
                encoder.u8(REMOVED).u64(ino.get()).u8(u8::from(*orphaned))
            }
            Ok(Answer::Renamed { orphaned }) => {
                encoder.u8(RENAMED).u64(orphaned.map_or(0, InodeId::get))
            }
            Ok(Answer::Written { offset, length }) => encoder.u8(WRITTEN).u64(*offset).u64(*length),
            Ok(Answer::Reclaimed { unfinished }) => {
                encoder.u8(RECLAIMED);
                for ino in unfinished {
                    encoder.u64(ino.get());
                }
                &mut encoder
            }
            Ok(Answer::Locked) => encoder.u8(LOCKED),
            Ok(Answer::Waiting) => encoder.u8(WAITING),
        };
        encoder.finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<OutcomeRecord, Fault> {
        let mut decoder = Decoder::new("outcome", VERSION, bytes)?;
        let outcome = match decoder.u8()? {
            ERROR => {
                let error = error_from_number(decoder.u16()?);
                Err(error.ok_or_else(|| decoder.corrupt("unknown error"))?)
            }
            DONE => Ok(Answer::Done),
            ENTRY => Ok(Answer::Entry {
                created: decode_bool(&mut decoder)?,
                attributes: decode_attributes(&mut decoder)?,
            }),
            ATTRIBUTES => Ok(Answer::Attributes(decode_attributes(&mut decoder)?)),
            REMOVED => Ok(Answer::Removed {
                ino: InodeId::new(decoder.u64()?),
                orphaned: decode_bool(&mut decoder)?,
            }),
            RENAMED => Ok(Answer::Renamed {
                orphaned: Some(InodeId::new(decoder.u64()?)).filter(|ino| ino.get() != 0),
            }),
            WRITTEN => Ok(Answer::Written {
                offset: decoder.u64()?,
                length: decoder.u64()?,
            }),
            RECLAIMED => Ok(Answer::Reclaimed {
                unfinished: decode_inodes(&mut decoder)?,
            }),
            LOCKED => Ok(Answer::Locked),
            WAITING => Ok(Answer::Waiting),
            _ => return Err(decoder.corrupt("unknown answer")),
        };
        decoder.finish()?;
        Ok(OutcomeRecord { outcome })
    }
}

fn decode_bool(decoder: &mut Decoder<'_>) -> Result<bool, Fault> {
    match decoder.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(decoder.corrupt("neither yes nor no")),
    }
}

fn decode_inodes(decoder: &mut Decoder<'_>) -> Result<Vec<InodeId>, Fault> {
    let (numbers, remainder) = decoder.rest().as_chunks::<8>();
    if !remainder.is_empty() {
        return Err(decoder.corrupt("a part of an inode number"));
    }
    let inode = |number: &[u8; 8]| InodeId::new(u64::from_be_bytes(*number));
    Ok(numbers.iter().map(inode).collect())
}

fn encode_attributes<'a>(encoder: &'a mut Encoder, attributes: &Attributes) -> &'a mut Encoder {
    encoder
        .u64(attributes.ino.get())
        .u32(attributes.generation)
        .u8(attributes.kind as u8)
        .u16(attributes.mode.bits())
        .u32(attributes.flags.bits())
        .u32(attributes.uid)
        .u32(attributes.gid)
        .u32(attributes.nlink)
        .u32(attributes.device)
        .u32(attributes.project)
        .u64(attributes.size)
        .u64(attributes.allocated)
        .u32(attributes.xattrs)
        .timestamp(attributes.atime)
        .timestamp(attributes.mtime)
        .timestamp(attributes.ctime)
        .timestamp(attributes.btime)
}

fn decode_attributes(decoder: &mut Decoder<'_>) -> Result<Attributes, Fault> {
    let ino = InodeId::new(decoder.u64()?);
    let generation = decoder.u32()?;
    let kind = FileKind::from_u8(decoder.u8()?);
    let kind = kind.ok_or_else(|| decoder.corrupt("unknown kind"))?;
    let mode = Mode::new(u32::from(decoder.u16()?));
    let flags = InodeFlags::new(decoder.u32()?);
    Ok(Attributes {
        ino,
        generation,
        kind,
        mode,
        flags: flags.ok_or_else(|| decoder.corrupt("unknown flags"))?,
        uid: decoder.u32()?,
        gid: decoder.u32()?,
        nlink: decoder.u32()?,
        device: decoder.u32()?,
        project: decoder.u32()?,
        size: decoder.u64()?,
        allocated: decoder.u64()?,
        xattrs: decoder.u32()?,
        atime: decoder.timestamp()?,
        mtime: decoder.timestamp()?,
        ctime: decoder.timestamp()?,
        btime: decoder.timestamp()?,
    })
}

/// The number of an error at rest: never changed, never reused, and no platform's `errno`.
fn error_to_number(error: PosixError) -> u16 {
    match error {
        PosixError::NotPermitted => 1,
        PosixError::NotFound => 2,
        PosixError::InodeGone => 3,
        PosixError::AccessDenied => 4,
        PosixError::Exists => 5,
        PosixError::NotDirectory => 6,
        PosixError::IsDirectory => 7,
        PosixError::InvalidArgument => 8,
        PosixError::FileTooLarge => 9,
        PosixError::NoSpace => 10,
        PosixError::TooManyLinks => 11,
        PosixError::NameTooLong => 12,
        PosixError::NotEmpty => 13,
        PosixError::NoAttribute => 14,
        PosixError::TooBig => 15,
        PosixError::OutOfRange => 16,
        PosixError::NoSuchPosition => 17,
        PosixError::NotSupported => 18,
        PosixError::SessionGone => 19,
        PosixError::WouldBlock => 20,
        PosixError::Deadlock => 21,
        PosixError::TooManyLocks => 22,
        PosixError::PastTerm => 23,
        PosixError::QuotaExceeded => 24,
        PosixError::CrossDevice => 25,
        PosixError::AnotherDirectory => 26,
    }
}

fn error_from_number(number: u16) -> Option<PosixError> {
    Some(match number {
        1 => PosixError::NotPermitted,
        2 => PosixError::NotFound,
        3 => PosixError::InodeGone,
        4 => PosixError::AccessDenied,
        5 => PosixError::Exists,
        6 => PosixError::NotDirectory,
        7 => PosixError::IsDirectory,
        8 => PosixError::InvalidArgument,
        9 => PosixError::FileTooLarge,
        10 => PosixError::NoSpace,
        11 => PosixError::TooManyLinks,
        12 => PosixError::NameTooLong,
        13 => PosixError::NotEmpty,
        14 => PosixError::NoAttribute,
        15 => PosixError::TooBig,
        16 => PosixError::OutOfRange,
        17 => PosixError::NoSuchPosition,
        18 => PosixError::NotSupported,
        19 => PosixError::SessionGone,
        20 => PosixError::WouldBlock,
        21 => PosixError::Deadlock,
        22 => PosixError::TooManyLocks,
        23 => PosixError::PastTerm,
        24 => PosixError::QuotaExceeded,
        25 => PosixError::CrossDevice,
        26 => PosixError::AnotherDirectory,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
