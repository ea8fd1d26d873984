//! The orphan records are exactly the inodes without a name.

use super::cursor::{Item, beside_inodes};
use super::mend::Mend;
use super::report::Report;
use super::rescue;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::store::View;

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut noted = false;
    beside_inodes(view, Prefix::Orphan, report, &mut |item, report| {
        match item {
            Item::Entry(..) => noted = true,
            Item::Stray(ino, _) => {
                report.add_mendable(Some(Mend::Forget(keys::orphan(ino))), || {
                    format!("inode {ino} is noted as an orphan but does not exist")
                });
            }
            Item::End(ino, inode) => {
                let noted = std::mem::take(&mut noted);
                match inode {
                    Some(inode) if inode.nlink == 0 && !noted => {
                        // With the note its data would go.
                        let mend = rescue::mend(view, report, ino, inode)?;
                        report.add_mendable(mend, || {
                            format!("inode {ino} has no name but is not noted as orphan")
                        });
                    }
                    Some(inode) if inode.nlink > 0 && noted => {
                        let nlink = inode.nlink;
                        report.add_mendable(Some(Mend::Forget(keys::orphan(ino))), || {
                            format!("inode {ino} is noted as an orphan but has link count {nlink}")
                        });
                    }
                    Some(_) | None => {}
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
}
