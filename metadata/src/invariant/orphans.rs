//! The orphan records are exactly the inodes without a name, and say how far one was cleared that can be.

use super::cursor::{Item, beside_inodes};
use super::mend::Mend;
use super::report::Report;
use super::rescue;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::FILE_BYTES_MAX;
use crate::record::Orphan;
use crate::store::View;

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut noted = None;
    beside_inodes(view, Prefix::Orphan, report, &mut |item, report| {
        match item {
            // Of one that does not decode, the rule of records has told.
            Item::Entry(_, _, (_, value)) => {
                noted = Some(Orphan::decode(value).unwrap_or_default());
            }
            Item::Stray(ino, _) => {
                report.add_mendable(Some(Mend::Forget(keys::orphan(ino))), || {
                    format!("inode {ino} is noted as an orphan but does not exist")
                });
            }
            Item::End(ino, inode) => {
                match (inode, noted.take()) {
                    (Some(inode), None) if inode.nlink == 0 => {
                        // With the note its data would go.
                        let mend = rescue::mend(view, report, ino, inode)?;
                        report.add_mendable(mend, || {
                            format!("inode {ino} has no name but is not noted as orphan")
                        });
                    }
                    (Some(inode), Some(_)) if inode.nlink > 0 => {
                        let nlink = inode.nlink;
                        report.add_mendable(Some(Mend::Forget(keys::orphan(ino))), || {
                            format!("inode {ino} is noted as an orphan but has link count {nlink}")
                        });
                    }
                    (Some(_), Some(Orphan { cleared })) if cleared > FILE_BYTES_MAX => {
                        // It is looked through from its beginning, as if nothing were cleared.
                        let mend = Mend::Put(keys::orphan(ino), Orphan::default().encode());
                        report.add_mendable(Some(mend), || {
                            format!(
                                "orphan {ino} is cleared up to {cleared}, beyond the largest file"
                            )
                        });
                    }
                    (Some(_) | None, _) => {}
                }
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{FILE, ORPHAN, State};
    use crate::keys;
    use crate::limits::FILE_BYTES_MAX;
    use crate::record::Orphan;
    use crate::types::InodeId;

    #[test]
    fn an_inode_without_a_name_must_be_noted() {
        let mut state = State::sound();
        state.delete(keys::orphan(ORPHAN));
        state.expect("orphans: inode 4 has no name but is not noted as orphan");
    }

    #[test]
    fn an_inode_with_a_name_must_not_be_noted() {
        let mut state = State::sound();
        state.put(keys::orphan(FILE), b"");
        state.expect("orphans: inode 2 is noted as an orphan but has link count 2");
    }

    #[test]
    fn a_noted_orphan_must_exist() {
        let mut state = State::sound();
        state.put(keys::orphan(InodeId::new(50)), b"");
        state.expect("orphans: inode 50 is noted as an orphan but does not exist");
    }

    #[test]
    fn an_orphan_is_not_cleared_beyond_the_largest_file() {
        let mut state = State::sound();
        let mut put = |cleared| {
            state.put(keys::orphan(ORPHAN), &Orphan { cleared }.encode());
            state.violations()
        };
        assert_eq!(put(FILE_BYTES_MAX), Vec::<String>::new());
        let told =
            "orphans: orphan 4 is cleared up to 9223372036854775808, beyond the largest file";
        assert_eq!(put(FILE_BYTES_MAX + 1), [told]);
    }
}
