//! The mount options as `holdfast help mount` shows them: two columns that fit a terminal.

use std::fmt::Write;

use super::{OTHERS, entries};

/// As wide as any terminal: what fits is not broken again.
const COLUMNS: usize = 80;
/// Where the second column begins; a longer option has a line of its own.
const INDENT: usize = 26;

/// Each option with what it does.
pub(super) fn table() -> String {
    let mut text = String::from("Mount options:\n");
    for (option, about) in entries() {
        let mut lines = fill(about, COLUMNS - INDENT).into_iter();
        let first = lines.next().unwrap_or_default();
        // Writing to a string cannot fail.
        writeln!(text, "  {option:<width$}{first}", width = INDENT - 2).ok();
        for line in lines {
            writeln!(text, "{:INDENT$}{line}", "").ok();
        }
    }
    writeln!(text).ok();
    text.push_str(OTHERS);
    text
}

/// The words in lines of at most so many characters.
fn fill(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_terminal_and_all_begin_in_their_column() {
        let text = table();
        let (options, others) = text.split_once("\n\n").unwrap();
        for line in options.lines().skip(1).chain(others.lines()) {
            assert!(line.len() <= COLUMNS, "{line:?}");
        }
        for line in options.lines().skip(1) {
            assert_eq!(&line[INDENT - 1..INDENT], " ", "{line:?}");
            assert_ne!(&line[INDENT..=INDENT], " ", "{line:?}");
        }
    }
}
