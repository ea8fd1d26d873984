//! What happened lately.

use std::collections::VecDeque;

/// Older ones are forgotten.
pub(super) const EVENTS_MAX: usize = 256;
/// The longest text: reasons and addresses come from others.
const TEXT_CHARACTERS_MAX: usize = 300;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it was noticed here, in seconds since 1970.
    pub at: u64,
    /// `leader`, `members`, `node` or `volume`.
    pub kind: &'static str,
    /// One line.
    pub text: String,
}

/// A bounded number of them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Events {
    ring: VecDeque<Event>,
}

impl Events {
    pub(super) fn add(&mut self, at: u64, kind: &'static str, text: String) {
        let text = match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
            Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "...",
            None => text,
        };
        if self.ring.len() >= EVENTS_MAX {
            self.ring.pop_front();
        }
        self.ring.push_back(Event { at, kind, text });
    }

    pub(super) fn all(&self) -> Vec<Event> {
        self.ring.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let mut events = Events::default();
        for at in 0..EVENTS_MAX as u64 + 3 {
            events.add(at, "node", at.to_string());
        }
        let all = events.all();
        assert_eq!(all.len(), EVENTS_MAX);
        assert_eq!(all[0].text, "3");
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let mut events = Events::default();
        events.add(0, "node", "\u{e9}".repeat(1000));
        let text = &events.all()[0].text;
        assert_eq!(text.chars().count(), TEXT_CHARACTERS_MAX + 3);
    }
}
