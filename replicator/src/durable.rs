//! Directories that are still there after a power failure.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a directory, and those above it, if they are missing. When this returns its name is durable, also if it was made
/// by somebody whose power failed before he had synced it.
pub(crate) fn create_directories(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        // The root of everything.
        None => return Ok(()),
    };
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_directories(parent)?;
            fs::create_dir(path)?;
        }
        Err(_) if path.is_dir() => {}
        made => made?,
    }
    match sync_directory(parent) {
        // Who may not read it cannot have made a name in it, either: it was there before.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}
