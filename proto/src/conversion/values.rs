//! What messages consist of: names, modes, times, and the enums whose variants have the same names here
//! and there.

use bytes::Bytes;
use holdfast_metadata::catalog::{NodeRole, ReplicationMode};
use holdfast_metadata::{
    Credentials, FileKind, FileName, InodeFlags, InodeId, LockMode, LockSpace, Mode, PosixError,
    SeekTarget, SetXattrMode, TicketState, Timestamp,
};

use crate::generated as wire;
use crate::malformed::Malformed;

/// Two functions an enum: to its number on the wire, and back.
macro_rules! numbers {
    ($($encode:ident, $decode:ident: $enum:ident, $what:literal, [$($variant:ident),+])+) => {$(
        pub(super) fn $encode(value: $enum) -> i32 {
            let same = match value {
                $($enum::$variant => wire::$enum::$variant,)+
            };
            same.into()
        }

        pub(super) fn $decode(number: i32) -> Result<$enum, Malformed> {
            match wire::$enum::try_from(number) {
                $(Ok(wire::$enum::$variant) => Ok($enum::$variant),)+
                Ok(wire::$enum::Unspecified) => Err(Malformed::missing($what)),
                Err(_) => Err(Malformed::invalid($what, &number)),
            }
        }
    )+};
}

numbers! {
    encode_kind, decode_kind: FileKind, "the kind of a file",
    [Regular, Directory, Symlink, Fifo, Socket, CharacterDevice, BlockDevice]

    encode_error, decode_error: PosixError, "an error",
    [
        NotPermitted, NotFound, InodeGone, AccessDenied, Exists, NotDirectory, IsDirectory,
        InvalidArgument, FileTooLarge, NoSpace, TooManyLinks, NameTooLong, NotEmpty, NoAttribute,
        TooBig, OutOfRange, NoSuchPosition, NotSupported, SessionGone,
        WouldBlock, Deadlock, TooManyLocks, PastTerm,
        QuotaExceeded, CrossDevice, AnotherDirectory
    ]

    encode_xattr_mode, decode_xattr_mode: SetXattrMode, "how an extended attribute is set",
    [Either, Create, Replace]

    encode_seek_target, decode_seek_target: SeekTarget, "what is sought", [Data, Hole]

    encode_lock_space, decode_lock_space: LockSpace, "the kind of a lock", [Posix, Flock]

    encode_lock_mode, decode_lock_mode: LockMode, "the mode of a lock", [Shared, Exclusive]

    encode_ticket, decode_ticket: TicketState, "the state of a wait", [Waiting, Granted, Unknown]

    encode_role, decode_role: NodeRole, "the role of a node", [Learner, Voter]

    encode_replication, decode_replication: ReplicationMode, "the replication of a volume",
    [Quorum, All]
}

pub(super) fn encode_name(name: &FileName) -> Bytes {
    Bytes::copy_from_slice(name.as_bytes())
}

pub(super) fn decode_name(bytes: &[u8]) -> Result<FileName, Malformed> {
    let invalid = |_| Malformed::invalid("a name", &format!("\"{}\"", bytes.escape_ascii()));
    FileName::new(bytes).map_err(invalid)
}

pub(super) fn encode_mode(mode: Mode) -> u32 {
    u32::from(mode.bits())
}

pub(super) fn decode_mode(bits: u32) -> Result<Mode, Malformed> {
    let mode = Mode::new(bits);
    if encode_mode(mode) == bits {
        Ok(mode)
    } else {
        Err(Malformed::invalid("a mode", &format!("0o{bits:o}")))
    }
}

pub(super) fn decode_flags(bits: u32) -> Result<InodeFlags, Malformed> {
    InodeFlags::new(bits).ok_or_else(|| Malformed::invalid("a set of flags", &format!("{bits:#x}")))
}

pub(super) fn encode_time(time: Timestamp) -> wire::Timestamp {
    wire::Timestamp {
        seconds: time.seconds,
        nanoseconds: time.nanoseconds,
    }
}

pub(super) fn decode_time(time: wire::Timestamp) -> Result<Timestamp, Malformed> {
    Timestamp::new(time.seconds, time.nanoseconds)
        .ok_or_else(|| Malformed::invalid("a number of nanoseconds", &time.nanoseconds))
}

/// A time that must be there.
pub(super) fn decode_set_time(
    time: Option<wire::Timestamp>,
    what: &'static str,
) -> Result<Timestamp, Malformed> {
    decode_time(time.ok_or(Malformed::missing(what))?)
}

pub(super) fn encode_credentials(credentials: &Credentials) -> wire::Credentials {
    wire::Credentials {
        uid: credentials.uid,
        gid: credentials.gid,
        groups: credentials.groups.clone(),
    }
}

pub(super) fn decode_credentials(
    credentials: Option<wire::Credentials>,
) -> Result<Credentials, Malformed> {
    let credentials = credentials.ok_or(Malformed::missing("who asks"))?;
    Ok(Credentials {
        uid: credentials.uid,
        gid: credentials.gid,
        groups: credentials.groups,
    })
}

pub(super) fn encode_inodes(inodes: &[InodeId]) -> Vec<u64> {
    inodes.iter().map(|ino| ino.get()).collect()
}

pub(super) fn decode_inodes(inodes: Vec<u64>) -> Vec<InodeId> {
    inodes.into_iter().map(InodeId::new).collect()
}
