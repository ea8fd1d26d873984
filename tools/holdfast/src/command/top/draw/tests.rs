//! What screens of every size show.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::command::top::keys::Sort;
use crate::command::top::look::tests::{busy_view, view};

/// What a terminal of this size shows.
fn screen(size: (u16, u16), view: Option<&View>, choices: &mut Choices) -> Vec<String> {
    troubled(size, view, None, choices)
}

fn troubled(
    (width, height): (u16, u16),
    view: Option<&View>,
    trouble: Option<&str>,
    choices: &mut Choices,
) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| all(frame, view, trouble, choices))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let lines = buffer.content.chunks(usize::from(width));
    let text = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    };
    lines.map(text).collect()
}

/// The lines have these, in this order, whatever is between them.
#[track_caller]
fn assert_in_order(lines: &[String], wanted: &[&str]) {
    let words = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = lines.iter().map(words);
    for wanted in wanted {
        assert!(rest.any(|line| line == *wanted), "{wanted}\n{lines:#?}");
    }
}

#[test]
fn everything_has_its_place_on_a_small_screen() {
    let lines = screen((80, 24), Some(&view()), &mut Choices::default());
    assert_in_order(
        &lines,
        &[
            "degraded changes 10.0/s, 99% in 990 us reads 100/s, 99% in 990 us",
            "node2:1: Connection refused",
            "NODE ADDRESS ROLE LEADS UP FREE STATE",
            "1 node1:1 voter 1 12 s 3.00 GiB (75%) answers",
            "2 node2:1 voter - - - Connection refused",
            "VOLUME LEADER TERM SESSIONS VOTERS LEARNERS LAG BY NODE",
            "home 1 7 1 1 2 2:42",
            "OPERATION VOLUME KIND A SECOND MEDIAN 99 OF 100",
            "lookup home query 100 500 us 990 us",
            "mkdir home command 10.0 500 us 990 us",
            "DIRECTORY VOLUME A SECOND",
            "inode 1 home 80.0",
            "HOST VOLUME PROCESS A SECOND HEARD MOUNTPOINT",
            "web\\u{1b}[31m-1 home 4242 110 0 s ago /mnt/home",
            "q quit s sorted by rate up, down scroll space look now",
        ],
    );
}

#[test]
fn numbers_that_nodes_make_up_do_not_end_it() {
    let mut view = view();
    view.picture.nodes[0].disk_available = u64::MAX;
    view.operations[0].count = u64::MAX;
    view.directories[0].calls = u64::MAX;
    let lines = screen((80, 24), Some(&view), &mut Choices::default());
    assert!(lines.iter().any(|line| line.starts_with("DIRECTORY")));
}

#[test]
fn a_wide_screen_has_operations_beside_directories_and_mounts() {
    let lines = screen((200, 60), Some(&busy_view()), &mut Choices::default());
    let title = lines.iter().find(|line| line.starts_with("OPERATION"));
    assert!(
        title.is_some_and(|title| title.contains("DIRECTORY")),
        "{lines:#?}"
    );
    for row in ["operation29", "/srv/20", "host20"] {
        assert!(
            lines.iter().any(|line| line.contains(row)),
            "{row} {lines:#?}"
        );
    }
}

#[test]
fn every_table_has_a_part_of_a_screen_that_is_too_small_for_all() {
    let lines = screen((80, 24), Some(&busy_view()), &mut Choices::default());
    for title in ["NODE", "VOLUME", "OPERATION", "DIRECTORY", "HOST"] {
        let place = lines.iter().position(|line| line.starts_with(title));
        let below = place.and_then(|place| lines.get(place + 1));
        assert!(
            below.is_some_and(|row| !row.is_empty()),
            "{title} {lines:#?}"
        );
    }
    assert!(
        lines.iter().any(|line| line.ends_with(" of 30")),
        "{lines:#?}"
    );
    let operation = lines
        .iter()
        .find(|line| line.starts_with("operation"))
        .unwrap();
    assert!(operation.ends_with("990 us"), "not cut: {operation}");
}

#[test]
fn whoever_scrolls_on_sees_the_last_and_comes_back_at_once() {
    let view = busy_view();
    let mut choices = Choices {
        sort: Sort::Name,
        scroll: 1000,
    };
    let lines = screen((80, 24), Some(&view), &mut choices);
    assert!(
        lines.iter().any(|line| line.starts_with("operation29")),
        "{lines:#?}"
    );
    assert!(choices.scroll < 30);
    choices.scroll -= 1;
    let lines = screen((80, 24), Some(&view), &mut choices);
    assert!(
        !lines.iter().any(|line| line.starts_with("operation29")),
        "{lines:#?}"
    );
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let mut view = view();
    view.complaints.push("bad \u{1b}[2J".to_owned());
    let lines = troubled(
        (80, 24),
        Some(&view),
        Some("\u{9b}2J"),
        &mut Choices::default(),
    );
    let text = lines.concat() + &as_text(&view, &Choices::default());
    assert!(
        !text.contains(|one: char| one.is_control() && one != '\n'),
        "{text:?}"
    );
    assert!(text.contains("web\\u{1b}[31m-1"), "{text}");
}

#[test]
fn the_order_is_that_which_was_chosen() {
    let mut view = view();
    let mkdir = view
        .operations
        .iter_mut()
        .find(|one| one.operation == "mkdir");
    mkdir.unwrap().p99_micros = Some(5000);
    let is_mkdir_first = |sort| {
        let mut choices = Choices { sort, scroll: 0 };
        let lines = screen((80, 24), Some(&view), &mut choices);
        let place = |name| {
            let mut lines = lines.iter();
            lines.position(|line| line.starts_with(name)).unwrap()
        };
        place("mkdir") < place("lookup")
    };
    assert!(!is_mkdir_first(Sort::Rate));
    assert!(is_mkdir_first(Sort::Time));
    assert!(!is_mkdir_first(Sort::Name));
}

#[test]
fn what_is_wrong_with_asking_stands_below_what_was_known() {
    let reason = Some("no node answers");
    let lines = troubled((80, 24), Some(&view()), reason, &mut Choices::default());
    assert_eq!(lines[23], "not as of now: no node answers");
    assert!(lines.iter().any(|line| line.starts_with("mkdir")));
    let lines = screen((80, 24), None, &mut Choices::default());
    assert_eq!(lines[0], "asking the nodes ...");
}

#[test]
fn no_size_breaks_anything() {
    for size in [(1, 1), (20, 5), (40, 10), (160, 3), (1000, 1)] {
        for view in [view(), busy_view()] {
            screen(size, Some(&view), &mut Choices::default());
        }
    }
}

#[test]
fn without_colours_there_are_none() {
    let looks = Looks { has_colours: false };
    assert_eq!(looks.bad(), Style::new());
    let looks = Looks { has_colours: true };
    assert_eq!(looks.bad().fg, Some(Color::Red));
}

#[test]
fn once_prints_everything() {
    let text = as_text(&busy_view(), &Choices::default());
    assert!(text.starts_with("degraded "), "{text}");
    for row in ["operation29", "/srv/29", "host29"] {
        assert!(text.contains(row), "{text}");
    }
    assert!(!text.contains("quit"), "{text}");
    assert!(!text.contains('\u{2026}'), "{text}");
}
