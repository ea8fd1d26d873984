//! What `stat` tells.

use holdfast_metadata::{Attributes, InodeId};

use super::values::{
    decode_flags, decode_kind, decode_mode, decode_set_time, encode_kind, encode_mode, encode_time,
};
use crate::generated as wire;
use crate::malformed::Malformed;

pub(super) fn encode_attributes(attributes: &Attributes) -> wire::Attributes {
    wire::Attributes {
        ino: attributes.ino.get(),
        generation: attributes.generation,
        kind: encode_kind(attributes.kind),
        mode: encode_mode(attributes.mode),
        flags: attributes.flags.bits(),
        uid: attributes.uid,
        gid: attributes.gid,
        nlink: attributes.nlink,
        device: attributes.device,
        project: attributes.project,
        size: attributes.size,
        allocated: attributes.allocated,
        xattrs: attributes.xattrs,
        atime: Some(encode_time(attributes.atime)),
        mtime: Some(encode_time(attributes.mtime)),
        ctime: Some(encode_time(attributes.ctime)),
        btime: Some(encode_time(attributes.btime)),
    }
}

pub(super) fn decode_attributes(attributes: wire::Attributes) -> Result<Attributes, Malformed> {
    Ok(Attributes {
        ino: InodeId::new(attributes.ino),
        generation: attributes.generation,
        kind: decode_kind(attributes.kind)?,
        mode: decode_mode(attributes.mode)?,
        flags: decode_flags(attributes.flags)?,
        uid: attributes.uid,
        gid: attributes.gid,
        nlink: attributes.nlink,
        device: attributes.device,
        project: attributes.project,
        size: attributes.size,
        allocated: attributes.allocated,
        xattrs: attributes.xattrs,
        atime: decode_set_time(attributes.atime, "the access time")?,
        mtime: decode_set_time(attributes.mtime, "the modification time")?,
        ctime: decode_set_time(attributes.ctime, "the change time")?,
        btime: decode_set_time(attributes.btime, "the birth time")?,
    })
}

/// Attributes that must be there.
pub(super) fn decode_set_attributes(
    attributes: Option<wire::Attributes>,
) -> Result<Attributes, Malformed> {
    decode_attributes(attributes.ok_or(Malformed::missing("the set of attributes"))?)
}
