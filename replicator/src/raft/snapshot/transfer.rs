//! A snapshot that is being received: the bytes that came, and where they go on.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use holdfast_metadata::Fault;

use super::directory::SnapshotDirectory;
use super::listing::{Listing, ListingKind};
use crate::raft::machine::disk::Disk;

/// What came of a snapshot, in a directory of `incoming`.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) path: PathBuf,
    pub(super) offer: Listing,
    /// The first file that is not complete, and how much of it there is.
    pub(super) file: usize,
    pub(super) offset: u64,
    open: Option<File>,
}

impl Transfer {
    /// Nothing has come yet.
    pub(super) fn new(path: PathBuf, offer: Listing) -> Transfer {
        let mut transfer = Transfer {
            path,
            offer,
            file: 0,
            offset: 0,
            open: None,
        };
        transfer.advance();
        transfer
    }

    /// Goes on with what an earlier run has begun; `None` when it cannot.
    pub(super) fn resume(path: PathBuf) -> Option<Transfer> {
        let bytes = fs::read(path.join(ListingKind::Offer.name())).ok()?;
        let offer = Listing::decode(ListingKind::Offer, &bytes).ok()?;
        offer.length()?;
        let mut transfer = Transfer::new(path, offer);
        while let Some(listed) = transfer.offer.files.get(transfer.file) {
            let there = fs::metadata(transfer.path.join(&listed.name));
            transfer.offset = there.map_or(0, |metadata| metadata.len());
            if transfer.offset > listed.length {
                return None;
            }
            if transfer.offset < listed.length {
                break;
            }
            transfer.advance();
        }
        Some(transfer)
    }

    /// Goes to the next file while the present one is complete.
    fn advance(&mut self) {
        while let Some(listed) = self.offer.files.get(self.file)
            && self.offset == listed.length
        {
            self.file += 1;
            self.offset = 0;
            self.open = None;
        }
    }

    /// How much is still to come.
    pub(super) fn missing_bytes(&self) -> u64 {
        let files = self.offer.files.iter().skip(self.file);
        files.map(|file| file.length).sum::<u64>() - self.offset
    }

    /// The file that these bytes go to, if they are no more than it lacks.
    pub(super) fn place_for(&self, bytes: &[u8]) -> Option<PathBuf> {
        let listed = self.offer.files.get(self.file)?;
        let room = listed.length - self.offset;
        (bytes.len() as u64 <= room).then(|| self.path.join(&listed.name))
    }

    pub(super) fn write(&mut self, disk: &Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Opened anew after an error, which cuts off what it left.
        let file = match self.open.take() {
            Some(file) => file,
            None => disk.open_at(path, self.offset)?,
        };
        disk.append(&file, path, self.offset, bytes)?;
        self.open = Some(file);
        self.offset += bytes.len() as u64;
        self.advance();
        Ok(())
    }

    pub(super) fn sync(&self, disk: &Disk) -> io::Result<()> {
        for file in &self.offer.files {
            let path = self.path.join(&file.name);
            if file.length == 0 {
                disk.write(&path, &[])?;
            }
            disk.sync_file(&path)?;
        }
        disk.sync_directory(&self.path)
    }

    /// What came is a whole snapshot, and the one that was offered.
    pub(super) fn check(&self, disk: &Disk) -> Result<SnapshotDirectory, Fault> {
        let snapshot = SnapshotDirectory::open(self.path.clone(), disk)?;
        let offered = self.offer.files.iter();
        let offered = offered.map(|file| (file.name.clone(), file.length));
        if snapshot.meta != self.offer.meta || !offered.eq(snapshot.files.iter().cloned()) {
            let detail = "it does not list what was offered";
            return Err(Fault::corrupt("snapshot/META", detail));
        }
        snapshot.verify()?;
        Ok(snapshot)
    }
}
