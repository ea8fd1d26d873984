//! Extended attributes belong to inodes, as many as the inode says, within limits.

use super::cursor::{Entry, Item, beside_inodes};
use super::mend::{Field, Mend};
use super::report::{Report, quoted};
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::XATTR_VALUE_BYTES_MAX;
use crate::record::Xattr;
use crate::store::View;
use crate::types::InodeId;
use crate::xattr::Namespace;

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut found = 0_u64;
    beside_inodes(view, Prefix::Xattr, report, &mut |item, report| {
        match item {
            Item::Entry(ino, _, entry) => {
                found += 1;
                limits(ino, entry, report);
            }
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

/// A key with a name that is too long is one of a wrong length, of which the rule of records tells.
fn limits(ino: InodeId, (key, value): &Entry, report: &mut Report<'_>) {
    let name = keys::name_part(key).unwrap_or_default();
    if Namespace::of(name).is_err() {
        report.add(|| {
            let name = quoted(name);
            format!("inode {ino} has attribute {name}, which no attribute can be called")
        });
    }
    let length = Xattr::decode(value).map_or(0, <[u8]>::len);
    if length > XATTR_VALUE_BYTES_MAX {
        report.add(|| {
            let name = quoted(name);
            format!("attribute {name} of inode {ino} has {length} bytes, which is too long")
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{FILE, State};
    use crate::keys;
    use crate::limits::{XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX};
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

    /// What is wrong with a file that has this attribute besides another one.
    fn with(name: &[u8], length: usize) -> Vec<String> {
        let mut state = State::sound();
        let value = Xattr::encode(&vec![7; length]);
        state.put(keys::xattr(FILE, name), &value);
        state.change(FILE, |inode| inode.xattrs += 1);
        state.violations()
    }

    #[test]
    fn whatever_can_be_set_is_sound() {
        let mut longest = b"user.".to_vec();
        longest.resize(XATTR_NAME_BYTES_MAX, b'x');
        for name in [
            &b"user.x"[..],
            b"trusted.overlay.opaque",
            b"security.capability",
            b"security.selinux",
            b"system.posix_acl_access",
            b"system.posix_acl_default",
            &longest,
        ] {
            assert_eq!(with(name, XATTR_VALUE_BYTES_MAX), Vec::<String>::new());
        }
    }

    #[test]
    fn a_value_that_is_too_long_is_reported() {
        let told = "xattrs: attribute \"user.x\" of inode 2 has 65537 bytes, which is too long";
        assert_eq!(with(b"user.x", XATTR_VALUE_BYTES_MAX + 1), [told]);
    }

    #[test]
    fn a_name_that_cannot_be_is_reported() {
        for name in ["color", "user.", "other.x", "system.x"] {
            let told = format!(
                "xattrs: inode 2 has attribute \"{name}\", which no attribute can be called"
            );
            assert_eq!(with(name.as_bytes(), 1), [told]);
        }
        let mut longer = b"user.".to_vec();
        longer.resize(XATTR_NAME_BYTES_MAX + 1, b'x');
        let told = with(&longer, 1);
        assert!(told[0].starts_with("records: key X 0000000000000002"));
        assert!(told[0].ends_with(" has a wrong length"));
    }
}
