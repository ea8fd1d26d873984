//! Operations on attributes, flags and extended attributes.

use bytes::Bytes;
use holdfast_metadata::{
    InodeId, RemoveXattr, SetAttributes, SetFlags, SetQuota, SetXattr, TouchAtime,
};

use crate::conversion::values::{
    decode_flags, decode_mode, decode_time, decode_xattr_mode, encode_mode, encode_time,
    encode_xattr_mode,
};
use crate::generated as wire;
use crate::malformed::Malformed;

impl From<&SetAttributes> for wire::SetAttributes {
    fn from(set: &SetAttributes) -> wire::SetAttributes {
        wire::SetAttributes {
            ino: set.ino.get(),
            mode: set.mode.map(encode_mode),
            uid: set.uid,
            gid: set.gid,
            size: set.size,
            atime: set.atime.map(encode_time),
            mtime: set.mtime.map(encode_time),
            ctime: set.ctime.map(encode_time),
        }
    }
}

impl TryFrom<wire::SetAttributes> for SetAttributes {
    type Error = Malformed;

    fn try_from(set: wire::SetAttributes) -> Result<SetAttributes, Malformed> {
        Ok(SetAttributes {
            ino: InodeId::new(set.ino),
            mode: set.mode.map(decode_mode).transpose()?,
            uid: set.uid,
            gid: set.gid,
            size: set.size,
            atime: set.atime.map(decode_time).transpose()?,
            mtime: set.mtime.map(decode_time).transpose()?,
            ctime: set.ctime.map(decode_time).transpose()?,
        })
    }
}

impl From<&SetFlags> for wire::SetFlags {
    fn from(set: &SetFlags) -> wire::SetFlags {
        wire::SetFlags {
            ino: set.ino.get(),
            flags: set.flags.bits(),
            project: set.project,
        }
    }
}

impl TryFrom<wire::SetFlags> for SetFlags {
    type Error = Malformed;

    fn try_from(set: wire::SetFlags) -> Result<SetFlags, Malformed> {
        Ok(SetFlags {
            ino: InodeId::new(set.ino),
            flags: decode_flags(set.flags)?,
            project: set.project,
        })
    }
}

impl From<&SetQuota> for wire::SetQuota {
    fn from(set: &SetQuota) -> wire::SetQuota {
        wire::SetQuota {
            ino: set.ino.get(),
            bytes: set.bytes,
            inodes: set.inodes,
        }
    }
}

impl From<wire::SetQuota> for SetQuota {
    fn from(set: wire::SetQuota) -> SetQuota {
        SetQuota {
            ino: InodeId::new(set.ino),
            bytes: set.bytes,
            inodes: set.inodes,
        }
    }
}

impl From<&TouchAtime> for wire::TouchAtime {
    fn from(touch: &TouchAtime) -> wire::TouchAtime {
        wire::TouchAtime {
            ino: touch.ino.get(),
        }
    }
}

impl From<wire::TouchAtime> for TouchAtime {
    fn from(touch: wire::TouchAtime) -> TouchAtime {
        TouchAtime {
            ino: InodeId::new(touch.ino),
        }
    }
}

impl From<&SetXattr> for wire::SetXattr {
    fn from(set: &SetXattr) -> wire::SetXattr {
        wire::SetXattr {
            ino: set.ino.get(),
            name: Bytes::copy_from_slice(&set.name),
            value: set.value.clone(),
            mode: encode_xattr_mode(set.mode),
        }
    }
}

impl TryFrom<wire::SetXattr> for SetXattr {
    type Error = Malformed;

    fn try_from(set: wire::SetXattr) -> Result<SetXattr, Malformed> {
        Ok(SetXattr {
            ino: InodeId::new(set.ino),
            name: Box::from(&*set.name),
            value: set.value,
            mode: decode_xattr_mode(set.mode)?,
        })
    }
}

impl From<&RemoveXattr> for wire::RemoveXattr {
    fn from(remove: &RemoveXattr) -> wire::RemoveXattr {
        wire::RemoveXattr {
            ino: remove.ino.get(),
            name: Bytes::copy_from_slice(&remove.name),
        }
    }
}

impl From<wire::RemoveXattr> for RemoveXattr {
    fn from(remove: wire::RemoveXattr) -> RemoveXattr {
        RemoveXattr {
            ino: InodeId::new(remove.ino),
            name: Box::from(&*remove.name),
        }
    }
}
