//! Operations on names.

use holdfast_metadata::{
    Create, InodeId, Link, Mkdir, Mknod, Rename, RenameFlags, Rmdir, Symlink, Unlink,
};

use crate::conversion::values::{
    decode_kind, decode_mode, decode_name, encode_kind, encode_mode, encode_name,
};
use crate::generated as wire;
use crate::malformed::Malformed;

impl From<&Create> for wire::Create {
    fn from(create: &Create) -> wire::Create {
        wire::Create {
            parent: create.parent.get(),
            name: encode_name(&create.name),
            mode: encode_mode(create.mode),
            umask: encode_mode(create.umask),
            exclusive: create.exclusive,
        }
    }
}

impl TryFrom<wire::Create> for Create {
    type Error = Malformed;

    fn try_from(create: wire::Create) -> Result<Create, Malformed> {
        Ok(Create {
            parent: InodeId::new(create.parent),
            name: decode_name(&create.name)?,
            mode: decode_mode(create.mode)?,
            umask: decode_mode(create.umask)?,
            exclusive: create.exclusive,
        })
    }
}

impl From<&Mknod> for wire::Mknod {
    fn from(mknod: &Mknod) -> wire::Mknod {
        wire::Mknod {
            parent: mknod.parent.get(),
            name: encode_name(&mknod.name),
            kind: encode_kind(mknod.kind),
            mode: encode_mode(mknod.mode),
            umask: encode_mode(mknod.umask),
            device: mknod.device,
        }
    }
}

impl TryFrom<wire::Mknod> for Mknod {
    type Error = Malformed;

    fn try_from(mknod: wire::Mknod) -> Result<Mknod, Malformed> {
        Ok(Mknod {
            parent: InodeId::new(mknod.parent),
            name: decode_name(&mknod.name)?,
            kind: decode_kind(mknod.kind)?,
            mode: decode_mode(mknod.mode)?,
            umask: decode_mode(mknod.umask)?,
            device: mknod.device,
        })
    }
}

impl From<&Mkdir> for wire::Mkdir {
    fn from(mkdir: &Mkdir) -> wire::Mkdir {
        wire::Mkdir {
            parent: mkdir.parent.get(),
            name: encode_name(&mkdir.name),
            mode: encode_mode(mkdir.mode),
            umask: encode_mode(mkdir.umask),
        }
    }
}

impl TryFrom<wire::Mkdir> for Mkdir {
    type Error = Malformed;

    fn try_from(mkdir: wire::Mkdir) -> Result<Mkdir, Malformed> {
        Ok(Mkdir {
            parent: InodeId::new(mkdir.parent),
            name: decode_name(&mkdir.name)?,
            mode: decode_mode(mkdir.mode)?,
            umask: decode_mode(mkdir.umask)?,
        })
    }
}

impl From<&Symlink> for wire::Symlink {
    fn from(symlink: &Symlink) -> wire::Symlink {
        wire::Symlink {
            parent: symlink.parent.get(),
            name: encode_name(&symlink.name),
            target: symlink.target.clone(),
        }
    }
}

impl TryFrom<wire::Symlink> for Symlink {
    type Error = Malformed;

    fn try_from(symlink: wire::Symlink) -> Result<Symlink, Malformed> {
        Ok(Symlink {
            parent: InodeId::new(symlink.parent),
            name: decode_name(&symlink.name)?,
            target: symlink.target,
        })
    }
}

impl From<&Link> for wire::Link {
    fn from(link: &Link) -> wire::Link {
        wire::Link {
            ino: link.ino.get(),
            parent: link.parent.get(),
            name: encode_name(&link.name),
        }
    }
}

impl TryFrom<wire::Link> for Link {
    type Error = Malformed;

    fn try_from(link: wire::Link) -> Result<Link, Malformed> {
        Ok(Link {
            ino: InodeId::new(link.ino),
            parent: InodeId::new(link.parent),
            name: decode_name(&link.name)?,
        })
    }
}

impl From<&Unlink> for wire::Unlink {
    fn from(unlink: &Unlink) -> wire::Unlink {
        wire::Unlink {
            parent: unlink.parent.get(),
            name: encode_name(&unlink.name),
        }
    }
}

impl TryFrom<wire::Unlink> for Unlink {
    type Error = Malformed;

    fn try_from(unlink: wire::Unlink) -> Result<Unlink, Malformed> {
        Ok(Unlink {
            parent: InodeId::new(unlink.parent),
            name: decode_name(&unlink.name)?,
        })
    }
}

impl From<&Rmdir> for wire::Rmdir {
    fn from(rmdir: &Rmdir) -> wire::Rmdir {
        wire::Rmdir {
            parent: rmdir.parent.get(),
            name: encode_name(&rmdir.name),
            seen: rmdir.seen.map(InodeId::get),
        }
    }
}

impl TryFrom<wire::Rmdir> for Rmdir {
    type Error = Malformed;

    fn try_from(rmdir: wire::Rmdir) -> Result<Rmdir, Malformed> {
        Ok(Rmdir {
            parent: InodeId::new(rmdir.parent),
            name: decode_name(&rmdir.name)?,
            seen: rmdir.seen.map(InodeId::new),
        })
    }
}

impl From<&Rename> for wire::Rename {
    fn from(rename: &Rename) -> wire::Rename {
        wire::Rename {
            parent: rename.parent.get(),
            name: encode_name(&rename.name),
            new_parent: rename.new_parent.get(),
            new_name: encode_name(&rename.new_name),
            no_replace: rename.flags.no_replace,
            exchange: rename.flags.exchange,
            whiteout: rename.flags.whiteout,
            seen: rename.seen.map(InodeId::get),
        }
    }
}

impl TryFrom<wire::Rename> for Rename {
    type Error = Malformed;

    fn try_from(rename: wire::Rename) -> Result<Rename, Malformed> {
        Ok(Rename {
            parent: InodeId::new(rename.parent),
            name: decode_name(&rename.name)?,
            new_parent: InodeId::new(rename.new_parent),
            new_name: decode_name(&rename.new_name)?,
            flags: RenameFlags {
                no_replace: rename.no_replace,
                exchange: rename.exchange,
                whiteout: rename.whiteout,
            },
            seen: rename.seen.map(InodeId::new),
        })
    }
}
