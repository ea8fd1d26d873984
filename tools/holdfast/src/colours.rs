//! Colours for a terminal, and for nothing else.

use std::env;
use std::io::{self, IsTerminal};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Bold,
    Good,
    Warning,
    Bad,
}

/// Whether standard output is a terminal whose user wants them (<https://no-color.org>).
pub(crate) fn are_wanted() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|name| name == "dumb");
    io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// The text in a colour.
pub(crate) fn paint(text: &str, colour: Colour) -> String {
    let code = match colour {
        Colour::Bold => 1,
        Colour::Good => 32,
        Colour::Warning => 33,
        Colour::Bad => 31,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
