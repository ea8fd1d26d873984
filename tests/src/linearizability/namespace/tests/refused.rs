//! Bad histories, of which none may pass.

use super::*;

#[test]
fn a_stat_that_finds_what_was_acknowledged_to_be_removed_is_refused() {
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 30), unlink("a"))
        .says((40, 50), stat("a"), file(1, 0))
        .refuted_at(3);
}

#[test]
fn two_exclusive_creates_that_both_succeed_are_refused() {
    Planted::default()
        .done((0, 30), create("a"))
        .done((10, 20), create("a"))
        .refuted_at(1);
}

#[test]
fn an_acknowledged_create_that_vanished_is_refused() {
    Planted::default()
        .done((0, 10), create("a"))
        .fails((20, 30), stat("a"), Errno::ENOENT)
        .refuted_at(2);
    Planted::default()
        .done((0, 10), create("a"))
        .says((20, 30), Call::List(None), names(&[]))
        .refuted_at(2);
}

#[test]
fn a_lost_rename_is_refused() {
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 30), rename("a", "b"))
        .says((40, 50), stat("a"), file(1, 0))
        .refuted_at(3);
}

#[test]
fn a_rename_seen_half_is_refused() {
    let begun = || {
        Planted::default()
            .done((0, 10), create("a"))
            .done((20, 90), rename("a", "b"))
    };
    for half in [vec![], vec![("a", Kind::File), ("b", Kind::File)]] {
        begun()
            .says((30, 40), Call::List(None), names(&half))
            .refuted_at(3);
    }
    // Two looks are two moments: here the rename happens between them.
    begun()
        .says((30, 40), stat("a"), file(1, 0))
        .says((50, 60), stat("b"), file(1, 0))
        .explained();
    begun()
        .fails((30, 40), stat("a"), Errno::ENOENT)
        .fails((50, 60), stat("b"), Errno::ENOENT)
        .refuted_at(4);
    begun()
        .says((30, 40), stat("b"), file(1, 0))
        .says((50, 60), stat("a"), file(1, 0))
        .refuted_at(4);
}

#[test]
fn an_exchange_that_loses_one_of_the_two_is_refused() {
    let exchange = Call::Rename(path("a"), path("d"), Exchange::Exchange);
    let begun = || {
        Planted::default()
            .done((0, 10), create("a"))
            .done((11, 12), mkdir("d"))
            .done((20, 90), exchange)
    };
    begun()
        .says(
            (30, 40),
            Call::List(None),
            names(&[("d", Kind::File), ("a", Kind::Directory)]),
        )
        .explained();
    begun()
        .says((30, 40), Call::List(None), names(&[("d", Kind::File)]))
        .refuted_at(4);
}

#[test]
fn a_listing_that_misses_a_name_that_was_there_throughout_is_refused() {
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 60), create("b"))
        .says((30, 40), Call::List(None), names(&[("b", Kind::File)]))
        .refuted_at(3);
}

#[test]
fn a_reader_that_goes_back_in_time_is_refused() {
    let truncated = || {
        Planted::default()
            .done((0, 10), create("a"))
            .done((20, 90), Call::Truncate(path("a"), 7))
    };
    truncated()
        .says((30, 40), stat("a"), file(1, 0))
        .says((50, 60), stat("a"), file(1, 7))
        .explained();
    truncated()
        .says((30, 40), stat("a"), file(1, 7))
        .says((50, 60), stat("a"), file(1, 0))
        .refuted_at(4);
}

#[test]
fn what_one_reader_saw_another_may_not_see_undone() {
    Planted::default()
        .unknown(0, create("a"))
        .says((30, 40), stat("a"), file(1, 0))
        .fails((50, 60), Call::GetXattr(path("a")), Errno::ENOENT)
        .refuted_at(3);
}

#[test]
fn a_directory_that_is_made_before_its_parent_is_refused() {
    Planted::default()
        .done((0, 90), mkdir("a"))
        .done((20, 30), mkdir("a/b"))
        .fails((40, 50), stat("a"), Errno::ENOENT)
        .refuted_at(3);
    Planted::default()
        .done((10, 20), mkdir("a/b"))
        .done((30, 40), mkdir("a"))
        .refuted_at(1);
}

#[test]
fn a_directory_that_is_removed_with_something_in_it_is_refused() {
    Planted::default()
        .done((0, 10), mkdir("a"))
        .done((20, 30), create("a/b"))
        .done((40, 50), Call::Rmdir(path("a")))
        .refuted_at(3);
    Planted::default()
        .done((0, 10), mkdir("a"))
        .fails((40, 50), Call::Rmdir(path("a")), Errno::ENOTEMPTY)
        .refuted_at(2);
}

