//! The file `SYNCED` beside a store: what is known to be durable in it.
//!
//! The store recovers a prefix of the commits, but cannot tell the prefix that a power failure leaves
//! from the one that a cut file leaves. This file can: it is written after each sync, so what it says
//! was on disk before it was written, and a store that has less has lost data.
//!
//! Two slots of [`SLOT_BYTES`] bytes are written in turn, so that one is whole at any time; the one
//! with the later index counts. All numbers are big-endian.
//!
//! ```text
//! magic 4 | position 8 | manifest number 8 | manifest length 8 | manifest CRC-32 4 | CRC-32 4
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use holdfast_metadata::ManifestMark;

const NAME: &str = "SYNCED";
const MAGIC: [u8; 4] = *b"HFS1";
const RECORD_BYTES: usize = 36;
/// A slot a sector, so that writing one cannot tear the other.
const SLOT_BYTES: usize = 512;
const SLOTS: usize = 2;

/// What is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    /// Every batch up to here, as the owner of the store numbers them.
    pub(crate) position: u64,
    /// This much of the store's manifest.
    pub(crate) manifest: ManifestMark,
}

/// Keeps the mark.
#[derive(Debug)]
pub(crate) struct Watermark {
    file: File,
    mark: Mark,
    /// The one to be written next.
    slot: usize,
}

impl Watermark {
    /// Writes the file for a new store.
    pub(crate) fn create(directory: &Path) -> io::Result<()> {
        let file = File::create(directory.join(NAME))?;
        let mut bytes = Vec::with_capacity(SLOTS * SLOT_BYTES);
        for _ in 0..SLOTS {
            bytes.extend_from_slice(&encode(Mark::default()));
            bytes.resize(bytes.len() + SLOT_BYTES - RECORD_BYTES, 0);
        }
        file.write_all_at(&bytes, 0)?;
        file.sync_all()
    }

    /// The mark that is in the file; an error of kind `InvalidData` when no slot is whole.
    pub(crate) fn read(directory: &Path) -> io::Result<Mark> {
        let (mark, _) = read(&File::open(directory.join(NAME))?)?;
        Ok(mark)
    }

    /// Opens the file for advancing the mark.
    pub(crate) fn open(directory: &Path) -> io::Result<Watermark> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(directory.join(NAME))?;
        let (mark, last) = read(&file)?;
        Ok(Watermark {
            file,
            mark,
            slot: (last + 1) % SLOTS,
        })
    }

    /// Where it stands.
    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// Moves the mark to what has become durable.
    pub(crate) fn advance(&mut self, mark: Mark) -> io::Result<()> {
        if mark == self.mark {
            return Ok(());
        }
        let offset = self.slot * SLOT_BYTES;
        self.file.write_all_at(&encode(mark), offset as u64)?;
        self.slot = (self.slot + 1) % SLOTS;
        self.mark = mark;
        Ok(())
    }
}

fn read(file: &File) -> io::Result<(Mark, usize)> {
    let mut last = None;
    for slot in 0..SLOTS {
        let mut record = [0; RECORD_BYTES];
        file.read_exact_at(&mut record, (slot * SLOT_BYTES) as u64)?;
        let Some(mark) = decode(&record) else {
            continue;
        };
        if last.is_none_or(|(other, _): (Mark, usize)| order(other) < order(mark)) {
            last = Some((mark, slot));
        }
    }
    last.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no slot is whole"))
}

fn order(mark: Mark) -> (u64, u64, u64) {
    (mark.position, mark.manifest.number, mark.manifest.length)
}

fn encode(mark: Mark) -> [u8; RECORD_BYTES] {
    let mut record = Vec::with_capacity(RECORD_BYTES);
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&mark.position.to_be_bytes());
    record.extend_from_slice(&mark.manifest.number.to_be_bytes());
    record.extend_from_slice(&mark.manifest.length.to_be_bytes());
    record.extend_from_slice(&mark.manifest.checksum.to_be_bytes());
    record.extend_from_slice(&crc32fast::hash(&record).to_be_bytes());
    let mut bytes = [0; RECORD_BYTES];
    bytes.copy_from_slice(&record);
    bytes
}

fn decode(record: &[u8; RECORD_BYTES]) -> Option<Mark> {
    let (content, checksum) = record.split_last_chunk::<4>()?;
    if crc32fast::hash(content) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let (magic, rest) = content.split_first_chunk::<4>()?;
    let (position, rest) = rest.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (manifest_checksum, _) = rest.split_first_chunk::<4>()?;
    (*magic == MAGIC).then(|| Mark {
        position: u64::from_be_bytes(*position),
        manifest: ManifestMark {
            number: u64::from_be_bytes(*number),
            length: u64::from_be_bytes(*length),
            checksum: u32::from_be_bytes(*manifest_checksum),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: u64) -> Mark {
        Mark {
            position: number,
            manifest: ManifestMark {
                number: 5,
                length: number * 10,
                checksum: 7,
            },
        }
    }

    #[test]
    fn the_last_mark_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        Watermark::create(directory.path()).unwrap();
        assert_eq!(Watermark::read(directory.path()).unwrap(), Mark::default());
        for number in 1..6 {
            let mut watermark = Watermark::open(directory.path()).unwrap();
            watermark.advance(mark(number)).unwrap();
            assert_eq!(watermark.mark(), mark(number));
            assert_eq!(Watermark::read(directory.path()).unwrap(), mark(number));
        }
    }

    #[test]
    fn a_slot_that_was_torn_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        Watermark::create(directory.path()).unwrap();
        let mut watermark = Watermark::open(directory.path()).unwrap();
        watermark.advance(mark(1)).unwrap();
        let torn = watermark.slot * SLOT_BYTES;
        watermark.advance(mark(2)).unwrap();
        watermark.file.write_all_at(b"x", torn as u64 + 20).unwrap();
        assert_eq!(Watermark::read(directory.path()).unwrap(), mark(1));
        watermark.file.write_all_at(b"x", 520).unwrap();
        watermark.file.write_all_at(b"x", 20).unwrap();
        let error = Watermark::read(directory.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
