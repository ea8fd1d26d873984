//! The FUSE filesystem of Holdfast.
