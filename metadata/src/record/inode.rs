//! An inode: attributes, and what only its kind has.

use bytes::Bytes;

use super::{Decoder, Encoder, Place, Places};
use crate::fault::Fault;
use crate::types::{Attributes, Cookie, FileKind, InodeFlags, InodeId, Mode, Timestamp};

const VERSION: u8 = 1;
/// Of an inode in a quota tree.
const VERSION_IN_TREE: u8 = 2;
/// Says by bits what it has that not every inode has.
pub(super) const VERSION_OF_PARTS: u8 = 3;
const TREE: u8 = 1;
const FIRST_PLACE: u8 = 2;
const SECOND_PLACE: u8 = 4;

/// The value under `I` ino:
///
/// `version 1 | kind 1 | mode 2 | flags 4 | uid 4 | gid 4 | nlink 4 | generation 4 | device 4 |
/// project 4 | xattrs 4 | size 8 | allocated 8 | atime 12 | mtime 12 | ctime 12 | btime 12`, of an inode
/// in a quota tree `tree 8`, then for a directory `parent 8 | next cookie 8`, for a symlink its target. Version 1 is one without a tree, version 2 one with it.
/// Version 3 has `parts 1` behind the version, bits that say what there is: 1 a tree, and behind that `directory 8 | cookie 8` for 2 the first and for 4 the second
/// place.
///
/// The size of a directory is the number of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    /// Permission bits.
    pub mode: Mode,
    /// `chattr` flags.
    pub flags: InodeFlags,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names that lead here; for a directory 2 and one for each subdirectory, 0 when removed.
    pub nlink: u32,
    /// See [`Attributes::generation`].
    pub generation: u32,
    /// Device number.
    pub device: u32,
    /// Project id.
    pub project: u32,
    /// How many extended attributes there are.
    pub xattrs: u32,
    /// Bytes of a file or target; entries of a directory.
    pub size: u64,
    /// Bytes that extents cover.
    pub allocated: u64,
    /// Last access.
    pub atime: Timestamp,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Last change of content or attributes.
    pub ctime: Timestamp,
    /// When it was made.
    pub btime: Timestamp,
    /// The root of the innermost quota tree that it counts in; a root is in its own.
    pub tree: Option<InodeId>,
    /// Where its names are listed.
    pub places: Places,
    /// What only its kind has.
    pub body: InodeBody,
}

/// What only one kind of inode has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InodeBody {
    /// Extents of its own.
    Regular,
    /// Entries of its own.
    Directory(DirectoryBody),
    /// A target.
    Symlink(Bytes),
    /// Nothing.
    Fifo,
    /// Nothing.
    Socket,
    /// A device number, among the attributes.
    CharacterDevice,
    /// A device number, among the attributes.
    BlockDevice,
}

/// What only a directory has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryBody {
    /// The directory above; the root is above itself.
    pub parent: InodeId,
    /// Given to the next new entry.
    pub next_cookie: Cookie,
}

impl Inode {
    /// What it is.
    pub fn kind(&self) -> FileKind {
        match self.body {
            InodeBody::Regular => FileKind::Regular,
            InodeBody::Directory(_) => FileKind::Directory,
            InodeBody::Symlink(_) => FileKind::Symlink,
            InodeBody::Fifo => FileKind::Fifo,
            InodeBody::Socket => FileKind::Socket,
            InodeBody::CharacterDevice => FileKind::CharacterDevice,
            InodeBody::BlockDevice => FileKind::BlockDevice,
        }
    }

    /// What `stat` tells of it.
    pub fn attributes(&self, ino: InodeId) -> Attributes {
        Attributes {
            ino,
            generation: self.generation,
            kind: self.kind(),
            mode: self.mode,
            flags: self.flags,
            uid: self.uid,
            gid: self.gid,
            nlink: self.nlink,
            device: self.device,
            project: self.project,
            size: self.size,
            allocated: self.allocated,
            xattrs: self.xattrs,
            atime: self.atime,
            mtime: self.mtime,
            ctime: self.ctime,
            btime: self.btime,
        }
    }

