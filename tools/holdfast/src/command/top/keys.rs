//! What the keys of `holdfast top` do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What operations and sessions are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sort {
    /// What is done most comes first.
    #[default]
    Rate,
    /// What takes longest comes first; sessions that were silent longest; directories as before.
    Time,
    /// By volume and name.
    Name,
}

const SORTS: [Sort; 3] = [Sort::Rate, Sort::Time, Sort::Name];

impl Sort {
    pub(super) fn word(self) -> &'static str {
        match self {
            Sort::Rate => "rate",
            Sort::Time => "time",
            Sort::Name => "name",
        }
    }

    fn step(self, by: usize) -> Sort {
        let place = SORTS.iter().position(|one| *one == self).unwrap_or(0);
        let next = SORTS.get((place + by) % SORTS.len());
        next.copied().unwrap_or_default()
    }
}

/// What whoever watches has chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Choices {
    pub(super) sort: Sort,
    /// Lines of what is done that are above the screen; who draws knows how many there can be.
    pub(super) scroll: usize,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Quit,
    LookNow,
}

impl Choices {
    pub(super) fn press(&mut self, key: KeyEvent) -> Wish {
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Wish::Quit;
            }
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Quit,
            KeyCode::Char(' ') => return Wish::LookNow,
            KeyCode::Char('s') | KeyCode::Right => self.sort = self.sort.step(1),
            KeyCode::Left => self.sort = self.sort.step(SORTS.len() - 1),
            KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Down => self.scroll += 1,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::PageDown => self.scroll += 10,
            KeyCode::Home => self.scroll = 0,
            _ => {}
        }
        Wish::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(choices: &mut Choices, code: KeyCode) -> Wish {
        choices.press(KeyEvent::from(code))
    }

    #[test]
    fn q_escape_and_control_c_end_it() {
        let mut choices = Choices::default();
        assert_eq!(press(&mut choices, KeyCode::Char('q')), Wish::Quit);
        assert_eq!(press(&mut choices, KeyCode::Esc), Wish::Quit);
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(choices.press(control), Wish::Quit);
        assert_eq!(press(&mut choices, KeyCode::Char('c')), Wish::Nothing);
        assert_eq!(press(&mut choices, KeyCode::Char(' ')), Wish::LookNow);
    }

    #[test]
    fn the_order_goes_round_in_both_directions() {
        let mut choices = Choices::default();
        let mut seen = Vec::new();
        for code in [
            KeyCode::Right,
            KeyCode::Char('s'),
            KeyCode::Right,
            KeyCode::Left,
        ] {
            press(&mut choices, code);
            seen.push(choices.sort.word());
        }
        assert_eq!(seen, ["time", "name", "rate", "name"]);
    }

    #[test]
    fn nobody_scrolls_past_the_beginning() {
        let mut choices = Choices::default();
        press(&mut choices, KeyCode::PageDown);
        press(&mut choices, KeyCode::Down);
        assert_eq!(choices.scroll, 11);
        press(&mut choices, KeyCode::PageUp);
        press(&mut choices, KeyCode::Up);
        press(&mut choices, KeyCode::Up);
        assert_eq!(choices.scroll, 0);
    }
}
