//! Errors that were right at no moment.

use super::*;

#[test]
fn an_error_that_was_true_at_no_moment_is_refused() {
    for (call, errno) in [
        (unlink("a"), Errno::ENOENT),
        (create("a"), Errno::ENOENT),
        (rename("a", "b"), Errno::EEXIST),
        (mkdir("a"), Errno::ENOTDIR),
        (Call::Rmdir(path("a")), Errno::EISDIR),
        (stat("a/b"), Errno::ENOENT),
        (stat("a"), Errno::ESTALE),
        (unlink("a"), Errno::ENOSPC),
        (create("b"), Errno::ENOSPC),
        (whiteout("a", "b"), Errno::ENOSPC),
    ] {
        Planted::default()
            .done((0, 10), create("a"))
            .fails((20, 30), call, errno)
            .refuted_at(2);
    }
}

#[test]
fn a_change_that_was_refused_and_happened_all_the_same_is_refused() {
    Planted::on(Disk::MayBeFull)
        .fails((0, 10), create("a"), Errno::ENOSPC)
        .says((20, 30), stat("a"), file(1, 0))
        .refuted_at(2);
}

#[test]
fn a_full_disk_refuses_what_grows_and_nothing_else() {
    let full = || Planted::on(Disk::MayBeFull).done((0, 10), create("a"));
    let truncate = Call::Truncate(path("a"), 7);
    for call in [unlink("a"), rename("a", "b"), stat("a"), truncate] {
        full().fails((20, 30), call, Errno::ENOSPC).refuted_at(2);
    }
    let set_xattr = Call::SetXattr(path("a"), 1, XattrMode::Any);
    for call in [create("b"), whiteout("a", "b"), set_xattr] {
        full().fails((20, 30), call, Errno::ENOSPC).explained();
    }
}
