//! Flags that were ignored, and attributes that did not stay as they were set.

use super::*;

fn no_replace(old: &str, new: &str) -> Call {
    Call::Rename(path(old), path(new), Exchange::NoReplace)
}

fn set(value: u32, mode: XattrMode) -> Call {
    Call::SetXattr(path("a"), value, mode)
}

fn get() -> Call {
    Call::GetXattr(path("a"))
}

fn remove() -> Call {
    Call::RemoveXattr(path("a"))
}

/// A file, `a`.
fn made() -> Planted {
    Planted::default().done((0, 10), create("a"))
}

#[test]
fn a_rename_that_replaces_although_it_may_not_is_refused() {
    let whiteout = Call::Rename(path("a"), path("c"), Exchange::WhiteoutNoReplace);
    for rename in [no_replace("a", "c"), whiteout] {
        let taken = || made().done((11, 12), create("c"));
        taken().done((20, 30), rename).refuted_at(3);
        taken()
            .fails((20, 30), rename, Errno::EEXIST)
            .says((40, 50), stat("a"), file(1, 0))
            .explained();
        made().done((20, 30), rename).explained();
        made().fails((20, 30), rename, Errno::EEXIST).refuted_at(2);
        // Of two that meet, one wins.
        let meet = || {
            made()
                .done((11, 12), create("b"))
                .done((20, 50), no_replace("b", "c"))
        };
        meet().done((20, 40), rename).refuted_at(3);
        meet().fails((20, 40), rename, Errno::EEXIST).explained();
    }
    // The other flag counts, too.
    let device = attributes(Kind::Whiteout, 0, 1, 0);
    let moved = || made().done((20, 30), whiteout);
    moved().says((40, 50), stat("a"), device).explained();
    moved()
        .fails((40, 50), stat("a"), Errno::ENOENT)
        .refuted_at(3);
}

#[test]
fn a_mode_that_does_not_stay_is_refused() {
    let (old, new) = (file(1, 0), attributes(Kind::File, 0o600, 1, 0));
    let changed = || made().done((20, 50), Call::Chmod(path("a"), 0o600));
    changed()
        .says((25, 30), stat("a"), old.clone())
        .says((60, 70), stat("a"), new.clone())
        .explained();
    changed()
        .says((60, 70), stat("a"), old.clone())
        .refuted_at(3);
    changed()
        .says((25, 30), stat("a"), new)
        .says((35, 40), stat("a"), old)
        .refuted_at(4);
    changed()
        .says((25, 30), stat("a"), attributes(Kind::File, 0o604, 1, 0))
        .refuted_at(3);
}

#[test]
fn an_attribute_that_is_there_after_its_removal_is_refused() {
    let had = || made().done((11, 12), set(1, XattrMode::Any));
    let removed = || had().done((20, 30), remove());
    removed()
        .says((40, 50), get(), Outcome::Number(1))
        .refuted_at(4);
    removed().fails((40, 50), get(), Errno::ENODATA).explained();
    // It is removed once.
    removed().done((25, 35), remove()).refuted_at(4);
    removed()
        .fails((25, 35), remove(), Errno::ENODATA)
        .explained();
    had()
        .fails((20, 30), remove(), Errno::ENODATA)
        .refuted_at(3);
}

#[test]
fn an_attribute_that_is_replaced_where_there_is_none_is_refused() {
    let replace = set(2, XattrMode::Replace);
    made().done((20, 30), replace).refuted_at(2);
    made()
        .fails((20, 30), replace, Errno::ENODATA)
        .fails((40, 50), get(), Errno::ENODATA)
        .explained();
    let had = || made().done((11, 12), set(1, XattrMode::Any));
    had().fails((20, 30), replace, Errno::ENODATA).refuted_at(3);
    let replaced = || had().done((20, 30), replace);
    replaced()
        .says((40, 50), get(), Outcome::Number(2))
        .explained();
    replaced()
        .says((40, 50), get(), Outcome::Number(1))
        .refuted_at(4);
}