#[test]
fn two_directories_that_end_up_within_each_other_are_refused() {
    let made = || {
        Planted::default()
            .done((0, 10), mkdir("a"))
            .done((11, 12), mkdir("b"))
            .done((20, 60), rename("a", "b/c"))
    };
    made().done((30, 70), rename("b", "a/c")).refuted_at(4);
    made()
        .fails((30, 70), rename("b", "a/c"), Errno::ENOENT)
        .explained();
    made()
        .fails((30, 70), rename("b", "a/c"), Errno::EINVAL)
        .explained();
}

#[test]
fn wrong_counts_of_links_are_refused() {
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 30), Call::Link(path("a"), path("b")))
        .says((40, 50), stat("a"), file(1, 0))
        .refuted_at(3);
    let directories = || {
        Planted::default()
            .done((0, 10), mkdir("a"))
            .done((20, 30), mkdir("a/b"))
    };
    directories()
        .says((40, 50), stat("a"), directory(3, 1))
        .explained();
    directories()
        .says((40, 50), stat("a"), directory(2, 1))
        .refuted_at(3);
}

#[test]
fn a_change_that_happens_twice_is_refused() {
    // The unlink of an unknown outcome may remove the second file, but not both.
    let twice = || {
        Planted::default()
            .done((0, 10), create("a"))
            .unknown(20, unlink("a"))
            .fails((30, 40), stat("a"), Errno::ENOENT)
            .done((50, 60), create("a"))
    };
    twice().says((70, 80), stat("a"), file(1, 0)).explained();
    twice()
        .fails((70, 80), stat("a"), Errno::ENOENT)
        .refuted_at(5);
}

#[test]
fn an_attribute_that_was_never_set_is_refused() {
    let value = |value| Call::SetXattr(path("a"), value, XattrMode::Create);
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 50), value(1))
        .fails((20, 50), value(2), Errno::EEXIST)
        .says((60, 70), Call::GetXattr(path("a")), Outcome::Number(2))
        .refuted_at(4);
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 50), value(1))
        .done((20, 50), value(2))
        .refuted_at(3);
}

#[test]
fn a_file_that_took_the_place_of_another_is_not_the_other() {
    let symlink = Call::Symlink(path("a"), 17);
    Planted::default()
        .done((0, 10), create("b"))
        .done((20, 30), symlink)
        .done((40, 50), rename("b", "a"))
        .says((60, 70), Call::Readlink(path("a")), Outcome::Number(17))
        .refuted_at(4);
}

#[test]
fn a_whiteout_is_left_at_the_old_name_and_at_the_same_moment() {
    let list = |entries| (Call::List(None), names(entries));
    let left = [("a", Kind::Whiteout), ("b", Kind::File)];
    let moved = || {
        Planted::default()
            .done((0, 10), create("a"))
            .done((20, 90), whiteout("a", "b"))
    };
    let (call, both) = list(&left);
    moved().says((30, 40), call, both).explained();
    for half in [&left[..1], &left[1..]] {
        let (call, half) = list(half);
        moved().says((30, 40), call, half).refuted_at(3);
    }
    let device = attributes(Kind::Whiteout, 0, 1, 0);
    moved()
        .says((100, 110), stat("a"), device.clone())
        .fails((120, 130), create("a"), Errno::EEXIST)
        .fails((140, 150), mkdir("a/x"), Errno::ENOTDIR)
        .done((160, 170), unlink("a"))
        .says((180, 190), stat("a"), device)
        .refuted_at(7);
    moved()
        .fails((100, 110), stat("a"), Errno::ENOENT)
        .refuted_at(3);
    // Without the flag there is none.
    let (call, both) = list(&left);
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 90), rename("a", "b"))
        .says((30, 40), call, both)
        .refuted_at(3);
}

#[test]
fn an_owner_that_was_never_set_is_refused() {
    let owned = |uid, gid| Outcome::Attributes {
        kind: Kind::File,
        mode: 0o644,
        nlink: 1,
        size: 0,
        uid,
        gid,
    };
    let given = || {
        Planted::default()
            .done((0, 10), create("a"))
            .done((20, 90), Call::Chown(path("a"), 7))
    };
    given()
        .says((30, 40), stat("a"), owned(0, 0))
        .says((50, 60), stat("a"), owned(7, 7))
        .explained();
    given().says((30, 40), stat("a"), owned(7, 0)).refuted_at(3);
    given()
        .says((100, 110), stat("a"), owned(0, 0))
        .refuted_at(3);
}
