//! Extents belong to regular files, do not overlap, lie within limits and add up; past the end of a
//! file there is no data, or it would show when the file grows. What a symlink has instead is its target,
//! which is as long as its size says.

use super::cursor::{Entry, Item, beside_inodes};
use super::mend::{Field, Mend};
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::{FILE_BYTES_MAX, SYMLINK_BYTES_MAX, WRITE_BYTES_MAX};
use crate::record::{Extent, ExtentHome, Inode, InodeBody};
use crate::state_machine::load_volume;
use crate::store::View;
use crate::types::{FileKind, InodeId};

/// What inodes say that they have and what was found, of all.
#[derive(Default)]
struct Sums {
    found: u64,
    /// Who says more than was found, and both.
    short: Vec<(InodeId, u64, u64)>,
}

#[derive(Default)]
struct Found {
    extents: u64,
    bytes: u64,
    /// Where the last extent ended.
    end: u64,
    /// Where the last extent of a block ended.
    data_end: u64,
}

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut found = Found::default();
    let mut sums = Sums::default();
    beside_inodes(view, Prefix::Extent, report, &mut |item, report| {
        match item {
            Item::Entry(ino, _, entry) => found.count(ino, entry, report),
            Item::Stray(ino, (key, _)) => report.add(|| {
                let offset = keys::second_number(key).unwrap_or_default();
                format!("the extent at {offset} belongs to inode {ino}, which does not exist")
            }),
            Item::End(ino, inode) => {
                let found = std::mem::take(&mut found);
                let Some(inode) = inode else {
                    return Ok(());
                };
                size(ino, inode, report);
                if found.extents > 0 && inode.kind() != FileKind::Regular {
                    report.add(|| format!("inode {ino} has extents but is no regular file"));
                }
                if found.data_end > inode.size {
                    report.add(|| {
                        let end = found.data_end;
                        format!("inode {ino} has data up to {end} but size {}", inode.size)
                    });
                }
                sums.found = sums.found.saturating_add(found.bytes);
                if found.bytes < inode.allocated {
                    sums.short.push((ino, found.bytes, inode.allocated));
                } else {
                    compare(ino, found.bytes, inode.allocated, true, report);
                }
            }
        }
        Ok(())
    })?;
    // That it says more may be all that is left of an extent that is lost: who else counts them?
    let is_proved = match load_volume(view) {
        Ok(volume) => volume.is_some_and(|volume| volume.allocated == sums.found),
        // The rule of records has told of it.
        Err(Fault::Corrupt { .. }) => false,
        Err(fault) => return Err(fault),
    };
    for (ino, found, said) in sums.short {
        compare(ino, found, said, is_proved, report);
    }
    Ok(())
}

/// No command makes another one. Which of size and target is right, nothing else tells.
fn size(ino: InodeId, inode: &Inode, report: &mut Report<'_>) {
    let size = inode.size;
    match &inode.body {
        InodeBody::Symlink(target) => symlink(ino, size, target, report),
        InodeBody::Regular if size > FILE_BYTES_MAX => {
            report.add(|| format!("inode {ino} has size {size}, beyond the largest file"));
        }
        // The rule of directories counts their entries.
        InodeBody::Regular
        | InodeBody::Directory(_)
        | InodeBody::Fifo
        | InodeBody::Socket
        | InodeBody::CharacterDevice
        | InodeBody::BlockDevice => {}
    }
}

fn symlink(ino: InodeId, size: u64, target: &[u8], report: &mut Report<'_>) {
    let length = target.len();
    if size != length as u64 {
        report.add(|| format!("symlink {ino} has a target of {length} bytes but size {size}"));
    }
    if target.is_empty() {
        report.add(|| format!("symlink {ino} has an empty target"));
    }
    if length > SYMLINK_BYTES_MAX {
        report.add(|| format!("symlink {ino} has a target of {length} bytes, which is too long"));
    }
    if target.contains(&0) {
        report.add(|| format!("symlink {ino} has a target with a NUL in it"));
    }
}

fn compare(ino: InodeId, found: u64, said: u64, is_proved: bool, report: &mut Report<'_>) {
    if found != said {
        let mend = Mend::Inode(ino, Field::Allocated(found));
        report.add_mendable(is_proved.then_some(mend), || {
            format!("inode {ino} has extents of {found} bytes but says {said}")
        });
    }
}

