//! How `holdfast top` looks, on a screen of any size and as lines.

mod tables;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use self::tables::Tables;
use super::keys::Choices;
use super::look::View;
use super::table::{Table, share};
use crate::colours::are_wanted;
use crate::picture::LoadPicture;
use crate::plain::plain;

/// So many complaints have room on a screen.
const COMPLAINTS_MAX: usize = 3;
/// From so many columns on, operations stand beside directories and sessions.
const WIDE: u16 = 160;

/// Draws the screen. Without a view it says what it waits for.
pub(super) fn all(
    frame: &mut Frame<'_>,
    view: Option<&View>,
    trouble: Option<&str>,
    choices: &mut Choices,
) {
    let area = frame.area();
    let [main, below] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(area);
    let looks = Looks {
        has_colours: are_wanted(),
    };
    let buffer = frame.buffer_mut();
    match view {
        Some(view) => looks.view(view, choices, main, buffer),
        None => Line::from("asking the nodes ...").render(main, buffer),
    }
    let line = match trouble {
        Some(reason) => {
            let reason = format!("not as of now: {}", plain(reason));
            Line::styled(reason, looks.bad().add_modifier(Modifier::BOLD))
        }
        None => Line::from(format!(
            "q quit   s sorted by {}   up, down scroll   space look now",
            choices.sort.word()
        )),
    };
    line.render(below, buffer);
}

/// The same as lines without colours, with everything.
pub(super) fn as_text(view: &View, choices: &Choices) -> String {
    let looks = Looks { has_colours: false };
    let mut lines = vec![looks.head(view)];
    lines.extend(looks.complaints(view));
    for table in looks.tables(view, choices).into_array() {
        lines.push(Line::default());
        lines.extend(table.lines(0, usize::MAX, usize::MAX));
    }
    let lines = lines
        .iter()
        .map(|line| line.to_string().trim_end().to_owned() + "\n");
    lines.collect()
}

/// With which colours.
struct Looks {
    has_colours: bool,
}

impl Looks {
    fn colour(&self, colour: Color) -> Style {
        if self.has_colours {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    fn good(&self) -> Style {
        self.colour(Color::Green)
    }

    fn warning(&self) -> Style {
        self.colour(Color::Yellow)
    }

    fn bad(&self) -> Style {
        self.colour(Color::Red)
    }

    fn view(&self, view: &View, choices: &mut Choices, area: Rect, buffer: &mut Buffer) {
        let mut complaints: Vec<Line<'_>> = self.complaints(view).collect();
        complaints.truncate(COMPLAINTS_MAX);
        let above = Constraint::Length(1 + complaints.len() as u16);
        let [above, main] = Layout::vertical([above, Constraint::Min(0)]).areas(area);
        let lines = std::iter::once(self.head(view)).chain(complaints);
        draw(lines, above, buffer);
        let tables = self.tables(view, choices);
        let hidden = if area.width < WIDE {
            stack(&tables.into_array(), choices, main, buffer)
        } else {
            wide(tables, choices, main, buffer)
        };
        choices.scroll = choices.scroll.min(hidden);
    }

    fn head(&self, view: &View) -> Line<'static> {
        let style = match view.health {
            "healthy" => self.good(),
            "degraded" => self.warning(),
            _ => self.bad(),
        };
        let rates = format!(
            "  changes {}  reads {}",
            load(view, &view.changes),
            load(view, &view.reads)
        );
        let health = Span::styled(view.health, style.add_modifier(Modifier::BOLD));
        Line::from(vec![health, Span::raw(rates)])
    }

    fn complaints(&self, view: &View) -> impl Iterator<Item = Line<'static>> {
        let complaints = view.complaints.iter();
        complaints.map(|complaint| Line::styled(plain(complaint), self.bad()))
    }
}

/// One below the other. Answers how far the one can be scrolled that has most to scroll.
fn stack(tables: &[Table], choices: &Choices, area: Rect, buffer: &mut Buffer) -> usize {
    let wanted: Vec<usize> = tables.iter().map(Table::height).collect();
    let heights = share(&wanted, usize::from(area.height));
    let areas = Layout::vertical(heights.iter().map(|height| *height as u16)).split(area);
    let mut hidden = 0;
    for ((table, height), area) in tables.iter().zip(heights).zip(areas.iter()) {
        let scroll = if table.is_scrolled { choices.scroll } else { 0 };
        draw(
            table.lines(scroll, usize::from(area.width), height),
            *area,
            buffer,
        );
        if table.is_scrolled {
            hidden = hidden.max(table.hidden(height));
        }
    }
    hidden
}

/// What there is above, what is done below: operations beside those for whom.
fn wide(tables: Tables, choices: &Choices, area: Rect, buffer: &mut Buffer) -> usize {
    let above = [tables.nodes, tables.groups];
    let beside = [tables.directories, tables.sessions];
    let height = |tables: &[Table]| tables.iter().map(Table::height).sum::<usize>();
    let below = tables.operations.height().max(height(&beside));
    let heights = share(&[height(&above), below], usize::from(area.height));
    let heights = heights.into_iter().map(|height| height as u16);
    let [up, down] = Layout::vertical(heights).areas(area);
    stack(&above, choices, up, buffer);
    let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]);
    let [left, right] = halves.spacing(2).areas(down);
    let hidden = stack(&[tables.operations], choices, left, buffer);
    hidden.max(stack(&beside, choices, right, buffer))
}

fn draw<'a>(lines: impl IntoIterator<Item = Line<'a>>, area: Rect, buffer: &mut Buffer) {
    for (place, line) in area.rows().zip(lines) {
        line.render(place, buffer);
    }
}

fn load(view: &View, load: &LoadPicture) -> String {
    let rate = tenths(view.tenths_a_second(load.count));
    match load.p99_micros {
        Some(_) => format!("{rate}/s, 99% in {}", micros(load.p99_micros)),
        None => format!("{rate}/s"),
    }
}

fn tenths(tenths: u64) -> String {
    if tenths >= 1000 {
        return (tenths / 10).to_string();
    }
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn micros(micros: Option<u64>) -> String {
    match micros {
        None => "-".to_owned(),
        Some(micros @ 0..1000) => format!("{micros} us"),
        Some(micros @ 1000..1_000_000) => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        Some(micros) => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests;
