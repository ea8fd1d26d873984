//! A small disk that a test can fill: a filesystem in memory, gone when dropped. Mounting it takes root.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::statvfs;

const BLOCK_BYTES: u64 = 1 << 16;
const BALLAST: &str = "ballast";

/// A disk of its own.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts it at a path, which must not exist.
    #[track_caller]
    pub fn new(path: &Path, mebibytes: u64) -> SmallDisk {
        fs::create_dir(path).unwrap();
        let options = format!("size={mebibytes}m");
        mount(
            Some("none"),
            path,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .unwrap();
        SmallDisk {
            path: path.to_owned(),
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are free.
    #[track_caller]
    pub fn available(&self) -> u64 {
        let disk = statvfs(&self.path).unwrap();
        disk.blocks_available() * disk.fragment_size()
    }

    /// Fills it with a file of somebody else, until no more than so many bytes are free.
    #[track_caller]
    pub fn fill_up_to(&self, left: u64) {
        let path = self.path.join(BALLAST);
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        for block in [BLOCK_BYTES, 4096, 1] {
            let bytes = vec![1; block as usize];
            // What is left when it is to be full is less than a block.
            while self.available() >= left + block && file.write_all(&bytes).is_ok() {}
        }
    }

    /// Removes that file.
    #[track_caller]
    pub fn give_back(&self) {
        fs::remove_file(self.path.join(BALLAST)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        umount2(&self.path, MntFlags::MNT_DETACH).ok();
    }
}
