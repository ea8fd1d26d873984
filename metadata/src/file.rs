//! The content of regular files: extents and blocks.