    /// What it has that not every inode has.
    fn parts(&self) -> u8 {
        let part = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
        part(self.tree.is_some(), TREE)
            | part(self.places.first.is_some(), FIRST_PLACE)
            | part(self.places.second.is_some(), SECOND_PLACE)
    }

    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        let parts = self.parts();
        let version = match parts {
            0 => VERSION,
            TREE => VERSION_IN_TREE,
            _ => VERSION_OF_PARTS,
        };
        let mut encoder = Encoder::new(version, 140);
        if version == VERSION_OF_PARTS {
            encoder.u8(parts);
        }
        encoder
            .u8(self.kind() as u8)
            .u16(self.mode.bits())
            .u32(self.flags.bits())
            .u32(self.uid)
            .u32(self.gid)
            .u32(self.nlink)
            .u32(self.generation)
            .u32(self.device)
            .u32(self.project)
            .u32(self.xattrs)
            .u64(self.size)
            .u64(self.allocated)
            .timestamp(self.atime)
            .timestamp(self.mtime)
            .timestamp(self.ctime)
            .timestamp(self.btime);
        if let Some(tree) = self.tree {
            encoder.u64(tree.get());
        }
        for place in self.places.iter() {
            encoder.u64(place.directory.get()).u64(place.cookie.0);
        }
        match &self.body {
            InodeBody::Directory(directory) => {
                encoder
                    .u64(directory.parent.get())
                    .u64(directory.next_cookie.0);
            }
            InodeBody::Symlink(target) => {
                encoder.rest(target);
            }
            InodeBody::Regular
            | InodeBody::Fifo
            | InodeBody::Socket
            | InodeBody::CharacterDevice
            | InodeBody::BlockDevice => {}
        }
        encoder.finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Inode, Fault> {
        let mut decoder = Decoder::new("inode", VERSION_OF_PARTS, bytes)?;
        let parts = match bytes.first() {
            Some(&VERSION) => 0,
            Some(&VERSION_IN_TREE) => TREE,
            _ => decoder.u8()?,
        };
        if parts & !(TREE | FIRST_PLACE | SECOND_PLACE) != 0 {
            return Err(decoder.corrupt("unknown parts"));
        }
        let kind = decoder.u8()?;
        let kind = FileKind::from_u8(kind).ok_or_else(|| decoder.corrupt("unknown kind"))?;
        let mode = Mode::new(u32::from(decoder.u16()?));
        let flags = InodeFlags::new(decoder.u32()?);
        let inode = Inode {
            mode,
            flags: flags.ok_or_else(|| decoder.corrupt("unknown flags"))?,
            uid: decoder.u32()?,
            gid: decoder.u32()?,
            nlink: decoder.u32()?,
            generation: decoder.u32()?,
            device: decoder.u32()?,
            project: decoder.u32()?,
            xattrs: decoder.u32()?,
            size: decoder.u64()?,
            allocated: decoder.u64()?,
            atime: decoder.timestamp()?,
            mtime: decoder.timestamp()?,
            ctime: decoder.timestamp()?,
            btime: decoder.timestamp()?,
            tree: match parts & TREE {
                0 => None,
                _ => Some(InodeId::new(decoder.u64()?)),
            },
            places: Places {
                first: place(parts & FIRST_PLACE, &mut decoder)?,
                second: place(parts & SECOND_PLACE, &mut decoder)?,
            },
            body: InodeBody::decode(kind, &mut decoder)?,
        };
        decoder.finish()?;
        Ok(inode)
    }
}

fn place(part: u8, decoder: &mut Decoder<'_>) -> Result<Option<Place>, Fault> {
    if part == 0 {
        return Ok(None);
    }
    Ok(Some(Place {
        directory: InodeId::new(decoder.u64()?),
        cookie: Cookie(decoder.u64()?),
    }))
}

impl InodeBody {
    fn decode(kind: FileKind, decoder: &mut Decoder<'_>) -> Result<InodeBody, Fault> {
        Ok(match kind {
            FileKind::Regular => InodeBody::Regular,
            FileKind::Directory => InodeBody::Directory(DirectoryBody {
                parent: InodeId::new(decoder.u64()?),
                next_cookie: Cookie(decoder.u64()?),
            }),
            FileKind::Symlink => InodeBody::Symlink(Bytes::copy_from_slice(decoder.rest())),
            FileKind::Fifo => InodeBody::Fifo,
            FileKind::Socket => InodeBody::Socket,
            FileKind::CharacterDevice => InodeBody::CharacterDevice,
            FileKind::BlockDevice => InodeBody::BlockDevice,
        })
    }
}
