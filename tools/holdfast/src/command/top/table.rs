//! A table of `holdfast top`: each column is as wide as what it has; with too little room the widest give way.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::plain::plain;

/// Between two columns.
const GAP: usize = 2;
/// Stands for the end of what was cut.
const CUT: &str = "\u{2026}";

/// What stands in one place. What others have said cannot steer the terminal.
#[derive(Debug)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn new(text: impl AsRef<str>) -> Cell {
        Cell::styled(text, Style::new())
    }

    pub(super) fn styled(text: impl AsRef<str>, style: Style) -> Cell {
        Cell {
            text: plain(text.as_ref()),
            style,
        }
    }
}

/// Rows below a title.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) titles: &'static [&'static str],
    pub(super) rows: Vec<Vec<Cell>>,
    /// Whether the keys scroll it.
    pub(super) is_scrolled: bool,
}

impl Table {
    /// So many lines show all of it.
    pub(super) fn height(&self) -> usize {
        self.rows.len() + 1
    }

    /// How far it can be scrolled in so many lines.
    pub(super) fn hidden(&self, height: usize) -> usize {
        self.height().saturating_sub(height.max(1))
    }

    /// The title, and rows from the one at `scroll` on: as many as there is room for. The title says so when that is not all.
    pub(super) fn lines(&self, scroll: usize, width: usize, height: usize) -> Vec<Line<'static>> {
        let widths = self.widths(width);
        let hidden = self.hidden(height);
        let skipped = scroll.min(hidden);
        let shown = self.rows.len() - hidden;
        let mut title = row(
            self.titles.iter().map(|title| (*title, Style::new())),
            &widths,
        );
        if hidden > 0 {
            let note = format!(
                "{} to {} of {}",
                (skipped + 1).min(self.rows.len()),
                skipped + shown,
                self.rows.len()
            );
            let room = width.saturating_sub(title.width());
            if room > note.len() {
                title.push_span(Span::raw(format!("{note:>room$}")));
            }
        }
        let title = title.style(Style::new().add_modifier(Modifier::REVERSED));
        let rows = self.rows.iter().skip(skipped).take(shown);
        let rows = rows.map(|cells| {
            let cells = cells.iter().map(|cell| (cell.text.as_str(), cell.style));
            row(cells, &widths)
        });
        std::iter::once(title).chain(rows).take(height).collect()
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let wanted = self.titles.iter().enumerate().map(|(place, title)| {
            let cells = self.rows.iter().filter_map(|cells| cells.get(place));
            let widest = cells.map(|cell| Span::raw(&cell.text).width()).max();
            title.len().max(widest.unwrap_or_default())
        });
        let gaps = GAP * self.titles.len().saturating_sub(1);
        share(&wanted.collect::<Vec<_>>(), width.saturating_sub(gaps))
    }
}

/// What each gets that wants so much: all of it, or, with too little for all, those that want most give way.
pub(super) fn share(wanted: &[usize], room: usize) -> Vec<usize> {
    let mut given = wanted.to_vec();
    while given.iter().sum::<usize>() > room {
        match given.iter_mut().max() {
            Some(most) if *most > 0 => *most -= 1,
            Some(_) | None => break,
        }
    }
    given
}

/// The last column is not filled up.
fn row<'a>(cells: impl Iterator<Item = (&'a str, Style)>, widths: &[usize]) -> Line<'static> {
    let mut spans = Vec::new();
    for (place, ((text, style), width)) in cells.zip(widths).enumerate() {
        if place > 0 {
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        let text = Span::styled(cut(text, *width), style);
        let fill = width.saturating_sub(text.width());
        spans.push(text);
        if place + 1 < widths.len() {
            spans.push(Span::raw(" ".repeat(fill)));
        }
    }
    Line::from(spans)
}

/// The beginning of a text, so that nobody takes it for the whole.
fn cut(text: &str, width: usize) -> String {
    let whole = Span::raw(text);
    if whole.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let mut used = 0;
    let letters = whole.styled_graphemes(Style::new());
    let letters = letters.map(|letter| letter.symbol).take_while(|letter| {
        used += Span::raw(*letter).width();
        used <= room
    });
    letters.chain([CUT]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> Table {
        let row = |row: usize| vec![Cell::new(format!("a{row}")), Cell::new("long and longer")];
        Table {
            titles: &["A", "B"],
            rows: (0..rows).map(row).collect(),
            is_scrolled: true,
        }
    }

    fn text(lines: &[Line<'_>]) -> Vec<String> {
        let text = |line: &Line<'_>| line.to_string().trim_end().to_owned();
        lines.iter().map(text).collect()
    }

    #[test]
    fn who_wants_most_gives_way() {
        assert_eq!(share(&[3, 9, 5], 20), [3, 9, 5]);
        assert_eq!(share(&[3, 9, 5], 12), [3, 5, 4]);
        assert_eq!(share(&[3, 9, 5], 0), [0, 0, 0]);
    }

    #[test]
    fn what_is_cut_is_seen_to_be_cut() {
        assert_eq!(
            text(&table(1).lines(0, 10, 9)),
            ["A   B", "a0  long \u{2026}"]
        );
        assert_eq!(
            text(&table(1).lines(0, 80, 9)),
            ["A   B", "a0  long and longer"]
        );
        assert_eq!(cut("\u{4e2d}\u{4e2d}\u{4e2d}", 4), "\u{4e2d}\u{2026}");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}\u{2026}");
    }

    #[test]
    fn a_very_long_name_is_cut_at_once() {
        assert_eq!(cut(&"a".repeat(1 << 20), 3), "aa\u{2026}");
    }

    #[test]
    fn rows_without_room_are_counted_and_scrolled_to() {
        let lines = text(&table(5).lines(9, 40, 3));
        assert_eq!(lines[0], format!("A   B{:>35}", "4 to 5 of 5"));
        assert_eq!(lines[1..], ["a3  long and longer", "a4  long and longer"]);
        assert_eq!(text(&table(5).lines(0, 40, 0)), [""; 0]);
        assert_eq!(text(&table(5).lines(0, 40, 6)).len(), 6);
    }

    #[test]
    fn what_others_said_does_not_steer() {
        let cell = Cell::new("web\u{1b}[31m-1\n\u{202e}");
        assert_eq!(cell.text, "web\\u{1b}[31m-1\\u{a}\\u{202e}");
    }
}
