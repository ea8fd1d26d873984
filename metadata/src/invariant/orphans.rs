//! The orphan records are exactly the inodes without a name.

use super::cursor::{Item, beside_inodes};
use super::mend::Mend;
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::Orphan;
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
                match inode.map(|inode| inode.nlink) {
                    Some(0) if !noted => {
                        let note = Orphan::default().encode();
                        report.add_mendable(Some(Mend::Put(keys::orphan(ino), note)), || {
                            format!("inode {ino} has no name but is not noted as orphan")
                        });
                    }
                    Some(nlink) if nlink > 0 && noted => {
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
