//! Who may be told ESTALE, and who may not.

use super::*;

/// A directory, which is moved into another.
fn moved() -> Planted {
    Planted::default()
        .done((0, 10), mkdir("a"))
        .done((20, 30), mkdir("b"))
        .done((40, 50), rename("a", "b/x"))
}

#[test]
fn a_directory_that_another_mount_moved_may_be_busy() {
    for call in [mkdir("b/x"), stat("b/x"), rename("b/x", "c"), unlink("b/x")] {
        moved().fails((60, 70), call, Errno::ESTALE).explained();
    }
    // Wherever it is later.
    moved()
        .done((60, 70), rename("b/x", "b/y"))
        .fails((80, 90), stat("b/y"), Errno::ESTALE)
        .explained();
    moved()
        .done((60, 70), rename("b/x", "c"))
        .fails((80, 90), stat("c/z"), Errno::ESTALE)
        .explained();
    moved()
        .fails((60, 70), stat("a"), Errno::ESTALE)
        .refuted_at(4);
}

#[test]
fn a_directory_that_never_left_its_directory_is_never_busy() {
    for call in [stat("b"), mkdir("b"), stat("b/y"), rename("b", "c")] {
        moved().fails((60, 70), call, Errno::ESTALE).refuted_at(4);
    }
    // A new name in the same directory: what the kernel remembers is moved without waiting for anybody.
    Planted::default()
        .done((0, 10), mkdir("a"))
        .done((20, 30), rename("a", "b"))
        .fails((40, 50), stat("b"), Errno::ESTALE)
        .refuted_at(3);
    // One of the same name that was made anew.
    moved()
        .done((60, 70), Call::Rmdir(path("b/x")))
        .done((80, 90), mkdir("b/x"))
        .fails((100, 110), stat("b/x"), Errno::ESTALE)
        .refuted_at(6);
}

#[test]
fn a_file_that_was_moved_is_never_busy() {
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 30), mkdir("b"))
        .done((40, 50), rename("a", "b/x"))
        .fails((60, 70), stat("b/x"), Errno::ESTALE)
        .refuted_at(4);
}

#[test]
fn a_directory_that_a_kernel_believes_to_have_moved_may_be_busy() {
    // The rename looks up the directory, and moves the file that has its name after the exchange.
    let exchanged = |new| {
        Planted::default()
            .done((0, 5), mkdir("a"))
            .done((6, 7), mkdir("e"))
            .done((8, 10), create("c"))
            .done((20, 50), rename("e", new))
            .done(
                (30, 40),
                Call::Rename(path("c"), path("e"), Exchange::Exchange),
            )
            .fails((60, 70), rename("c", "a/z"), Errno::ESTALE)
    };
    exchanged("a/y").explained();
    exchanged("d").refuted_at(6);
}

#[test]
fn a_directory_that_moves_before_the_answer_may_be_busy_and_after_it_not() {
    // The kernel hears that it was found after somebody there has found it at its new place.
    let found = || {
        Planted::default()
            .done((0, 10), mkdir("a"))
            .done((20, 30), mkdir("b"))
            .fails((40, 60), mkdir("a"), Errno::ESTALE)
    };
    found().done((50, 70), rename("a", "b/x")).explained();
    found().unknown(50, rename("a", "b/x")).explained();
    found().done((65, 80), rename("a", "b/x")).refuted_at(3);
    let exchange = Call::Rename(path("a"), path("b/x"), Exchange::Exchange);
    found().done((50, 70), exchange).refuted_at(3);
    found()
        .done((32, 35), mkdir("b/x"))
        .done((50, 70), exchange)
        .explained();
}

fn exchange() -> Call {
    Call::Rename(path("a"), path("b"), Exchange::Exchange)
}

/// What ends with ESTALE if `a` is another directory than the kernel has found.
fn removals() -> [Call; 2] {
    [Call::Rmdir(path("a")), rename("c", "a")]
}

/// Two directories, which are exchanged.
fn exchanged() -> Planted {
    Planted::default()
        .done((0, 5), mkdir("a"))
        .done((10, 15), mkdir("b"))
        .done((20, 25), mkdir("c"))
        .done((30, 50), exchange())
}

