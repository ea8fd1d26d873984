//! Extended attributes belong to inodes, as many as the inode says, within limits.

use super::cursor::{Item, beside_inodes};
use super::mend::{Field, Mend};
use super::report::{Report, quoted};
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::store::View;

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut found = 0_u64;
    beside_inodes(view, Prefix::Xattr, report, &mut |item, report| {
        match item {
            Item::Entry(..) => found += 1,
            Item::Stray(ino, (key, _)) => report.add(|| {
                let name = quoted(keys::name_part(key).unwrap_or_default());
                format!("attribute {name} belongs to inode {ino}, which does not exist")
            }),
            Item::End(ino, inode) => {
                let found = std::mem::take(&mut found);
                let said = inode.map_or(found, |inode| u64::from(inode.xattrs));
                if found != said {
                    let count = u32::try_from(found).ok();
                    let mend = count.map(|count| Mend::Inode(ino, Field::Xattrs(count)));
                    report.add_mendable(mend, || {
                        format!("inode {ino} has {found} attributes but says {said}")
                    });
                }
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{FILE, State};
    use crate::keys;
    use crate::record::Xattr;
    use crate::types::InodeId;

    #[test]
    fn a_wrong_count_is_reported() {
        let mut state = State::sound();
        state.change(FILE, |inode| inode.xattrs = 0);
        state.expect("xattrs: inode 2 has 1 attributes but says 0");
    }

    #[test]
    fn an_attribute_of_nothing_is_reported() {
        let mut state = State::sound();
        state.put(
            keys::xattr(InodeId::new(70), b"user.lost"),
            &Xattr::encode(b""),
        );
        state.expect("xattrs: attribute \"user.lost\" belongs to inode 70, which does not exist");
    }
}
