//! Where a name leads: once under the name, once under the cookie.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::{Cookie, FileKind, FileName, InodeId};

const VERSION: u8 = 1;

/// The value under `D` parent name:
/// `version 1 | kind 1 | ino 8 | cookie 8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dentry {
    /// Where the name leads.
    pub ino: InodeId,
    /// What that is.
    pub kind: FileKind,
    /// The place in the directory's listing.
    pub cookie: Cookie,
}

impl Dentry {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(VERSION, 17)
            .u8(self.kind as u8)
            .u64(self.ino.get())
            .u64(self.cookie.0)
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Dentry, Fault> {
        let mut decoder = Decoder::new("dentry", VERSION, bytes)?;
        let kind = decoder.u8()?;
        let kind = FileKind::from_u8(kind).ok_or_else(|| decoder.corrupt("unknown kind"))?;
        let ino = InodeId::new(decoder.u64()?);
        let cookie = Cookie(decoder.u64()?);
        decoder.finish()?;
        Ok(Dentry { ino, kind, cookie })
    }
}

/// The value under `O` parent cookie:
/// `version 1 | kind 1 | ino 8 | name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEntry {
    /// Where the name leads.
    pub ino: InodeId,
    /// What that is.
    pub kind: FileKind,
    /// The name.
    pub name: FileName,
}

impl OrderEntry {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(VERSION, 9 + self.name.as_bytes().len())
            .u8(self.kind as u8)
            .u64(self.ino.get())
            .rest(self.name.as_bytes())
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<OrderEntry, Fault> {
        let mut decoder = Decoder::new("order", VERSION, bytes)?;
        let kind = decoder.u8()?;
        let kind = FileKind::from_u8(kind).ok_or_else(|| decoder.corrupt("unknown kind"))?;
        let ino = InodeId::new(decoder.u64()?);
        let name = FileName::new(decoder.rest()).map_err(|_| decoder.corrupt("not a name"))?;
        Ok(OrderEntry { ino, kind, name })
    }
}