#[test]
fn another_directory_than_the_one_that_was_found_is_neither_removed_nor_replaced() {
    for call in removals() {
        // The kernel looks again, and finds what is there.
        exchanged().done((40, 70), call).explained();
        exchanged()
            .fails((40, 70), call, Errno::ESTALE)
            .refuted_at(5);
        // It does not look a third time.
        let twice = || exchanged().done((55, 60), exchange());
        twice().done((40, 70), call).explained();
        twice().fails((40, 70), call, Errno::ESTALE).explained();
        twice().fails((52, 70), call, Errno::ESTALE).refuted_at(6);
    }
}

#[test]
fn a_directory_that_is_not_there_any_more_is_not_replaced_by_something_else() {
    let replace = rename("c", "a");
    let moved = || {
        Planted::default()
            .done((0, 5), mkdir("a"))
            .done((10, 15), mkdir("c"))
            .done((30, 50), rename("a", "d"))
    };
    moved().done((40, 80), replace).explained();
    moved()
        .fails((40, 80), replace, Errno::ESTALE)
        .refuted_at(4);
    let back = || moved().done((52, 54), rename("d", "a"));
    back().fails((40, 80), replace, Errno::ESTALE).refuted_at(5);
    let away_again = || back().done((56, 58), rename("a", "d"));
    away_again()
        .fails((40, 80), replace, Errno::ESTALE)
        .explained();
    // `rmdir` of what is not there is ENOENT.
    let remove = Call::Rmdir(path("a"));
    away_again()
        .fails((40, 80), remove, Errno::ESTALE)
        .refuted_at(6);
}

#[test]
fn what_is_wrong_with_the_names_is_said_before_it_is_another_directory() {
    for call in removals() {
        let twice = || {
            Planted::default()
                .done((0, 5), mkdir("a"))
                .done((10, 15), mkdir("b"))
                .done((16, 18), create("b/x"))
                .done((20, 25), mkdir("c"))
                .done((30, 50), exchange())
                .done((52, 54), exchange())
        };
        twice().fails((40, 80), call, Errno::ESTALE).refuted_at(7);
        twice().fails((40, 80), call, Errno::ENOTEMPTY).explained();
        twice()
            .done((56, 58), exchange())
            .done((60, 62), exchange())
            .fails((40, 80), call, Errno::ESTALE)
            .explained();
    }
}

#[test]
fn what_is_busy_or_gone_is_stale_also_after_one_move() {
    for call in removals() {
        // It is busy.
        Planted::default()
            .done((0, 5), mkdir("a"))
            .done((10, 15), mkdir("b"))
            .done((16, 18), mkdir("b/x"))
            .done((20, 25), mkdir("c"))
            .done(
                (30, 50),
                Call::Rename(path("a"), path("b/x"), Exchange::Exchange),
            )
            .fails((40, 80), call, Errno::ESTALE)
            .explained();
    }
    // The directory that the names are in is gone.
    let gone = |call| {
        let exchange = Call::Rename(path("d/a"), path("d/b"), Exchange::Exchange);
        Planted::default()
            .done((0, 5), mkdir("d"))
            .done((6, 8), mkdir("d/a"))
            .done((10, 15), mkdir("d/b"))
            .done((16, 18), mkdir("c"))
            .done((30, 50), exchange)
            .done((51, 52), Call::Rmdir(path("d/a")))
            .done((53, 54), Call::Rmdir(path("d/b")))
            .done((55, 56), Call::Rmdir(path("d")))
            .fails((40, 80), call, Errno::ESTALE)
    };
    gone(Call::Rmdir(path("d/a"))).explained();
    gone(rename("c", "d/a")).explained();
}

#[test]
fn a_file_is_replaced_whatever_was_found_there() {
    let exchange = Call::Rename(path("a"), path("b"), Exchange::Exchange);
    let exchanged = || {
        Planted::default()
            .done((0, 5), create("a"))
            .done((10, 15), create("b"))
            .done((20, 25), create("c"))
            .done((30, 50), exchange)
    };
    let replace = rename("c", "a");
    exchanged().done((40, 60), replace).explained();
    exchanged()
        .fails((40, 60), replace, Errno::ESTALE)
        .refuted_at(5);
}
