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

/// Two directories, which are exchanged.
fn exchanged() -> Planted {
    let exchange = Call::Rename(path("a"), path("b"), Exchange::Exchange);
    Planted::default()
        .done((0, 5), mkdir("a"))
        .done((10, 15), mkdir("b"))
        .done((20, 25), mkdir("c"))
        .done((30, 50), exchange)
}

#[test]
fn another_directory_than_the_one_that_was_found_is_neither_removed_nor_replaced() {
    for call in [Call::Rmdir(path("a")), rename("c", "a")] {
        exchanged().fails((40, 60), call, Errno::ESTALE).explained();
        exchanged().done((40, 60), call).explained();
        exchanged()
            .fails((55, 60), call, Errno::ESTALE)
            .refuted_at(5);
    }
    // Nothing was replaced where something had been found.
    let moved = || {
        Planted::default()
            .done((0, 5), mkdir("a"))
            .done((10, 15), mkdir("c"))
            .done((30, 50), rename("a", "d"))
    };
    let replace = rename("c", "a");
    moved().fails((40, 60), replace, Errno::ESTALE).explained();
    moved()
        .fails((55, 60), replace, Errno::ESTALE)
        .refuted_at(4);
    let remove = Call::Rmdir(path("a"));
    moved().fails((40, 60), remove, Errno::ESTALE).refuted_at(4);
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