impl Found {
    fn count(&mut self, ino: InodeId, (key, value): &Entry, report: &mut Report<'_>) {
        let (Some(offset), Ok(extent)) = (keys::second_number(key), Extent::decode(value)) else {
            return;
        };
        if offset < self.end {
            let end = self.end;
            report.add(|| {
                format!("inode {ino} has an extent at {offset} before the last one ends at {end}")
            });
        }
        let end = offset.saturating_add(extent.length);
        if end > FILE_BYTES_MAX {
            report.add(|| format!("inode {ino} has an extent at {offset} beyond the largest file"));
        }
        let in_block = matches!(extent.home, ExtentHome::Block { .. });
        if in_block {
            self.data_end = end;
        }
        if in_block && extent.length > WRITE_BYTES_MAX as u64 {
            report.add(|| {
                format!(
                    "inode {ino} has an extent at {offset} of {} bytes",
                    extent.length
                )
            });
        }
        self.extents += 1;
        self.bytes = self.bytes.saturating_add(extent.length);
        self.end = end;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::invariant::testing::{DIRECTORY, FILE, SYMLINK, State, zeros};
    use crate::keys;
    use crate::limits::{FILE_BYTES_MAX, SYMLINK_BYTES_MAX};
    use crate::record::InodeBody;
    use crate::types::InodeId;

    #[test]
    fn overlapping_extents_are_reported() {
        let mut state = State::sound();
        state.put(keys::extent(FILE, 99), &zeros(1));
        state.expect("extents: inode 2 has an extent at 99 before the last one ends at 100");
    }

    #[test]
    fn a_wrong_sum_is_reported() {
        let mut state = State::sound();
        state.change(FILE, |inode| inode.allocated += 1);
        state.expect("extents: inode 2 has extents of 150 bytes but says 151");
    }

    #[test]
    fn data_past_the_end_of_a_file_is_reported() {
        let mut state = State::sound();
        state.change(FILE, |inode| inode.size = 99);
        state.expect("extents: inode 2 has data up to 100 but size 99");
    }

    #[test]
    fn extents_of_a_directory_are_reported() {
        let mut state = State::sound();
        state.put(keys::extent(DIRECTORY, 0), &zeros(1));
        state.expect("extents: inode 3 has extents but is no regular file");
    }

    #[test]
    fn extents_of_nothing_are_reported() {
        let mut state = State::sound();
        state.put(keys::extent(InodeId::new(60), 7), &zeros(1));
        state.expect("extents: the extent at 7 belongs to inode 60, which does not exist");
    }

    #[test]
    fn an_extent_beyond_the_largest_file_is_reported() {
        let mut state = State::sound();
        state.put(keys::extent(FILE, FILE_BYTES_MAX), &zeros(1));
        state.expect("extents: inode 2 has an extent at 9223372036854775807 beyond the largest");
    }

    #[test]
    fn a_size_beyond_the_largest_file_is_reported() {
        let mut state = State::sound();
        state.change(FILE, |inode| inode.size = FILE_BYTES_MAX);
        assert_eq!(state.violations(), Vec::<String>::new());
        state.change(FILE, |inode| inode.size += 1);
        let told = "extents: inode 2 has size 9223372036854775808, beyond the largest file";
        assert_eq!(state.violations(), [told]);
    }

    #[test]
    fn a_symlink_of_another_size_is_reported() {
        let mut state = State::sound();
        state.change(SYMLINK, |inode| inode.size = 5);
        let told = "extents: symlink 5 has a target of 4 bytes but size 5";
        assert_eq!(state.violations(), [told]);
    }

    fn with_target(target: Vec<u8>) -> Vec<String> {
        let mut state = State::sound();
        state.change(SYMLINK, |inode| {
            inode.size = target.len() as u64;
            inode.body = InodeBody::Symlink(Bytes::from(target));
        });
        state.violations()
    }

    #[test]
    fn a_target_that_cannot_be_is_reported() {
        let longest = vec![b'x'; SYMLINK_BYTES_MAX];
        assert_eq!(with_target(longest.clone()), Vec::<String>::new());
        let told = "extents: symlink 5 has a target of 4096 bytes, which is too long";
        assert_eq!(with_target([&longest[..], b"x"].concat()), [told]);
        let told = "extents: symlink 5 has an empty target";
        assert_eq!(with_target(Vec::new()), [told]);
        let told = "extents: symlink 5 has a target with a NUL in it";
        assert_eq!(with_target(b"a\0b".to_vec()), [told]);
    }
}
